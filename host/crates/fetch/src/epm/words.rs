//! The meaning of the words in which a server says why it gives no data.

/// True if the server's words say that there is nothing: `No records found`, `There is no data`, `Nothing to report`. It
/// takes a phrase of that kind, and no word that may tell why nothing can be had: what could not be read is not nothing.
pub(crate) fn says_nothing_there(text: &str) -> bool {
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
    const LINKING: [&str; 6] = ["was", "were", "is", "are", "has", "have"];
    // `no right to records` speaks of the right.
    const OF_SOMETHING_ELSE: [&str; 10] = ["to", "of", "for", "from", "in", "on", "with", "by", "such", "longer"];
    const REPORTED: [&str; 9] = [
        "report", "show", "display", "list", "export", "return", "do", "write", "download",
    ];
    let lower = text.to_lowercase();
    let is_word = |word: &&str| !word.is_empty();
    if (lower.split(|c: char| !c.is_alphanumeric()).filter(is_word)).any(is_about_failure) {
        return false;
    }
    lower
        .split(['.', ':', ';', ',', '!', '?', '(', ')', '\n'])
        .any(|phrase| {
            let words: Vec<&str> = phrase.split(|c: char| !c.is_alphanumeric()).filter(is_word).collect();
            let not_found = words
                .windows(2)
                .position(|pair| pair == ["not", "found"])
                .is_some_and(|at| {
                    let mut before = words.iter().take(at).rev();
                    let thing = before.find(|word| !LINKING.contains(word));
                    thing.is_some_and(|thing| THINGS.contains(thing))
                });
            let no_thing = words.iter().enumerate().any(|(at, word)| {
                let next = words.iter().skip(at + 1).take(4);
                *word == "no"
                    && (next.take_while(|word| !OF_SOMETHING_ELSE.contains(word))).any(|word| THINGS.contains(word))
            });
            let nothing = match words.as_slice() {
                ["nothing"] | ["nothing", "found" | "there" | "matches" | "matched", ..] => true,
                ["nothing", "was" | "is", "found" | "there" | "returned", ..] => true,
                ["nothing", "to", verb, ..] => REPORTED.contains(verb),
                _ => false,
            };
            not_found || no_thing || nothing
        })
}

/// True if the server's words tell a failure, whatever its status says: `no access to records`, `could not be read`.
pub(crate) fn tells_failure(text: &str) -> bool {
    const TELLING: [&str; 12] = [
        "could",
        "cannot",
        "unable",
        "unavail",
        "timeout",
        "denied",
        "forbidden",
        "permi",
        "fail",
        "unauthori",
        "refus",
        "exception",
    ];
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let negated = |at: usize| {
        let before = at.checked_sub(1).and_then(|before| words.get(before));
        before.is_some_and(|word| matches!(*word, "no" | "without" | "0"))
    };
    words.iter().enumerate().any(|(at, word)| match *word {
        "access" | "permission" | "permissions" | "privilege" | "privileges" | "right" | "rights" => negated(at),
        "authorized" | "authorised" => at.checked_sub(1).and_then(|before| words.get(before)) == Some(&"not"),
        word => {
            TELLING
                .iter()
                .chain(&["error"])
                .any(|telling| word.starts_with(telling))
                && !negated(at)
        }
    })
}

/// True if a word may tell why something cannot be had.
fn is_about_failure(word: &str) -> bool {
    const WHOLE: [&str; 25] = [
        "could",
        "couldn",
        "can",
        "cannot",
        "access",
        "unavailable",
        "unable",
        "timeout",
        "timed",
        "denied",
        "down",
        "because",
        "due",
        "yet",
        "later",
        "again",
        "retry",
        "still",
        "pending",
        "progress",
        "full",
        "expired",
        "forbidden",
        "privilege",
        "privileges",
    ];
    const BEGINNINGS: [&str; 10] = [
        "permi",
        "error",
        "fail",
        "authori",
        "unauthori",
        "refus",
        "exception",
        "mainten",
        "interrupt",
        "abort",
    ];
    WHOLE.contains(&word) || BEGINNINGS.iter().any(|beginning| word.starts_with(beginning))
}

/// An Oracle message code: capital letters, a hyphen, digits.
pub(crate) fn find_code(text: &str) -> Option<&str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
        .find(|word| {
            word.split_once('-').is_some_and(|(letters, digits)| {
                letters.len() >= 3
                    && letters.bytes().all(|byte| byte.is_ascii_uppercase())
                    && digits.len() >= 2
                    && digits.bytes().all(|byte| byte.is_ascii_digit())
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_that_say_there_is_nothing_are_taken_so() {
        for (text, nothing) in [
            ("No records found", true),
            ("There is no login data for the dates", true),
            ("Records not found.", true),
            ("Nothing to report", true),
            ("generated", false),
            ("The file was not found", false),
            ("Report of records was generated, no errors", false),
            ("User has no permission", false),
            ("No invalid login records were found for the given dates.", true),
            ("The records were not found", true),
            ("Nothing found", true),
            ("No data could be retrieved: the audit store is unavailable", false),
            ("User has no access to login records", false),
            ("No right to records", false),
            ("No data: the database timed out", false),
            ("No rows were written because the disk is full", false),
            ("No records yet, try again later", false),
            ("Nothing could be read", false),
            ("User jdoe not found", false),
            ("No such user", false),
            ("No records: not authorized", false),
            ("Login failed, no data", false),
            ("", false),
        ] {
            assert_eq!(says_nothing_there(text), nothing, "{text}");
        }
    }

    #[test]
    fn words_that_tell_a_failure_are_no_success() {
        for (text, failure) in [
            ("User has no access to login records", true),
            ("The data could not be read", true),
            ("Not authorized", true),
            ("Audit store unavailable", true),
            ("Error 17", true),
            ("User access report generated without errors", false),
            ("Completed. 0 errors.", false),
            ("No records found", false),
        ] {
            assert_eq!(tells_failure(text), failure, "{text}");
        }
    }
}
