//! The bytes of a rejected row as they stand in the document. What a plugin says of a row is text, and cut to 4 KiB.

use std::io::{self, BufRead, BufReader, Read};

use event::Reject;
use sandbox::Quoting;

/// The longest row that is looked for, in bytes; more than any reader of ours takes for one.
const LONGEST: usize = 2 << 20;
/// How often it may be necessary to look at an earlier line: rejects come in the document's order, nearly.
const RETURNS: u32 = 32;
/// A text of at least so many bytes may have been cut: the WIT package lets records be cut at 4096 bytes, and a character has
/// up to four.
const MAY_BE_CUT: usize = 4096 - 3;

/// A rejected row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bytes {
    /// The row's bytes, without the end of its line.
    pub(crate) raw: Vec<u8>,
    /// True where these are all of the row.
    pub(crate) whole: bool,
}

/// Finds lines by their number. A CR LF, a CR and an LF each end a line, as readers of tables count.
pub(crate) struct NumberedLines<F, R> {
    open: F,
    reader: BufReader<R>,
    /// The line that begins at the reader's place, from 1.
    line: u64,
    returns: u32,
}

impl<F: Fn() -> R, R: Read> NumberedLines<F, R> {
    /// Of the document that `open` reads from its start.
    pub(crate) fn new(open: F) -> Self {
        NumberedLines {
            reader: BufReader::with_capacity(64 * 1024, open()),
            open,
            line: 1,
            returns: RETURNS,
        }
    }

    /// The row as it stands in the document where it can be found at its line, else what the plugin says of it.
    pub(crate) fn of(&mut self, reject: &Reject, quoting: Quoting) -> io::Result<Bytes> {
        let told = reject.raw.as_str();
        let cut = told.len() >= MAY_BE_CUT;
        if let Some(found) = self.find(reject.line, breaks(told))? {
            let raw = found.trim_ascii_end();
            let blanks = raw.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
            // The mark may stand before the first record.
            let raw = raw
                .strip_prefix(b"\xef\xbb\xbf")
                .unwrap_or(raw.get(blanks..).unwrap_or(raw));
            let quoted = quoting.bytes(raw);
            // The plugin may have masked it itself.
            if is_told(raw, told, cut) || is_told(&quoted, told, cut) {
                return Ok(Bytes {
                    whole: raw.len() < LONGEST,
                    raw: quoted.into_owned(),
                });
            }
        }
        Ok(Bytes {
            raw: quoting.bytes(told.as_bytes()).into_owned(),
            whole: !cut,
        })
    }

    /// A line and so many behind it; none where there is no such line, or it lies too far back.
    fn find(&mut self, line: u64, more: u64) -> io::Result<Option<Vec<u8>>> {
        if line == 0 {
            return Ok(None);
        }
        if line < self.line {
            if self.returns == 0 {
                return Ok(None);
            }
            self.returns -= 1;
            self.reader = BufReader::with_capacity(64 * 1024, (self.open)());
            self.line = 1;
        }
        while self.line < line {
            if !pass(&mut self.reader, &mut |_| {})? {
                return Ok(None);
            }
            self.line += 1;
        }
        let mut found = Vec::new();
        for _ in 0..=more {
            let mut keep = |part: &[u8]| {
                let room = LONGEST.saturating_sub(found.len());
                found.extend_from_slice(part.get(..room).unwrap_or(part));
            };
            if !pass(&mut self.reader, &mut keep)? {
                break;
            }
            self.line += 1;
        }
        Ok(Some(found).filter(|found| !found.is_empty()))
    }
}

/// True of the row that a plugin tells, perhaps only its beginning.
fn is_told(row: &[u8], told: &str, cut: bool) -> bool {
    let text = String::from_utf8_lossy(row);
    text == told || cut && text.starts_with(told.trim_end_matches('\u{fffd}'))
}

/// Reads to the end of a line; false at the document's end.
fn pass(reader: &mut BufReader<impl Read>, each: &mut impl FnMut(&[u8])) -> io::Result<bool> {
    let mut any = false;
    loop {
        let buffer = fill(reader)?;
        if buffer.is_empty() {
            return Ok(any);
        }
        any = true;
        let Some(at) = memchr::memchr2(b'\n', b'\r', buffer) else {
            each(buffer);
            let length = buffer.len();
            reader.consume(length);
            continue;
        };
        let line = buffer.get(..=at).unwrap_or(buffer);
        each(line);
        let returned = line.ends_with(b"\r");
        reader.consume(at + 1);
        if returned && fill(reader)?.first() == Some(&b'\n') {
            each(b"\n");
            reader.consume(1);
        }
        return Ok(true);
    }
}

