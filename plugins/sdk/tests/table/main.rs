//! The table reader at the documents that reports are known, or likely, to be.

#![allow(clippy::unwrap_used)]

mod days;
mod quotes;

use plugin_sdk::table::{Column, MAX_CELLS, MAX_RECORD, Reason, Row, Table};
use plugin_sdk::{Activity, Batch, Event, Fault, FaultKind, Outcome, Principal};
use proptest::prelude::*;

static COLUMNS: [Column; 2] = [
    Column {
        meaning: "user",
        aliases: &["userlogin", "user"],
        required: true,
    },
    Column {
        meaning: "time",
        aliases: &["date", "time"],
        required: true,
    },
];

/// User, time, and the cells of no known column.
fn event(row: Row<'_>) -> Result<Event<'_>, Reason> {
    let user = row.cell(0).ok_or("no user")?;
    let mut event = Event::new(0, Activity::Logon, Outcome::Success, Principal::named(user));
    event.message = row.cell(1).map(Into::into);
    event.attributes = row
        .unplaced()
        .map(|(heading, cell)| (heading.into(), cell.into()))
        .collect();
    Ok(event)
}

fn read_in_chunks(document: &[u8], size: usize) -> (Batch, Option<Fault>) {
    let (mut table, mut batch) = (Table::new(&COLUMNS), Batch::default());
    let result = document
        .chunks(size)
        .try_for_each(|chunk| table.push(chunk, &mut batch, event))
        .and_then(|()| table.finish(&mut batch, event));
    (batch, result.err())
}

fn read(document: impl AsRef<[u8]>) -> Result<Batch, Fault> {
    let (batch, fault) = read_in_chunks(document.as_ref(), usize::MAX);
    fault.map_or(Ok(batch), Err)
}

/// Each event as `user|time|heading=cell`, each reject as its line and reason.
fn rows(document: impl AsRef<[u8]>) -> Vec<String> {
    let batch = read(document).unwrap();
    let event = |event: Event<'_>| {
        let rest: String = event
            .attributes
            .iter()
            .map(|(heading, cell)| format!("|{heading}={cell}"))
            .collect();
        format!(
            "{}|{}{rest}",
            event.subject.name,
            event.message.as_deref().unwrap_or("-")
        )
    };
    let rejects = batch
        .rejects
        .iter()
        .map(|reject| format!("{}: {}", reject.line, reject.reason));
    batch.events().map(event).chain(rejects).collect()
}

#[test]
fn a_document_without_rows_gives_no_events() {
    for document in [
        "",
        "\u{feff}",
        "\r\n\r\n",
        "User,Date",
        "User,Date\r\n",
        "\u{feff}\"id1=\"\r\nUser,Date\r\n",
    ] {
        assert_eq!(read(document).unwrap(), Batch::default(), "{document:?}");
    }
}

#[test]
fn a_document_that_says_in_words_that_it_has_no_rows_has_none() {
    for document in [
        "No records found",
        "\"No records found.\"\r\n",
        "\"4fB==\"\r\n",
        "\"4fB==\"\r\nNo data for the given dates\r\n",
        "\"4fB==\"\nUser,Date\nNo records found",
        "User,Date\nNo records found\n",
    ] {
        for size in [1, 7, usize::MAX] {
            let (batch, fault) = read_in_chunks(document.as_bytes(), size);
            assert_eq!((batch.len(), batch.rejects.len(), fault), (0, 0, None), "{document}");
        }
    }
    // Beside rows it is a line that fits nothing.
    for document in [
        "User,Date\nNo records found\nada,1\n",
        "User,Date\nada,1\nNo records found\n",
    ] {
        let batch = read(document).unwrap();
        assert_eq!((batch.len(), batch.rejects.len()), (1, 1), "{document}");
    }
    for document in ["No data could be read", "\"Password\"", "Some text"] {
        assert!(read(document).is_err(), "{document}");
    }
}

