//! Takes the records out of a JSON list in which some of them break the grammar.
//!
//! [`list`] reads what the strict readers gave up on. It finds where each record ends by its brackets and its strings,
//! and hands out a [`Piece`]: mended where that is enough, and otherwise the bytes as they came, which every parser
//! rejects. Where a stray quote or a missing bracket hides a record's end, the next place is taken where a record ends
//! for sure: one behind which another record of the list begins and is whole, or behind which the list and the answer end. Where there is no such place, and where the answer breaks off, reading fails: a page that is cut is
//! not a page.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::io::{self, Read};

use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::error::FetchError;
use super::mend::{self, Sound};

/// One record.
#[derive(Debug)]
pub(super) enum Piece<'a> {
    /// JSON as it came.
    Whole(Cow<'a, str>),
    /// JSON after mending, and marked so.
    Mended(String),
    /// No JSON, or too long; at most one byte more than a record may have.
    Broken(Vec<u8>),
}

impl<'a> Piece<'a> {
    /// A record that is JSON, of which a parser takes so many bytes.
    pub(super) fn of(record: &'a str, most: u64) -> Piece<'a> {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        if record.len() > most {
            let start = record.as_bytes().get(..=most);
            return Piece::Broken(start.unwrap_or(record.as_bytes()).to_vec());
        }
        match mend::half_characters(record.as_bytes()) {
            Some(mended) => Piece::Mended(mended.marked()),
            None => Piece::Whole(record.into()),
        }
    }

    /// A record that an earlier process wrote as a line; what was mended is marked.
    pub(super) fn kept(record: &'a str) -> Piece<'a> {
        match mend::is_marked(record) {
            true => Piece::Mended(record.to_owned()),
            false => Piece::Whole(record.into()),
        }
    }

    /// The record, where it is JSON.
    pub(super) fn json(&self) -> Option<&str> {
        match self {
            Piece::Whole(text) => Some(text),
            Piece::Mended(text) => Some(text),
            Piece::Broken(_) => None,
        }
    }

    /// What came, or was made of it.
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Piece::Whole(text) => text.as_bytes(),
            Piece::Mended(text) => text.as_bytes(),
            Piece::Broken(bytes) => bytes,
        }
    }

    /// Bytes.
    pub(super) fn len(&self) -> usize {
        match self {
            Piece::Whole(text) => text.len(),
            Piece::Mended(text) => text.len(),
            Piece::Broken(bytes) => bytes.len(),
        }
    }
}

/// What an answer says besides its records. Names of members are in lower case.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) members: Map<String, Value>,
    /// What stands where the records should be.
    pub(super) records: Option<Found>,
}

/// What stands where the records should be.
#[derive(Debug)]
pub(super) enum Found {
    /// A list, whose records were handed out.
    List,
    /// Anything else.
    Other(Value),
}

