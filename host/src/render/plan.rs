//! A plan as JSON, one object for each fetch: `kind` says which, and what belongs to that kind stands beside it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sandbox::{Body, Fetch, HttpRequest, MemberPath, Paging, grants};
use serde_json::{Value, json};

/// A fetch that a plugin asks for, as JSON.
pub fn fetch(fetch: &Fetch) -> Value {
    match fetch {
        Fetch::Call(call) => json!({
            "kind": "call",
            "request": request(&call.request),
            "service": call.service,
            "records": call.records.as_ref().map(path),
        }),
        Fetch::Job(job) => json!({
            "kind": "job",
            "request": request(&job.submit),
            "file": job.file,
            "keep": job.keep,
        }),
        Fetch::Pages(pages) => json!({
            "kind": "pages",
            "request": request(&pages.request),
            "paging": paging(&pages.paging),
            "service": pages.service,
            "records": pages.records.as_ref().map(path),
            "key": pages.key.as_ref().map(path),
        }),
    }
}

/// A path of members, with dots between their names.
fn path(members: &MemberPath) -> String {
    members.join(".")
}

fn request(request: &HttpRequest) -> Value {
    json!({
        "method": grants::name(request.method),
        "path": request.path,
        "query": request.query,
        "headers": request.headers,
        "body": request.body.as_ref().map(body),
    })
}

fn body(body: &Body) -> Value {
    match body {
        Body::Form(fields) => json!({ "kind": "form", "fields": fields }),
        Body::Json(text) => {
            let value = serde_json::from_str(text).unwrap_or_else(|_| Value::from(text.as_str()));
            json!({ "kind": "json", "value": value })
        }
        Body::Other((media_type, bytes)) => json!({
            "kind": "other",
            "media_type": media_type,
            "base64": BASE64_STANDARD.encode(bytes),
        }),
    }
}

fn paging(paging: &Paging) -> Value {
    match paging {
        Paging::Scim(count) => json!({ "kind": "scim", "count": count }),
        Paging::LinkNext => json!({ "kind": "link-next" }),
        Paging::LinkUntilEmpty => json!({ "kind": "link-until-empty" }),
        Paging::NextToken((header, parameter)) => {
            json!({ "kind": "next-token", "header": header, "parameter": parameter })
        }
        Paging::BodyToken(token) => {
            json!({ "kind": "body-token", "token": path(&token.token), "parameter": token.parameter })
        }
    }
}

#[cfg(test)]
mod tests {
    use sandbox::{BodyToken, Call, Job, Method, Pages};

    use super::*;

    fn asked(body: Option<Body>) -> HttpRequest {
        HttpRequest {
            method: Method::Post,
            path: vec!["a".into(), "b".into()],
            query: vec![("q".into(), "1".into())],
            headers: vec![],
            body,
        }
    }

    #[test]
    fn every_kind_of_fetch_body_and_paging_has_a_name_of_its_own() {
        let call = fetch(&Fetch::Call(Call {
            request: asked(Some(Body::Json("{\"x\":1}".into()))),
            service: None,
            records: Some(vec!["details".into()]),
        }));
        let expected = json!({
            "kind": "call",
            "request": {
                "method": "POST", "path": ["a", "b"], "query": [["q", "1"]], "headers": [],
                "body": { "kind": "json", "value": { "x": 1 } },
            },
            "service": null,
            "records": "details",
        });
        assert_eq!(call, expected);
        let job = fetch(&Fetch::Job(Job {
            submit: asked(Some(Body::Form(vec![("f".into(), "2".into())]))),
            file: "r.csv".into(),
            keep: true,
        }));
        assert_eq!(
            (&job["kind"], &job["file"], &job["keep"]),
            (&json!("job"), &json!("r.csv"), &json!(true))
        );
        assert_eq!(
            job["request"]["body"],
            json!({ "kind": "form", "fields": [["f", "2"]] })
        );
        for (way, expected) in [
            (Paging::Scim(50), json!({ "kind": "scim", "count": 50 })),
            (Paging::LinkNext, json!({ "kind": "link-next" })),
            (Paging::LinkUntilEmpty, json!({ "kind": "link-until-empty" })),
            (
                Paging::NextToken(("next".into(), "page".into())),
                json!({ "kind": "next-token", "header": "next", "parameter": "page" }),
            ),
            (
                Paging::BodyToken(BodyToken {
                    token: vec!["meta".into(), "next".into()],
                    parameter: "after".into(),
                }),
                json!({ "kind": "body-token", "token": "meta.next", "parameter": "after" }),
            ),
        ] {
            let pages = fetch(&Fetch::Pages(Pages {
                request: asked(Some(Body::Other(("text/x".into(), b"hi".to_vec())))),
                service: Some("audit".into()),
                paging: way,
                records: None,
                key: None,
            }));
            assert_eq!((&pages["kind"], &pages["paging"]), (&json!("pages"), &expected));
            let body = json!({ "kind": "other", "media_type": "text/x", "base64": "aGk=" });
            assert_eq!(pages["request"]["body"], body);
        }
    }
}
