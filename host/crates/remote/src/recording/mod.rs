//! Writes the exchange with a server to a folder, and answers from such a folder.
//!
//! A recording is `recording.json` (the base URL and the notes of whoever recorded) and one pair of files per request:
//! `0001.json`, the request and the head of the answer, and `0001.body`, the answer's body. What goes to a token
//! endpoint is not recorded at all; elsewhere `Authorization`, cookies, every secret that the connection knows and whatever
//! stands where secrets do, as in a query, are replaced. Where answers may hold secrets of others, as audit records of OCI do, these are
//! masked in the bodies, such that a replay makes the same events. [`Recorder`] wraps a transport; [`Replay`] is one.

mod body;
mod format;
mod recorder;
mod replay;
mod scrub;
#[cfg(test)]
mod tests;

pub use format::Recording;
pub(super) use recorder::Recorder;
pub(super) use replay::Replay;

use super::redact::Redactor;

/// Path and query of a URL as a recording holds them.
pub(super) fn recordable_target(redactor: &Redactor, url: &url::Url) -> String {
    scrub::target(redactor, url)
}
