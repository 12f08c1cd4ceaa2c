//! Documents that hold what an attacker wrote: a request stays one event a line, with the sink's own metadata.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use plugin_sdk::{Body, Delivery, JsonItem, Payload, Sink};
use proptest::prelude::*;
use serde_json::{Value, json};
use splunk_hec::SplunkHec;

proptest! {
    #[test]
    fn every_document_is_one_event_and_stays_the_same(
        texts in proptest::collection::vec((any::<String>(), any::<String>(), any::<i32>(), any::<bool>()), 1..20),
    ) {
        let documents: Vec<Value> = texts
            .iter()
            .map(|(name, text, time, _)| json!({name: text, "user": {"name": text}, "index": text, "time": time}))
            .collect();
        let items = texts.iter().zip(&documents).map(|((id, _, _, pretty), document)| JsonItem {
            id: id.clone(),
            json: if *pretty { serde_json::to_string_pretty(document).unwrap() } else { document.to_string() },
        });
        let payload = Payload::Documents(items.collect());
        let deliveries = SplunkHec::open(r#"{"index": "identity"}"#).unwrap().encode(payload).unwrap();
        let [Delivery::Http(request)] = deliveries.as_slice() else { panic!() };
        let Some(Body::Other((_, body))) = &request.body else { panic!() };
        let body = std::str::from_utf8(body).unwrap();
        // As HEC reads it, one text after the other, and as people do, line by line.
        let events: Vec<Value> = serde_json::Deserializer::from_str(body).into_iter().map(Result::unwrap).collect();
        prop_assert_eq!(body.split_terminator('\n').count(), events.len());
        prop_assert_eq!(events.len(), documents.len());
        for ((event, document), (_, _, time, _)) in events.iter().zip(&documents).zip(&texts) {
            prop_assert_eq!(&event["event"], document);
            prop_assert_eq!(&event["index"], "identity");
            prop_assert_eq!(&event["sourcetype"], "ocsf:iam");
            prop_assert!((event["time"].as_f64().unwrap() - f64::from(*time) / 1000.0).abs() < 0.0001);
        }
    }
}
