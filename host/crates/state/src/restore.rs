//! A backup in the place of the state.

use std::fs::{File, TryLockError};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::exchange::StateExchange;
use crate::manifest::{BackupManifest, path_of};
use crate::paths::{
    DEAD_LETTERS, LEDGER, REJECTED, SPOOL, StatePaths, StoreFile, TOKENS, beside, canonical, folder_of,
};
use crate::verify::faults_of_backup;
use crate::{StateError, digest};
use base::database;
use ledger::{LedgerExclusion, SqliteLedger};

/// A backup that was read and found whole.
#[derive(Debug)]
pub struct CheckedBackup {
    pub(crate) folder: PathBuf,
    /// The backup's description.
    pub manifest: BackupManifest,
}

impl CheckedBackup {
    /// Reads all of a backup. Blocks.
    ///
    /// # Errors
    ///
    /// Where it is none, a later version made it, or anything in it is missing or not what was written.
    pub fn read(folder: &Path, paths: &StatePaths) -> Result<CheckedBackup, StateError> {
        let (manifest, faults) = faults_of_backup(folder, paths)?;
        if !faults.is_empty() {
            return Err(StateError::DamagedBackup {
                folder: folder.to_owned(),
                faults,
            });
        }
        Ok(CheckedBackup {
            folder: folder.to_owned(),
            manifest,
        })
    }

    /// The path of the ledger in it, where it holds one.
    pub(crate) fn ledger(&self) -> Option<PathBuf> {
        let is_there = self.manifest.files.contains_key(LEDGER);
        is_there.then(|| path_of(&self.folder, LEDGER))
    }
}

/// A backup and the places that it is to be put in.
#[derive(Debug)]
pub struct Restore<'a> {
    backup: &'a CheckedBackup,
    paths: StatePaths,
    /// A restore of before was killed while it exchanged files.
    is_half_done: bool,
}

