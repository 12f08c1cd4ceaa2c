//! Splits the records that nearly all reports consist of: whole in the chunk, on one line, with quotes only around whole
//! cells. Whatever is not so is left to the reader of [`table`](crate::table), which knows every case; what both can read
//! they read alike.

use crate::table::MAX_CELLS;

/// Where a cell stands in its record: its first byte, and the first behind it.
pub(crate) type Span = (usize, usize);

/// A record that goes on for longer is not plain, so that little is read twice.
const MOST: usize = 64 << 10;

/// Splits the record that `bytes` begins with, and says where its line ends; none where the record is not plain.
pub(crate) fn split(bytes: &[u8], spans: &mut Vec<Span>) -> Option<usize> {
    spans.clear();
    let bytes = bytes.get(..MOST).unwrap_or(bytes);
    let mut at = 0;
    loop {
        at += blanks(bytes.get(at..)?);
        let span = if bytes.get(at) == Some(&b'"') {
            let start = at + 1;
            let end = start + find(bytes.get(start..)?, |byte| matches!(byte, b'"' | b'\r' | b'\n'))?;
            if bytes.get(end) != Some(&b'"') {
                return None;
            }
            at = end + 1;
            at += blanks(bytes.get(at..)?);
            (start, end)
        } else {
            let start = at;
            at += find(bytes.get(start..)?, |byte| matches!(byte, b',' | b'"' | b'\r' | b'\n'))?;
            let cell = bytes.get(start..at)?;
            let trailing = cell.iter().rev().take_while(|byte| is_blank(**byte)).count();
            (start, at - trailing)
        };
        spans.push(span);
        match bytes.get(at)? {
            b'\r' | b'\n' => return Some(at),
            b',' if spans.len() < MAX_CELLS => at += 1,
            _ => return None,
        }
    }
}

fn find(bytes: &[u8], test: impl Fn(u8) -> bool) -> Option<usize> {
    bytes.iter().position(|byte| test(*byte))
}

fn blanks(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| is_blank(**byte)).count()
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(record: &str) -> Option<Vec<&str>> {
        let mut spans = Vec::new();
        split(record.as_bytes(), &mut spans)?;
        spans.iter().map(|(start, end)| record.get(*start..*end)).collect()
    }

    #[test]
    fn a_record_on_one_line_is_split() {
        for (record, wanted) in [
            ("a,b\nc,d\n", vec!["a", "b"]),
            ("a,\r", vec!["a", ""]),
            (",\n", vec!["", ""]),
            ("a b , \tc\t\r\n", vec!["a b", "c"]),
            ("\"a, b\" ,\"\",c\n", vec!["a, b", "", "c"]),
            ("\" a \"\r\n", vec![" a "]),
            ("ä,é\n", vec!["ä", "é"]),
        ] {
            assert_eq!(cells(record), Some(wanted), "{record:?}");
        }
    }

    #[test]
    fn a_record_that_needs_a_closer_look_is_left_alone() {
        for record in [
            "",
            "a,b",
            "a,\"b",
            "a,\"b\"",
            "a,\"b\nc\"\n",
            "a,\"b\"\"c\"\n",
            "a,\"b\"c\n",
            "a,b\"c\n",
        ] {
            assert_eq!(cells(record), None, "{record:?}");
        }
        assert_eq!(cells(&format!("{}\n", "a,".repeat(MAX_CELLS))), None);
        assert_eq!(cells(&format!("{}\n", "a".repeat(MOST))), None);
    }
}