#[test]
fn columns_are_found_by_name_in_any_order_case_and_spelling() {
    for header in [
        "User Login,Date",
        "USER_LOGIN,DATE (UTC)",
        "\"userlogin\" , Date/UTC",
        "User.Login;,date",
    ] {
        assert_eq!(rows(format!("{header}\nada,noon\n")), ["ada|noon"], "{header}");
    }
    assert_eq!(rows("Date,City,User\nnoon,Paris,ada\n"), ["ada|noon|City=Paris"]);
}

#[test]
fn the_best_spelling_wins_and_the_other_column_is_kept() {
    assert_eq!(
        rows("User,User Login,Date\nAda L.,ada,noon\n"),
        ["ada|noon|User=Ada L."]
    );
}

#[test]
fn columns_without_a_name_are_kept_under_their_number() {
    assert_eq!(rows("User,,Date\nada,x,noon\n"), ["ada|noon|column 2=x"]);
}

#[test]
fn any_line_ending_ends_a_row_and_blank_lines_are_none() {
    for ending in ["\n", "\r\n", "\r", "\n\n", "\r\n\r\n", "\n  \n"] {
        let document = ["User,Date", "ada,1", "bob,2"].join(ending);
        assert_eq!(rows(&document), ["ada|1", "bob|2"], "{ending:?}");
        assert_eq!(rows(document + ending), ["ada|1", "bob|2"], "{ending:?} at the end");
    }
}

#[test]
fn a_mark_and_an_identifier_before_the_header_are_skipped() {
    for preamble in [
        "\u{feff}",
        "\"q8/x=\"\n",
        "\u{feff}\"q8/x=\"\r\n",
        "\u{feff}\"q8/x=\",",
        "\"q8/x=\", ",
    ] {
        assert_eq!(
            rows(format!("{preamble}User,City,Date\nada,Paris,noon\n")),
            ["ada|noon|City=Paris"],
            "{preamble:?}"
        );
    }
}

#[test]
fn a_joined_identifier_that_rows_have_a_cell_for_is_a_column() {
    assert_eq!(
        rows("\"q8/x=\",User,Date\n,ada,noon\n7,bob,1\n"),
        ["ada|noon", "bob|1|q8/x==7"]
    );
}

#[test]
fn an_unknown_first_column_is_no_identifier() {
    assert_eq!(
        rows("\"Home Domain\",User,Date\nada,noon\nd,bob,1\n"),
        ["bob|1|Home Domain=d", "2: 2 cells instead of 3"]
    );
}

#[test]
fn a_row_that_does_not_fit_is_rejected_with_the_line_it_starts_on() {
    let document =
        b"\xef\xbb\xbf\"id1=\"\r\n\r\nUser,Date\r\na,\"1\r\n2\"\r\nshort\r\nlong,1,2\r\nb\xff,1\r\n,1\r\nz,9\r\n";
    let batch = read(document).unwrap();
    let rejects: Vec<_> = batch
        .rejects
        .iter()
        .map(|it| (it.line, it.reason.as_str(), it.raw.as_str()))
        .collect();
    assert_eq!(
        rejects,
        [
            (6, "1 cell instead of 2", "short"),
            (7, "3 cells instead of 2", "long,1,2"),
            (8, "the row is not valid UTF-8", "b\u{fffd},1"),
            (9, "no user", ",1"),
        ]
    );
    assert_eq!(batch.len(), 2);
}

#[test]
fn lines_are_counted_whatever_ends_them() {
    for ending in ["\n", "\r\n", "\r"] {
        let document = ["User,Date", "\"a", "b\",1", "", "bad", "c,1", "bad", ""].join(ending);
        let lines: Vec<_> = read(document)
            .unwrap()
            .rejects
            .iter()
            .map(|reject| reject.line)
            .collect();
        assert_eq!(lines, [5, 7], "{ending:?}");
    }
}

#[test]
fn halves_of_a_character_in_two_cells_do_not_make_one() {
    assert_eq!(rows(b"User,Date\n\xc3,\xa9\n"), ["2: the row is not valid UTF-8"]);
}

