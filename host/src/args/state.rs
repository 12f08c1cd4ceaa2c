//! The state as a whole: ledger, spool, dead letters, rejected rows, tokens.
#![allow(
    rustdoc::broken_intra_doc_links,
    reason = "what stands in brackets is for people at a terminal"
)]

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::ledger::LedgerFile;

/// The text below the options of `host state backup`.
const BACKUP: &str = "Example:
  host state backup /backup/host-2026-11-21

It may be made while runs are under way, and nothing is lost between its parts, by their order: the ledger first, as it is at one \
instant; then the documents that the copied ledger names, and where a run has committed a window meanwhile and removed its document, the ledger is \
copied again; then the dead letters and the rejected rows, which runs keep before the ledger counts them; then the tokens. What later parts hold \
besides is of windows that the copied ledger delivers again, and is kept once. The folder gets its name when it is whole: one that was \
interrupted leaves at most `.host-backup-*.partial` beside it, which can be deleted.

It holds personal data and tokens: it is for its owner only, and is to be kept so.";

/// The text below the options of `host state restore`.
const RESTORE: &str = "Examples:
  host state restore /backup/host-2026-11-21 --replace --dry-run
  host state restore /backup/host-2026-11-21 --replace

It says first what comes twice: events that were delivered after the backup come again with the same ids. All of the backup is read and copied \
beside the state before the first file is renamed. Where it is killed after that, no run opens the ledger until the same command was given again. \
With --replace, what was there is kept as `ledger.db-before-TIME` and the like.";

/// `host state backup`.
#[derive(Debug, Args)]
#[command(after_help = BACKUP)]
pub struct BackupArgs {
    /// The folder to make; it must not exist.
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub file: LedgerFile,
}

/// `host state restore`.
#[derive(Debug, Args)]
#[command(after_help = RESTORE)]
pub struct RestoreArgs {
    /// The folder of the backup.
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Also where there is state: it is kept under another name, with the time.
    #[arg(long)]
    pub replace: bool,
    /// Only say whether the backup can be restored, and what comes twice then.
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub file: LedgerFile,
}

/// `host state verify`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  host state verify
  host state verify /backup/host-2026-11-21 || mail -s 'the backup is damaged' me

Exit 8, with a line for each thing that is wrong, where something is not what was written or is missing.")]
pub struct VerifyStateArgs {
    /// The folder of a backup [default: the state itself].
    #[arg(value_name = "DIR")]
    pub folder: Option<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub file: LedgerFile,
}

/// `host state`.
#[derive(Debug, Subcommand)]
pub enum StateCommand {
    /// Back up all state into a new folder, also while runs are under way.
    Backup(BackupArgs),
    /// Put a backup in the place of the state.
    Restore(RestoreArgs),
    /// Read all of a backup, or of the state itself, and say what is not as it was written.
    Verify(VerifyStateArgs),
}
