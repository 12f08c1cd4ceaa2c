//! The errors of a receiver that is no HTTP endpoint.

use super::{SinkError, Verdict};
use remote::Redactor;

/// The characters of a receiver's explanation that are kept.
const REASON_CHARS: usize = 300;

/// The failure of all that was sent, without the events' content, in the receiver's own words: they are fit to print
/// only once [`presentable`] has taken out what they repeat of a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ReceiverError {
    /// The trouble may go by itself: nobody answers, or the receiver is busy.
    Transient(String),
    /// The trouble stays until somebody changes something: a wrong password, a missing table.
    Permanent(String),
}

impl ReceiverError {
    /// For what may pass.
    pub(super) fn transient(reason: impl Into<String>) -> ReceiverError {
        ReceiverError::Transient(reason.into())
    }

    /// For what stays.
    pub(super) fn permanent(reason: impl Into<String>) -> ReceiverError {
        ReceiverError::Permanent(reason.into())
    }

    /// The error, with the place in front that it was met at.
    pub(super) fn at(self, place: impl std::fmt::Display) -> ReceiverError {
        match self {
            ReceiverError::Transient(reason) => ReceiverError::transient(format!("{place}: {reason}")),
            ReceiverError::Permanent(reason) => ReceiverError::permanent(format!("{place}: {reason}")),
        }
    }

    /// The verdict on a batch, without the secrets of the sink.
    pub(super) fn verdict(self, secrets: &Redactor) -> Verdict {
        match self {
            ReceiverError::Transient(reason) => Verdict::Retry {
                after: None,
                reason: presentable(secrets, &reason),
            },
            ReceiverError::Permanent(reason) => Verdict::Unusable {
                reason: presentable(secrets, &reason),
            },
        }
    }

    /// The error of a probe, without the secrets of the sink.
    pub(super) fn unusable(self, sink: &str, secrets: &Redactor) -> SinkError {
        let (ReceiverError::Transient(problem) | ReceiverError::Permanent(problem)) = self;
        SinkError::Unusable {
            sink: sink.to_owned(),
            problem: presentable(secrets, &problem),
            hint: None,
        }
    }
}

/// A receiver's words, in one short line without the secrets of the sink.
pub(super) fn presentable(secrets: &Redactor, said: &str) -> String {
    secrets.line(said, REASON_CHARS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_short_line() {
        let trouble = ReceiverError::transient(format!("busy\r\nX-Injected: \u{1b}[31m{}", "x".repeat(1000)));
        let none = Redactor::default();
        let Verdict::Retry { after: None, reason } = trouble.verdict(&none) else {
            panic!("it may pass");
        };
        assert!(!reason.contains(['\n', '\r', '\u{1b}']));
        assert!(reason.chars().count() <= REASON_CHARS + 1);
        assert!(
            matches!(ReceiverError::permanent("no").verdict(&none), Verdict::Unusable { reason } if reason == "no")
        );
    }

    #[test]
    fn a_secret_is_taken_out_before_a_reason_is_cut_and_after_invisible_characters_went() {
        let secrets = Redactor::default();
        secrets.add("canary-4711");
        for said in [
            "no canary-4711 here".to_owned(),
            format!("{} canary-4711", "x".repeat(REASON_CHARS - 6)),
            "no can\u{200b}ary-47\u{2060}11 here".to_owned(),
        ] {
            for trouble in [
                ReceiverError::transient(said.clone()),
                ReceiverError::permanent(said.clone()),
            ] {
                let verdict = format!("{:?}", trouble.clone().verdict(&secrets));
                let probe = format!("{:?}", trouble.unusable("s", &secrets));
                for text in [verdict, probe] {
                    assert!(!text.contains("canary") && !text.contains(" can"), "{text}");
                }
            }
        }
    }
}