#[test]
fn a_document_that_breaks_off_within_a_row_fails() {
    for (body, line) in [
        ("ada", 2),
        ("ada,1\nbo", 3),
        ("ada,1\n\"bo", 3),
        ("ada,1\n\"bo\"", 3),
        ("ada,\"1\n2\"\r\n\r\nbob", 5),
        ("\"ada\nbo", 3),
    ] {
        let document = format!("User,Date\n{body}");
        for size in [1, 3, usize::MAX] {
            let fault = read_in_chunks(document.as_bytes(), size).1.unwrap();
            let expected = format!("the document breaks off in line {line}");
            assert_eq!(
                (fault.kind, fault.message),
                (FaultKind::MalformedDocument, expected),
                "{body:?}"
            );
        }
        // Where its line ends, a short row is only that.
        assert!(read(format!("{document}\n")).is_ok(), "{body:?}");
    }
    assert_eq!(rows("User,Date\nada,1,2"), ["2: 3 cells instead of 2"]);
}

#[test]
fn a_document_without_the_columns_fails_with_the_header_it_has() {
    for (document, expected) in [
        (
            "User,City\nada,Paris\n",
            "the report has no time column: its header is \"User,City\"",
        ),
        (
            "\"id=\"\nCity,Date\u{1b}[31m\nx,y\n",
            "the report has no user and no time column: its header is \"\\\"id=\\\"\"",
        ),
        (
            "\"id=\"\nCity,Date\n",
            "the report has no user column: its header is \"City,Date\"",
        ),
        (
            "<html>\n<body>",
            "the report has no user and no time column: its header is \"<html>\"",
        ),
    ] {
        let fault = read(document).unwrap_err();
        assert_eq!(
            (fault.kind, fault.message.as_str()),
            (FaultKind::MalformedDocument, expected)
        );
        assert!(fault.hint.is_some());
    }
}

#[test]
fn the_search_for_a_header_ends_soon_and_its_message_is_short() {
    let (mut table, mut batch) = (Table::new(&COLUMNS), Batch::default());
    let line = format!("{}\n", "é".repeat(5000));
    let fault = table.push(line.repeat(9).as_bytes(), &mut batch, event).unwrap_err();
    assert!(
        fault.message.contains("é…\"") && fault.message.len() < 600,
        "{}",
        fault.message
    );
}

#[test]
fn a_record_over_the_limit_is_rejected_and_the_next_line_is_read() {
    let long = "x".repeat(MAX_RECORD + 1);
    let many = ",".repeat(MAX_CELLS);
    for (bad, reason) in [
        (long.clone(), "the record is longer than 1 MiB"),
        (format!("\"{long}"), "the record is longer than 1 MiB"),
        (many, "the record has more than 1024 cells"),
    ] {
        let document = format!("User,Date\nada,1\n{bad}\nbob,2\n");
        let batch = read(&document).unwrap();
        let names: Vec<_> = batch.events().map(|event| event.subject.name.into_owned()).collect();
        assert_eq!(names, ["ada", "bob"]);
        let [reject] = batch.rejects.as_slice() else {
            panic!("{:?}", batch.rejects)
        };
        assert_eq!((reject.line, reject.reason.as_str()), (3, reason));
        assert!(reject.raw.len() <= 4096 && bad.starts_with(&reject.raw));
        for size in [4096, 65_536, 1_000_003] {
            assert_eq!(
                read_in_chunks(document.as_bytes(), size),
                (batch.clone(), None),
                "{size}"
            );
        }
    }
}

/// Cells that a writer would not have to quote, and such as need it.
fn cell() -> impl Strategy<Value = String> {
    prop_oneof!["[a-zA-Z0-9@.:-]{1,12}", "[ ,\"\r\n\ta-cé😀]{0,8}"]
}

