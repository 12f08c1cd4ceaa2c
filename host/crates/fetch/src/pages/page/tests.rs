use std::io::Write as _;

use super::*;
use crate::spool::{Spool, Spooled};

/// The bodies of the same bytes, in memory and on the spool.
fn bodies(bytes: &[u8]) -> [PageBody; 2] {
    let folder = tempfile::tempdir().unwrap();
    let mut file = Spool::new(folder.path()).create().unwrap();
    file.write_all(bytes).unwrap();
    [
        PageBody::Held {
            bytes: bytes.to_vec().into(),
            _memory: None,
        },
        PageBody::Spooled(Spooled::new(file).unwrap()),
    ]
}

fn path(text: &str) -> Option<Vec<String>> {
    (!text.is_empty()).then(|| text.split('.').map(str::to_owned).collect())
}

/// A page read, and its records one a line: `=` whole, `~` mended, `!` broken.
#[derive(Debug, PartialEq)]
struct ReadPage {
    records: String,
    total: Option<u64>,
}

fn read_body(body: &PageBody, path: Option<&[String]>, record_bytes: u64) -> Result<ReadPage, FetchError> {
    let page = Page::read(body, path, record_bytes)?;
    let mut records = String::new();
    page.each(&mut |record| {
        let kind = match record {
            Piece::Whole(_) => '=',
            Piece::Mended(_) => '~',
            Piece::Broken(_) => '!',
        };
        let text = String::from_utf8_lossy(record.bytes()).replace('\n', " ");
        records.push_str(&format!("{kind}{text}\n"));
        Ok(())
    })?;
    assert_eq!(page.count(), records.lines().count() as u64);
    Ok(ReadPage {
        records,
        total: page.total(),
    })
}

/// Reads a page from memory and from the spool, which must come to the same.
fn read(body: &[u8], members: &str, record_bytes: u64) -> Result<ReadPage, FetchError> {
    let path = path(members);
    let [held, spooled] = bodies(body).map(|body| read_body(&body, path.as_deref(), record_bytes));
    match (&held, &spooled) {
        (Ok(held), Ok(spooled)) => assert_eq!(held, spooled, "{}", String::from_utf8_lossy(body)),
        (Err(_), Err(_)) => {}
        _ => panic!("{}: {held:?}, {spooled:?}", String::from_utf8_lossy(body)),
    }
    held
}

fn count(read: Result<ReadPage, FetchError>) -> usize {
    read.unwrap().records.lines().count()
}

#[test]
fn a_page_of_more_records_than_anybody_asks_for_is_refused() {
    let many = "1,".repeat(MOST_RECORDS) + "1";
    for (body, member) in [
        (format!("[{many}]"), ""),
        (format!("{{\"Resources\":[{many}]}}"), "Resources"),
        (format!("{{\"Resources\":[{many},\u{1}]}}"), "Resources"),
    ] {
        for body in bodies(body.as_bytes()) {
            let error = Page::read(&body, path(member).as_deref(), 1 << 20).unwrap_err();
            assert!(error.to_string().contains("records"), "{error}");
        }
    }
    let enough = format!("[{}1]", "1,".repeat(MOST_RECORDS - 1));
    for body in bodies(enough.as_bytes()) {
        assert_eq!(Page::read(&body, None, 1 << 20).unwrap().count(), MOST_RECORDS as u64);
    }
}

