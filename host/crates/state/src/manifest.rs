//! `backup.json`: what a backup holds.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::StateError;
use crate::digest;
use crate::paths::{DEAD_LETTERS, LEDGER, REJECTED, SPOOL, TOKENS, is_plain_name};

/// The file's name.
const NAME: &str = "backup.json";
/// Changes when an older program could not restore the backup.
const FORM: u32 = 1;
/// The longest file that is read, in bytes.
const LONGEST: u64 = 64 << 20;

/// The description of a backup.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BackupManifest {
    /// The version of the program that made it.
    pub host: String,
    /// The time at which the backup was made: events that were delivered later are not known to it.
    pub made: Timestamp,
    /// The version of the form of each database, by its name in the backup.
    pub schemas: BTreeMap<String, u64>,
    /// The streams of the ledger.
    pub streams: Vec<BackupStream>,
    /// The number of dead letters.
    pub dead_letters: u64,
    /// The number of rejected rows.
    pub rejected_rows: u64,
    /// The files, by their names in the backup.
    pub files: BTreeMap<String, BackupFile>,
}

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupFile {
    /// Bytes.
    pub bytes: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
}

/// A stream as it stands in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupStream {
    /// The stream, in words.
    pub stream: String,
    /// The report's name.
    pub report: String,
    /// The connection's name.
    pub connection: String,
    /// Everything before is committed, or lost.
    pub watermark: Option<Timestamp>,
    /// The windows begun and not committed.
    pub windows: usize,
    /// The documents of these windows that wait on the spool.
    pub spooled: usize,
    /// The sinks that the stream is collected for.
    pub sinks: Vec<String>,
}

/// The file as it is written: the manifest's own text with its digest.
#[derive(Serialize, Deserialize)]
struct Sealed {
    form: u32,
    #[serde(default)]
    sha256: String,
    #[serde(default)]
    backup: Option<Box<RawValue>>,
}

impl BackupManifest {
    /// Writes the file into a new backup.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), StateError> {
        let path = folder.join(NAME);
        let text: serde_json::Result<String> = (|| {
            let backup = RawValue::from_string(serde_json::to_string_pretty(self)?)?;
            let sha256 = digest::of_bytes(backup.get().as_bytes());
            let backup = Some(backup);
            serde_json::to_string(&Sealed {
                form: FORM,
                sha256,
                backup,
            })
        })();
        let text = text.map_err(std::io::Error::from).map_err(StateError::file(&path))?;
        let written: std::io::Result<()> = (|| {
            let mut file = File::options().write(true).create_new(true).mode(0o600).open(&path)?;
            writeln!(file, "{text}")?;
            file.sync_all()
        })();
        written.map_err(StateError::file(&path))
    }

    /// Reads the file of a backup.
    ///
    /// # Errors
    ///
    /// Where there is none, it is not what was written, a later version wrote it, or it names files that no backup has.
    pub(crate) fn read(folder: &Path) -> Result<BackupManifest, StateError> {
        let problem = |problem: String| StateError::NoBackup {
            folder: folder.to_owned(),
            problem,
        };
        let mut text = String::new();
        let path = folder.join(NAME);
        if path.metadata().is_ok_and(|about| !about.is_file()) {
            return Err(problem(format!("{NAME} is no regular file")));
        }
        let read = File::open(&path).and_then(|file| file.take(LONGEST).read_to_string(&mut text));
        read.map_err(|error| problem(format!("{NAME}: {error}")))?;
        let sealed: Sealed =
            serde_json::from_str(&text).map_err(|error| problem(format!("{NAME} cannot be read: {error}")))?;
        if sealed.form > FORM {
            return Err(StateError::Later {
                folder: folder.to_owned(),
                problem: format!("{NAME} has form {}, this program knows {FORM}", sealed.form),
            });
        }
        let damaged = |fault: String| StateError::DamagedBackup {
            folder: folder.to_owned(),
            faults: vec![fault],
        };
        let changed = || damaged(format!("{NAME} is not what was written"));
        let backup = sealed.backup.ok_or_else(changed)?;
        if digest::of_bytes(backup.get().as_bytes()) != sealed.sha256 {
            return Err(changed());
        }
        let manifest: BackupManifest =
            serde_json::from_str(backup.get()).map_err(|error| problem(error.to_string()))?;
        if let Some(name) = manifest.files.keys().find(|name| !is_of_a_backup(name)) {
            return Err(damaged(format!("{NAME} names {name:?}, which is no file of a backup")));
        }
        Ok(manifest)
    }

    /// The files of a folder of the backup, by their names in it.
    pub(crate) fn within<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = (&'a str, &'a BackupFile)> {
        let files = self.files.iter();
        files.filter_map(move |(name, file)| Some((name.strip_prefix(folder)?.strip_prefix('/')?, file)))
    }

    /// The bytes of all files.
    pub fn bytes(&self) -> u64 {
        let bytes = self.files.values().map(|file| file.bytes);
        bytes.fold(0, u64::saturating_add)
    }
}

