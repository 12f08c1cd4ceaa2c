//! A JSON text that is read value by value, so that only the one at hand is in memory.
//!
//! [`ValueReader`] knows objects and lists as far as it is led into them, and checks all else as a whole: its grammar, and for
//! what is handed out that it is text. The limit is one of a value: longer ones are an error, so that no text is held whole.

use std::io::{self, Read};
use std::ops::Range;

use serde::de::IgnoredAny;

use crate::error::FetchError;

/// Bytes that are read at once.
const CHUNK: usize = 128 * 1024;

/// Objects within objects that are passed over member by member, and not as one value.
const DEPTH: u32 = 8;

/// The reason why a text cannot be read.
#[derive(Debug)]
pub(crate) enum ValuesError {
    /// The text is not JSON of the expected form.
    Form(String),
    /// Reading failed.
    Io(io::Error),
    /// Whoever took the values failed.
    Taker(FetchError),
}

impl From<io::Error> for ValuesError {
    fn from(error: io::Error) -> Self {
        ValuesError::Io(error)
    }
}

impl ValuesError {
    pub(crate) fn form(why: impl Into<String>) -> ValuesError {
        ValuesError::Form(why.into())
    }
}

type Result<T> = std::result::Result<T, ValuesError>;

/// A JSON text, from where reading is.
pub(crate) struct ValueReader<R> {
    body: R,
    buffer: Vec<u8>,
    /// The place in the buffer that is read next.
    at: usize,
    /// True once the buffer holds the end of the text.
    over: bool,
    /// Bytes that a value may have.
    most: usize,
}

impl<R: Read> ValueReader<R> {
    /// Reads a text of whose values none may have more bytes than `most`. A byte order mark is passed over.
    pub(crate) fn new(body: R, most: usize) -> Result<ValueReader<R>> {
        let mut values = ValueReader {
            body,
            buffer: Vec::new(),
            at: 0,
            over: false,
            most,
        };
        values.fill()?;
        if values.buffer.starts_with(b"\xef\xbb\xbf") {
            values.at = 3;
        }
        Ok(values)
    }

