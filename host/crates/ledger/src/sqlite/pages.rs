//! SQLite's own check of a file's pages.

use rusqlite::Connection;

/// Runs SQLite's check of that name; a problem is the first that it finds.
pub(super) fn pages(connection: &Connection, check: &str) -> Result<Result<(), String>, rusqlite::Error> {
    let found: String = connection.query_row(&format!("PRAGMA {check}(1)"), [], |row| row.get(0))?;
    Ok(match found.as_str() {
        "ok" => Ok(()),
        _ => Err(found.lines().collect::<Vec<_>>().join(" ")),
    })
}
