//! Documents that hold what an attacker wrote: a bulk request stays two lines a document.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use elastic_bulk::ElasticBulk;
use plugin_sdk::{Body, Delivery, JsonItem, Payload, Sink};
use proptest::prelude::*;
use serde_json::{Value, json};

proptest! {
    #[test]
    fn every_document_is_two_lines_and_stays_the_same(
        texts in proptest::collection::vec((any::<String>(), any::<String>(), any::<i64>(), any::<bool>()), 1..20),
    ) {
        let documents: Vec<Value> = texts
            .iter()
            .map(|(name, text, time, _)| json!({"time": time, name: text, "user": {"name": text}}))
            .collect();
        let items = texts.iter().zip(&documents).map(|((id, _, _, pretty), document)| JsonItem {
            id: format!("{id}\n\"}}"),
            json: if *pretty { serde_json::to_string_pretty(document).unwrap() } else { document.to_string() },
        });
        let items: Vec<_> = items.collect();
        let config = json!({"index": "a\"\n{}"}).to_string();
        let deliveries = ElasticBulk::open(&config).unwrap().encode(Payload::Documents(items.clone())).unwrap();
        let [Delivery::Http(request)] = deliveries.as_slice() else { panic!() };
        let Some(Body::Other((_, body))) = &request.body else { panic!() };
        let body = std::str::from_utf8(body).unwrap();
        prop_assert!(body.ends_with('\n'));
        let lines: Vec<Value> = body.split_terminator('\n').map(|line| serde_json::from_str(line).unwrap()).collect();
        prop_assert_eq!(lines.len(), 2 * items.len());
        for ((pair, item), document) in lines.chunks(2).zip(&items).zip(&documents) {
            prop_assert_eq!(&pair[0], &json!({"create": {"_index": "a\"\n{}", "_id": item.id}}));
            let mut found = pair[1].clone();
            if document.get("@timestamp").is_none() {
                found.as_object_mut().unwrap().remove("@timestamp");
            }
            prop_assert_eq!(&found, document);
        }
    }
}
