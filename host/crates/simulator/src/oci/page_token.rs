//! Tokens of pages, as OCI's look: url-safe base64 with padding, so that a client has to encode them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;

use crate::chance::mix;

/// The place at which a page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PageToken {
    /// The first index that it may hold or, where the order is the other way round, the one after it.
    pub(super) cursor: i64,
    /// True where an empty page has been before it.
    pub(super) after_empty: bool,
}

/// The first bytes of the vendor's tokens.
const HEAD: [u8; 3] = [0x00, 0xFD, 0xFB];

impl PageToken {
    /// The text of a token that holds for one query only: `query` is a number that stands for it.
    pub(super) fn text(self, query: u64) -> String {
        let mut bytes = HEAD.to_vec();
        bytes.extend(self.seal(query).to_be_bytes());
        bytes.push(u8::from(self.after_empty));
        bytes.extend((self.cursor.cast_unsigned() ^ query).to_be_bytes());
        // Two more make the padding as long as it is there.
        bytes.extend([0xFB, 0xEF]);
        URL_SAFE.encode(bytes)
    }

    /// The token of a text that was made for that query.
    pub(super) fn read(text: &str, query: u64) -> Option<Self> {
        let bytes = URL_SAFE.decode(text).ok()?;
        let cursor: [u8; 8] = bytes.get(12..20)?.try_into().ok()?;
        let token = Self {
            cursor: (u64::from_be_bytes(cursor) ^ query).cast_signed(),
            after_empty: *bytes.get(11)? == 1,
        };
        (token.text(query) == text).then_some(token)
    }

    fn seal(self, query: u64) -> u64 {
        mix(&[query, self.cursor.cast_unsigned(), u64::from(self.after_empty)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_url_safe_base64_with_padding_and_good_for_one_query() {
        for (cursor, after_empty) in [(0, false), (81_088_123, true), (i64::MAX, false), (-1, true)] {
            let token = PageToken { cursor, after_empty };
            let text = token.text(7);
            assert!(text.starts_with("AP37") && text.ends_with("=="), "{text}");
            assert_eq!(PageToken::read(&text, 7), Some(token));
            assert_eq!(PageToken::read(&text, 8), None);
        }
        for text in ["", "AP37", "zz", "====", "AP37-f_9__7--fX89fXpjP_-9fn8-P36-vr9-vv4_A=="] {
            assert_eq!(PageToken::read(text, 7), None, "{text}");
        }
    }
}
