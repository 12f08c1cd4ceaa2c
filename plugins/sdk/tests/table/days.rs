//! Rows that wait until a later one settles which number of a date is the day.

use super::*;

/// The row's time in milliseconds, as its message.
fn timed(row: Row<'_>) -> Result<Event<'_>, Reason> {
    let user = row.cell(0).ok_or("no user")?;
    let time = row.time(row.cell(1).ok_or("no time")?)?;
    let subject = Principal::named(user);
    Ok(Event::new(time, Activity::Logon, Outcome::Success, subject))
}

fn read_timed(document: &str, size: usize) -> Batch {
    let (mut table, mut batch) = (Table::new(&COLUMNS), Batch::default());
    for chunk in document.as_bytes().chunks(size) {
        table.push(chunk, &mut batch, timed).unwrap();
    }
    table.finish(&mut batch, timed).unwrap();
    batch
}

#[test]
fn a_later_row_settles_which_number_is_the_day() {
    let day_first = "2025-03-07T10:00:00Z"
        .parse::<jiff::Timestamp>()
        .unwrap()
        .as_millisecond();
    let month_first = "2025-07-03T10:00:00Z"
        .parse::<jiff::Timestamp>()
        .unwrap()
        .as_millisecond();
    for (settling, expected) in [
        ("13/07/2025 10:00", day_first),
        ("07/13/2025 10:00", month_first),
        ("\"Thu 07/03/2025\n10:00\"", month_first),
    ] {
        // Cells with doubled quotes or line breaks take the general reader.
        for first in ["ada", "\"a \"\"d\"\" a\"", "\"ad\na\""] {
            let document = format!("User,Date\n{first},07/03/2025 10:00\nbob,{settling}\n");
            for size in [1, 7, 4096] {
                let batch = read_timed(&document, size);
                assert_eq!(batch.rejects, [], "{document}");
                let times: Vec<_> = batch.events().map(|event| event.time).collect();
                assert_eq!((times.len(), times[1]), (2, expected), "{document}");
            }
        }
    }
}

#[test]
fn what_nothing_settles_is_rejected_with_its_line_and_text() {
    let batch = read_timed("User,Date\n\"a\nda\",07/03/2025 10:00\nbob,08/03/2025 10:00\n", 5);
    assert!(batch.is_empty());
    let rejects: Vec<_> = batch
        .rejects
        .iter()
        .map(|reject| (reject.line, reject.raw.as_str()))
        .collect();
    assert_eq!(
        rejects,
        [(2, "\"a\nda\",07/03/2025 10:00"), (4, "bob,08/03/2025 10:00")]
    );
    assert!(batch.rejects[0].reason.contains("cannot be told apart"));
}

#[test]
fn rows_that_contradict_each_other_settle_nothing() {
    let batch = read_timed(
        "User,Date\nada,07/03/2025 10:00\nbob,13/07/2025 10:00\ncy,07/13/2025 10:00\n",
        4096,
    );
    assert_eq!((batch.len(), batch.rejects.len()), (2, 1));
}

#[test]
fn only_so_many_rows_wait() {
    const MOST: usize = 100_000;
    let mut document = "User,Date\n".to_owned();
    document += &"ada,07/03/2025 10:00\n".repeat(MOST + 1);
    document += "bob,07/13/2025 10:00\ncy,07/03/2025 10:00\n";
    let batch = read_timed(&document, 64 << 10);
    // Those that waited were given up before the settling row came; what follows it is read.
    assert_eq!((batch.len(), batch.rejects.len()), (2, MOST + 1));
    let settled = document.replacen("ada,07/03", "ada,07/13", 1);
    assert_eq!(read_timed(&settled, 64 << 10).len(), MOST + 3);
}