/// True where a name is that of a database, or of a file right in one of the folders.
fn is_of_a_backup(name: &str) -> bool {
    let within = |folder: &str| name.strip_prefix(folder).and_then(|name| name.strip_prefix('/'));
    [LEDGER, DEAD_LETTERS, REJECTED].contains(&name)
        || [SPOOL, TOKENS].into_iter().filter_map(within).any(is_plain_name)
}

/// The path of a file of a backup.
pub(crate) fn path_of(folder: &Path, name: &str) -> PathBuf {
    folder.join(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> BackupManifest {
        let file = BackupFile {
            bytes: 3,
            sha256: digest::of_bytes(b"abc"),
        };
        BackupManifest {
            host: "0.1.0".into(),
            made: Timestamp::UNIX_EPOCH,
            schemas: BTreeMap::new(),
            streams: Vec::new(),
            dead_letters: 0,
            rejected_rows: 0,
            files: BTreeMap::from([("ledger.db-spool/a".into(), file)]),
        }
    }

    #[test]
    fn bytes_that_nobody_wrote_do_not_overflow() {
        let file = |bytes| BackupFile {
            bytes,
            sha256: String::new(),
        };
        let mut manifest = manifest();
        manifest.files = BTreeMap::from([("tokens/a".into(), file(u64::MAX)), ("tokens/b".into(), file(1))]);
        assert_eq!(manifest.bytes(), u64::MAX);
    }

    #[test]
    fn a_folder_in_the_place_of_a_manifest_is_none() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(NAME)).unwrap();
        let error = BackupManifest::read(folder.path()).unwrap_err();
        assert!(error.to_string().contains("no regular file"), "{error}");
    }

    #[test]
    fn a_manifest_is_read_only_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        manifest().write(folder.path()).unwrap();
        let read = BackupManifest::read(folder.path()).unwrap();
        assert_eq!(
            read.within(SPOOL)
                .map(|(name, file)| (name, file.bytes))
                .collect::<Vec<_>>(),
            [("a", 3)]
        );
        assert_eq!(read.bytes(), 3);
        let path = folder.path().join(NAME);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("\"bytes\": 3", "\"bytes\": 4")).unwrap();
        let error = BackupManifest::read(folder.path()).unwrap_err();
        assert!(matches!(error, StateError::DamagedBackup { .. }), "{error:?}");
        std::fs::write(&path, text.replace("\"form\":1", "\"form\":2")).unwrap();
        let error = BackupManifest::read(folder.path()).unwrap_err();
        assert!(matches!(error, StateError::Later { .. }), "{error:?}");
        std::fs::remove_file(&path).unwrap();
        let error = BackupManifest::read(folder.path()).unwrap_err();
        assert!(matches!(error, StateError::NoBackup { .. }), "{error:?}");
    }

    #[test]
    fn a_backup_has_no_file_outside_of_its_folders() {
        for good in [
            "ledger.db",
            "dead-letters.db",
            "rejected.db",
            "tokens/epm.json",
            "ledger.db-spool/a.b-0",
        ] {
            assert!(is_of_a_backup(good), "{good}");
        }
        for bad in [
            "",
            "x",
            "/etc/passwd",
            "tokens",
            "tokens/",
            "tokens/..",
            "tokens/a/b",
            "ledger.db-spool/../x",
        ] {
            assert!(!is_of_a_backup(bad), "{bad}");
        }
    }
}
