//! Takes the records out of a JSON list in which some of them break the grammar.
//!
//! [`list`] reads what the strict readers gave up on. It finds where each record ends by its brackets and its strings,
//! and hands out a [`Piece`]: mended where that is enough, and otherwise the bytes as they came, which every parser
//! rejects. Where a stray quote or a missing bracket hides a record's end, the next place is taken where a record ends
//! for sure: one behind which another record of the list begins and is whole, or behind which the list and the answer end.
//! Where there is no such place, and where the answer breaks off, reading fails: a page that is cut is not a page.
//! A comma with no record before it, or none behind it, stands for one that is missing, which counts as broken.

mod damaged_list;
mod error;
mod lookahead;

use std::io::Read;

use serde_json::{Map, Value};

use self::damaged_list::DamagedList;
use self::error::Result;
pub(crate) use self::error::SalvageError;
pub(crate) use self::lookahead::TOLD_BYTES;
use super::piece::Piece;
use crate::error::FetchError;

/// An answer besides its records. Names of members are in lower case.
#[derive(Debug, Default)]
pub(crate) struct Salvaged {
    /// The members of each object on the way to the records, from the outermost on.
    pub(crate) levels: Vec<Map<String, Value>>,
    /// The value in the place of the records, where there is one.
    pub(crate) records: Option<SalvagedRecords>,
}

impl Salvaged {
    /// All members: what an object says counts before what those around it do.
    pub(crate) fn told(self) -> Map<String, Value> {
        let mut told = Map::new();
        for (name, value) in self.levels.into_iter().flatten() {
            told.insert(name, value);
        }
        told
    }
}

/// The value in the place of the records.
#[derive(Debug)]
pub(crate) enum SalvagedRecords {
    /// A list, whose records were handed out.
    List,
    /// Anything else.
    Other(Value),
}

