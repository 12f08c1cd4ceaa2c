//! The words of the EPM reports that say who was given a role or put into a group, or lost it again.
//!
//! The pages name some of the columns and the values of `Type`; the rest stands in pictures. So columns go by
//! [aliases](plugin_sdk::table::Column), and actions by what their word contains.

use plugin_sdk::Timestamp;
use plugin_sdk::table::{Reason, Row};

/// The spellings of a column that names who made a change: today's, and that of earlier releases.
pub const PERFORMER: &[&str] = &[
    "performedby",
    "administrator",
    "admin",
    "actionperformedby",
    "assignedby",
    "changedby",
    "modifiedby",
    "updatedby",
];

/// The spellings of a column that says what was done.
pub const ACTION: &[&str] = &["action", "operation", "activity"];

/// The spellings of a column that says when.
pub const TIME: &[&str] = &[
    "dateandtime",
    "datetime",
    "timestamp",
    "actiondateandtime",
    "actiondatetime",
    "actiondate",
    "date",
    "time",
];

/// The spellings of a column of the time of day, beside one of the date.
pub const TIME_OF_DAY: &[&str] = &["time", "timeofday", "actiontime"];

/// The direction of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// A role was given, a member added.
    Given,
    /// A role was taken away, a member removed.
    Taken,
}

/// The direction that a word means, whatever its case and form: `assigned`, `Role Assigned`, `UNASSIGN`, `Removed from group`.
/// None of a word that says neither.
pub fn direction(word: &str) -> Option<Direction> {
    const TAKEN: [&str; 6] = ["unassign", "deassign", "remov", "revok", "delet", "unprovision"];
    const GIVEN: [&str; 4] = ["assign", "add", "grant", "provision"];
    let word = word.to_ascii_lowercase();
    let contains = |stems: &[&str]| stems.iter().any(|stem| word.contains(stem));
    match (contains(&TAKEN), contains(&GIVEN)) {
        (true, _) => Some(Direction::Taken),
        (false, true) => Some(Direction::Given),
        (false, false) => None,
    }
}

/// True where a type says that it is that of a group: `IDCS Group`, `EPM Group`, `Predefined Group`; false of `User`.
pub fn is_group(kind: &str) -> bool {
    kind.to_ascii_lowercase().contains("group")
}

/// The name for people of an account that is known by nothing else. Of users who were deleted the reports show first and last
/// name in place of the login, and a login has no blank within.
pub fn display_name(name: &str) -> Option<&str> {
    Some(name).filter(|name| name.contains(char::is_whitespace) && !name.contains('@'))
}

/// A cell with its heading.
pub type HeadedCell<'r> = (&'r str, &'r str);

/// The time that the cell of a column says, or that the cells of a date and of a time of day make together. Of two cells one
/// may say all; the other stays an attribute.
pub fn time<'r>(row: Row<'r>, time: usize, time_of_day: usize) -> Result<(Timestamp, Option<HeadedCell<'r>>), Reason> {
    let text = row.cell(time).ok_or("the row has no time")?;
    let Some(clock) = row.cell(time_of_day) else {
        return Ok((row.time(text)?, None));
    };
    let beside = |column, cell| Some((row.heading(column).unwrap_or_default(), cell));
    if let Ok(at) = row.time(text) {
        return Ok((at, beside(time_of_day, clock)));
    }
    match (row.time(&format!("{text} {clock}")), row.time(clock)) {
        (Ok(at), _) => Ok((at, None)),
        (_, Ok(at)) => Ok((at, beside(time, text))),
        (Err(reason), _) => Err(reason.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_means_a_direction_in_any_form() {
        for word in [
            "assigned",
            "Assign",
            "ROLE ASSIGNED",
            "Added",
            "add",
            "Granted to user",
            "Provisioned",
        ] {
            assert_eq!(direction(word), Some(Direction::Given), "{word}");
        }
        for word in [
            "unassigned",
            "Unassign",
            "De-assigned, removed",
            "REMOVED",
            "Revoked",
            "Delete",
            "Unprovisioned",
        ] {
            assert_eq!(direction(word), Some(Direction::Taken), "{word}");
        }
        for word in ["", "changed", "zugewiesen", "-", "asigned"] {
            assert_eq!(direction(word), None, "{word}");
        }
    }

    #[test]
    fn groups_of_every_kind_are_told_from_users() {
        for kind in ["IDCS Group", "EPM Group", "group", "Predefined Group"] {
            assert!(is_group(kind), "{kind}");
        }
        for kind in ["User", "user", "", "Application"] {
            assert!(!is_group(kind), "{kind}");
        }
    }

    #[test]
    fn a_name_with_blanks_that_is_no_address_is_that_of_a_person() {
        assert_eq!(display_name("Jane Doe"), Some("Jane Doe"));
        for login in ["jdoe", "jane.doe@example.com", "jane doe@example.com", ""] {
            assert_eq!(display_name(login), None, "{login}");
        }
    }
}