impl<'a> Restore<'a> {
    /// Looks whether a backup can be put there. Nothing is changed. Blocks.
    ///
    /// # Errors
    ///
    /// Where state is there that is not to be replaced, or a process has it open.
    pub fn prepare(backup: &'a CheckedBackup, paths: &StatePaths, replace: bool) -> Result<Restore<'a>, StateError> {
        let at = |store: &StoreFile| StoreFile {
            path: canonical(&store.path),
            ..store.clone()
        };
        let paths = StatePaths {
            ledger: canonical(&paths.ledger),
            dead_letters: paths.dead_letters.as_ref().map(at),
            rejected: paths.rejected.as_ref().map(at),
            tokens: paths.tokens.clone(),
        };
        let is_half_done = SqliteLedger::restore_mark(&paths.ledger).symlink_metadata().is_ok();
        let restore = Restore {
            backup,
            paths,
            is_half_done,
        };
        let standing = restore.standing();
        if !standing.is_empty() && !replace && !is_half_done {
            return Err(StateError::Standing(standing));
        }
        if !standing.is_empty() || is_half_done {
            drop(restore.exclude()?);
        }
        Ok(restore)
    }

    /// The parts of the state that are there, and that the backup would replace.
    fn standing(&self) -> Vec<PathBuf> {
        let stores = self.paths.stores().map(|(_, store)| store.path.clone());
        let tokens = self.paths.tokens.clone().filter(|_| self.has_tokens());
        let parts = [self.paths.ledger.clone()].into_iter().chain(stores).chain(tokens);
        parts.filter(|path| path.symlink_metadata().is_ok()).collect()
    }

    fn has_tokens(&self) -> bool {
        self.backup.manifest.within(TOKENS).next().is_some()
    }

    /// Excludes everybody else from the state.
    fn exclude(&self) -> Result<LedgerExclusion, StateError> {
        let ledger = &self.paths.ledger;
        let excluded = LedgerExclusion::take(ledger)?.ok_or_else(|| StateError::Open(ledger.clone()))?;
        for (_, store) in self.paths.stores() {
            // What is damaged is put aside as it is.
            if database::is_there(&store.path).is_ok_and(|there| there)
                && matches!(database::fold_log(&store.path), Ok(false))
            {
                return Err(StateError::Open(store.path.clone()));
            }
        }
        Ok(excluded)
    }

    /// Puts the backup in the place of the state, and says what is kept of before, under which names. Blocks.
    ///
    /// # Errors
    ///
    /// Where a process has the state open by now, or files cannot be copied or renamed. Until the first is renamed nothing has
    /// changed; after that no ledger is opened until a restore has come to its end.
    pub fn carry_out(self, now: Timestamp) -> Result<Vec<PathBuf>, StateError> {
        let _alone = self.alone()?;
        let exchanges = self.staged(&now.strftime("before-%Y%m%dT%H%M%S%.3fZ").to_string())?;
        exchanges.iter().try_for_each(StateExchange::check)?;
        base::failpoint!("restore.staged");
        let excluded = self.exclude()?;
        let mark = self.mark()?;
        base::failpoint!("restore.marked");
        let mut kept = Vec::new();
        for exchange in &exchanges {
            kept.extend(exchange.put_aside()?);
        }
        base::failpoint!("restore.aside");
        for exchange in &exchanges {
            exchange.place()?;
        }
        exchanges.iter().try_for_each(StateExchange::sync)?;
        base::failpoint!("restore.placed");
        std::fs::remove_file(&mark).map_err(StateError::file(&mark))?;
        digest::sync(folder_of(&mark))?;
        drop(excluded);
        Ok(kept)
    }

    /// Holds off other restores, whose copies would have the same names: the lock is that of the ledger's folder, and leaves no file.
    fn alone(&self) -> Result<File, StateError> {
        let ledger = &self.paths.ledger;
        let path = folder_of(ledger);
        digest::make_folder(path)?;
        let folder = File::open(path).map_err(StateError::file(path))?;
        match folder.try_lock() {
            Ok(()) => Ok(folder),
            Err(TryLockError::WouldBlock) => Err(StateError::Open(ledger.clone())),
            Err(TryLockError::Error(source)) => Err(StateError::file(path)(source)),
        }
    }

    /// Everything copied beside its place, and compared with its digests.
    fn staged(&self, before: &str) -> Result<Vec<StateExchange>, StateError> {
        let (folder, manifest) = (&self.backup.folder, &self.backup.manifest);
        let database = |place: &Path, name: &str| {
            let from = path_of(folder, name);
            let file = manifest.files.get(name).map(|file| (from.as_path(), file));
            StateExchange::of_database(place, file, beside(place, before))
        };
        let ledger = &self.paths.ledger;
        let mut exchanges = vec![database(ledger, LEDGER)?];
        // Called so that it belongs to the ledger that is kept.
        let aside = beside(&beside(ledger, before), "spool");
        let (spool, documents) = (beside(ledger, "spool"), manifest.within(SPOOL));
        exchanges.push(StateExchange::of_folder(
            &spool,
            &path_of(folder, SPOOL),
            documents,
            aside,
        )?);
        for (name, store) in [
            (DEAD_LETTERS, &self.paths.dead_letters),
            (REJECTED, &self.paths.rejected),
        ] {
            if let Some(store) = store {
                exchanges.push(database(&store.path, name)?);
            }
        }
        // Those that are there are newer; without any in the backup they stay.
        if let Some(tokens) = self.paths.tokens.as_ref().filter(|_| self.has_tokens()) {
            let (from, files) = (path_of(folder, TOKENS), manifest.within(TOKENS));
            exchanges.push(StateExchange::of_folder(tokens, &from, files, beside(tokens, before))?);
        }
        Ok(exchanges)
    }

    /// Marks the ledger: nobody opens it until the mark is gone.
    fn mark(&self) -> Result<PathBuf, StateError> {
        let mark = SqliteLedger::restore_mark(&self.paths.ledger);
        let written: std::io::Result<()> = (|| {
            let mut file = File::options()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&mark)?;
            writeln!(file, "{}", self.backup.folder.display())?;
            file.sync_all()
        })();
        written.map_err(StateError::file(&mark))?;
        digest::sync(folder_of(&mark))?;
        Ok(mark)
    }

    /// True where a restore of before was killed while it exchanged files.
    pub fn is_half_done(&self) -> bool {
        self.is_half_done
    }
}