proptest! {
    #[test]
    fn what_an_independent_writer_wrote_is_read_back(
        rows in prop::collection::vec((cell(), cell(), cell()), 0..20),
        crlf: bool,
        mark: bool,
    ) {
        let terminator = if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
        let quote = csv::QuoteStyle::NonNumeric;
        let mut writer = csv::WriterBuilder::new().terminator(terminator).quote_style(quote).from_writer(Vec::new());
        writer.write_record(["Date", "User Login", "City"]).unwrap();
        for (user, time, city) in &rows {
            writer.write_record([time, user, city]).unwrap();
        }
        let mut document = if mark { b"\xef\xbb\xbf".to_vec() } else { Vec::new() };
        document.extend(writer.into_inner().unwrap());
        let batch = read(&document).unwrap();

        let named: Vec<_> = rows.iter().filter(|(user, _, _)| !user.is_empty()).collect();
        prop_assert_eq!(batch.rejects.len(), rows.len() - named.len());
        prop_assert_eq!(batch.len(), named.len());
        for (event, (user, time, city)) in batch.events().zip(named) {
            prop_assert_eq!(&event.subject.name, user);
            prop_assert_eq!(event.message.as_deref().unwrap_or(""), time);
            prop_assert_eq!(event.attributes.first().map_or("", |(_, cell)| cell), city);
        }
    }

    #[test]
    fn chunks_make_no_difference(
        head in prop_oneof![Just(""), Just("User,Date\r\n"), Just("\u{feff}\"i1=\"\nUser,Date\n"), Just("\"i1=\",User,Date\r")],
        body in prop::collection::vec(prop_oneof![
            Just(b"ada,1".to_vec()), Just(b"\r\n".to_vec()), Just(b"\n".to_vec()), Just(b"\r".to_vec()),
            Just(b"\"".to_vec()), Just(b",".to_vec()), Just(b" ".to_vec()), Just(b"\xef\xbb\xbf".to_vec()),
            Just(b"bob,\"July 1, 2025 10:00:00 UTC\"\r\n".to_vec()), "[a-z\u{e9}]{50,70}".prop_map(String::into_bytes),
            prop::collection::vec(any::<u8>(), 0..6),
        ], 0..40),
        size in 1..20usize,
    ) {
        let document = [head.as_bytes(), &body.concat()].concat();
        prop_assert_eq!(read_in_chunks(&document, size), read_in_chunks(&document, usize::MAX));
    }
}

#[test]
fn a_heading_that_each_event_would_repeat_is_short_or_the_document_fails() {
    let document = |length: usize| format!("user,time,{}\nada,now,x\n", "h".repeat(length));
    assert_eq!(read(document(512)).unwrap().len(), 1);
    let fault = read(document(513)).unwrap_err();
    assert_eq!(fault.kind, FaultKind::MalformedDocument);
    assert!(
        fault.message.starts_with("the heading of column 3 has 513 bytes"),
        "{}",
        fault.message
    );
    assert!(fault.message.len() < 200, "{}", fault.message);
}

#[test]
fn a_row_whose_event_is_larger_than_the_host_takes_is_rejected_and_others_go_on() {
    // The row is in order; with its headings it is not.
    let headings: Vec<String> = (0..1020).map(|n| format!("{n:0>512}")).collect();
    let mut cells = vec!["1"; 1020];
    let cell = "x".repeat(600 * 1024);
    cells[7] = &cell;
    let row = |user: &str, cells: &[&str]| format!("{user},now,{}\n", cells.join(","));
    let document = format!(
        "user,time,{}\n{}{}{}",
        headings.join(","),
        row("ada", &["1"; 1020]),
        row("bob", &cells),
        row("eve", &["1"; 1020])
    );
    let batch = read(document).unwrap();
    let users: Vec<_> = batch.events().map(|event| event.subject.name.into_owned()).collect();
    assert_eq!(users, ["ada", "eve"]);
    assert_eq!(batch.rejects.len(), 1);
    assert_eq!(
        (batch.rejects[0].line, batch.rejects[0].reason.as_str()),
        (3, "the event would have more than 1 MiB")
    );
}
