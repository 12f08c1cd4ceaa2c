//! Settlements of sink plugins: what the host makes of them, and every way in which they cannot be true.

use event::{Activity, Event, Outcome, Principal, Product};
use sandbox::{
    Encoder, Grants, Guarantee, HttpResponse, Item, Partition, Payload, PluginError, PluginLimits, Postponement,
    Settlement,
};

use crate::guests::{componentize, dummy, hostile_sink, load, sandbox, settling_sink, wit_world};

fn open(wasm: &[u8], behaviour: &str) -> Encoder {
    let sink = sandbox(PluginLimits::default())
        .load(wasm, "guest")
        .unwrap()
        .sink()
        .unwrap();
    let mut encoder = sink.open(&format!("\"{behaviour}\"")).unwrap();
    let event = Event::new(0, Activity::Logon, Outcome::Success, Principal::named("anna"));
    let item = Item::of(&event, &Product::epm_cloud());
    let items = vec![item.clone(), item];
    encoder.encode(&Payload::Events(items)).unwrap();
    encoder
}

fn response(status: u16) -> HttpResponse {
    HttpResponse {
        status,
        headers: vec![],
        body: vec![],
    }
}

#[test]
fn a_settlement_comes_as_the_plugin_gives_it_in_one_line() {
    let component = componentize(settling_sink());
    for wasm in [settling_sink(), &component] {
        let mut encoder = open(wasm, "");
        let mut settle = |status| encoder.settle(0, 2, response(status)).unwrap();
        assert!(settle(200).is_accepted());
        let Settlement::Settled(Partition {
            rejected,
            retried,
            after,
            reason,
        }) = settle(207)
        else {
            panic!()
        };
        assert_eq!((rejected[0].index, rejected[0].reason.as_str()), (0, "too old"));
        assert_eq!((retried, after, reason.as_str()), (vec![1], Some(7), "queue full"));
        let later = Postponement {
            after: None,
            reason: "beright back".into(),
        };
        assert_eq!(settle(503), Settlement::Retry(later));
        assert_eq!(settle(401), Settlement::Unusable("who are you".into()));
        assert_eq!(settle(400), Settlement::Refused("status 400".into()));
    }
}

#[test]
fn a_question_is_asked_again_until_it_is_answered() {
    let mut encoder = open(settling_sink(), "ask");
    let Settlement::Ask(question) = encoder.settle(0, 2, response(200)).unwrap() else {
        panic!()
    };
    assert_eq!(
        (question.request.path, question.after),
        (vec!["ack".to_owned()], Some(5))
    );
    assert!(matches!(
        encoder.answered(0, 2, response(202)).unwrap(),
        Settlement::Ask(_)
    ));
    assert!(encoder.answered(0, 2, response(200)).unwrap().is_accepted());
    assert_eq!(
        encoder.answered(3, 2, response(418)).unwrap(),
        Settlement::Refused("3: 418".into())
    );
}

#[test]
fn a_question_that_was_not_granted_is_not_asked() {
    let plugin = sandbox(PluginLimits::default()).load(settling_sink(), "guest").unwrap();
    let settle = |grants: &[&str]| {
        let grants = grants.iter().map(|grant| grant.parse().unwrap());
        let sink = plugin.granted(Grants::get().with(grants)).sink().unwrap();
        let mut encoder = sink.open("\"ask\"").unwrap();
        encoder.encode(&Payload::Events(vec![])).unwrap();
        encoder.settle(0, 0, response(200))
    };
    let error = settle(&["POST /ingest"]).unwrap_err();
    assert!(
        matches!(&error, PluginError::NotGranted { request, .. } if request == "POST /ack"),
        "{error:?}"
    );
    assert!(matches!(settle(&["POST /ingest", "POST /ack"]), Ok(Settlement::Ask(_))));
}

#[test]
fn a_settlement_that_cannot_be_true_ends_the_instance() {
    for (behaviour, told) in [
        ("retry-nobody-there", "retries item 2 of 2"),
        ("retry-twice", "retries item 1 of 2, or names it twice"),
        ("reject-and-retry", "retries item 1 of 2, or names it twice"),
        ("ask-outside", "the question"),
    ] {
        let mut encoder = open(settling_sink(), behaviour);
        let error = encoder.settle(0, 2, response(200)).unwrap_err();
        assert!(
            matches!(error, PluginError::Rule { call: "settle", .. }),
            "{behaviour}: {error:?}"
        );
        assert!(error.to_string().contains(told), "{behaviour}: {error}");
        assert!(matches!(
            encoder.settle(0, 2, response(200)),
            Err(PluginError::Closed { .. })
        ));
    }
    let error = open(settling_sink(), "trap").settle(0, 2, response(200)).unwrap_err();
    assert!(matches!(error, PluginError::Trap { .. }), "{error:?}");
}

#[test]
fn a_guarantee_is_the_plugins_word_with_its_configuration() {
    let guarantee = |wasm, behaviour| open(wasm, behaviour).guarantee().unwrap();
    assert_eq!(guarantee(settling_sink(), ""), Some(Guarantee::IdempotentById));
    assert_eq!(guarantee(settling_sink(), "twice"), Some(Guarantee::AtLeastOnce));
    assert_eq!(guarantee(hostile_sink(), ""), None);
}

#[test]
fn a_sink_without_settlements_is_read_by_its_verdicts() {
    let mut encoder = open(hostile_sink(), "");
    assert!(encoder.settle(0, 2, response(200)).unwrap().is_accepted());
    assert!(matches!(
        encoder.settle(0, 2, response(207)).unwrap(),
        Settlement::Settled(parts) if parts.rejected[0].index == 1 && parts.retried.is_empty()
    ));
    assert!(matches!(
        encoder.settle(0, 2, response(429)).unwrap(),
        Settlement::Retry(again) if again.after == Some(1500) && again.reason.is_empty()
    ));
    let error = encoder.answered(0, 2, response(200)).unwrap_err();
    assert!(matches!(error, PluginError::Rule { .. }), "{error:?}");
}

#[test]
fn a_settlement_that_differs_is_named() {
    for (from, to, wanted) in [
        (
            "retried: list<u32>",
            "retried: list<u64>",
            "field `retried`: u32 here, u64 in the plugin",
        ),
        (
            "  guarantees: func(encoder: borrow<encoder>) -> guarantee;\n",
            "",
            "it has no function `guarantees`",
        ),
    ] {
        let wasm = dummy(wit_world("settling-sink-plugin", &[(from, to)]));
        let error = load(&wasm).unwrap_err();
        let PluginError::Incompatible { reason, .. } = &error else {
            panic!("{error:?}")
        };
        assert!(
            reason.contains("`audit:plugin/settlement` differs") && reason.contains(wanted),
            "{reason}"
        );
    }
}
