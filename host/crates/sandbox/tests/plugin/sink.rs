//! Sink plugins: what a good one says to send, and what every kind of bad one ends with.

use std::time::Duration;

use event::{Activity, Event, Outcome, Principal, Product};
use sandbox::{
    Body, Delivery, Encoder, Grants, HttpResponse, Item, JsonItem, Payload, PluginError, PluginKind, PluginLimits,
    Verdict,
};

use crate::guests::{hostile_sink, sandbox};

fn try_open(behaviour: &str, limits: PluginLimits) -> Result<Encoder, PluginError> {
    let sink = sandbox(limits).load(hostile_sink(), "guest").unwrap().sink().unwrap();
    sink.open(&format!("{{{behaviour}}}"))
}

fn open(behaviour: &str) -> Encoder {
    try_open(behaviour, PluginLimits::default()).unwrap()
}

fn quick() -> PluginLimits {
    PluginLimits {
        time: Duration::from_millis(300),
        memory: 128 << 20,
        ..PluginLimits::default()
    }
}

fn event(id: &str) -> Event {
    Event {
        id_is_derived: false,
        id: Some(id.into()),
        time: 0,
        activity: Activity::Logon,
        outcome: Outcome::Success,
        subject: Principal::named("anna"),
        actor: None,
        target: None,
        source_ip: None,
        user_agent: None,
        session: None,
        service: None,
        action: None,
        code: None,
        message: None,
        labels: vec![],
        attributes: vec![],
        collected: None,
        correlation: None,
    }
}

fn payload() -> Payload {
    let product = Product::new("Acme", "Door");
    Payload::Events(["e1", "e2"].map(|id| Item::of(&event(id), &product)).into())
}

fn response(status: u16) -> HttpResponse {
    HttpResponse {
        status,
        headers: vec![],
        body: vec![],
    }
}

#[test]
fn a_sink_that_is_granted_less_than_it_sends_is_refused_and_its_request_named() {
    let plugin = sandbox(PluginLimits::default()).load(hostile_sink(), "guest").unwrap();
    let encode = |grants: &[&str]| {
        let grants = grants.iter().map(|grant| grant.parse().unwrap());
        let sink = plugin.granted(Grants::get().with(grants)).sink().unwrap();
        sink.open("{}").unwrap().encode(&payload())
    };
    let error = encode(&["PUT /**"]).unwrap_err();
    let PluginError::NotGranted { request, allow, .. } = &error else {
        panic!("{error:?}")
    };
    assert!(request.starts_with("POST /"), "{request}");
    encode(&[&allow[0]]).unwrap();
}

#[test]
fn a_payload_becomes_deliveries() {
    let mut encoder = open("");
    let document = |id: &str| JsonItem {
        id: id.into(),
        json: "{}".into(),
    };
    for payload in [payload(), Payload::Documents(vec![document("e1"), document("e2")])] {
        let deliveries = encoder.encode(&payload).unwrap();
        let [Delivery::Http(request)] = &deliveries[..] else {
            panic!("{deliveries:?}")
        };
        assert_eq!(request.path, ["ingest"]);
        assert_eq!(
            request.body,
            Some(Body::Other(("text/plain".into(), b"e1\ne2".to_vec())))
        );
    }
    assert_eq!(encoder.usage().calls, 4, "start, open, two payloads");
    encoder.close().unwrap();
    assert!(matches!(encoder.encode(&payload()), Err(PluginError::Closed { .. })));
}

#[test]
fn an_encoder_keeps_its_state_and_encoders_share_none() {
    let (mut one, mut other) = (open("count"), open("count"));
    for _ in 0..2 {
        one.encode(&payload()).unwrap();
    }
    assert_eq!(one.encode(&payload()).unwrap(), [Delivery::Bytes(b"3".to_vec())]);
    assert_eq!(other.encode(&payload()).unwrap(), [Delivery::Bytes(b"1".to_vec())]);
}

#[test]
fn answers_are_read() {
    let mut encoder = open("");
    let verdict = |status| encoder.verdict(0, 2, response(status)).unwrap();
    let verdicts = [200, 207, 429, 503, 400].map(verdict);
    assert!(matches!(&verdicts[1], Verdict::Rejected(items) if items[0].index == 1 && items[0].reason == "too old"));
    assert_eq!(verdicts[0], Verdict::Accepted);
    assert_eq!(verdicts[2], Verdict::Retry(Some(1500)));
    assert_eq!(verdicts[3], Verdict::Retry(None));
    assert_eq!(verdicts[4], Verdict::Refused("status 400".into()));
}

