//! Reads the answer to a bulk request, item by item.
//!
//! | item | becomes |
//! |---|---|
//! | 2xx | taken |
//! | 409 `version_conflict_engine_exception` | taken: a `create` of an id that is there already |
//! | 429, 5xx | the whole batch again; the ids make that harmless |
//! | any other | rejected, with the error's type and reason |
//!
//! An answer that cannot be read says nothing, so the batch is sent again as well. A request that failed as a whole has no
//! items: its status decides, and the `error` that comes with it is the reason.

use plugin_sdk::answer::in_one_line;
use plugin_sdk::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Answer {
    items: Vec<Item>,
}

/// One item; its member is named for the action.
#[derive(Deserialize)]
struct Item {
    create: Outcome,
}

#[derive(Deserialize)]
struct Outcome {
    status: u16,
    error: Option<Error>,
}

#[derive(Deserialize)]
struct Error {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    reason: String,
}

#[derive(Deserialize)]
struct Failure {
    error: Error,
}

/// What an answer means for the `sent` documents of a request.
pub fn verdict(response: &HttpResponse, sent: usize) -> Verdict {
    match Verdict::from_status(response) {
        Verdict::Accepted => {}
        Verdict::Refused(plain) => {
            let failure = serde_json::from_slice::<Failure>(&response.body);
            return Verdict::Refused(failure.map_or(plain, |failure| failure.error.reason()));
        }
        other => return other,
    }
    let Ok(answer) = serde_json::from_slice::<Answer>(&response.body) else {
        return Verdict::Retry(None);
    };
    let busy = |item: &Item| item.create.status == 429 || item.create.status >= 500;
    if answer.items.len() != sent || answer.items.iter().any(busy) {
        return Verdict::Retry(None);
    }
    let rejections: Vec<_> = (0..)
        .zip(&answer.items)
        .filter(|(_, item)| !matches!(item.create.status, 200..=299 | 409))
        .map(|(index, item)| ItemRejection {
            index,
            reason: match &item.create.error {
                Some(error) => error.reason(),
                None => format!("status {}", item.create.status),
            },
        })
        .collect();
    match rejections.is_empty() {
        true => Verdict::Accepted,
        false => Verdict::Rejected(rejections),
    }
}

impl Error {
    /// Without the value that Elasticsearch quotes from the document.
    fn reason(&self) -> String {
        let reason = self
            .reason
            .split(" Preview of field's value")
            .next()
            .unwrap_or_default();
        in_one_line(&format!("{}: {reason}", self.kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &str) -> Verdict {
        let response = HttpResponse {
            status,
            headers: vec![],
            body: body.into(),
        };
        verdict(&response, 2)
    }

    fn items(first: &str, second: &str) -> String {
        format!(r#"{{"errors":true,"items":[{{"create":{first}}},{{"create":{second}}}]}}"#)
    }

    const MADE: &str = r#"{"status":201}"#;
    const THERE: &str = r#"{"status":409,"error":{"type":"version_conflict_engine_exception","reason":"[e1]: document already exists"}}"#;
    const BUSY: &str = r#"{"status":429,"error":{"type":"es_rejected_execution_exception","reason":"queue full"}}"#;
    const WRONG: &str = r#"{"status":400,"error":{"type":"document_parsing_exception",
        "reason":"[1:9] failed to parse field [a] of type [ip]. Preview of field's value: 'jdoe'"}}"#;

    #[test]
    fn items_decide() {
        assert_eq!(read(200, &items(MADE, MADE)), Verdict::Accepted);
        assert_eq!(read(200, &items(MADE, THERE)), Verdict::Accepted);
        assert_eq!(read(200, &items(BUSY, WRONG)), Verdict::Retry(None));
        assert_eq!(
            read(200, &items(THERE, WRONG)),
            Verdict::Rejected(vec![ItemRejection {
                index: 1,
                reason: "document_parsing_exception: [1:9] failed to parse field [a] of type [ip].".into()
            }])
        );
    }

    #[test]
    fn an_answer_that_cannot_be_read_says_nothing() {
        let one = format!(r#"{{"items":[{{"create":{MADE}}}]}}"#);
        let odd = format!(r#"{{"items":[{{"index":{MADE}}},{{"create":{MADE}}}]}}"#);
        for body in ["", "<html>", "{}", r#"{"errors":false}"#, &one, &odd] {
            assert_eq!(read(200, body), Verdict::Retry(None), "{body}");
        }
    }

    #[test]
    fn a_request_that_failed_as_a_whole_is_read_by_its_status() {
        assert_eq!(read(503, "{}"), Verdict::Retry(None));
        assert_eq!(
            read(
                401,
                r#"{"error":{"type":"security_exception","reason":"missing authentication credentials"},"status":401}"#
            ),
            Verdict::Refused("security_exception: missing authentication credentials".into())
        );
        assert_eq!(read(404, "not found"), Verdict::Refused("status 404: not found".into()));
    }
}
