//! Every rendering against the published schemas: each activity, each outcome, with fields present and absent.
//!
//! The schemas are data under `tests/schema`, with their versions and licences, and beside them is what finds an event's problems.
//! What `deploy/` ships for Splunk, Elastic and Sentinel is held against every rendering too.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what a test does not expect fails it"
)]

mod ecs;
mod elastic;
mod ocsf;
mod sentinel;
mod splunk;

use std::{fs, path::PathBuf};

use event::{Activity, Collected, Correlator, Encoding, Event, Outcome, Principal, PrincipalKind, Product, Provenance};
use serde_json::Value;

/// A file of `deploy/`.
fn deployed_text(file: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../deploy")
        .join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The deployed schema in a file of JSON.
fn deployed(file: &str) -> Value {
    serde_json::from_str(&deployed_text(file)).unwrap()
}

fn full(activity: Activity, outcome: Outcome) -> Event {
    let text = |text: &str| Some(text.to_owned());
    Event {
        id: text("ecaae86c21fc4df69cfaa80448fc9478"),
        actor: Some(Principal {
            name: "admin".into(),
            id: text("u-1"),
            display_name: text("Al Admin"),
            ..Principal::named("")
        }),
        target: text("Service Administrator"),
        source_ip: text("203.0.113.7"),
        user_agent: text("Mozilla/5.0"),
        session: text("s-42"),
        service: text("SSO"),
        action: text("sso.authentication.failure"),
        code: text("SSO-1001"),
        message: text("You entered an incorrect user name or password."),
        labels: vec!["identity".into()],
        attributes: vec![
            ("rId".into(), "0:1".into()),
            ("rId".into(), "0:2".into()),
            ("name".into(), "x".into()),
            ("request_id".into(), "r-1/2".into()),
            ("request_method".into(), "POST".into()),
            ("request_path".into(), "/20160918/users".into()),
        ],
        collected: Some(Collected::at(1_525_903_200_000)),
        ..Event::new(
            1_525_902_954_890,
            activity,
            outcome,
            Principal {
                name: "jdoe".into(),
                id: text("u-2"),
                display_name: text("Jane Doe"),
                ..Principal::named("")
            },
        )
    }
}

/// A function that sets one field of the first event as it is in the second.
const FIELDS: [fn(&mut Event, &Event); 14] = [
    |to, from| to.id.clone_from(&from.id),
    |to, from| to.actor.clone_from(&from.actor),
    |to, from| to.target.clone_from(&from.target),
    |to, from| to.source_ip.clone_from(&from.source_ip),
    |to, from| to.user_agent.clone_from(&from.user_agent),
    |to, from| to.session.clone_from(&from.session),
    |to, from| to.service.clone_from(&from.service),
    |to, from| to.action.clone_from(&from.action),
    |to, from| to.code.clone_from(&from.code),
    |to, from| to.message.clone_from(&from.message),
    |to, from| to.labels.clone_from(&from.labels),
    |to, from| to.attributes.clone_from(&from.attributes),
    |to, from| to.collected = from.collected,
    |to, _| to.correlation = Correlator::new(Some("acme")).of(to),
];

const ADDRESSES: [&str; 7] = [
    "10.xxx.xxx.x",
    "",
    "::1",
    "2001:DB8::8a2e:370:7334",
    "0000:0000:0000:0000:0000:ffff:203.100.113.207",
    "::ffff:203.0.113.7",
    "fe80::1%eth0",
];

/// The texts that sources may write of a request: methods that nobody lists, whole URLs, texts that say nothing.
const REQUESTS: [(&str, &str); 4] = [
    ("post", "/a?b=1"),
    ("PURGE", "https://api.example.com/a"),
    ("", ""),
    ("GET", "a"),
];

/// For each activity and outcome: all fields, none, each alone, all but each, and addresses of every kind.
fn events() -> Vec<Event> {
    let mut events = Vec::new();
    for activity in Activity::ALL {
        for outcome in Outcome::ALL {
            let full = full(activity, outcome);
            let bare = Event::new(-1, activity, outcome, Principal::named(""));
            for field in FIELDS {
                let (mut alone, mut without) = (bare.clone(), full.clone());
                field(&mut alone, &full);
                field(&mut without, &bare);
                events.extend([alone, without]);
            }
            for address in ADDRESSES {
                events.push(Event {
                    source_ip: Some(address.into()),
                    ..full.clone()
                });
            }
            for (method, path) in REQUESTS {
                for event in [&bare, &full] {
                    let request = [
                        ("request_id", "r-1"),
                        ("request_method", method),
                        ("request_path", path),
                    ];
                    let attributes = request.map(|(name, value)| (name.to_owned(), value.to_owned()));
                    events.push(Event {
                        attributes: attributes.into(),
                        code: Some("200".into()),
                        ..event.clone()
                    });
                }
            }
            // A role's assignment to a group, which the label says.
            for event in [&bare, &full] {
                let labels = vec!["role".into(), "group".into()];
                events.push(Event {
                    labels,
                    ..event.clone()
                });
            }
            // Groups and services in every place.
            for kind in [PrincipalKind::Group, PrincipalKind::Service] {
                for event in [&bare, &full] {
                    let mut event = event.clone();
                    event.subject.kind = kind;
                    events.push(event.clone());
                    if let Some(actor) = &mut event.actor {
                        actor.kind = kind;
                    }
                    event.code = Some("404".into());
                    events.push(event);
                }
            }
            let named = Event {
                correlation: Correlator::new(Some("acme")).of(&full),
                ..full.clone()
            };
            events.extend([bare, full, named]);
        }
    }
    events
}

fn provenances() -> [Provenance; 3] {
    let of = |report: &str, connection: &str, tenant: Option<&str>, service: &str, product| {
        Provenance::new(report, connection, service, product).of_tenant(tenant.map(str::to_owned))
    };
    [
        of(
            "invalid-login",
            "epm",
            None,
            "epm-acme.example.com",
            Product::epm_cloud(),
        ),
        of(
            "audit-events",
            "domain",
            Some("acme"),
            "idcs-0123.example.com",
            Product::identity_domain(),
        ),
        of(
            "system-log",
            "okta",
            None,
            "acme.example.com",
            Product::new("Acme", "Door"),
        ),
    ]
}

/// Every event of every provenance, rendered.
fn lines(encoding: Encoding) -> Vec<Vec<u8>> {
    let mut lines = Vec::new();
    for provenance in provenances() {
        for event in events() {
            let mut line = Vec::new();
            encoding.write(&event, &provenance, &mut line);
            lines.push(line);
        }
    }
    lines
}

/// Fails with the first few renderings that `check` finds problems in.
fn assert_sound(encoding: Encoding, check: impl Fn(&Value) -> Vec<String>) {
    let mut report = String::new();
    let mut unsound = 0;
    for line in lines(encoding) {
        let value: Value = serde_json::from_slice(&line).unwrap();
        let problems = check(&value);
        if !problems.is_empty() {
            unsound += 1;
            if unsound <= 3 {
                report += &format!("{}\n  in {value}\n", problems.join("\n"));
            }
        }
    }
    assert!(
        unsound == 0,
        "{unsound} renderings are unsound, first of all:\n{report}"
    );
}
