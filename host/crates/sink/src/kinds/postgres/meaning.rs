//! The meaning of a database's error for the events.

use tokio_postgres::Error;
use tokio_postgres::error::DbError;

use crate::answer::in_one_line;
use crate::receiver_error::ReceiverError;

/// The library's words where the server speaks no TLS.
pub(super) const NO_TLS: &str = "server does not support TLS";

/// The reason why a statement failed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum InsertError {
    /// Whatever was sent.
    Trouble(ReceiverError),
    /// One of the events sent.
    Data(String),
}

/// Reads an error by its SQLSTATE (PostgreSQL manual, appendix A), else by where it came from.
pub(super) fn of(error: &Error) -> InsertError {
    match error.as_db_error() {
        Some(error) => of_state(error.code().code(), error),
        None => InsertError::Trouble(of_transport(error)),
    }
}

fn of_state(state: &str, error: &DbError) -> InsertError {
    let said = error.message();
    let hint = match state {
        // What is said about data may quote it.
        _ if is_data(state) && !is_without_partition(state, error) => {
            let constraint = error.constraint().map(|name| format!(", constraint {name}"));
            return InsertError::Data(format!(
                "the database refuses the event (SQLSTATE {state}{})",
                constraint.unwrap_or_default()
            ));
        }
        _ if passes(state) => {
            return InsertError::Trouble(ReceiverError::transient(format!("{said} (SQLSTATE {state})")));
        }
        "23514" => "create the partition for the time of the events, or a default one",
        "42P01" => "create the table, or set `create-table = true`",
        "42P10" => "the table needs a primary key or unique index on (connection, report, id)",
        "42703" | "42804" => "the table has other columns than those in the documentation",
        "42501" => "grant the user INSERT and SELECT on the table",
        _ if state.starts_with("28") => "check the user in `url`, and `password`",
        _ => return InsertError::Trouble(ReceiverError::permanent(format!("{said} (SQLSTATE {state})"))),
    };
    InsertError::Trouble(ReceiverError::permanent(format!("{said} (SQLSTATE {state}); {hint}")))
}

/// Data exceptions, violated constraints, views that do not show what is inserted, values too large for a row or an index,
/// and what triggers raise about a row.
fn is_data(state: &str) -> bool {
    matches!(
        state.get(..2),
        Some("21" | "22" | "23" | "27" | "38" | "39" | "44" | "54" | "P0")
    )
}

/// A row that no partition takes breaks no rule that has a name. The event is no worse than those of yesterday.
fn is_without_partition(state: &str, error: &DbError) -> bool {
    state == "23514" && error.constraint().is_none() && error.datatype().is_none()
}

/// Connections, conflicting transactions, resources, locks, shutdowns and timeouts, the system; and a standby, which a
/// failover may make a primary.
fn passes(state: &str) -> bool {
    matches!(state.get(..2), Some("08" | "40" | "53" | "55" | "57" | "58" | "XX")) || state == "25006"
}

/// The library does not tell kinds apart but by their words.
fn of_transport(error: &Error) -> ReceiverError {
    let reason = in_one_line(error);
    let stays = ["authentication error", "invalid configuration", "error serializing"];
    if stays.iter().any(|words| reason.starts_with(words)) || reason.ends_with(NO_TLS) {
        return ReceiverError::permanent(reason);
    }
    ReceiverError::transient(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_sorted_by_their_class() {
        for state in [
            "22001", "22008", "22P02", "22P05", "23502", "23514", "44000", "54000", "P0001",
        ] {
            assert!(is_data(state) && !passes(state), "{state}");
        }
        for state in [
            "08006", "40001", "40P01", "53300", "57P01", "57P03", "57014", "55P03", "25006", "58030", "XX000",
        ] {
            assert!(passes(state) && !is_data(state), "{state}");
        }
        for state in ["28P01", "28000", "42P01", "42501", "3D000", "3F000", "0A000", "", "4"] {
            assert!(!passes(state) && !is_data(state), "{state}");
        }
    }
}
