//! Texts, bytes and events that somebody could put into a report to break what reads them.

use event::{Activity, Event, Outcome, Principal, PrincipalKind};

/// 3 July 2025.
const TIME: i64 = 1_751_542_473_000;

/// Texts of which each breaks something: lines, quotes, spreadsheets, terminals, formats, parsers.
pub(super) const TEXTS: &[&str] = &[
    "",
    " ",
    "a\nb",
    "a\r\nb\r",
    "\n",
    "\u{2028}\u{2029}\u{85}",
    "a\0b",
    "\u{1}\u{7}\u{8}\u{b}\u{c}\u{1b}[2J\u{1f}\u{7f}",
    "\"",
    "'",
    "\\",
    "\\\"",
    "\"},{\"injected\":true,\"x\":\"",
    "],\"injected\":[",
    "=HYPERLINK(\"http://example.org\",\"x\")",
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "a,b;c|d\te",
    "{{name}} ${name} %s %n %d %00 %0a",
    "<script>alert(1)</script>&amp;<![CDATA[",
    "'; DROP TABLE events; --",
    "CEF:0|a|b|c|d|e|f|g=h\\=i",
    "]]><!--",
    "é ü 漢字 🦀 \u{202e}desrever\u{202c} \u{feff}",
    "\u{10ffff}\u{fffd}",
    "__proto__",
    "constructor",
    "null",
    "NaN",
    "1e999",
];

/// A megabyte in one field is what the host lets through.
const HUGE: usize = (1 << 20) - 1024;

/// Events of every activity, told apart by `order-000`, `order-001` and so on in id and name.
pub(super) fn ordinary() -> Vec<Event> {
    let outcomes = Outcome::ALL.into_iter().cycle();
    let events = Activity::ALL.into_iter().zip(outcomes).enumerate();
    events
        .map(|(number, (activity, outcome))| {
            let step = i64::try_from(number).unwrap_or_default();
            let subject = Principal::named(format!("order-{number:03}-name"));
            let mut event = Event::new(TIME + step * 1000, activity, outcome, subject);
            event.id = Some(format!("order-{number:03}-id"));
            event.source_ip = Some("192.0.2.7".to_owned());
            event.labels = vec!["label".to_owned()];
            event.attributes = vec![("name".to_owned(), "value".to_owned())];
            event
        })
        .collect()
}

/// An event with that text in every field. The same fields are there whatever the text.
pub(super) fn everywhere(text: &str) -> Event {
    let field = || Some(text.to_owned());
    let account = || Principal {
        name: text.to_owned(),
        id: field(),
        display_name: field(),
        kind: PrincipalKind::User,
    };
    let mut event = Event::new(TIME, Activity::Logon, Outcome::Success, account());
    event.id = Some("hostile".to_owned());
    event.actor = Some(account());
    event.target = field();
    event.source_ip = Some("192.0.2.7".to_owned());
    event.user_agent = field();
    event.session = field();
    event.service = field();
    event.action = field();
    event.code = field();
    event.message = field();
    event.labels = vec![text.to_owned()];
    event.attributes = vec![(text.to_owned(), text.to_owned())];
    event
}

/// Events at the edge: huge, empty, long ago, far ahead.
pub(super) fn at_the_edge() -> Vec<Event> {
    let mut huge = everywhere("x");
    huge.message = Some("x".repeat(HUGE));
    let mut many = everywhere("x");
    many.attributes = (0..5000).map(|n| (format!("name{n}"), "\"\\\n".to_owned())).collect();
    let mut old = everywhere("x");
    old.time = i64::MIN;
    let mut late = everywhere("x");
    late.time = i64::MAX;
    let mut bare = Event::new(0, Activity::Other, Outcome::Unknown, Principal::named(""));
    bare.id = Some("bare".to_owned());
    vec![huge, many, old, late, bare]
}

/// Bytes that are no report.
pub(super) fn garbage() -> Vec<(&'static str, Vec<u8>)> {
    // SplitMix64: the same bytes on every run.
    let mut seed = 7_u64;
    let noise = std::iter::repeat_with(|| {
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let [byte, ..] = (mixed ^ (mixed >> 27)).to_be_bytes();
        byte
    });
    vec![
        ("noise", noise.take(32 << 10).collect()),
        ("zeros", vec![0; 32 << 10]),
        (
            "bytes that are not UTF-8",
            b"\xff\xfe\xc3\x28,\xe2\x82\n\xf0\x28\x8c\xbc\n".repeat(100),
        ),
        ("an empty line", b"\n".to_vec()),
        ("half a byte order mark", b"\xef\xbb".to_vec()),
        ("HTML", b"<!DOCTYPE html><html><body>Sign in</body></html>\n".to_vec()),
        ("a JSON error", br#"{"status":401,"message":"Unauthorized"}"#.to_vec()),
        ("deep nesting", b"[".repeat(20_000)),
        ("a PDF", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n".to_vec()),
    ]
}

/// A document with hostile text put where fields are, and a line that does not end.
pub(super) fn spoiled(document: &[u8]) -> Vec<(String, Vec<u8>)> {
    let text = String::from_utf8_lossy(document).into_owned();
    let line = text
        .lines()
        .find(|line| line.chars().any(char::is_alphanumeric))
        .unwrap_or_default();
    let word = line
        .split(|c: char| !c.is_alphanumeric())
        .find(|word| word.len() > 2)
        .unwrap_or("x");
    let mut spoiled: Vec<(String, Vec<u8>)> = TEXTS
        .iter()
        .map(|hostile| {
            (
                format!("{hostile:?} in the place of {word:?}"),
                text.replace(word, hostile).into_bytes(),
            )
        })
        .collect();
    spoiled.push(("a line of 1 MiB".to_owned(), {
        let mut bytes = document.to_vec();
        bytes.extend(std::iter::repeat_n(b'x', 1 << 20));
        bytes
    }));
    spoiled.push((
        "an open quote".to_owned(),
        [document, b"\"".as_slice(), document].concat(),
    ));
    spoiled
}
