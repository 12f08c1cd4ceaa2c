//! Secrets taken out of a stream of bytes.

use secrecy::{ExposeSecret, SecretString};

use super::needles::SHORTEST;
use crate::spelling;

/// The text that replaces a secret.
pub(crate) const REDACTED: &str = "[redacted]";

/// Replaces secrets in a stream of bytes, however they are spelled there, even those that straddle two pieces. What it wrote it
/// does not look at again.
pub(crate) struct Scrubber {
    needles: Vec<SecretString>,
    /// By the byte that is there, the needles that may begin with it.
    starts: Vec<Vec<usize>>,
    /// The most bytes that a needle may take.
    longest: usize,
    held: Vec<u8>,
    /// The byte before those held.
    before: u8,
    /// The number of bytes held that belong to a secret that is replaced already.
    covered: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum End {
    NotYet,
    Complete,
    BrokenOff,
}

impl Scrubber {
    pub(super) fn new(needles: Vec<SecretString>) -> Scrubber {
        let starts = (0..=u8::MAX).map(|byte| {
            let begins = |needle: &SecretString| needle.expose_secret().as_bytes().first() == Some(&byte);
            let is_escape = spelling::STARTS.contains(&byte);
            let places = needles.iter().enumerate();
            places
                .filter(|(_, needle)| is_escape || begins(needle))
                .map(|(place, _)| place)
                .collect()
        });
        let starts = starts.collect();
        let lengths = needles.iter().map(|needle| needle.expose_secret().len());
        Scrubber {
            longest: lengths.max().unwrap_or_default() * spelling::MOST_FOR_A_BYTE,
            needles,
            starts,
            held: Vec::new(),
            before: b' ',
            covered: 0,
        }
    }

    /// Takes the next piece, gives what can be written.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(piece);
        self.advance(End::NotYet)
    }

    /// The rest of a stream that ended.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.advance(End::Complete)
    }

    /// The rest of a stream that broke off, perhaps in the middle of a secret.
    pub(crate) fn break_off(mut self) -> Vec<u8> {
        self.advance(End::BrokenOff)
    }

    fn advance(&mut self, end: End) -> Vec<u8> {
        let held = std::mem::take(&mut self.held);
        let mut clean = Vec::with_capacity(held.len());
        let mut rest = held.as_slice();
        while let [byte, after @ ..] = rest {
            // A secret, and the byte after it that tells whether it stands alone, might not be here yet.
            if end == End::NotYet && rest.len() <= self.longest {
                break;
            }
            if let Some(length) = self.secret_at(rest, end) {
                if self.covered == 0 {
                    clean.extend_from_slice(REDACTED.as_bytes());
                }
                self.covered = self.covered.max(length);
            }
            match self.covered.checked_sub(1) {
                Some(less) => self.covered = less,
                None => clean.push(*byte),
            }
            self.before = *byte;
            rest = after;
        }
        self.held = rest.to_vec();
        clean
    }

    /// The length of the longest secret that the text begins with.
    fn secret_at(&self, text: &[u8], end: End) -> Option<usize> {
        let places = self.starts.get(usize::from(*text.first()?))?;
        let lengths = places.iter().filter_map(|place| {
            let needle = self.needles.get(*place)?;
            let needle = needle.expose_secret();
            let found = spelling::of(needle, text);
            if end == End::BrokenOff && text.len() >= SHORTEST && found.may_go_on {
                return Some(text.len());
            }
            let is_apart = |length: &usize| {
                let after = text.get(*length).copied();
                needle.len() >= SHORTEST || (!is_word(self.before) && !after.is_some_and(is_word))
            };
            found.lengths.into_iter().filter(is_apart).max()
        });
        lengths.max()
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}