#[test]
fn a_guest_is_shown_no_credential_of_an_answer() {
    let headers = [("Set-Cookie", "secret"), ("WWW-Authenticate", "secret"), ("X-Id", "7")];
    let headers = headers
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
    let response = HttpResponse {
        status: 200,
        headers,
        body: vec![0; 2 << 20],
    };
    let verdict = open("echo").verdict(3, 1, response).unwrap();
    assert_eq!(verdict, Verdict::Refused(r#"3 [("x-id", "7")] 1048576"#.into()));
}

#[test]
fn deliveries_that_break_a_rule_never_reach_the_network() {
    for (behaviour, rule) in [
        ("escape", "path segment \"..\""),
        ("absolute", "path segment \"\""),
        ("credential", "`authorization` is the host's"),
        ("smuggle", "not allowed in HTTP"),
        ("smuggle-name", "not a token"),
        ("bad-json", "JSON body"),
    ] {
        let mut encoder = open(behaviour);
        let error = encoder.encode(&payload()).unwrap_err();
        assert!(matches!(error, PluginError::Rule { .. }), "{behaviour}: {error:?}");
        let text = error.to_string();
        assert!(
            text.contains(rule) && text.contains("delivery 0"),
            "{behaviour}: {text}"
        );
        assert!(
            matches!(encoder.encode(&payload()), Err(PluginError::Closed { .. })),
            "{behaviour}"
        );
    }
    // One segment, to be encoded as one: it cannot leave the endpoint.
    let deliveries = open("url").encode(&payload()).unwrap();
    assert!(matches!(&deliveries[..], [Delivery::Http(request)] if request.path == ["https://evil.example/"]));
}

#[test]
fn every_call_to_a_sink_runs_under_the_limits() {
    let failing = |behaviour: &str| {
        let limits = if behaviour.ends_with("-loop") {
            quick()
        } else {
            PluginLimits {
                memory: 128 << 20,
                ..PluginLimits::default()
            }
        };
        let mut encoder = match try_open(behaviour, limits) {
            Ok(encoder) => encoder,
            Err(error) => return error,
        };
        let deliveries = encoder.encode(&payload());
        deliveries
            .and_then(|_| encoder.verdict(0, 2, response(200)))
            .and_then(|_| encoder.close())
            .expect_err(behaviour)
    };
    for (behaviour, wanted) in [
        ("open-loop", "time"),
        ("encode-loop", "time"),
        ("verdict-loop", "time"),
        ("drop-loop", "time"),
        ("hoard", "memory"),
        ("many", "fetches"),
        ("huge", "request"),
        ("huge-request", "request"),
    ] {
        let error = failing(behaviour);
        assert!(
            matches!(&error, PluginError::Limit { limit, .. } if *limit == wanted),
            "{behaviour}: {error:?}"
        );
    }
    for behaviour in ["open-trap", "encode-trap", "verdict-trap", "drop-trap"] {
        let error = failing(behaviour);
        assert!(matches!(error, PluginError::Trap { .. }), "{behaviour}: {error:?}");
    }
    for behaviour in ["reject-nobody-there", "reject-twice"] {
        let error = failing(behaviour);
        assert!(
            matches!(error, PluginError::Rule { call: "verdict", .. }),
            "{behaviour}: {error:?}"
        );
    }
}

#[test]
fn a_fault_leaves_the_encoder_usable() {
    assert_eq!(
        try_open("open-fault", PluginLimits::default())
            .err()
            .unwrap()
            .to_string(),
        "bad configuration"
    );
    let mut encoder = open("encode-fault");
    for _ in 0..2 {
        assert!(matches!(encoder.encode(&payload()), Err(PluginError::Fault(_))));
    }
    assert_eq!(encoder.verdict(0, 1, response(200)).unwrap(), Verdict::Accepted);
}

#[test]
fn an_inspection_shows_what_only_sinks_have() {
    let plugin = sandbox(PluginLimits::default()).load(hostile_sink(), "guest").unwrap();
    assert_eq!(plugin.kind(), PluginKind::Sink);
    assert!(matches!(plugin.report(), Err(PluginError::Kind { .. })));
    let json = serde_json::to_value(plugin.inspect()).unwrap();
    assert_eq!(json["world"], "audit:plugin/sink-plugin@0.2.0");
    assert_eq!(json["sink"]["input"], "events");
    assert_eq!(json["sink"]["batch-events"], 100);
    assert_eq!(json["sink"]["config-schema"]["type"], "object");
}
