//! `docs/errors.md` is made of the lists of error codes, and every code that is used is listed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fetch::FetchError;
use remote::RemoteError;

use super::NOTICE_CODES;
use crate::error::exit_of;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/errors.md");
const BEGIN: &str = "<!-- codes -->\n";
const END: &str = "<!-- end of codes -->";

#[derive(Default)]
struct Row {
    exits: BTreeSet<u8>,
    meanings: Vec<&'static str>,
    advice: Vec<&'static str>,
}

#[test]
fn the_page_has_every_code_with_its_exit_meaning_and_advice() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let written = format!("{before}{BEGIN}{}{END}{after}", table());
    if written == page {
        return;
    }
    if std::env::var_os("BLESS").is_some() {
        return std::fs::write(PAGE, written).unwrap();
    }
    panic!("docs/errors.md is not what the lists say; BLESS=1 accepts what they say");
}

#[test]
fn every_code_that_is_used_is_listed_and_every_listed_one_is_used() {
    let listed: BTreeSet<String> = (rows().into_keys().map(str::to_owned))
        .chain(NOTICE_CODES.iter().map(|(word, _)| (*word).to_owned()))
        .collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // Oracle's codes in events have other characters.
    let is_ours = |word: &String| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    let crates = std::fs::read_dir(root.join("crates")).unwrap();
    let used: BTreeSet<String> = crates
        .map(|entry| entry.unwrap().path().join("src"))
        .chain([root.join("src")])
        .flat_map(|folder| sources(&folder))
        .flat_map(|source| codes_in(&std::fs::read_to_string(source).unwrap()))
        .filter(is_ours)
        .collect();
    assert_eq!(used, listed);
}

#[test]
fn a_code_is_listed_with_the_exit_that_its_errors_lead_to() {
    let remote = remote_errors();
    let words: BTreeSet<&str> = remote.iter().map(RemoteError::code).collect();
    assert_eq!(words, remote::ERROR_CODES.iter().map(|code| code.word).collect());
    for error in remote {
        let listed = remote::ERROR_CODES.iter().find(|code| code.word == error.code());
        assert_eq!(listed.map(|code| code.kind), Some(error.kind()), "{error}");
    }
    for error in fetch_errors() {
        let listed = fetch::ERROR_CODES.iter().find(|code| code.word == error.code());
        assert_eq!(listed.map(|code| code.kind), Some(error.kind()), "{error}");
    }
}

/// An error for each word of the room.
fn remote_errors() -> Vec<RemoteError> {
    let (text, after) = (String::new, Duration::from_secs(1));
    vec![
        RemoteError::settings("x"),
        RemoteError::Local {
            message: text(),
            hint: None,
        },
        RemoteError::AddressRefused {
            host: text(),
            address: [127, 0, 0, 1].into(),
            kind: "loopback",
        },
        RemoteError::OriginEscape {
            link: text(),
            origin: text(),
        },
        RemoteError::SignIn {
            connection: text(),
            page: text(),
            hint: text(),
        },
        RemoteError::Redirect { reason: text() },
        RemoteError::Refused {
            connection: text(),
            status: 401.try_into().unwrap(),
            detail: None,
            hint: text(),
        },
        RemoteError::TokenRefused {
            connection: text(),
            origin: text(),
            status: 400.try_into().unwrap(),
            detail: text(),
            hint: text(),
        },
        RemoteError::Status {
            status: 404.try_into().unwrap(),
            detail: None,
            hint: None,
        },
        RemoteError::Busy {
            status: 503.try_into().unwrap(),
            detail: None,
            retry_after: None,
        },
        RemoteError::Connect {
            host: text(),
            reason: text(),
        },
        RemoteError::UnknownHost {
            host: text(),
            reason: text(),
        },
        RemoteError::Tls {
            host: text(),
            reason: text(),
            connecting: true,
        },
        RemoteError::Timeout { what: "x", after },
        RemoteError::TooSlow { bytes: 1, over: after },
        RemoteError::Interrupted { reason: text() },
        RemoteError::TooLarge { limit: 1 },
        RemoteError::Malformed { reason: text() },
    ]
}

