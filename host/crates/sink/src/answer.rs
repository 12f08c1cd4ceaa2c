//! The meaning of an HTTP answer for the events that were sent.

use std::time::{Duration, SystemTime};

use http::StatusCode;

use super::Verdict;
use base::ErrorKind;
use remote::{Answer, Remote, RemoteError};

/// The characters of a receiver's explanation that are kept.
const DETAIL_CHARS: usize = 300;

/// Reads the status by RFC 9110: 2xx took the events, 413 took none because they are too many, 408, 425, 429 and most of
/// 5xx may take them later. What says nothing of the events but of the way to the receiver (a refused credential, nothing
/// at the URL, a redirect to a sign-in page) makes the sink [unusable](Verdict::Unusable). Everything else refuses them.
pub(super) fn verdict(remote: &Remote, answer: &Answer) -> Verdict {
    let status = answer.status;
    if status.is_success() {
        return Verdict::Accepted;
    }
    let reason = reason(remote, answer);
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => Verdict::TooLarge { reason },
        status if is_of_the_way(status) => Verdict::Unusable { reason },
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => Verdict::Retry {
            after: retry_after(answer),
            reason,
        },
        status if status.is_server_error() => Verdict::Retry {
            after: retry_after(answer),
            reason,
        },
        _ => Verdict::Refused { reason },
    }
}

/// True if a status is about the request as all requests of the sink are, whatever events are in it: RFC 9110 section 15,
/// RFC 6585 for 511, RFC 7725 for 451. An item that these name would be named for each batch alike.
fn is_of_the_way(status: StatusCode) -> bool {
    status.is_redirection()
        || matches!(
            status,
            StatusCode::UNAUTHORIZED
                | StatusCode::PAYMENT_REQUIRED
                | StatusCode::FORBIDDEN
                | StatusCode::NOT_FOUND
                | StatusCode::METHOD_NOT_ALLOWED
                | StatusCode::PROXY_AUTHENTICATION_REQUIRED
                | StatusCode::GONE
                | StatusCode::UNSUPPORTED_MEDIA_TYPE
                | StatusCode::MISDIRECTED_REQUEST
                | StatusCode::UPGRADE_REQUIRED
                | StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS
                | StatusCode::NOT_IMPLEMENTED
                | StatusCode::HTTP_VERSION_NOT_SUPPORTED
                | StatusCode::NETWORK_AUTHENTICATION_REQUIRED
        )
}

/// The status and what the receiver says of it, in one line.
pub(super) fn reason(remote: &Remote, answer: &Answer) -> String {
    let status = answer.status;
    match remote
        .presentable(&String::from_utf8_lossy(&answer.body), DETAIL_CHARS)
        .as_str()
    {
        "" => format!("status {status}"),
        detail => format!("status {status}: {detail}"),
    }
}

/// A request that was not answered: the network may come back by itself, while settings, certificates and a credential that
/// is refused stay as they are until somebody changes them.
pub(super) fn unanswered(error: &RemoteError) -> Verdict {
    let reason = in_one_line(error);
    match error.kind() {
        ErrorKind::Unavailable => Verdict::Retry { after: None, reason },
        _ => Verdict::Unusable { reason },
    }
}

fn retry_after(answer: &Answer) -> Option<Duration> {
    remote::retry_after(&answer.headers, SystemTime::now())
}

/// An error with what caused it.
pub fn in_one_line(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
