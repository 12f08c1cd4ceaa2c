//! Reads HEC's answers, by the table "HTTP Event Collector status codes" of Splunk's *Troubleshoot HTTP Event Collector*.
//!
//! | code | HTTP | says | becomes |
//! |---|---|---|---|
//! | 0 | 200 | Success | accepted |
//! | 6, 12, 13, 15 | 400 | an event's data, its `event` or its `fields` are wrong | that event rejected, see below |
//! | 8 | 500 | Internal server error | retry |
//! | 9, 18 to 20, 23, 26, 27 | 503, 429 | busy, unhealthy, shutting down, queue or acknowledgements full | retry |
//! | all others | 400, 401, 403, 404 | token, channel, index, … | refused, with HEC's own words |
//!
//! HEC takes a request from its beginning: where it answers with an `invalid-event-number`, the events before that one are
//! indexed, and it and all after it are not. A verdict cannot ask for the rest of a batch to be sent again, so the later
//! events are rejected too and say why: they become dead letters, and a replay delivers them. To repeat the whole batch
//! would index its beginning twice and stop at the same event again; to reject the one event alone would lose those after
//! it.
//!
//! The number counts from 0 (`"invalid-event-number":0` is the answer to a single bad event). A busy server gives one too,
//! but the whole batch is sent again then, because events may be there twice and must not be missing.

use plugin_sdk::answer::in_one_line;
use plugin_sdk::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Answer {
    code: u32,
    #[serde(default)]
    text: String,
    #[serde(rename = "invalid-event-number")]
    invalid: Option<usize>,
}

/// What an answer means for the `sent` events of a request.
pub fn verdict(response: &HttpResponse, sent: usize) -> Verdict {
    let Ok(answer) = serde_json::from_slice::<Answer>(&response.body) else {
        let empty = response.body.trim_ascii().is_empty();
        return match Verdict::from_status(response) {
            // A page of another server, a login form say, is no receipt.
            Verdict::Accepted if !empty => {
                Verdict::Refused("the answer is not HEC's: is this the right endpoint?".into())
            }
            verdict => verdict,
        };
    };
    let text = match in_one_line(&answer.text).as_str() {
        "" => format!("code {}", answer.code),
        text => format!("{text} (code {})", answer.code),
    };
    match (answer.code, answer.invalid) {
        (0, _) if (200..300).contains(&response.status) => Verdict::Accepted,
        (8 | 9 | 18 | 19 | 20 | 23 | 26 | 27, _) => Verdict::Retry(response.retry_after()),
        (6 | 12 | 13 | 15, Some(invalid)) if invalid < sent => Verdict::Rejected(from(invalid, sent, &text)),
        _ => match Verdict::from_status(response) {
            Verdict::Retry(wait) => Verdict::Retry(wait),
            _ => Verdict::Refused(text),
        },
    }
}

/// The invalid event, and those after it that HEC did not look at.
fn from(invalid: usize, sent: usize, text: &str) -> Vec<ItemRejection> {
    (invalid..sent)
        .filter_map(|index| {
            let reason = match index == invalid {
                true => text.to_owned(),
                false => format!("not looked at: Splunk stopped at event {invalid} of the request"),
            };
            let index = index.try_into().ok()?;
            Some(ItemRejection { index, reason })
        })
        .collect()
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
        verdict(&response, 3)
    }

    #[test]
    fn every_code_has_its_verdict() {
        let retry = Verdict::Retry(None);
        let refused = |text: &str| Verdict::Refused(text.into());
        for (status, body, expected) in [
            (200, r#"{"text":"Success","code":0}"#, Verdict::Accepted),
            (200, r#"{"text":"Success","code":0,"ackId":7}"#, Verdict::Accepted),
            (200, "", Verdict::Accepted),
            (
                503,
                r#"{"text":"Server is busy","code":9,"invalid-event-number":1}"#,
                retry.clone(),
            ),
            (500, r#"{"text":"Internal server error","code":8}"#, retry.clone()),
            (429, "slow down", retry.clone()),
            (502, "<html>", retry),
            (
                401,
                r#"{"text":"Token is required","code":2}"#,
                refused("Token is required (code 2)"),
            ),
            (
                403,
                r#"{"text":"Invalid token","code":4}"#,
                refused("Invalid token (code 4)"),
            ),
            (
                400,
                r#"{"text":"Incorrect index","code":7,"invalid-event-number":1}"#,
                refused("Incorrect index (code 7)"),
            ),
            (400, r#"{"text":"No data","code":5}"#, refused("No data (code 5)")),
            (404, "no such page", refused("status 404: no such page")),
            (
                200,
                "<html>sign in</html>",
                refused("the answer is not HEC's: is this the right endpoint?"),
            ),
            (400, r#"{"text":"Success","code":0}"#, refused("Success (code 0)")),
            (
                400,
                r#"{"text":"Invalid data format","code":6,"invalid-event-number":3}"#,
                refused("Invalid data format (code 6)"),
            ),
        ] {
            assert_eq!(read(status, body), expected, "{body}");
        }
    }

    #[test]
    fn an_invalid_event_and_those_after_it_are_rejected() {
        let Verdict::Rejected(items) = read(
            400,
            r#"{"text":"Invalid data format","code":6,"invalid-event-number":1}"#,
        ) else {
            panic!()
        };
        let items: Vec<_> = items.iter().map(|item| (item.index, item.reason.as_str())).collect();
        assert_eq!(
            items,
            [
                (1, "Invalid data format (code 6)"),
                (2, "not looked at: Splunk stopped at event 1 of the request")
            ]
        );
    }
}
