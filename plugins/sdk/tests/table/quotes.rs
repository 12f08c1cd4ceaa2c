//! Quotes: those that hold a cell, those that stray, and documents that end within them.

use super::*;

#[test]
fn quotes_hold_commas_line_breaks_quotes_and_spaces() {
    assert_eq!(
        rows("User,Date\n\"a,b\",\"1\n2\r\n3\"\n\" c \"\"d\"\" \",4\n"),
        ["a,b|1\n2\r\n3", " c \"d\" |4"]
    );
}

#[test]
fn spaces_around_cells_are_left_out_before_quotes_too() {
    assert_eq!(
        rows("User, Date, City\nada, noon , \"Paris, FR\"\n\tbob\t,1,\n"),
        ["ada|noon|City=Paris, FR", "bob|1"]
    );
}

#[test]
fn a_document_that_ends_within_quotes_does_not_pass_as_whole() {
    assert_eq!(
        rows("User,Date\nada,1\nbob,\"2"),
        ["ada|1", "3: the document ends within quotes"]
    );
    assert_eq!(rows("User,Date\nada,\"1\""), ["ada|1"]);
}

#[test]
fn a_stray_quote_costs_its_own_row_only() {
    const TEXT: &str = "the row has text after a closing quote";
    const OPEN: &str = "the document ends within quotes";
    for (body, expected) in [
        ("\"e,1\nbob,2\n", vec!["bob|2".into(), format!("2: {OPEN}")]),
        ("bob,2\n\"e,1", vec!["bob|2".into(), format!("3: {OPEN}")]),
        ("\"e,1\n", vec![format!("2: {OPEN}")]),
        (
            "\"e,1\r\n\r\nbob,2\r\nx\r\n",
            vec!["bob|2".into(), format!("2: {OPEN}"), "5: 1 cell instead of 2".into()],
        ),
        ("\"e\"x,1\nbob,2\n", vec!["bob|2".into(), format!("2: {TEXT}")]),
        ("\"e\" \"x\",1\nbob,2\n", vec!["bob|2".into(), format!("2: {TEXT}")]),
        ("\"e\"x,\"1\nbob,2\n", vec!["bob|2".into(), format!("2: {TEXT}")]),
        (
            "\"e,1\rbob,2\r\"e,3\rcy,4",
            vec![
                "bob|2".into(),
                "cy|4".into(),
                format!("2: {TEXT}"),
                format!("4: {OPEN}"),
            ],
        ),
        (
            "\"e,1\nbob,2\nf\"\ncy,3\n",
            vec![
                "bob|2".into(),
                "cy|3".into(),
                "2: 1 cell instead of 2".into(),
                "4: 1 cell instead of 2".into(),
            ],
        ),
        (
            "\"e,1\nbob,2\n\",3,4\ncy,5\n",
            vec![
                "bob|2".into(),
                "cy|5".into(),
                "2: the row has more cells than the header".into(),
                format!("4: {OPEN}"),
            ],
        ),
        ("\"e\n2\" ,1\nb\"ob,\"\"\n", vec!["e\n2|1".into(), "b\"ob|-".into()]),
    ] {
        let document = format!("User,Date\n{body}");
        assert_eq!(rows(&document), expected, "{document:?}");
        let whole = read_in_chunks(document.as_bytes(), usize::MAX);
        for size in 1..document.len() {
            assert_eq!(
                read_in_chunks(document.as_bytes(), size),
                whole,
                "{document:?} by {size}"
            );
        }
    }
}

#[test]
fn stray_quotes_around_many_rows_do_not_swallow_them() {
    let good: String = (0..5000)
        .map(|n| format!("user{n},2025-07-01 10:00:{:02}\r\n", n % 60))
        .collect();
    let bad = "\"evil,198.51.100.7\r\n";
    // More than a record may be long, so that it is given up before the other quote.
    let far = good.repeat(9);
    for (body, count, lines) in [
        (format!("{bad}{good}"), 5000, vec![2]),
        (format!("{bad}{good}{bad}"), 5000, vec![2, 5003]),
        (format!("{bad}{good}{bad}{good}"), 10_000, vec![2, 5003]),
        (format!("{bad}{far}{bad}"), 45_000, vec![2, 45_003]),
        (format!("{good}{}", bad.repeat(4)), 5000, vec![5002, 5003, 5004, 5005]),
    ] {
        let document = format!("User,Date\r\n{body}");
        let batch = read(&document).unwrap();
        assert_eq!(batch.len(), count);
        let found: Vec<_> = batch.rejects.iter().map(|reject| reject.line).collect();
        assert_eq!(found, lines);
        assert!(batch.rejects.iter().all(|reject| reject.raw == bad.trim_end()));
        for size in [1, 4096, 65_536, 1_000_003] {
            let (again, fault) = read_in_chunks(document.as_bytes(), size);
            assert!(again == batch && fault.is_none(), "chunks of {size}");
        }
    }
}

#[test]
fn a_stray_quote_before_the_header_does_not_swallow_it() {
    assert_eq!(rows("\"q8/x=\nUser,Date\nada,1\nbob,2\n"), ["ada|1", "bob|2"]);
}
