//! Lines that say in words that a report has no rows: `No records found`, `There is no data for the given dates`.

const THINGS: [&str; 17] = [
    "record",
    "records",
    "data",
    "row",
    "rows",
    "result",
    "results",
    "entry",
    "entries",
    "login",
    "logins",
    "user",
    "users",
    "activity",
    "information",
    "event",
    "events",
];

/// Words that tell why nothing could be had.
const REASONS: [&str; 20] = [
    "could",
    "can",
    "unab",
    "unavail",
    "access",
    "permi",
    "error",
    "fail",
    "denied",
    "time",
    "authori",
    "unauthori",
    "refus",
    "exception",
    "mainten",
    "because",
    "due",
    "yet",
    "later",
    "again",
];

/// Words at which a phrase turns to something else: `no right to records` speaks of the right.
const TURNS: [&str; 6] = ["to", "of", "for", "from", "in", "such"];

/// True where a line says, and does nothing but say, that there is nothing.
pub(crate) fn is_said_by(line: &str) -> bool {
    let lower = line.to_lowercase();
    let words: Vec<&str> = lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    if line.contains(',')
        || words
            .iter()
            .any(|word| REASONS.iter().any(|reason| word.starts_with(reason)))
    {
        return false;
    }
    let thing = |word: &&str| THINGS.contains(word);
    match words.as_slice() {
        ["there", "is" | "are" | "was" | "were", "no", rest @ ..] | ["no", rest @ ..] => {
            rest.iter().take(4).take_while(|word| !TURNS.contains(word)).any(thing)
        }
        ["nothing", "to", ..] | ["nothing", "found"] | ["nothing", "was", "found"] => true,
        [before @ .., "not", "found"] => before.iter().rev().find(|word| **word != "were").is_some_and(thing),
        _ => false,
    }
}

/// True where a line is only the identifier, encrypted and in quotes, that stands before the header of a report.
pub(crate) fn is_identifier(line: &str) -> bool {
    let inner = line.strip_prefix('"').and_then(|line| line.strip_suffix('"'));
    inner.is_some_and(|inner| {
        !inner.contains(|c: char| c.is_whitespace() || c == '"' || c == ',') && crate::header::is_opaque(inner)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_line_that_says_that_there_is_nothing_is_taken_so() {
        for (line, nothing) in [
            ("No records found", true),
            ("\"No invalid login records were found.\"", true),
            ("There is no data for the given dates", true),
            ("Records not found", true),
            ("Nothing to report", true),
            (r#"{"message": "No records found"}"#, false),
            ("No data could be retrieved", false),
            ("No right to records", false),
            ("User jdoe not found", false),
            ("jdoe, no data", false),
            ("Report of records", false),
        ] {
            assert_eq!(is_said_by(line), nothing, "{line}");
        }
    }
}