/// Reads a list: bare, or at the end of a path of members, whose names are compared without regard to case. `record_bytes` is what one
/// record may have, `wanted` says of each object on the way, by its number from the outermost on, which of its other members count.
pub(crate) fn list(
    body: impl Read,
    path: Option<&[String]>,
    record_bytes: u64,
    wanted: impl Fn(usize, &str) -> bool,
    mut each: impl FnMut(Piece<'static>) -> std::result::Result<(), FetchError>,
) -> Result<Salvaged> {
    let most = usize::try_from(record_bytes).unwrap_or(usize::MAX);
    let mut answer = DamagedList::new(body, most);
    let mut told = Salvaged::default();
    if answer.text.peek(0)? == Some(0xef) && answer.text.peek(1)? == Some(0xbb) && answer.text.peek(2)? == Some(0xbf) {
        answer.text.pass(3);
    }
    answer.text.pass_space()?;
    match path {
        Some(path) => object(&mut answer, path, &wanted, &mut each, &mut told)?,
        None => {
            if answer.text.peek(0)? != Some(b'[') {
                return Err(SalvageError::Form("it is not a list"));
            }
            answer.records(0, &mut each)?;
            told.records = Some(SalvagedRecords::List);
        }
    }
    answer.text.pass_space()?;
    match answer.text.peek(0)? {
        None => Ok(told),
        Some(_) => Err(SalvageError::Form("something follows its end")),
    }
}

/// Reads the object that begins here; the records are at the end of the path from it.
fn object<R: Read>(
    answer: &mut DamagedList<R>,
    path: &[String],
    wanted: &impl Fn(usize, &str) -> bool,
    each: &mut impl FnMut(Piece<'static>) -> std::result::Result<(), FetchError>,
    told: &mut Salvaged,
) -> Result<()> {
    if answer.text.peek(0)? != Some(b'{') {
        return Err(SalvageError::Form("it is not an object"));
    }
    answer.text.pass(1);
    let (level, mut members, mut met) = (told.levels.len(), Map::new(), false);
    // The place of this object's members, before those of the objects in it.
    told.levels.push(Map::new());
    loop {
        answer.text.pass_space()?;
        match answer.text.peek(0)? {
            Some(b'}') => break,
            Some(b',') => {
                answer.text.pass(1);
                continue;
            }
            Some(b'"') => {}
            _ => return Err(SalvageError::Form("it breaks off, or its members are damaged")),
        }
        let name = match answer.text.value(0)? {
            Some(Value::String(name)) => name.to_ascii_lowercase(),
            _ => return Err(SalvageError::Form("the name of a member is damaged")),
        };
        answer.text.pass_space()?;
        if answer.text.peek(0)? != Some(b':') {
            return Err(SalvageError::Form("a member has no value"));
        }
        answer.text.pass(1);
        answer.text.pass_space()?;
        if path.first().is_some_and(|member| name.eq_ignore_ascii_case(member)) {
            if std::mem::replace(&mut met, true) {
                return Err(SalvageError::Form("the records come twice"));
            }
            match path {
                [_, below @ ..] if !below.is_empty() => inside(answer, below, wanted, each, told)?,
                _ => told.records = Some(at_the_end(answer, level + 1, each)?),
            }
        } else if wanted(level, &name) {
            let value = answer.text.told(0)?;
            if members.insert(name, value).is_some() {
                return Err(SalvageError::Form("a member comes twice"));
            }
        } else {
            let end = answer.text.end_of_value(0)?;
            answer.text.pass(end.ok_or(SalvageError::Form("a member has no end"))?);
        }
    }
    answer.text.pass(1);
    if let Some(place) = told.levels.get_mut(level) {
        *place = members;
    }
    Ok(())
}

/// Reads the value on the way to the records: an object, or `null` in its place.
fn inside<R: Read>(
    answer: &mut DamagedList<R>,
    path: &[String],
    wanted: &impl Fn(usize, &str) -> bool,
    each: &mut impl FnMut(Piece<'static>) -> std::result::Result<(), FetchError>,
    told: &mut Salvaged,
) -> Result<()> {
    if answer.text.peek(0)? == Some(b'{') {
        return object(answer, path, wanted, each, told);
    }
    match answer.text.value(0)? {
        Some(Value::Null) => Ok(()),
        _ => Err(SalvageError::Form("a member on the way is no object")),
    }
}

/// Reads the value in the place of the records, which lie in so many objects.
fn at_the_end<R: Read>(
    answer: &mut DamagedList<R>,
    depth: usize,
    each: &mut impl FnMut(Piece<'static>) -> std::result::Result<(), FetchError>,
) -> Result<SalvagedRecords> {
    if answer.text.peek(0)? == Some(b'[') {
        answer.records(depth, each)?;
        return Ok(SalvagedRecords::List);
    }
    let value = answer.text.value(0)?;
    value
        .map(SalvagedRecords::Other)
        .ok_or(SalvageError::Form("the records are damaged"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::de::IgnoredAny;

    use super::damaged_list::{NAME_BYTES, NAMES};
    use super::*;

    /// The members of a path that is written with dots.
    fn members(path: &str) -> Vec<String> {
        path.split('.').map(str::to_owned).collect()
    }

    /// The outcome of reading a list: `=` whole, `~` mended, `!` broken.
    fn read(body: &[u8], path: Option<&str>) -> std::result::Result<String, &'static str> {
        let mut out = String::new();
        let path = path.map(members);
        let told = list(
            body,
            path.as_deref(),
            60,
            |_, name| name == "status",
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
            (br#"{"id":"2"},,{"id":"x"}"#, "={\"id\":\"2\"}\n!,\n={\"id\":\"x\"}"),
            (b"", "!,"),
            (b" , ", "!,\n!,"),
        ] {
            let (one, three) = (br#"{"id":"1"}"#, br#"{"id":"3","m":{"n":[]}}"#);
            for (head, tail, member) in [
                (&b" [ "[..], &b" ] "[..], None),
                (
                    br#"{"status":0,"list": ["#,
                    br#"], "more": {"a":[1]}, "x": "y" }"#,
                    Some("LIST"),
                ),
                (
                    br#"{"status":0,"list":7,"data": {"page":{"a":[1],"list": ["#,
                    br#"], "more": {"a":[1]}} , "x": "y" },"list":[{"z":1},{"z":2}] }"#,
                    Some("data.Page.LIST"),
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
    fn a_record_that_is_missing_counts_as_broken() {
        for (list, expected) in [
            ("[]", ""),
            ("[ \n ]", ""),
            ("[,]", "!,\n!,\n"),
            ("[1,]", "=1\n!,\n"),
            ("[,1]", "!,\n=1\n"),
            ("[1,,,4,]", "=1\n!,\n!,\n=4\n!,\n"),
            ("[ 1 , , 2 ]", "=1\n!,\n=2\n"),
            ("[[1],2]", "=[1]\n=2\n"),
            ("[{\"a\":1}{\"a\":2}]", "={\"a\":1}\n={\"a\":2}\n"),
        ] {
            assert_eq!(read(list.as_bytes(), None).as_deref(), Ok(expected), "{list}");
            let below = format!(r#"{{"data":{{"list":{list}}}}}"#);
            assert_eq!(
                read(below.as_bytes(), Some("data.list")).as_deref(),
                Ok(expected),
                "{below}"
            );
        }
        let many = format!("[{}]", ",".repeat(10_001));
        assert_eq!(read(many.as_bytes(), None), Err("too many of its records are damaged"));
        // Members of an object are no records.
        assert_eq!(read(br#"{,"a":1,,"list":[1],}"#, Some("list")).as_deref(), Ok("=1\n"));
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
        let form = |body: &[u8]| match list(body, None, BYTES as u64, |_, _| false, |_| Ok(())) {
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
        let mut text = DamagedList::new(&b""[..], 1000);
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
                Some(&members("list")),
                1 << 20,
                |_, name| name == "status",
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
    fn an_object_says_more_of_its_records_than_those_around_it() {
        let body = br#"{"status":1,"data":{"status":2,"next":"a","list":[{"a":"x"y"}]},"next":"b","total":3}"#;
        let salvaged = |wanted: fn(usize, &str) -> bool| {
            let path = members("data.list");
            list(&body[..], Some(&path), 60, wanted, |_| Ok(())).unwrap()
        };
        let told = salvaged(|_, _| true);
        assert!(matches!(told.records, Some(SalvagedRecords::List)));
        assert_eq!(
            Value::Object(told.told()),
            serde_json::json!({"status": 2, "next": "a", "total": 3})
        );
        let told = salvaged(|level, name| level == 0 && name == "next");
        assert_eq!(
            told.levels,
            [Map::from_iter([("next".to_owned(), "b".into())]), Map::new()]
        );
    }

    #[test]
    fn what_lies_on_the_way_is_an_object_or_nothing() {
        for (body, why) in [
            (r#"{"data":[1]}"#, "a member on the way is no object"),
            (r#"{"data":"x"}"#, "a member on the way is no object"),
            (r#"{"data":{"list":[]},"Data":{"list":[]}}"#, "the records come twice"),
            (r#"{"data":{"list":[],"List":[]}}"#, "the records come twice"),
        ] {
            assert_eq!(read(body.as_bytes(), Some("data.list")), Err(why), "{body}");
        }
        assert_eq!(read(br#"{"data":null}"#, Some("data.list")), Ok(String::new()));
    }

    #[test]
    fn a_list_that_breaks_off_is_refused_however_it_does() {
        let flat = br#"{"status":0,"list":[{"id":"1","m":"a"b"},{"id":"2","m":[1,2]},{"id":"3","m":{"x":1}}],"end":1}"#;
        let deep =
            br#"{"status":0,"data":{"list":[{"id":"1","m":"a"b"},{"id":"2","m":[1,2]},{"id":"3","m":{"x":1}}],"end":1},"more":{}}"#;
        for (whole, path) in [(&flat[..], "list"), (&deep[..], "data.list")] {
            read(whole, Some(path)).unwrap();
            for length in 0..whole.len() {
                let cut = read(&whole[..length], Some(path));
                assert!(cut.is_err(), "{}: {cut:?}", String::from_utf8_lossy(&whole[..length]));
            }
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
