//! A text that grows by short pieces: most of what an event says is a few bytes long. A module's own moves of a register
//! or two copy those for less than a call of the host's `memory.copy` costs.

#![allow(unsafe_code)]

use alloc::{string::String, vec::Vec};
use core::fmt;

/// Pieces up to this long are copied here.
const SHORT: usize = 64;

/// A growing text. It is made of whole texts only, and so is one at any time.
#[derive(Default, Clone, PartialEq, Eq)]
pub struct Text(Vec<u8>);

impl Text {
    /// An empty text with room for so many bytes.
    pub fn with_capacity(bytes: usize) -> Text {
        Text(Vec::with_capacity(bytes))
    }

    /// Appends a text.
    #[inline(always)]
    pub fn push(&mut self, text: &str) {
        append(&mut self.0, text.as_bytes());
    }

    /// Cuts the text to what it was at that length.
    pub fn truncate(&mut self, length: usize) {
        if self.as_str().is_char_boundary(length) {
            self.0.truncate(length);
        }
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        // SAFETY: only whole texts are ever appended.
        unsafe { str::from_utf8_unchecked(&self.0) }
    }
}

impl From<Text> for String {
    fn from(text: Text) -> String {
        // SAFETY: only whole texts are ever appended.
        unsafe { String::from_utf8_unchecked(text.0) }
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(formatter)
    }
}

/// Appends bytes, short ones as blocks of a size that the compiler knows: the last block may overlap the one before. No
/// loop, since each round of one asks whether time is up.
#[inline(always)]
fn append(to: &mut Vec<u8>, bytes: &[u8]) {
    let length = bytes.len();
    if length > SHORT || to.capacity() - to.len() < SHORT {
        to.extend_from_slice(bytes);
        return;
    }
    let from = bytes.as_ptr();
    // SAFETY: there is room for `SHORT` bytes behind those that are there; blocks lie within the first `length` of them, and
    // within `bytes`. All `length` are written before they count.
    unsafe {
        let room = to.as_mut_ptr().add(to.len());
        if length >= 16 {
            block::<u128>(from, room);
            if length > 32 {
                block::<u128>(from.add(16), room.add(16));
                block::<u128>(from.add(length - 32), room.add(length - 32));
            }
            block::<u128>(from.add(length - 16), room.add(length - 16));
        } else if length >= 8 {
            block::<u64>(from, room);
            block::<u64>(from.add(length - 8), room.add(length - 8));
        } else if length >= 4 {
            block::<u32>(from, room);
            block::<u32>(from.add(length - 4), room.add(length - 4));
        } else if length > 0 {
            block::<u8>(from, room);
            block::<u8>(from.add(length / 2), room.add(length / 2));
            block::<u8>(from.add(length - 1), room.add(length - 1));
        }
        to.set_len(to.len() + length);
    }
}

/// Copies as many bytes as a number has.
///
/// # Safety
///
/// So many can be read and written.
#[inline(always)]
unsafe fn block<N: Copy>(from: *const u8, to: *mut u8) {
    // SAFETY: the caller's; no alignment is asked for.
    unsafe { to.cast::<N>().write_unaligned(from.cast::<N>().read_unaligned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_any_length_follow_each_other() {
        let alphabet: String = ('!'..='~').chain('à'..='ÿ').collect();
        let (mut text, mut expected) = (Text::default(), String::new());
        for end in (0..=alphabet.len()).filter(|end| alphabet.is_char_boundary(*end)) {
            text.push(&alphabet[..end]);
            expected.push_str(&alphabet[..end]);
            assert_eq!(text.as_str(), expected);
        }
        assert_eq!(String::from(text), expected);
    }
}