#[test]
fn a_page_is_read_in_every_spelling() {
    for (body, member, count, total) in [
        (
            r#"{"totalResults":2,"Resources":[{"id":1},{}],"startIndex":1}"#,
            "Resources",
            2,
            Some(2),
        ),
        (
            r#"{"more":{"a":[[1],{"b":"]"}]},"Resources":[{"id":1},{}],"totalResults":2}"#,
            "resources",
            2,
            Some(2),
        ),
        (r#"{"TOTALRESULTS":"2","resources":[{}]}"#, "Resources", 1, Some(2)),
        (r#"{"totalResults":0}"#, "Resources", 0, Some(0)),
        (r#"{"totalResults":0,"Resources":null}"#, "Resources", 0, Some(0)),
        ("\u{feff} [1,2,3] ", "", 3, None),
        (r#"{"items":[]}"#, "items", 0, None),
    ] {
        let found = read(body.as_bytes(), member, 1000).unwrap();
        assert_eq!((found.records.lines().count(), found.total), (count, total), "{body}");
    }
}

#[test]
fn what_is_no_page_is_refused() {
    for body in [
        "",
        "<html>",
        "[]",
        "{}",
        "7",
        r#"{"totalResults":2}"#,
        r#"{"totalResults":-1,"Resources":[]}"#,
        r#"{"totalResults":1e30,"Resources":[]}"#,
        r#"{"totalResults":"many","Resources":[]}"#,
        r#"{"totalResults":1,"Resources":{}}"#,
        r#"{"totalResults":1,"Resources":"x"}"#,
        r#"{"Resources":[1],"resources":[2]}"#,
        r#"{"Resources":[1]"#,
        r#"{"Resources":[1]} x"#,
        r#"{"detail":"no","status":"400"}"#,
    ] {
        assert!(read(body.as_bytes(), "Resources", 1000).is_err(), "{body}");
    }
    assert!(read(b"{}", "", 1000).is_err());
}

#[test]
fn a_page_that_breaks_off_is_refused_wherever_it_does() {
    let whole = br#"{"totalResults":3,"Resources":[{"id":"1","m":"a\"b"},{"id":"2","m":[1,2]},{"id":"3"}],"end":1}"#;
    assert_eq!(count(read(whole, "Resources", 1000)), 3);
    for length in 0..whole.len() {
        assert!(read(&whole[..length], "Resources", 1000).is_err(), "{length}");
    }
    for length in 0..12 {
        assert!(read(&br#"[{"a":1},{}]"#[..length], "", 1000).is_err(), "{length}");
    }
}

#[test]
fn what_a_page_says_besides_its_records_is_short() {
    let text = |length| format!(r#"{{"detail":"{}","Resources":[1]}}"#, "x".repeat(length));
    assert!(read(text(60_000).as_bytes(), "Resources", 100_000).is_ok());
    let error = read(text(70_000).as_bytes(), "Resources", 100_000).unwrap_err();
    assert!(error.to_string().contains("too long"), "{error}");
}

#[test]
fn a_record_that_is_broken_or_too_long_costs_no_other() {
    let body = b"{\"totalResults\":4,\"Resources\":[{\"id\":\"a\"},{\"id\":\"b\xff\"},{\"id\":\"c\",\"x\":\"\"\"},\
        {\"id\":\"d\",\"x\":\"0123456789012345\"}]}";
    let found = read(body, "resources", 20).unwrap();
    let mended = "~{\"id\":\"b\u{fffd}\",\"hostMended\":\"1 byte that is not UTF-8\"}";
    let records: Vec<&str> = found.records.lines().collect();
    assert_eq!(records[..2], [r#"={"id":"a"}"#, mended]);
    assert!(
        records.len() == 4 && records[2..].iter().all(|record| record.starts_with('!')),
        "{records:?}"
    );
    assert_eq!(found.total, Some(4));
    let found = read(br#"[{"id":"0123456789012345"},{"id":"\udc00"},1]"#, "", 20).unwrap();
    let kinds: String = found
        .records
        .lines()
        .filter_map(|record| record.chars().next())
        .collect();
    assert_eq!(kinds, "!~=");
    // Longer than what is held to find its end.
    let long = format!(
        r#"[{{"id":"1"}},{{"id":"2","x":"{}"}},{{"id":"3"}}]"#,
        "x".repeat(300_000)
    );
    let found = read(long.as_bytes(), "", 50_000).unwrap();
    let kinds: String = found
        .records
        .lines()
        .filter_map(|record| record.chars().next())
        .collect();
    assert_eq!(kinds, "=!=");
}

#[test]
fn a_record_that_is_missing_counts_as_broken() {
    for (list, expected) in [
        ("[,]", "!,\n!,\n"),
        ("[1,]", "=1\n!,\n"),
        ("[1,,,4,]", "=1\n!,\n!,\n=4\n!,\n"),
    ] {
        for (body, member) in [
            (list.to_owned(), ""),
            (format!(r#"{{"list":{list}}}"#), "list"),
            (format!(r#"{{"data":{{"list":{list}}}}}"#), "data.list"),
        ] {
            // The number of records that a page tells is held against these.
            let found = read(body.as_bytes(), member, 1000).unwrap();
            assert_eq!(found.records, expected, "{body}");
        }
    }
}

#[test]
fn a_damaged_page_without_any_record_is_refused() {
    for (body, member) in [
        (r#"{"list":[],,"x":1}"#, "list"),
        (r#"{"list":[],}"#, "list"),
        (r#"{"totalResults":0,}"#, "list"),
        (r#"{"data":{"list":[],}}"#, "data.list"),
    ] {
        let error = read(body.as_bytes(), member, 1000).unwrap_err();
        assert!(error.to_string().contains("not JSON of the expected form"), "{error}");
    }
    let refused = read(br#"{"status":403,"detail":"no access",}"#, "list", 1000);
    assert!(refused.unwrap_err().to_string().contains("no access"));
    assert_eq!(count(read(br#"{"list":[]}"#, "list", 1000)), 0);
}

#[test]
fn a_broken_record_below_other_members_costs_no_other_either() {
    let body = b"{\"totalResults\":3,\"data\":{\"items\":[{\"id\":\"a\"},{\"id\":\"b\",\"x\":\"\"\"},{\"id\":\"c\xff\"}],\"x\":1},\"y\":{}}";
    let found = read(body, "Data.items", 100).unwrap();
    let mended = "~{\"id\":\"c\u{fffd}\",\"hostMended\":\"1 byte that is not UTF-8\"}";
    let records: Vec<&str> = found.records.lines().collect();
    assert_eq!((records[0], records[2]), (r#"={"id":"a"}"#, mended));
    assert!(records[1].starts_with('!') && records.len() == 3, "{records:?}");
    assert_eq!(found.total, Some(3));
}

#[test]
fn records_are_found_below_other_members() {
    assert_eq!(
        count(read(br#"{"Data":{"x":1,"ITEMS":[{},{}]}}"#, "data.items", 1000)),
        2
    );
    assert_eq!(count(read(br#"{"a":{"b":{"c":[1]}}}"#, "a.b.c", 1000)), 1);
    for body in [
        "{}",
        r#"{"data":null}"#,
        r#"{"data":[]}"#,
        r#"{"data":{"items":7}}"#,
        r#"{"data":{"items":[1]}"#,
        r#"{"data":{"items":[1]},"Data":{"items":[2]}}"#,
        r#"{"data":{"items":[1],"Items":[2]}}"#,
        r#"{"data":[{"items":[1]}]}"#,
    ] {
        assert!(read(body.as_bytes(), "data.items", 1000).is_err(), "{body}");
    }
    let total = |body: &str| read(body.as_bytes(), "data.items", 1000).unwrap().total;
    assert_eq!(total(r#"{"totalResults":7,"data":{"items":[1]}}"#), Some(7));
    assert_eq!(
        total(r#"{"totalResults":7,"data":{"items":[1],"totalResults":8}}"#),
        Some(8)
    );
    assert_eq!(count(read(br#"{"totalResults":0}"#, "data.items", 1000)), 0);
    let refused = read(br#"{"status":403,"detail":"no access"}"#, "data.items", 1000);
    assert!(refused.unwrap_err().to_string().contains("no access"));
}

proptest::proptest! {
    #[test]
    fn a_changed_byte_makes_the_same_of_a_page_in_memory_and_on_the_spool(
        at in 0..400_usize,
        to in proptest::num::u8::ANY,
        deep in proptest::bool::ANY,
    ) {
        let records: Vec<String> = (0..8).map(|n| format!(r#"{{"id":"{n}","m":"t \u00e9","n":[{n},1.5]}}"#)).collect();
        let list = format!(r#"{{"more":{{"a":[true,1]}},"list":[{}],"totalResults":8}}"#, records.join(", "));
        let (body, members) = match deep {
            true => (format!(r#"{{"data":{list},"status":0}}"#), "data.list"),
            false => (list, "list"),
        };
        let mut body = body.into_bytes();
        let at = 1 + at % (body.len() - 2);
        body[at] = to;
        let _ = read(&body, members, 60);
    }
}
