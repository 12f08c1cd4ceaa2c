//! How deliveries and verdicts stand in a sink's `expected.json`: what is empty is left out.

use serde_json::{Map, Value, json};

use crate::plugin::{Body, Delivery, HttpRequest, Method, Verdict};

/// A delivery, in the one way to write it.
pub(super) fn written(delivery: &Delivery) -> Value {
    match delivery {
        Delivery::Http(request) => json!({"http": request_value(request)}),
        Delivery::Bytes(bytes) => Map::from_iter([text("bytes", bytes)]).into(),
    }
}

/// A verdict, in the one way to write it.
pub(super) fn verdict(verdict: &Verdict) -> Value {
    match verdict {
        Verdict::Accepted => json!("accepted"),
        Verdict::Retry(wait) => json!({"retry": wait}),
        Verdict::Rejected(rejections) => {
            let rejections = rejections.iter();
            let list = rejections.map(|rejection| json!({"index": rejection.index, "reason": rejection.reason}));
            json!({"rejected": list.collect::<Vec<_>>()})
        }
        Verdict::Refused(reason) => json!({"refused": reason}),
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
        assert_eq!(verdict(&Verdict::Accepted), json!("accepted"));
        assert_eq!(verdict(&Verdict::Retry(None)), json!({"retry": null}));
        assert_eq!(verdict(&Verdict::Refused("no".into())), json!({"refused": "no"}));
    }
}