fn fill<R: Read>(reader: &mut BufReader<R>) -> io::Result<&[u8]> {
    loop {
        match reader.fill_buf() {
            Ok(_) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    reader.fill_buf()
}

/// How many line breaks there are within a text.
fn breaks(text: &str) -> u64 {
    let text = text.as_bytes();
    memchr::memchr2_iter(b'\n', b'\r', text)
        .filter(|at| text.get(*at) != Some(&b'\n') || at.checked_sub(1).and_then(|at| text.get(at)) != Some(&b'\r'))
        .count() as u64
}

/// The first lines of a document, so many at most and of so many bytes, each with its end.
pub(crate) fn head(document: impl Read, most: usize, bytes: u64) -> io::Result<Vec<Vec<u8>>> {
    let mut reader = BufReader::new(document.take(bytes));
    let mut lines = Vec::new();
    while lines.len() < most {
        let mut line = Vec::new();
        if !pass(&mut reader, &mut |part| line.extend_from_slice(part))? {
            break;
        }
        lines.push(line);
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reject(line: u64, raw: &str) -> Reject {
        Reject {
            line,
            reason: "x".into(),
            raw: raw.into(),
        }
    }

    fn found(document: &[u8], rejects: &[Reject]) -> Vec<(Vec<u8>, bool)> {
        quoted(document, rejects, Quoting::AsItCame)
    }

    fn quoted(document: &[u8], rejects: &[Reject], quoting: Quoting) -> Vec<(Vec<u8>, bool)> {
        let mut lines = NumberedLines::new(|| document);
        let of = |reject: &Reject| lines.of(reject, quoting).map(|bytes| (bytes.raw, bytes.whole));
        rejects.iter().map(of).collect::<io::Result<_>>().unwrap()
    }

    #[test]
    fn a_row_has_the_bytes_of_its_line_whatever_ends_lines() {
        for end in ["\n", "\r\n", "\r"] {
            let rows: [&[u8]; 4] = [b"head", b"", b" one\xff", b"two  "];
            let document = rows.join(end.as_bytes());
            let found = found(
                &document,
                &[reject(3, "one\u{fffd}"), reject(4, "two"), reject(3, "one\u{fffd}")],
            );
            let one = (b"one\xff".to_vec(), true);
            assert_eq!(found, [one.clone(), (b"two".to_vec(), true), one], "{end:?}");
        }
    }

    #[test]
    fn a_row_over_several_lines_has_them_all() {
        let document = b"head\n\"a\r\nb\",c\nnext\n";
        let found = found(document, &[reject(2, "\"a\r\nb\",c"), reject(4, "next")]);
        assert_eq!(found, [(b"\"a\r\nb\",c".to_vec(), true), (b"next".to_vec(), true)]);
    }

    #[test]
    fn a_row_that_was_cut_is_whole_again() {
        let long = "é".repeat(5000);
        let document = format!("head\n{long}\n");
        let found = found(document.as_bytes(), &[reject(2, &long[..4096])]);
        assert_eq!(found, [(long.into_bytes(), true)]);
    }

    #[test]
    fn a_row_is_masked_as_a_whole_whether_or_not_its_plugin_masks_it() {
        let row = format!(
            r#"{{"a":"{}","\u0041uthorization":["hunter2"],"n":1}}"#,
            "x".repeat(5000)
        );
        let masked = row.replace(r#"["hunter2"]"#, "\"***\"");
        let short = r#"{"credentials":"hunter2"}"#;
        let document = format!("{row}\n{short}\n");
        for told in [&row[..4096], &masked[..4096]] {
            let found = quoted(document.as_bytes(), &[reject(1, told)], Quoting::Masked);
            assert_eq!(found, [(masked.clone().into_bytes(), true)]);
        }
        for (line, told) in [(2, short), (2, r#"{"credentials":"***"}"#), (7, short)] {
            let found = quoted(document.as_bytes(), &[reject(line, told)], Quoting::Masked);
            assert_eq!(found, [(br#"{"credentials":"***"}"#.to_vec(), true)], "{line} {told}");
        }
        let found = quoted(document.as_bytes(), &[reject(2, short)], Quoting::AsItCame);
        assert_eq!(found, [(short.as_bytes().to_vec(), true)]);
    }

    #[test]
    fn what_does_not_stand_at_its_line_is_what_the_plugin_says() {
        let cut = "y".repeat(4096);
        let found = found(
            b"a\nb\n",
            &[reject(7, "b"), reject(0, "b"), reject(1, "b"), reject(2, &cut)],
        );
        let told = (b"b".to_vec(), true);
        assert_eq!(found, [told.clone(), told.clone(), told, (cut.into_bytes(), false)]);
    }

    #[test]
    fn the_head_of_a_document_is_its_first_lines_with_their_ends() {
        assert_eq!(
            head(&b"a\r\nb\nc"[..], 2, 100).unwrap(),
            [b"a\r\n".to_vec(), b"b\n".to_vec()]
        );
        assert_eq!(head(&b"a\nbcd"[..], 9, 4).unwrap(), [b"a\n".to_vec(), b"bc".to_vec()]);
        assert!(head(&b""[..], 9, 4).unwrap().is_empty());
    }
}
