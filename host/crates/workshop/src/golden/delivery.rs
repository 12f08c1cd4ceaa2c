//! The form of deliveries and verdicts in a sink's `expected.json`: what is empty is left out.

use serde_json::{Map, Value, json};

use sandbox::{Body, Delivery, HttpRequest, ItemRejection, Method, Settlement};

/// A delivery, in the one way to write it.
pub(super) fn written(delivery: &Delivery) -> Value {
    match delivery {
        Delivery::Http(request) => json!({"http": request_value(request)}),
        Delivery::Bytes(bytes) => Map::from_iter([text("bytes", bytes)]).into(),
    }
}

/// The verdict on an answer, in the one way to write it.
pub(super) fn verdict(settlement: &Settlement) -> Value {
    let rejected = |rejections: &[ItemRejection]| -> Value {
        let rejections = rejections.iter();
        rejections
            .map(|rejection| json!({"index": rejection.index, "reason": rejection.reason}))
            .collect()
    };
    match settlement {
        Settlement::Settled(parts) => match (parts.rejected.as_slice(), parts.retried.as_slice()) {
            ([], []) => json!("accepted"),
            (rejections, []) => json!({"rejected": rejected(rejections)}),
            (rejections, retried) => json!({
                "rejected": rejected(rejections),
                "retried": retried,
                "after": parts.after,
                "reason": parts.reason,
            }),
        },
        Settlement::Retry(again) if again.reason.is_empty() => json!({"retry": again.after}),
        Settlement::Retry(again) => json!({"retry": again.after, "reason": again.reason}),
        Settlement::Refused(reason) => json!({"refused": reason}),
        Settlement::Unusable(reason) => json!({"unusable": reason}),
        Settlement::Ask(question) => json!({"ask": request_value(&question.request), "after": question.after}),
    }
}

fn request_value(request: &HttpRequest) -> Map<String, Value> {
    let method = match request.method {
        Method::Get => "GET",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Patch => "PATCH",
        Method::Delete => "DELETE",
    };
    let mut written = Map::from_iter([
        ("method".to_owned(), json!(method)),
        ("path".to_owned(), json!(request.path)),
    ]);
    for (name, pairs) in [("query", &request.query), ("headers", &request.headers)] {
        if !pairs.is_empty() {
            written.insert(name.to_owned(), json!(pairs));
        }
    }
    if let Some(body) = &request.body {
        let body = match body {
            Body::Form(fields) => json!({"form": fields}),
            // The host has checked that it is one; a reader sees its members.
            Body::Json(text) => json!({"json": serde_json::from_str(text).unwrap_or(Value::Null)}),
            Body::Other((kind, bytes)) => {
                Map::from_iter([("type".to_owned(), kind.clone().into()), text("text", bytes)]).into()
            }
        };
        written.insert("body".to_owned(), body);
    }
    written
}

/// The member that holds the bytes: text, or `hex` where they are none.
fn text(name: &str, bytes: &[u8]) -> (String, Value) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (name.to_owned(), text.into()),
        Err(_) => {
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            ("hex".to_owned(), digits.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sandbox::{Partition, Postponement, Question};

    #[test]
    fn every_delivery_and_verdict_has_one_way_to_be_written() {
        let request = |query, body| {
            Delivery::Http(HttpRequest {
                method: Method::Post,
                path: vec!["a".into(), "b c".into()],
                query,
                headers: vec![],
                body,
            })
        };
        assert_eq!(
            written(&request(vec![], None)),
            json!({"http": {"method": "POST", "path": ["a", "b c"]}})
        );
        assert_eq!(
            written(&request(
                vec![("q".into(), "1".into())],
                Some(Body::Json("{\"a\":1}".into()))
            )),
            json!({"http": {"method": "POST", "path": ["a", "b c"], "query": [["q", "1"]], "body": {"json": {"a": 1}}}})
        );
        let body = |body| written(&request(vec![], Some(body)))["http"]["body"].clone();
        assert_eq!(
            body(Body::Form(vec![("k".into(), "v".into())])),
            json!({"form": [["k", "v"]]})
        );
        let other = |bytes: &[u8]| body(Body::Other(("text/plain".into(), bytes.to_vec())));
        assert_eq!(other(b"x"), json!({"type": "text/plain", "text": "x"}));
        assert_eq!(other(b"\x0a\xff"), json!({"type": "text/plain", "hex": "0aff"}));
        assert_eq!(written(&Delivery::Bytes(b"x\n".to_vec())), json!({"bytes": "x\n"}));
        assert_eq!(written(&Delivery::Bytes(vec![0xff])), json!({"hex": "ff"}));
    }

    #[test]
    fn every_settlement_has_one_way_to_be_written() {
        let settled = |rejected: &[u32], retried: &[u32]| {
            let item = |index: &u32| ItemRejection {
                index: *index,
                reason: "no".into(),
            };
            verdict(&Settlement::Settled(Partition {
                rejected: rejected.iter().map(item).collect(),
                retried: retried.to_vec(),
                after: Some(5),
                reason: "busy".into(),
            }))
        };
        let no = json!([{"index": 1, "reason": "no"}]);
        assert_eq!(settled(&[], &[]), json!("accepted"));
        assert_eq!(settled(&[1], &[]), json!({"rejected": no}));
        assert_eq!(
            settled(&[1], &[0, 2]),
            json!({"rejected": no, "retried": [0, 2], "after": 5, "reason": "busy"})
        );
        let retry = |reason: &str| {
            verdict(&Settlement::Retry(Postponement {
                after: None,
                reason: reason.into(),
            }))
        };
        assert_eq!(retry(""), json!({"retry": null}));
        assert_eq!(retry("busy"), json!({"retry": null, "reason": "busy"}));
        assert_eq!(verdict(&Settlement::Refused("no".into())), json!({"refused": "no"}));
        assert_eq!(verdict(&Settlement::Unusable("no".into())), json!({"unusable": "no"}));
        let question = Question {
            request: HttpRequest {
                method: Method::Post,
                path: vec!["ack".into()],
                query: vec![],
                headers: vec![],
                body: None,
            },
            after: Some(1),
        };
        assert_eq!(
            verdict(&Settlement::Ask(question)),
            json!({"ask": {"method": "POST", "path": ["ack"]}, "after": 1})
        );
    }
}
