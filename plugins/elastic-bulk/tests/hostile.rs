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

fn name() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just(".".to_string()),
        Just("%".to_string()),
        Just("%2E".to_string()),
        Just(" ".to_string()),
        Just("a".to_string()),
        Just("\0".to_string()),
        Just("x".repeat(300)),
        any::<String>(),
    ];
    proptest::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn names_of_attributes_are_no_paths_and_stay_distinct(names in proptest::collection::btree_set(name(), 0..20)) {
        let attributes: Value = names.iter().map(|name| (name.clone(), json!(name))).collect::<serde_json::Map<_, _>>().into();
        for (member, document) in [
            ("/unmapped", json!({"time": 0, "unmapped": attributes})),
            ("/oracle/attributes", json!({"time": 0, "oracle": {"attributes": attributes}})),
            ("/attributes", json!({"time": 0, "attributes": attributes})),
        ] {
            let sent = |config| {
                let items = vec![JsonItem { id: "e".into(), json: document.to_string() }];
                let deliveries = ElasticBulk::open(config).unwrap().encode(Payload::Documents(items)).unwrap();
                let [Delivery::Http(request)] = deliveries.as_slice() else { panic!() };
                let Some(Body::Other((_, body))) = &request.body else { panic!() };
                let line = std::str::from_utf8(body).unwrap().lines().nth(1).unwrap();
                serde_json::from_str::<Value>(line).unwrap().pointer(member).unwrap().clone()
            };
            let object = sent("{}");
            let object = object.as_object().unwrap();
            prop_assert_eq!(object.len(), names.len());
            for field in object.keys() {
                prop_assert!(!field.contains(['.', '\0']) && !field.trim().is_empty(), "{}", field);
            }
            let told: std::collections::BTreeSet<_> = object.values().map(|value| value.as_str().unwrap().to_string()).collect();
            prop_assert_eq!(&told, &names);
            let list = sent(r#"{"attributes":"list"}"#);
            let list = list.as_array().unwrap();
            prop_assert_eq!(list.len(), names.len());
            prop_assert!(list.iter().all(|pair| pair["name"] == pair["value"] && pair.as_object().unwrap().len() == 2));
        }
    }
}