/// Why an answer cannot be read all the same.
#[derive(Debug)]
pub(super) enum SalvageError {
    /// It is not JSON of the expected form.
    Form(&'static str),
    /// Reading failed.
    Io(io::Error),
    /// Whoever took the records failed.
    Taker(FetchError),
}

impl From<io::Error> for SalvageError {
    fn from(error: io::Error) -> Self {
        SalvageError::Io(error)
    }
}

type Result<T> = std::result::Result<T, SalvageError>;

/// So many times what one record may have is looked at to find its end.
const SPAN: usize = 16;

/// A list with more broken records than this is no list.
const MOST_HIDDEN: u32 = 10_000;

/// How often each byte of an answer may be looked at to find where its records end, and how many bytes besides. Ends are
/// looked for from one place after another: where none is sure, each of them leads through all that follows.
const LOOKS: u64 = 32;
const LOOKS_BESIDES: u64 = 32 * 1024 * 1024;

/// Names of members that are remembered, and bytes that one may have: those of honest records are few.
const NAMES: usize = 4096;
const NAME_BYTES: usize = 512;

/// Bytes of a member besides the records that counts.
pub(super) const TOLD_BYTES: usize = 64 * 1024;

/// Reads a list: bare, or a member of an object, whose name is compared without regard to case. `record_bytes` is what one
/// record may have, `wanted` says which other members count.
pub(super) fn list(
    body: impl Read,
    member: Option<&str>,
    record_bytes: u64,
    wanted: impl Fn(&str) -> bool,
    mut each: impl FnMut(Piece<'static>) -> std::result::Result<(), FetchError>,
) -> Result<Told> {
    let most = usize::try_from(record_bytes).unwrap_or(usize::MAX);
    let mut text = Text::new(body, most);
    let mut told = Told::default();
    if text.peek(0)? == Some(0xef) && text.peek(1)? == Some(0xbb) && text.peek(2)? == Some(0xbf) {
        text.pass(3);
    }
    text.pass_space()?;
    let Some(member) = member else {
        if text.peek(0)? != Some(b'[') {
            return Err(SalvageError::Form("it is not a list"));
        }
        text.records(false, &mut each)?;
        told.records = Some(Found::List);
        text.pass_space()?;
        return match text.peek(0)? {
            None => Ok(told),
            Some(_) => Err(SalvageError::Form("something follows its end")),
        };
    };
    if text.peek(0)? != Some(b'{') {
        return Err(SalvageError::Form("it is not an object"));
    }
    text.pass(1);
    loop {
        text.pass_space()?;
        match text.peek(0)? {
            Some(b'}') => break,
            Some(b',') => {
                text.pass(1);
                continue;
            }
            Some(b'"') => {}
            _ => return Err(SalvageError::Form("it breaks off, or its members are damaged")),
        }
        let name = match text.value(0)? {
            Some(Value::String(name)) => name.to_ascii_lowercase(),
            _ => return Err(SalvageError::Form("the name of a member is damaged")),
        };
        text.pass_space()?;
        if text.peek(0)? != Some(b':') {
            return Err(SalvageError::Form("a member has no value"));
        }
        text.pass(1);
        text.pass_space()?;
        if name.eq_ignore_ascii_case(member) {
            if told.records.is_some() {
                return Err(SalvageError::Form("the records come twice"));
            }
            told.records = Some(if text.peek(0)? == Some(b'[') {
                text.records(true, &mut each)?;
                Found::List
            } else {
                Found::Other(text.value(0)?.ok_or(SalvageError::Form("the records are damaged"))?)
            });
        } else if wanted(&name) {
            let value = text.told(0)?;
            if told.members.insert(name, value).is_some() {
                return Err(SalvageError::Form("a member comes twice"));
            }
        } else {
            let end = text.end_of_value(0)?;
            text.pass(end.ok_or(SalvageError::Form("a member has no end"))?);
        }
    }
    text.pass(1);
    text.pass_space()?;
    match text.peek(0)? {
        None => Ok(told),
        Some(_) => Err(SalvageError::Form("something follows its end")),
    }
}

/// The text from where reading is, as far as it had to be looked at.
struct Text<R> {
    body: R,
    buffer: Vec<u8>,
    at: usize,
    over: bool,
    /// Bytes that have come in.
    came: u64,
    /// Bytes that were looked at, again and again.
    looked: u64,
    /// Bytes that one record may have.
    most: usize,
    /// Bytes in which a value's end is looked for.
    span: usize,
    /// How many records had no end of their own.
    hidden: u32,
    /// The names of the members of the whole records so far.
    names: HashSet<String>,
}

impl<R: Read> Text<R> {
    fn new(body: R, most: usize) -> Text<R> {
        Text {
            body,
            buffer: Vec::new(),
            at: 0,
            over: false,
            came: 0,
            looked: 0,
            most,
            span: most.saturating_mul(SPAN),
            hidden: 0,
            names: HashSet::new(),
        }
    }

    fn peek(&mut self, offset: usize) -> Result<Option<u8>> {
        while !self.over && self.buffer.len().saturating_sub(self.at) <= offset {
            self.more()?;
        }
        Ok(self.buffer.get(self.at.saturating_add(offset)).copied())
    }

    fn more(&mut self) -> Result<()> {
        const CHUNK: u64 = 128 * 1024;
        if self.at > self.buffer.len() / 2 {
            self.buffer.drain(..self.at);
            self.at = 0;
        }
        let read = self.body.by_ref().take(CHUNK).read_to_end(&mut self.buffer)?;
        self.over = read == 0;
        self.came += read as u64;
        Ok(())
    }

    /// The next bytes, which were looked at.
    fn slice(&self, from: usize, to: usize) -> &[u8] {
        let (from, to) = (self.at.saturating_add(from), self.at.saturating_add(to));
        self.buffer.get(from..to).unwrap_or_default()
    }

    fn pass(&mut self, count: usize) {
        self.at = self.at.saturating_add(count).min(self.buffer.len());
    }

    fn pass_space(&mut self) -> Result<()> {
        while matches!(self.peek(0)?, Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.pass(1);
        }
        Ok(())
    }

    /// The first place that is no white space.
    fn behind_space(&mut self, mut from: usize) -> Result<usize> {
        let begin = from;
        while from < self.span && matches!(self.peek(from)?, Some(b' ' | b'\t' | b'\r' | b'\n')) {
            from += 1;
        }
        self.look(from - begin)?;
        Ok(from)
    }

    /// Notes that so many bytes were looked at; fails where it has been too often.
    fn look(&mut self, bytes: usize) -> Result<()> {
        self.looked = self.looked.saturating_add(bytes as u64);
        match self.looked > self.came.saturating_mul(LOOKS).saturating_add(LOOKS_BESIDES) {
            true => Err(SalvageError::Form(
                "where its damaged records end takes too long to find",
            )),
            false => Ok(()),
        }
    }

    /// Where a value ends that begins there, by its brackets and strings; none where there is no end within the span.
    fn end_of_value(&mut self, from: usize) -> Result<Option<usize>> {
        let (end, to) = self.scan_value(from)?;
        self.look(to.saturating_sub(from))?;
        Ok(end)
    }

    /// Where a value ends that begins there, and how far it was looked for.
    fn scan_value(&mut self, from: usize) -> Result<(Option<usize>, usize)> {
        let (mut at, mut open) = (from, Vec::new());
        let last = from.saturating_add(self.span);
        while at < last {
            let Some(byte) = self.peek(at)? else {
                return Ok((None, at));
            };
            at += 1;
            match byte {
                b'"' => loop {
                    match self.peek(at)? {
                        _ if at >= last => return Ok((None, at)),
                        None => return Ok((None, at)),
                        Some(b'\\') => at += 2,
                        Some(b'"') => break at += 1,
                        Some(_) => at += 1,
                    }
                },
                b'{' | b'[' => open.push(byte),
                b'}' | b']' => match (open.pop(), byte) {
                    (Some(b'{'), b'}') | (Some(b'['), b']') => {}
                    _ => return Ok((None, at)),
                },
                // A number or a word ends before what follows it.
                _ if open.is_empty() => {
                    let ends = |byte| matches!(byte, b',' | b']' | b'}' | b' ' | b'\t' | b'\r' | b'\n');
                    while at < last && self.peek(at)?.is_some_and(|byte| !ends(byte)) {
                        at += 1;
                    }
                    return Ok((Some(at), at));
                }
                _ => {}
            }
            if open.is_empty() {
                return Ok((Some(at), at));
            }
        }
        Ok((None, at))
    }

    /// The value that begins there, mended where necessary, and behind it.
    fn value(&mut self, from: usize) -> Result<Option<Value>> {
        let Some(end) = self.end_of_value(from)? else {
            return Ok(None);
        };
        let text = self.slice(from, end);
        let value = match mend::sound(text) {
            Some(Sound::Whole) => serde_json::from_slice(text).ok(),
            Some(Sound::Mended(mended)) => serde_json::from_str(&mended.text).ok(),
            None => None,
        };
        self.pass(end);
        Ok(value)
    }

    /// The value of a member that counts, and behind it.
    fn told(&mut self, from: usize) -> Result<Value> {
        if self.end_of_value(from)?.is_some_and(|end| end - from > TOLD_BYTES) {
            return Err(SalvageError::Form("a member is too long"));
        }
        self.value(from)?.ok_or(SalvageError::Form("a member is damaged"))
    }

    /// The records of the list that begins here.
    fn records(
        &mut self,
        within: bool,
        each: &mut impl FnMut(Piece<'static>) -> std::result::Result<(), FetchError>,
    ) -> Result<()> {
        self.pass(1);
        loop {
            self.pass_space()?;
            match self.peek(0)? {
                None => return Err(SalvageError::Form("the list breaks off")),
                Some(b']') => break self.pass(1),
                Some(b',') => self.pass(1),
                Some(_) => {
                    let piece = self.record(within)?;
                    each(piece).map_err(SalvageError::Taker)?;
                }
            }
        }
        Ok(())
    }

    fn record(&mut self, within: bool) -> Result<Piece<'static>> {
        let end = self.end_of_value(0)?;
        let mut settled = None;
        if let Some(end) = end {
            let next = self.behind_space(end)?;
            if matches!(self.peek(next)?, Some(b',' | b']' | b'{')) {
                if let Some(sound) = mend::sound(self.slice(0, end)) {
                    let piece = self.piece(end, Some(sound));
                    if let Some(Ok(members)) = piece.json().map(serde_json::from_str::<BTreeMap<String, IgnoredAny>>) {
                        self.remember(members.into_keys());
                    }
                    self.pass(end);
                    return Ok(piece);
                }
                settled = Some(end);
            }
        }
        self.hidden += 1;
        if self.hidden > MOST_HIDDEN {
            return Err(SalvageError::Form("too many of its records are damaged"));
        }
        let end = match self.sure_end(settled.unwrap_or(self.span), within)? {
            Some(end) => end,
            None => settled.ok_or(SalvageError::Form("a record in it has no end that can be told"))?,
        };
        let piece = self.piece(end, None);
        self.pass(end);
        Ok(piece)
    }

    fn remember(&mut self, names: impl Iterator<Item = String>) {
        for name in names.filter(|name| name != mend::MARK && name.len() <= NAME_BYTES) {
            if self.names.len() < NAMES {
                self.names.insert(name);
            }
        }
    }

    fn piece(&self, end: usize, sound: Option<Sound>) -> Piece<'static> {
        let text = self.slice(0, end);
        if text.len() > self.most {
            return Piece::Broken(text.get(..=self.most).unwrap_or(text).to_vec());
        }
        match sound {
            Some(Sound::Whole) => Piece::Whole(String::from_utf8_lossy(text).into_owned().into()),
            Some(Sound::Mended(mended)) => Piece::Mended(mended.marked()),
            None => Piece::Broken(text.to_vec()),
        }
    }

    /// The first place before `limit` where the record that begins here ends for sure.
    fn sure_end(&mut self, limit: usize, within: bool) -> Result<Option<usize>> {
        let own = self.first_name(0)?;
        let (mut at, mut looked_to) = (0, 0);
        while at < limit {
            let Some(byte) = self.peek(at)? else { break };
            at += 1;
            if byte != b'}' {
                continue;
            }
            self.look(at - looked_to)?;
            looked_to = at;
            let next = self.behind_space(at)?;
            let sure = match self.peek(next)? {
                Some(b',') => {
                    let next = self.behind_space(next + 1)?;
                    self.is_record(next, own.as_deref(), within)?
                }
                Some(b']') => self.is_the_end(next + 1, within)?,
                _ => false,
            };
            if sure {
                return Ok(Some(at));
            }
        }
        self.look(at - looked_to)?;
        Ok(None)
    }

    /// Whether a record of this list, and not one of a list in a record, begins there: a whole one whose first member is
    /// known by name. `own` is the name of the broken record's first member.
    fn is_record(&mut self, from: usize, own: Option<&str>, within: bool) -> Result<bool> {
        let Some(name) = self.first_name(from)? else {
            return Ok(false);
        };
        if !self.names.is_empty() {
            return Ok(self.names.contains(&name) && self.end_of_record(from)?.is_some());
        }
        if own == Some(&name) {
            return Ok(self.end_of_record(from)?.is_some());
        }
        self.is_row_of_records(from, within)
    }

    /// Whether several whole records begin there in a row, or the last ones of the list.
    fn is_row_of_records(&mut self, from: usize, within: bool) -> Result<bool> {
        const SEVERAL: u32 = 8;
        let mut at = from;
        for _ in 0..SEVERAL {
            let Some(end) = self.end_of_record(at)? else {
                return Ok(false);
            };
            if self.peek(end)? == Some(b']') {
                return self.is_the_end(end + 1, within);
            }
            at = self.behind_space(end + 1)?;
        }
        Ok(true)
    }

    /// Where the comma or the bracket stands behind a whole record that begins there; none where none does.
    fn end_of_record(&mut self, from: usize) -> Result<Option<usize>> {
        let Some(end) = self.end_of_value(from)? else {
            return Ok(None);
        };
        let next = self.behind_space(end)?;
        let ends = matches!(self.peek(next)?, Some(b',' | b']'));
        Ok((ends && mend::sound(self.slice(from, end)).is_some()).then_some(next))
    }

    /// The name of the first member of an object that begins there.
    fn first_name(&mut self, from: usize) -> Result<Option<String>> {
        if self.peek(from)? != Some(b'{') {
            return Ok(None);
        }
        let name = self.behind_space(from + 1)?;
        if self.peek(name)? != Some(b'"') {
            return Ok(None);
        }
        let end = self.end_of_value(name)?;
        Ok(end.and_then(|end| serde_json::from_slice(self.slice(name, end)).ok()))
    }

    /// Whether the answer ends well behind the list that ended there.
    fn is_the_end(&mut self, from: usize, within: bool) -> Result<bool> {
        let mut at = self.behind_space(from)?;
        if !within {
            return Ok(self.peek(at)?.is_none());
        }
        loop {
            match self.peek(at)? {
                Some(b'}') => {
                    at = self.behind_space(at + 1)?;
                    return Ok(self.peek(at)?.is_none());
                }
                Some(b',') => {}
                _ => return Ok(false),
            }
            let name = self.behind_space(at + 1)?;
            if self.peek(name)? != Some(b'"') {
                return Ok(false);
            }
            let Some(end) = self.end_of_value(name)? else {
                return Ok(false);
            };
            let colon = self.behind_space(end)?;
            if self.peek(colon)? != Some(b':') {
                return Ok(false);
            }
            let value = self.behind_space(colon + 1)?;
            let Some(end) = self.end_of_value(value)? else {
                return Ok(false);
            };
            if mend::sound(self.slice(value, end)).is_none() {
                return Ok(false);
            }
            at = self.behind_space(end)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of a list: `=` whole, `~` mended, `!` broken.
    fn read(body: &[u8], member: Option<&str>) -> std::result::Result<String, &'static str> {
        let mut out = String::new();
        let told = list(
            body,
            member,
            60,
            |name| name == "status",
            |piece| {
                match piece {
                    Piece::Whole(text) => out.push_str(&format!("={text}\n")),
                    Piece::Mended(text) => out.push_str(&format!("~{text}\n")),
                    Piece::Broken(bytes) => out.push_str(&format!("!{}\n", String::from_utf8_lossy(&bytes))),
                }
                Ok(())
            },
        );
        match told {
            Ok(_) => Ok(out),
            Err(SalvageError::Form(why)) => Err(why),
            Err(error) => panic!("{error:?}"),
        }
    }

    #[test]
    fn records_around_a_broken_one_come_out() {
        for (record, expected) in [
            (
                &br#"{"id":"2","m":"he said "no""}"#[..],
                r#"!{"id":"2","m":"he said "no""}"#,
            ),
            (
                br#"{"id":"2","m":"an odd " quote"}"#,
                r#"!{"id":"2","m":"an odd " quote"}"#,
            ),
            (
                br#"{"id":"2","m":[{"x":1},{"x":2}],"n":"a"b"}"#,
                r#"!{"id":"2","m":[{"x":1},{"x":2}],"n":"a"b"}"#,
            ),
            (br#"{"id":"2","m":{"x":1}"#, r#"!{"id":"2","m":{"x":1}"#),
            (br#"{"id":"2","m":NaN}"#, r#"!{"id":"2","m":NaN}"#),
            (br#"{"id":"2","m":1}}"#, r#"!{"id":"2","m":1}}"#),
            (
                b"{\"id\":\"2\",\"m\":\"a\tb\"}",
                r#"~{"id":"2","m":"a\u0009b","hostMended":"1 raw control character"}"#,
            ),
            (
                br#"{"id":"2","m":"01234567890123456789012345678901234567890123456789"}"#,
                r#"!{"id":"2","m":"0123456789012345678901234567890123456789012345"#,
            ),
            (b"7", "=7"),
            (br#"{"id":"2"},,{"id":"x"}"#, "={\"id\":\"2\"}\n={\"id\":\"x\"}"),
        ] {
            let (one, three) = (br#"{"id":"1"}"#, br#"{"id":"3","m":{"n":[]}}"#);
            for (head, tail, member) in [
                (&b" [ "[..], &b" ] "[..], None),
                (
                    br#"{"status":0,"list": ["#,
                    br#"], "more": {"a":[1]}, "x": "y" }"#,
                    Some("LIST"),
                ),
            ] {
                let places: [&[&[u8]]; 3] = [&[one, record, three], &[record, one], &[one, record]];
                for place in places {
                    let body = [head, &place.join(&b", "[..]), tail].concat();
                    let shown = String::from_utf8_lossy(&body).into_owned();
                    let out = read(&body, member).unwrap_or_else(|why| panic!("{shown}: {why}"));
                    let wanted = place.iter().fold(String::new(), |text, part| match *part == record {
                        true => text + expected + "\n",
                        false => text + "=" + std::str::from_utf8(part).unwrap() + "\n",
                    });
                    assert_eq!(out, wanted, "{shown}");
                }
            }
        }
    }

    #[test]
    fn records_need_not_begin_with_the_same_member() {
        let broken = r#"{"b":"a"b","c":[{"x":1},{"x":2}]}"#;
        for (list, expected) in [
            (format!(r#"[{{"b":1,"a":2}},{broken},{{"a":1}},{{"b":2}}]"#), "=!=="),
            (format!(r#"[{broken},{{"a":1}},{{"b":2}}]"#), "!=="),
            (format!(r#"[{broken},{{"a":1}}]"#), "!="),
        ] {
            let out = read(list.as_bytes(), None).unwrap();
            let kinds: String = out.lines().filter_map(|line| line.chars().next()).collect();
            assert_eq!(kinds, expected, "{list}: {out}");
        }
    }

    #[test]
    fn looking_for_the_end_of_a_damaged_record_has_an_end_itself() {
        const BYTES: usize = 2 * 1024 * 1024;
        let form = |body: &[u8]| match list(body, None, BYTES as u64, |_| false, |_| Ok(())) {
            Err(SalvageError::Form(why)) => why,
            other => panic!("{other:?}"),
        };
        for part in [&br#"},{"a":" "#[..], b"}      ,      ", b"}"] {
            form(&[&br#"[{"a":"x"y" "#[..], &part.repeat(BYTES / part.len())].concat());
        }
        // Behind each brace another record seems to begin, which has no end.
        let nested = [&br#"[{"a":"x"y" "#[..], &br#"},{"a":{"#.repeat(BYTES / 8)].concat();
        assert!(form(&nested).contains("takes too long"));
    }

    #[test]
    fn what_is_remembered_of_records_and_what_else_an_answer_says_is_bounded() {
        let many: Vec<String> = (0..NAMES + 100).map(|n| format!("{{\"{n}\":1}}")).collect();
        let mut text = Text::new(&b""[..], 1000);
        for record in &many {
            let members: BTreeMap<String, IgnoredAny> = serde_json::from_str(record).unwrap();
            text.remember(members.into_keys());
        }
        text.remember(std::iter::once("x".repeat(NAME_BYTES + 1)));
        assert_eq!(text.names.len(), NAMES);
        let told = |length| format!(r#"{{"status":"{}","list":[]}}"#, "x".repeat(length));
        let read = |body: String| {
            list(
                body.as_bytes(),
                Some("list"),
                1 << 20,
                |name| name == "status",
                |_| Ok(()),
            )
        };
        assert!(read(told(TOLD_BYTES - 2)).is_ok());
        assert!(matches!(
            read(told(TOLD_BYTES - 1)),
            Err(SalvageError::Form("a member is too long"))
        ));
    }

    #[test]
    fn a_list_that_breaks_off_is_refused_however_it_does() {
        let whole =
            br#"{"status":0,"list":[{"id":"1","m":"a"b"},{"id":"2","m":[1,2]},{"id":"3","m":{"x":1}}],"end":1}"#;
        read(whole, Some("list")).unwrap();
        for length in 0..whole.len() {
            let cut = read(&whole[..length], Some("list"));
            assert!(cut.is_err(), "{}: {cut:?}", String::from_utf8_lossy(&whole[..length]));
        }
        for body in ["[]", "7", "{} x", r#"{"list":[],"list":[]}"#, r#"{"list":[1]]"#] {
            assert!(read(body.as_bytes(), Some("list")).is_err(), "{body}");
        }
        assert!(read(b"[1] x", None).is_err());
        let deep = [&br#"{"list":["#[..], &vec![b'['; 100_000]].concat();
        assert!(read(&deep, Some("list")).is_err());
    }

    proptest::proptest! {
        #[test]
        fn one_flipped_byte_costs_at_most_the_records_beside_it(at in 0..400usize, to in proptest::num::u8::ANY) {
            let records: Vec<String> = (0..10).map(|n| format!(r#"{{"id":"{n}","m":"some text","n":[{n}]}}"#)).collect();
            let mut body = format!(r#"{{"list":[{}],"total":10}}"#, records.join(",")).into_bytes();
            let at = 9 + at % (body.len() - 22);
            body[at] = to;
            if let Ok(out) = read(&body, Some("list")) {
                let untouched = records.iter().filter(|record| out.contains(&format!("={record}\n"))).count();
                proptest::prop_assert!(untouched >= 7, "{}\n{out}", String::from_utf8_lossy(&body));
            }
        }
    }
}
