//! Events that an attacker wrote: whatever they say, the message is Slack's JSON, keeps its limits, and pings nobody.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use plugin_sdk::sink::{Event, Principal};
use plugin_sdk::{Activity, Body, Delivery, Item, Outcome, Payload, Sink};
use proptest::prelude::*;
use slack::Slack;

fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("<!channel>".to_string()),
        Just("<!subteam^S1>".to_string()),
        Just("<@U123>".to_string()),
        Just("<https://evil.example|click>".to_string()),
        Just("https://evil.example".to_string()),
        Just("@channel".to_string()),
        Just("`".to_string()),
        Just("\n*Identity audit*: 0 events".to_string()),
        Just("&lt;!here&gt;".to_string()),
        Just("\u{202e}".to_string()),
        Just("x".repeat(5000)),
        any::<String>(),
    ];
    proptest::collection::vec(piece, 0..5).prop_map(|pieces| pieces.concat())
}

fn event() -> impl Strategy<Value = Event> {
    (any::<i64>(), any::<bool>(), hostile(), hostile(), hostile()).prop_map(|(time, failed, user, address, target)| {
        let outcome = if failed { Outcome::Failure } else { Outcome::Success };
        let mut event = Event::new(time, Activity::Logon, outcome, Principal::named(user));
        event.source_ip = Some(address);
        event.target = Some(target);
        event
    })
}

fn message(events: Vec<Event>) -> serde_json::Value {
    let item = |event| Item {
        id: "e".into(),
        event,
        vendor: "Oracle".into(),
        product: "Oracle EPM Cloud".into(),
    };
    let items = events.into_iter().map(item).collect();
    let config = r#"{"top": 20, "lines": 50, "failures-only": false}"#;
    let deliveries = Slack::open(config).unwrap().encode(Payload::Events(items)).unwrap();
    let [Delivery::Http(request)] = deliveries.as_slice() else {
        panic!()
    };
    assert_eq!(request.path, [""; 0]);
    let Some(Body::Json(json)) = &request.body else {
        panic!()
    };
    serde_json::from_str(json).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_event_pings_links_or_forges(events in proptest::collection::vec(event(), 1..60)) {
        let count = events.len();
        let message = message(events);
        let blocks = message["blocks"].as_array().unwrap();
        prop_assert!(blocks.len() <= 50);
        for block in blocks {
            let text = block["text"]["text"].as_str().unwrap();
            prop_assert_eq!(&block["text"]["verbatim"], true);
            prop_assert!(text.chars().count() <= 3000);
            prop_assert!(!text.contains(['<', '>', '\u{202e}']), "{}", text);
            prop_assert!(!text.contains("://") && !text.contains("@channel"), "{}", text);
            // A `&` begins one of the three entities, and nothing else.
            for part in text.split('&').skip(1) {
                prop_assert!(["amp;", "lt;", "gt;"].iter().any(|entity| part.starts_with(entity)), "{}", text);
            }
            // A name stays inside its code: every line closes what it opens.
            for line in text.lines() {
                prop_assert_eq!(line.matches('`').count() % 2, 0, "{}", line);
                prop_assert!(!line.starts_with("*Identity audit*") || line.contains(&count.to_string()));
            }
        }
        let heads = blocks.iter().flat_map(|block| block["text"]["text"].as_str().unwrap().lines());
        prop_assert_eq!(heads.filter(|line| line.starts_with("*Identity audit*")).count(), 1);
    }
}