    /// The next byte that is no white space; none at the end.
    pub(crate) fn peek(&mut self) -> Result<Option<u8>> {
        loop {
            while let Some(byte) = self.buffer.get(self.at) {
                if !matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
                    return Ok(Some(*byte));
                }
                self.at += 1;
            }
            if self.over {
                return Ok(None);
            }
            self.fill()?;
        }
    }

    /// The value that begins here.
    pub(crate) fn value(&mut self) -> Result<&str> {
        let span = self.span()?;
        let bytes = self.buffer.get(span).unwrap_or_default();
        std::str::from_utf8(bytes).map_err(|_| ValuesError::form("a value in it is not UTF-8"))
    }

    /// Passes the value that begins here, however long it is, as far as it consists of shorter ones.
    pub(crate) fn skip(&mut self) -> Result<()> {
        self.skip_within(DEPTH)
    }

    fn skip_within(&mut self, depth: u32) -> Result<()> {
        match self.peek()? {
            Some(b'[') => self.elements(|values| values.span().map(drop)),
            Some(b'{') if depth > 0 => self.object(|_, values| values.skip_within(depth - 1)),
            _ => self.span().map(drop),
        }
    }

    /// Hands out each element of the list that begins here.
    pub(crate) fn list(&mut self, mut each: impl FnMut(&str) -> Result<()>) -> Result<()> {
        self.elements(|values| each(values.value()?))
    }

    /// Passes the list that begins here; `element` passes each of its elements.
    fn elements(&mut self, mut element: impl FnMut(&mut Self) -> Result<()>) -> Result<()> {
        self.expect(b'[', "a list")?;
        if self.peek()? == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            element(self)?;
            match self.next()? {
                Some(b',') => {}
                Some(b']') => return Ok(()),
                Some(_) => return Err(ValuesError::form("`,` or `]` is missing behind an element of a list")),
                None => return Err(broken_off()),
            }
        }
    }

    /// Passes the object that begins here; `member` is told the name of each member, and passes its value.
    pub(crate) fn object(&mut self, mut member: impl FnMut(&str, &mut Self) -> Result<()>) -> Result<()> {
        self.expect(b'{', "an object")?;
        if self.peek()? == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            if self.peek()? != Some(b'"') {
                return Err(ValuesError::form("the name of a member is missing"));
            }
            let name: String =
                serde_json::from_str(self.value()?).map_err(|error| ValuesError::form(error.to_string()))?;
            self.expect(b':', "`:` behind the name of a member")?;
            member(&name, self)?;
            match self.next()? {
                Some(b',') => {}
                Some(b'}') => return Ok(()),
                Some(_) => return Err(ValuesError::form("`,` or `}` is missing behind a member of an object")),
                None => return Err(broken_off()),
            }
        }
    }

    /// True where an object begins here; false, and past it, where `null` or an empty list stands in its place.
    pub(crate) fn enters_object(&mut self) -> Result<bool> {
        match self.peek()? {
            Some(b'{') => return Ok(true),
            Some(b'[') => {
                self.at += 1;
                if self.next()? == Some(b']') {
                    return Ok(false);
                }
            }
            _ => {
                if self.value()? == "null" {
                    return Ok(false);
                }
            }
        }
        Err(ValuesError::form("a member on the way is no object"))
    }

    /// The value at the end of a path of members, as it is written; none where one of them is missing. Names are compared without
    /// regard to case, and no other value in the object that begins here is held.
    pub(crate) fn at_path(&mut self, path: &[String]) -> Result<Option<String>> {
        let Some((first, below)) = path.split_first() else {
            return Ok(Some(self.value()?.to_owned()));
        };
        if !self.enters_object()? {
            return Ok(None);
        }
        let mut found = None;
        self.object(|name, values| {
            if !name.eq_ignore_ascii_case(first) {
                return values.skip();
            }
            if found.is_some() {
                return Err(ValuesError::form("a member comes twice"));
            }
            found = values.at_path(below)?;
            Ok(())
        })?;
        Ok(found)
    }

    /// Makes sure that nothing follows.
    pub(crate) fn end(&mut self) -> Result<()> {
        match self.peek()? {
            None => Ok(()),
            Some(_) => Err(ValuesError::form("something follows its end")),
        }
    }

    fn next(&mut self) -> Result<Option<u8>> {
        let next = self.peek()?;
        self.at += usize::from(next.is_some());
        Ok(next)
    }

    fn expect(&mut self, byte: u8, what: &str) -> Result<()> {
        match self.next()? {
            Some(next) if next == byte => Ok(()),
            Some(_) => Err(ValuesError::form(format!("{what} is missing"))),
            None => Err(broken_off()),
        }
    }

    /// Passes the value that begins here; says where in the buffer it is.
    fn span(&mut self) -> Result<Range<usize>> {
        self.peek()?;
        loop {
            let rest = self.buffer.get(self.at..).unwrap_or_default();
            let (read, length) = {
                let mut stream = serde_json::Deserializer::from_slice(rest).into_iter::<IgnoredAny>();
                (stream.next(), stream.byte_offset())
            };
            let why = match read {
                // At the end of what is here, a number may go on.
                Some(Ok(_)) if length < rest.len() || self.over => {
                    let span = self.at..self.at + length;
                    self.at = span.end;
                    return Ok(span);
                }
                Some(Ok(_)) => None,
                // What looks wrong may only be cut, as `1.` is.
                Some(Err(error)) => Some(error),
                None => return Err(broken_off()),
            };
            let is_long = rest.len() > self.most;
            match why {
                Some(error) if self.over && error.is_eof() => return Err(broken_off()),
                // Its line and column would be those of the value.
                Some(error) if self.over || is_long && !error.is_eof() => {
                    let text = error.to_string();
                    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
                    return Err(ValuesError::form(text));
                }
                _ if is_long => return Err(ValuesError::form(format!("a value has more than {} bytes", self.most))),
                _ => self.fill()?,
            }
        }
    }

    /// Reads as much as is here once more, a chunk at least.
    fn fill(&mut self) -> Result<()> {
        self.buffer.drain(..self.at);
        self.at = 0;
        let wanted = self.buffer.len().max(CHUNK);
        let read = self.body.by_ref().take(wanted as u64).read_to_end(&mut self.buffer)?;
        self.over = read < wanted;
        Ok(())
    }
}

