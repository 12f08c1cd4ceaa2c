//! `host redeliver`.
#![allow(
    rustdoc::broken_intra_doc_links,
    reason = "what stands in brackets is for people at a terminal"
)]

use clap::{Args, ValueEnum};

use super::ledger::LedgerFile;
use super::rendering::RenderingArgs;

/// The text below the options of `host redeliver`.
pub(super) const REDELIVER: &str = "Examples:
  host redeliver --from-archive 'archive/**/*.ndjson' --sink siem --dry-run
  host redeliver --from-archive 'archive/**/*.ndjson' --sink siem --from 2026-09-01 --to 2026-11-15
  host redeliver --from-archive 'bucket:report=user-login/**' --sink siem
  host redeliver --from-archive bucket --sink siem --report user-login --connection epm

Files are read in the order of their names, whatever their format, encoding and compression. Stopped or killed, the same command \
goes on where it was; what it has delivered is kept in the ledger.

Exit codes:
  0 done         2 usage            5 a file is damaged, changed or no archive
  7 delivery failed: the sink is down or cannot be used; run it again
  8 delivered, but for dead letters or records left out by --skip-unreadable
  9 busy: the same redelivery is active
  130 interrupted, 143 terminated";

/// Whence the ids of events come, where nothing proves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum IdsFrom {
    /// The source gives every event its id.
    Source,
    /// The ids are derived, as of a report without any.
    Derived,
}

/// `host redeliver`.
#[derive(Debug, Args)]
pub struct RedeliverArgs {
    /// The files that a sink wrote: a path with `*`, `?`, `[…]` and `**`, in quotation marks; or NAME or NAME:PATTERN for the
    /// objects of the sink NAME of kind object-store.
    #[arg(long, value_name = "GLOB")]
    pub from_archive: String,
    /// Where the events go: a name from the configuration, stdout, file:PATH, or a .wasm sink.
    #[arg(long, value_name = "NAME|SPEC")]
    pub sink: String,
    /// Only events since this day (YYYY-MM-DD, UTC) or instant (RFC 3339).
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Only events up to this day, inclusive, or before this instant.
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// Only events of this report.
    #[arg(long, value_name = "NAME")]
    pub report: Option<String>,
    /// Only events of this connection.
    #[arg(long, value_name = "NAME")]
    pub connection: Option<String>,
    /// For reports that this program does not know: who gives the events their ids.
    #[arg(long, value_enum, value_name = "WHO")]
    pub ids: Option<IdsFrom>,
    /// Read and check everything, say what would be delivered, and deliver nothing.
    #[arg(long, conflicts_with = "restart")]
    pub dry_run: bool,
    /// Leave out what is no event, or one that this version would write differently, and the rest of files that are damaged
    /// (exit 8).
    #[arg(long)]
    pub skip_unreadable: bool,
    /// Deliver also events of which the archive's encoding does not tell which of several activities they were, as the first of
    /// these.
    #[arg(long)]
    pub allow_ambiguous: bool,
    /// Begin anew, whatever was delivered before.
    #[arg(long)]
    pub restart: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub rendering: RenderingArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub file: LedgerFile,
}
