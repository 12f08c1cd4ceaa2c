//! Texts on their way into a digest, and a digest as text.

/// Appends a text after its length, so that no two lists of texts are the same bytes.
pub(super) fn put(row: &mut Vec<u8>, text: &str) {
    row.extend_from_slice(&(text.len() as u64).to_le_bytes());
    row.extend_from_slice(text.as_bytes());
}

/// Puts the digits in the place of what was there, in its memory where there is room.
pub(super) fn put_hex(text: &mut String, bytes: &[u8; 16]) {
    text.clear();
    // Digits are UTF-8.
    text.push_str(str::from_utf8(&digits(bytes)).unwrap_or_default());
}

/// The bytes in hexadecimal, as ASCII.
#[inline]
pub(super) fn digits(bytes: &[u8; 16]) -> [u8; 32] {
    let digit = |nibble: u8| nibble + if nibble < 10 { b'0' } else { b'a' - 10 };
    let mut digits = [0; 32];
    for (pair, byte) in digits.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
        *pair = [digit(byte >> 4), digit(byte & 15)];
    }
    digits
}