fn broken_off() -> ValuesError {
    ValuesError::form("it breaks off")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elements(text: &str, most: usize) -> std::result::Result<Vec<String>, String> {
        let (mut values, mut found) = (ValueReader::new(text.as_bytes(), most).unwrap(), Vec::new());
        let read = values.list(|element| {
            found.push(element.to_owned());
            Ok(())
        });
        match read.and_then(|()| values.end()) {
            Ok(()) => Ok(found),
            Err(ValuesError::Form(why)) => Err(why),
            Err(error) => panic!("{error:?}"),
        }
    }

    #[test]
    fn values_that_lie_across_what_is_read_at_once_come_out_whole() {
        // A chunk ends at each place of a number, a word, an escape and a letter of several bytes.
        let tail = r#"-12.5e+3,true,{"a":"\u00e9\\é","b":[1.5,null]}"#;
        for before in CHUNK - tail.len() - 8..CHUNK {
            let first = format!("\"{}\"", "x".repeat(before));
            let found = elements(&format!("[{first},{tail}]"), CHUNK).unwrap();
            let expected = [&first, "-12.5e+3", "true", r#"{"a":"\u00e9\\é","b":[1.5,null]}"#];
            assert_eq!(found, expected, "{before}");
        }
        assert_eq!(elements(" \n[ ] ", 10).unwrap().len(), 0);
        assert_eq!(elements("\u{feff}[1 , 2]", 10).unwrap(), ["1", "2"]);
    }

    #[test]
    fn a_value_that_is_too_long_is_an_error_and_is_not_held() {
        let long = format!("[1,\"{}\"]", "x".repeat(20 * CHUNK));
        let mut values = ValueReader::new(long.as_bytes(), CHUNK).unwrap();
        let why = values.list(|_| Ok(())).unwrap_err();
        assert!(
            matches!(&why, ValuesError::Form(why) if why.contains("more than")),
            "{why:?}"
        );
        assert!(values.buffer.capacity() < 8 * CHUNK, "{}", values.buffer.capacity());
        // Many that are short are passed, however deep they lie, in little memory.
        let many = format!("{{\"a\":{{\"b\":[{}1]}},\"c\":7}}", "[1,2],".repeat(CHUNK));
        let mut values = ValueReader::new(many.as_bytes(), 1000).unwrap();
        assert_eq!(values.at_path(&["c".to_owned()]).unwrap().as_deref(), Some("7"));
        assert!(values.buffer.capacity() < 8 * CHUNK, "{}", values.buffer.capacity());
    }

    #[test]
    fn what_breaks_the_grammar_is_refused() {
        for text in [
            "",
            "7",
            "{}",
            "[",
            "[1",
            "[1,",
            "[1,]",
            "[,1]",
            "[1 2]",
            "[1] x",
            "[tru]",
            "[1.]",
            "[\"a]",
            "[{\"a\":]]",
            "[\"\u{1}\"]",
            "[[1}]",
        ] {
            assert!(elements(text, 1000).is_err(), "{text}");
        }
        for text in [&b"[\"\xff\"]"[..], b"[\"\\x\"]"] {
            let mut values = ValueReader::new(text, 1000).unwrap();
            assert!(values.list(|_| Ok(())).is_err());
        }
        for text in [
            "{\"a\"}",
            "{\"a\":}",
            "{a:1}",
            "{\"a\":1,}",
            "{\"a\":1 \"b\":2}",
            "{\"a\":1",
        ] {
            let mut values = ValueReader::new(text.as_bytes(), 1000).unwrap();
            assert!(values.skip().and_then(|()| values.end()).is_err(), "{text}");
        }
    }
}
