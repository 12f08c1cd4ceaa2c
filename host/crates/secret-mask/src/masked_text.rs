//! A text that is copied with masks in the place of some of its parts.

use std::ops::Range;

/// A text, of which parts are replaced in their order.
pub struct MaskedText<'t> {
    text: &'t str,
    /// Up to here it is in `out`.
    copied: usize,
    out: String,
}

impl<'t> MaskedText<'t> {
    pub fn of(text: &'t str) -> MaskedText<'t> {
        MaskedText {
            text,
            copied: 0,
            out: String::new(),
        }
    }

    /// The text as it was.
    pub fn text(&self) -> &'t str {
        self.text
    }

    /// The place up to which it is decided.
    pub fn copied(&self) -> usize {
        self.copied
    }

    /// Replaces a part behind the last one.
    pub fn replace(&mut self, part: Range<usize>, by: &str) {
        self.out
            .push_str(self.text.get(self.copied..part.start).unwrap_or_default());
        self.out.push_str(by);
        self.copied = part.end;
    }

    /// The text with what was replaced; none where nothing was.
    pub fn finish(mut self) -> Option<String> {
        if self.copied == 0 && self.out.is_empty() {
            return None;
        }
        self.replace(self.text.len()..self.text.len(), "");
        Some(self.out)
    }
}
