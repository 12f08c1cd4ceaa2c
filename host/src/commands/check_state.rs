//! The findings of `host check` on the host's own files: the ledger with its spool, the dead letters, the rejected rows, and the room for them.

use std::path::{Path, PathBuf};

use crate::error::CliError;
use crate::error::Exit;
use ::ledger::SqliteLedger;
use ::rejected::RejectedRows;
use base::counted::counted;
use setup::config::Config;
use sink::dead_letters::DeadLetters;

/// Bytes that must be free where the stores grow: a window's document, its letters and its rejected rows have room there.
const ROOM: u64 = 100 << 20;

/// A name for each, and what was found.
pub fn check(config: &Config) -> [(&'static str, Result<String, CliError>); 3] {
    [
        ("ledger", of_ledger(config)),
        ("dead letters", of_letters(&setup::state::dead_letters(config))),
        ("rejected rows", of_rows(&setup::state::rejected_rows(config))),
    ]
}

fn of_ledger(config: &Config) -> Result<String, CliError> {
    let path = setup::state::ledger(config)?;
    if !path.exists() {
        let room = writable(&path)?;
        return Ok(format!("{} will be made; {}", path.display(), free(&room)?));
    }
    let opened = SqliteLedger::open(&path)?;
    let spool = opened.beside("spool");
    let spooled = size(&spool);
    let waiting = match spooled {
        0 => "nothing waits in its spool".to_owned(),
        bytes => format!("{} wait in its spool", megabytes(bytes)),
    };
    if let Err(error) = tempfile::tempfile_in(folder_of(&path)) {
        return Err(unwritable(folder_of(&path), &error));
    }
    Ok(format!(
        "{} can be written, {waiting}; {}",
        path.display(),
        free(folder_of(&path))?
    ))
}

fn of_letters(store: &DeadLetters) -> Result<String, CliError> {
    store.need_place()?;
    let fill = store.fill()?;
    let held = format!("{} of {}", counted(fill.events, "event", "events"), fill.most_events);
    let is_full = fill.events >= fill.most_events || fill.bytes >= fill.most_bytes;
    let full = (
        Exit::DeliveryFailed,
        "`host dead-letter replay` or `host dead-letter drop` make room, or a higher `events` and `bytes` under [dead-letters]",
    );
    filled(store.path(), &held, is_full.then_some(full))
}

fn of_rows(store: &RejectedRows) -> Result<String, CliError> {
    store.need_place()?;
    let fill = store.fill()?;
    let held = format!("{} of {}", counted(fill.rows, "row", "rows"), fill.most_rows);
    let is_full = fill.rows >= fill.most_rows || fill.bytes >= fill.most_bytes;
    // As a run ends that has more of them.
    let full = (
        Exit::Partial,
        "`host rejected replay` or `host rejected drop` make room, or a higher `rows` and `bytes` under [rejected]",
    );
    filled(store.path(), &held, is_full.then_some(full))
}

/// The fill of a store in words: what it holds, and the room for its file. A full store fails, with this exit and hint.
fn filled(path: Option<&Path>, held: &str, full: Option<(Exit, &str)>) -> Result<String, CliError> {
    let path = path.unwrap_or(Path::new("."));
    let room = room(path)?;
    let held = format!("{held} in {}", path.display());
    match full {
        Some((exit, hint)) => Err(CliError::new(exit, format!("they are full: {held}")).hint(hint)),
        None => Ok(format!("{held}; {room}")),
    }
}

/// The room that there is for a file that is there, or can be made.
fn room(path: &Path) -> Result<String, CliError> {
    match path.exists() {
        true => free(folder_of(path)),
        false => free(&writable(path)?),
    }
}

/// The nearest folder that exists above a file that does not, where a file can be made in it.
fn writable(path: &Path) -> Result<PathBuf, CliError> {
    let nearest = path.ancestors().skip(1).find(|folder| folder.is_dir());
    let folder = nearest.unwrap_or(Path::new(".")).to_owned();
    match tempfile::tempfile_in(&folder) {
        Ok(_) => Ok(folder),
        Err(error) => Err(unwritable(&folder, &error)),
    }
}

fn unwritable(folder: &Path, error: &std::io::Error) -> CliError {
    CliError::usage(format!("no file can be made in {}: {error}", folder.display()))
        .hint("let the user who runs host write there, or name another file in host.toml")
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// The room that the folder's device has; too little is a failure.
fn free(folder: &Path) -> Result<String, CliError> {
    let about =
        rustix::fs::statvfs(folder).map_err(|error| CliError::usage(format!("{}: {error}", folder.display())))?;
    let bytes = about.f_bavail.saturating_mul(about.f_frsize);
    if bytes < ROOM {
        let failure = CliError::new(
            Exit::DeliveryFailed,
            format!(
                "only {} are free on the device of {}",
                megabytes(bytes),
                folder.display()
            ),
        );
        return Err(failure.hint("free space on the device, or name a file on another one in host.toml"));
    }
    Ok(format!("{} free", megabytes(bytes)))
}

/// The bytes of the files in a folder; of one that is not there, none.
fn size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.metadata().map_or(0, |about| about.len()))
        .sum()
}

fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes.div_ceil(1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(folder: &Path, more: &str) -> Config {
        let mut config = Config::parse(&format!(
            "[ledger]\npath = \"state/ledger.db\"\n[dead-letters]\npath = \"state/letters.db\"\n{more}"
        ))
        .unwrap();
        config.file.folder = folder.to_owned();
        config
    }

    fn found(config: &Config) -> Vec<Result<String, CliError>> {
        check(config).into_iter().map(|(_, found)| found).collect()
    }

    #[test]
    fn what_is_not_there_yet_is_looked_for_and_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let found = found(&config(folder.path(), ""));
        assert!(
            found[0].as_ref().unwrap().contains("ledger.db will be made; "),
            "{found:?}"
        );
        assert!(
            found[1].as_ref().unwrap().contains("0 events of 1000000 in "),
            "{found:?}"
        );
        let rows = found[2].as_ref().unwrap();
        assert!(
            rows.contains("0 rows of 1000000 in ") && rows.contains("rejected.db"),
            "{found:?}"
        );
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    }

    #[test]
    fn a_ledger_that_is_none_full_dead_letters_and_full_rejected_rows_are_failures() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("state")).unwrap();
        std::fs::write(folder.path().join("state/ledger.db"), "no database").unwrap();
        let found = found(&config(folder.path(), "events = 0\n[rejected]\nrows = 0\n"));
        let ledger = found[0].as_ref().unwrap_err();
        assert!(ledger.message.as_deref().unwrap().contains("ledger.db"), "{ledger:?}");
        let letters = found[1].as_ref().unwrap_err();
        assert!(
            letters
                .message
                .as_deref()
                .unwrap()
                .starts_with("they are full: 0 events of 0"),
            "{letters:?}"
        );
        let rows = found[2].as_ref().unwrap_err();
        let said = rows.message.as_deref().unwrap();
        assert!(
            said.starts_with("they are full: 0 rows of 0") && rows.exit == Exit::Partial,
            "{rows:?}"
        );
    }
}