/// Errors of the room that are no other room's.
fn fetch_errors() -> Vec<FetchError> {
    let text = String::new;
    vec![
        FetchError::Refused {
            code: None,
            text: text(),
        },
        FetchError::JobFailed {
            status: 1,
            code: None,
            text: text(),
        },
        FetchError::JobTimeout {
            after: Duration::from_secs(1),
            polls: 1,
        },
        FetchError::Malformed { what: "x", why: text() },
        FetchError::WebPage {
            connection: text(),
            what: "x",
            title: None,
            hint: text(),
        },
        FetchError::NoFile {
            file: text(),
            why: text(),
            later: false,
        },
        FetchError::TooLarge { what: "x", limit: 1 },
        FetchError::Incomplete { got: 1, total: 2 },
        FetchError::TooManyPages { limit: 1 },
        FetchError::Plan(text()),
        FetchError::Checkpoint("x".into()),
        FetchError::Spool(std::io::ErrorKind::StorageFull.into()),
    ]
}

/// The meanings of each word in the lists; rooms that share a word each say what they mean by it.
fn rows() -> BTreeMap<&'static str, Row> {
    let mut rows: BTreeMap<&'static str, Row> = BTreeMap::new();
    for code in remote::ERROR_CODES.iter().chain(fetch::ERROR_CODES) {
        let row = rows.entry(code.word).or_default();
        row.exits.insert(exit_of(code.kind).code());
        row.meanings.push(code.meaning);
        row.advice.push(code.advice);
    }
    for code in super::ERROR_CODES {
        let row = rows.entry(code.word).or_default();
        row.exits.extend(code.exits.iter().map(|exit| exit.code()));
        row.meanings.push(code.meaning);
        row.advice.push(code.advice);
    }
    rows
}

/// The table of the page, by exit code and then by word.
fn table() -> String {
    let mut rows: Vec<(&str, Row)> = rows().into_iter().collect();
    rows.sort_by_key(|(_, row)| row.exits.first().copied());
    let mut table = String::from("| code | exit | meaning | what to do |\n|---|---|---|---|\n");
    for (word, row) in rows {
        let exits: Vec<String> = row.exits.iter().map(u8::to_string).collect();
        let (exits, meanings, advice) = (exits.join(", "), row.meanings.join(" "), row.advice.join(" "));
        writeln!(table, "| `{word}` | {exits} | {meanings} | {advice} |").unwrap();
    }
    table += "\nWords in `code` of lines that are not errors:\n\n| code | the line |\n|---|---|\n";
    for (word, meaning) in NOTICE_CODES {
        writeln!(table, "| `{word}` | {meaning} |").unwrap();
    }
    table
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| match path.is_dir() {
            true => sources(&path),
            false => vec![path],
        })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        // The lists themselves are no use.
        .filter(|path| path.file_name().is_some_and(|name| name != "error_codes.rs"))
        .collect()
}

/// The words that a source gives as codes: literals behind `code:`, given to `.code` and in a line's `code`, and the
/// arms of `fn code` and of the exits' words.
fn codes_in(source: &str) -> Vec<String> {
    let literals = ["code: \"", ".with(\"code\", \"", ".code(\""]
        .into_iter()
        .flat_map(|start| source.split(start).skip(1).filter_map(|rest| rest.split('"').next()));
    let arms = [
        ("fn code(&self) -> &'static str {", "\n    }\n"),
        ("impl Exit {", "\n}\n"),
        ("code: match ", "},"),
    ];
    let arms = arms.into_iter().flat_map(|(start, end)| {
        let bodies = source
            .split(start)
            .skip(1)
            .filter_map(move |rest| rest.split(end).next());
        bodies.flat_map(|body| body.split("=> \"").skip(1).filter_map(|rest| rest.split('"').next()))
    });
    literals.chain(arms).map(str::to_owned).collect()
}
