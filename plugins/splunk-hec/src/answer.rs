//! Reads HEC's answers, by the table "HTTP Event Collector status codes" of Splunk's *Troubleshoot HTTP Event Collector*.
//!
//! | code | HTTP | says | becomes |
//! |---|---|---|---|
//! | 0 | 200 | Success | accepted, or a question where acknowledgement is asked for |
//! | 1 to 4, 7, 10, 11, 14, 16, 21, 22 | 400, 401, 403 | token, index, channel, acknowledgement | the sink cannot be used |
//! | 6, 12, 13, 15 | 400 | an event's data, its `event` or its `fields` are wrong | that event rejected, see below |
//! | 8 | 500 | Internal server error | retry |
//! | 9, 18 to 20, 23, 26, 27 | 503, 429 | busy, unhealthy, shutting down, queue or acknowledgements full | retry |
//! | 17, 24, 25, and none of HEC's | 2xx | healthy, filling up; what stands before HEC answers so | accepted |
//! | any other | | | by the status, with HEC's own words |
//!
//! HEC takes a request from its beginning: where it answers with an `invalid-event-number`, the events before that one are
//! indexed, and it and all after it are not. That one is rejected, and those after it are delivered again alone: to repeat
//! the whole batch would index its beginning twice. With acknowledgement its beginning comes again too, since nobody
//! acknowledges it. A receiver that stops at one event after the other is asked [a few times](STOPS) only; then what it has
//! not looked at is rejected as well and says so: it becomes dead letters, and a replay delivers it.
//!
//! The number counts from 0 (`"invalid-event-number":0` is the answer to a single bad event). A busy server gives one too,
//! but the whole batch is sent again then, because events may be there twice and must not be missing.

use plugin_sdk::answer::in_one_line;
use plugin_sdk::*;
use serde::Deserialize;
use serde_json::Value;

/// The number of requests in a row that may stop at an invalid event.
pub const STOPS: u32 = 3;

/// An answer of HEC: it has a code, and of the codes one that HEC has.
struct HecAnswer {
    code: u64,
    text: String,
    invalid: Option<usize>,
    ack: Option<u64>,
}

/// The codes that HEC has.
const CODES: std::ops::RangeInclusive<u64> = 0..=27;

impl HecAnswer {
    fn of(response: &HttpResponse) -> Option<HecAnswer> {
        let body: Value = serde_json::from_slice(&response.body).ok()?;
        let number = |name: &str| match body.get(name)? {
            Value::String(text) => text.trim().parse().ok(),
            number => number.as_u64(),
        };
        let code = number("code").filter(|code| CODES.contains(code))?;
        let text = body.get("text").and_then(Value::as_str).unwrap_or_default();
        Some(HecAnswer {
            code,
            text: match in_one_line(text).as_str() {
                "" => format!("code {code}"),
                text => format!("{text} (code {code})"),
            },
            invalid: number("invalid-event-number").and_then(|number| number.try_into().ok()),
            ack: number("ackId"),
        })
    }
}

/// The meaning of an answer for a request.
pub enum AnswerReading {
    /// All events are taken; with the number by which to ask for their acknowledgement, where there is one.
    Taken(Option<u64>),
    /// The first event that was not indexed, and why.
    Stopped(usize, String),
    Other(Settlement),
}

/// Reads the answer to a request with so many events.
pub fn read(response: &HttpResponse, sent: usize) -> AnswerReading {
    let is_success = (200..300).contains(&response.status);
    let Some(HecAnswer {
        code,
        text,
        invalid,
        ack,
    }) = HecAnswer::of(response)
    else {
        if !is_success {
            return AnswerReading::Other(Verdict::from_status(response).into());
        }
        // Whatever stands before HEC says so in its own words; a page for people says nothing of events.
        return match is_page(response) {
            true => AnswerReading::Other(Settlement::Refused(format!(
                "the answer is not HEC's: is this the right endpoint? {}",
                response.reason()
            ))),
            false => AnswerReading::Taken(None),
        };
    };
    let other = match (code, invalid) {
        (0 | 17 | 24 | 25, _) if is_success => return AnswerReading::Taken(ack),
        (6 | 12 | 13 | 15, Some(invalid)) if invalid < sent => return AnswerReading::Stopped(invalid, text),
        (8 | 9 | 18 | 19 | 20 | 23 | 26 | 27, _) => Settlement::retry(response.retry_after(), text),
        (1..=4 | 7 | 10 | 11 | 14 | 16 | 21 | 22, _) => Settlement::Unusable(text),
        _ => match Verdict::from_status(response) {
            Verdict::Retry(wait) => Settlement::retry(wait, text),
            _ => Settlement::Refused(text),
        },
    };
    AnswerReading::Other(other)
}

/// The settlement of a request that stopped at an event.
pub fn stopped(invalid: usize, sent: usize, text: &str, stops: u32, acknowledged: bool) -> Settlement {
    let is_last = stops >= STOPS;
    let place = |index: usize| u32::try_from(index).ok();
    let mut rejected = vec![(invalid, text.to_owned())];
    if is_last {
        let reason = format!("not looked at: Splunk stopped at event {invalid} of the request");
        rejected.extend((invalid + 1..sent).map(|index| (index, reason.clone())));
    }
    let before = 0..if acknowledged { invalid } else { 0 };
    let after = if is_last { sent } else { invalid + 1 }..sent;
    Settlement::Settled(Partition {
        rejected: rejected
            .into_iter()
            .filter_map(|(index, reason)| {
                let index = place(index)?;
                Some(ItemRejection { index, reason })
            })
            .collect(),
        retried: before.chain(after).filter_map(place).collect(),
        after: None,
        reason: format!("Splunk stopped at event {invalid} of the request: {text}"),
    })
}

/// True where the indexer has acknowledged; or why it never will.
pub fn acknowledged(response: &HttpResponse, ack: u64) -> Result<bool, String> {
    #[derive(Deserialize)]
    struct Acks {
        acks: serde_json::Map<String, Value>,
    }
    if (200..300).contains(&response.status)
        && let Ok(Acks { acks }) = serde_json::from_slice(&response.body)
    {
        return Ok(acks.get(&ack.to_string()) == Some(&Value::Bool(true)));
    }
    let said = |text: &str| format!("no acknowledgement from Splunk: {text}");
    Err(match (HecAnswer::of(response), Verdict::from_status(response)) {
        (
            Some(HecAnswer {
                code: 0 | 8 | 9 | 18 | 19 | 20 | 23 | 26 | 27,
                ..
            }),
            _,
        )
        | (None, Verdict::Retry(_)) => return Ok(false),
        (Some(answer), _) => said(&answer.text),
        (None, _) => said(&response.reason()),
    })
}

/// True where the body is a page for people, a form to sign in say.
fn is_page(response: &HttpResponse) -> bool {
    let is_html = |kind: &str| kind.to_ascii_lowercase().contains("html");
    response.body.trim_ascii_start().starts_with(b"<") || response.header("content-type").is_some_and(is_html)
}

#[cfg(test)]
mod tests;
