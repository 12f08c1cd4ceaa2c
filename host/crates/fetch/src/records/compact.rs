//! JSON without white space between its tokens.

use std::io::{self, Write};

use memchr::{memchr_iter, memchr2, memchr3};

/// A JSON text without white space between its tokens; so it is one line.
pub fn compact(json: &str, out: &mut impl Write) -> io::Result<()> {
    let bytes = json.as_bytes();
    if is_compact(bytes) {
        return out.write_all(bytes);
    }
    let (mut from, mut at) = (0, 0);
    while let Some(byte) = bytes.get(at) {
        at += 1;
        match byte {
            // Most of a text is within strings, and these are passed over.
            b'"' => at = end_of_string(bytes, at),
            b' ' | b'\t' | b'\r' | b'\n' => {
                out.write_all(bytes.get(from..at - 1).unwrap_or_default())?;
                from = at;
            }
            _ => {}
        }
    }
    out.write_all(bytes.get(from..).unwrap_or_default())
}

/// True if a JSON text surely has no white space between its tokens: what most servers send. One of two neighbouring tokens
/// is a bracket, a brace, a comma or a colon, so white space between them has one of these, or more of it, on a side.
fn is_compact(json: &[u8]) -> bool {
    let is_structural = |place: Option<usize>| {
        let byte = place.and_then(|place| json.get(place));
        byte.is_none_or(|byte| b" {}[],:".contains(byte))
    };
    memchr3(b'\n', b'\r', b'\t', json).is_none()
        && memchr_iter(b' ', json).all(|at| !is_structural(at.checked_sub(1)) && !is_structural(at.checked_add(1)))
}

/// The end of the JSON string in which `at` is.
fn end_of_string(bytes: &[u8], mut at: usize) -> usize {
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += found + 1;
        if bytes.get(at - 1) == Some(&b'"') {
            return at;
        }
        // What the backslash escapes.
        at += 1;
    }
    bytes.len()
}
