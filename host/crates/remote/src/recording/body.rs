//! The body of an answer on its way into a recording.
//!
//! What the connection knows is taken out of it piece by piece. Secrets of others go by what stands around them, so a body that may
//! hold some is written once all of it is there; one that is too long for that is not in the recording.

use std::sync::{Mutex, PoisonError};

use crate::redact::{Redactor, Scrubber};

/// The most of a body that waits to be masked, in bytes. A page of a list may have more, and masking takes memory several times over.
pub(super) const MOST: usize = 32 << 20;

/// Held by whoever masks a body: one is masked at a time, however many connections record.
static MASKING: Mutex<()> = Mutex::new(());

/// A body as it comes, without secrets.
pub(super) struct RecordedBody {
    scrubber: Scrubber,
    held: HeldBody,
}

enum HeldBody {
    /// Nothing of it is masked, and nothing waits.
    Nothing,
    /// The bytes that came so far.
    Bytes(Vec<u8>),
    /// More than can wait.
    TooMuch,
}

impl RecordedBody {
    /// A body whose first piece has not come.
    pub(super) fn new(redactor: &Redactor) -> RecordedBody {
        RecordedBody {
            scrubber: redactor.scrubber(),
            held: match redactor.masks() {
                true => HeldBody::Bytes(Vec::new()),
                false => HeldBody::Nothing,
            },
        }
    }

    /// Takes the next piece, gives what can be written.
    pub(super) fn push(&mut self, piece: &[u8]) -> Vec<u8> {
        let clean = self.scrubber.push(piece);
        self.held.take(clean)
    }

    /// The rest of a body that ended; none of one that is too long to be masked.
    pub(super) fn finish(mut self) -> Option<Vec<u8>> {
        let rest = self.scrubber.finish();
        self.held.end(rest)
    }

    /// The rest of a body that broke off, perhaps in the middle of a secret.
    pub(super) fn break_off(mut self) -> Option<Vec<u8>> {
        let rest = self.scrubber.break_off();
        self.held.end(rest)
    }
}

impl HeldBody {
    fn take(&mut self, clean: Vec<u8>) -> Vec<u8> {
        match self {
            HeldBody::Nothing => return clean,
            HeldBody::Bytes(held) if held.len() + clean.len() <= MOST => held.extend_from_slice(&clean),
            HeldBody::Bytes(_) | HeldBody::TooMuch => *self = HeldBody::TooMuch,
        }
        Vec::new()
    }

    fn end(&mut self, rest: Vec<u8>) -> Option<Vec<u8>> {
        let rest = self.take(rest);
        match self {
            HeldBody::Nothing => Some(rest),
            HeldBody::Bytes(held) => {
                let _turn = MASKING.lock().unwrap_or_else(PoisonError::into_inner);
                Some(secret_mask::records_bytes(held).into_owned())
            }
            HeldBody::TooMuch => None,
        }
    }
}
