//! Why a receiver that is no HTTP endpoint does not take events.

use super::{SinkError, Verdict};
use crate::remote;

/// How much of a receiver's explanation is kept.
const REASON_CHARS: usize = 300;

/// What went wrong with all that was sent, in one line without the events' content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It may go by itself: nobody answers, or the receiver is busy.
    Passing(String),
    /// It stays until somebody changes something: a wrong password, a missing table.
    Lasting(String),
}

impl Trouble {
    /// For what may pass.
    pub(super) fn passing(reason: impl AsRef<str>) -> Trouble {
        Trouble::Passing(remote::one_line(reason.as_ref(), REASON_CHARS))
    }

    /// For what stays.
    pub(super) fn lasting(reason: impl AsRef<str>) -> Trouble {
        Trouble::Lasting(remote::one_line(reason.as_ref(), REASON_CHARS))
    }

    /// The same, with the place in front that it was met at.
    pub(super) fn at(self, place: impl std::fmt::Display) -> Trouble {
        match self {
            Trouble::Passing(reason) => Trouble::passing(format!("{place}: {reason}")),
            Trouble::Lasting(reason) => Trouble::lasting(format!("{place}: {reason}")),
        }
    }

    /// What it means for a batch.
    pub(super) fn verdict(self) -> Verdict {
        match self {
            Trouble::Passing(reason) => Verdict::Retry { after: None, reason },
            Trouble::Lasting(reason) => Verdict::Unusable { reason },
        }
    }

    /// What it means for a probe.
    pub(super) fn unusable(self, sink: &str) -> SinkError {
        let (Trouble::Passing(problem) | Trouble::Lasting(problem)) = self;
        SinkError::Unusable {
            sink: sink.to_owned(),
            problem,
            hint: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_short_line() {
        let trouble = Trouble::passing(format!("busy\r\nX-Injected: \u{1b}[31m{}", "x".repeat(1000)));
        let Verdict::Retry { after: None, reason } = trouble.verdict() else {
            panic!("it may pass");
        };
        assert!(!reason.contains(['\n', '\r', '\u{1b}']));
        assert!(reason.chars().count() <= REASON_CHARS + 1);
        assert!(matches!(Trouble::lasting("no").verdict(), Verdict::Unusable { reason } if reason == "no"));
    }
}
