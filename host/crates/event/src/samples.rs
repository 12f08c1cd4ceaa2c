//! Events for tests: whole ones, sparse ones, and any at all. Built with the feature `samples` only.

use proptest::{collection::vec, option, prelude::*, sample::select};
use serde_json::Value;

use super::{Activity, Collected, Correlator, Event, Outcome, Principal, PrincipalKind, Product, Provenance};

/// An event with every field set.
pub fn full(activity: Activity, outcome: Outcome) -> Event {
    let mut event = Event {
        id: Some("ecaae86c21fc4df69cfaa80448fc9478".into()),
        id_is_derived: false,
        time: 1_525_902_954_890,
        activity,
        outcome,
        subject: Principal {
            name: "jdoe@example.com".into(),
            id: Some("u-17".into()),
            display_name: Some("Jane Doe".into()),
            kind: PrincipalKind::User,
        },
        actor: Some(Principal {
            name: "admin@example.com".into(),
            id: None,
            display_name: Some("Al Admin".into()),
            kind: PrincipalKind::User,
        }),
        target: Some("Service Administrator".into()),
        source_ip: Some("203.0.113.7".into()),
        user_agent: Some("Mozilla/5.0".into()),
        session: Some("s-42".into()),
        service: Some("SSO".into()),
        action: Some("sso.authentication.failure".into()),
        code: Some("SSO-1001".into()),
        message: Some("You entered an incorrect user name or password.".into()),
        labels: vec!["identity".into(), "vip".into()],
        attributes: vec![
            ("ssoRp".into(), "gate".into()),
            ("rId".into(), "0:1".into()),
            ("rId".into(), "0:2".into()),
        ],
        collected: Some(Collected::at(1_525_903_200_000)),
        correlation: None,
    };
    event.correlation = Correlator::new(Some("acme")).of(&event);
    event
}

/// The attributes that tell of a request of HTTP.
pub fn request() -> [(String, String); 3] {
    [
        ("request_id", "r-1/2"),
        ("request_method", "POST"),
        ("request_path", "/20160918/users"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
}

/// An event with as little as a row of a CSV report gives.
pub fn sparse(activity: Activity, outcome: Outcome) -> Event {
    Event::new(1_741_611_600_000, activity, outcome, Principal::named("jdoe"))
}

/// The provenance of an EPM report.
pub fn epm() -> Provenance {
    Provenance::new("invalid-login", "epm", "epm-acme.example.com", Product::epm_cloud())
}

/// The provenance of an identity domain's report.
pub fn domain() -> Provenance {
    let service = "idcs-0123.example.com";
    Provenance::new("audit-events", "domain", service, Product::identity_domain()).of_tenant(Some("acme".into()))
}

/// Any text: printable, control, bidirectional, surrogate neighbours, noncharacters.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,12}",
        vec(any::<char>(), 0..8).prop_map(|chars| chars.into_iter().collect::<String>()),
        select(vec![
            "",
            "\"",
            "\\",
            "\n\r\t\0",
            "\u{2028}\u{202e}",
            "</script>",
            "10.0.0.1",
            "group",
            "::1"
        ])
        .prop_map(str::to_owned),
    ]
}

fn principal() -> impl Strategy<Value = Principal> {
    let kind = select(PrincipalKind::ALL.to_vec());
    (text(), option::of(text()), option::of(text()), kind).prop_map(|(name, id, display_name, kind)| Principal {
        name,
        id,
        display_name,
        kind,
    })
}

/// Any event.
pub fn event() -> impl Strategy<Value = Event> {
    let who = (
        select(Activity::ALL.to_vec()),
        select(Outcome::ALL.to_vec()),
        principal(),
        option::of(principal()),
    );
    let texts = vec(option::of(text()), 9);
    let times = (any::<i64>(), option::of(any::<i64>().prop_map(Collected::at)));
    (times, who, texts, vec(text(), 0..3), vec((text(), text()), 0..6)).prop_map(
        |((time, collected), (activity, outcome, subject, actor), texts, labels, attributes)| {
            let mut texts = texts.into_iter();
            let mut next = || texts.next().flatten();
            let mut event = Event {
                id: next(),
                id_is_derived: false,
                time,
                activity,
                outcome,
                subject,
                actor,
                target: next(),
                source_ip: next(),
                user_agent: next(),
                session: next(),
                service: next(),
                action: next(),
                code: next(),
                message: next(),
                labels,
                attributes,
                collected,
                correlation: None,
            };
            event.correlation = Correlator::new(None).of(&event);
            event
        },
    )
}

/// Any provenance.
pub fn provenance() -> impl Strategy<Value = Provenance> {
    let product = select(vec![
        Product::epm_cloud(),
        Product::identity_domain(),
        Product::new("Acme \"Inc.\"", "Door"),
    ]);
    (text(), text(), option::of(text()), text(), product).prop_map(|(report, connection, tenant, service, product)| {
        Provenance::new(report, connection, service, product).of_tenant(tenant)
    })
}

/// All texts of the event, attribute names included.
pub fn texts_in(event: &Event) -> Vec<String> {
    let mut texts = Vec::new();
    event.each_text(|text| texts.push(text.to_owned()));
    texts
}

/// All texts of a JSON value, member names included.
pub fn texts_of(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| texts_of(item, texts)),
        Value::Object(members) => {
            for (name, value) in members {
                texts.push(name.clone());
                texts_of(value, texts);
            }
        }
        _ => {}
    }
}
