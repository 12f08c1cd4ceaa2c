//! The state of a host as a whole: the ledger with its spool, the dead letters, the rejected rows and the stored tokens.
//!
//! [`StatePaths`] says where these are. [`back_up`] copies all of it into a folder, also while runs are under way, with a [`BackupManifest`]
//! of what is there. [`CheckedBackup`] is such a folder that was found whole; [`Restore`] puts it in the place of the
//! state, and [`outlooks`] says beforehand what comes twice then. [`faults_of_state`] and [`faults_of_backup`] say what is wrong.
//!
//! # The order of a backup
//!
//! A run keeps a document before the ledger names it, and removes it only after the ledger names it no longer. It keeps a dead letter or
//! a rejected row before the ledger counts its window as delivered. So the ledger is copied first, as it is at one instant; then
//! the documents that the copy names, and where one is gone by then, its window was committed and the ledger is copied again; then
//! dead letters and rejected rows, so that none is missing that the copy counts as set aside. What they hold besides is of windows that
//! the copied ledger delivers again, and is kept once for each sink.
//!
//! # The order of a restore
//!
//! Everything is copied beside its place and compared with its digests. Then everybody else is excluded, a mark is made beside the
//! ledger, what was there is renamed, what was copied gets its name, and the mark is removed. A process that is killed before the mark
//! leaves the old state, one that is killed after it the new one; while the mark is there no ledger is opened.
#![warn(missing_docs)]

mod backup;
mod contents;
mod digest;
mod error;
mod exchange;
mod ledger_copy;
mod manifest;
mod outlook;
mod paths;
mod restore;
mod verify;

pub use backup::back_up;
pub use error::StateError;
pub use manifest::{BackupFile, BackupManifest, BackupStream};
pub use outlook::{Outlook, outlooks};
pub use paths::{StatePaths, StoreFile};
pub use restore::{CheckedBackup, Restore};
pub use verify::{faults_of_backup, faults_of_state};
