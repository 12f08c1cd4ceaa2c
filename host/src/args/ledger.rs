//! The ledger: its streams, what is missing of them, and changes by hand.
#![allow(
    rustdoc::broken_intra_doc_links,
    reason = "what stands in brackets is for people at a terminal"
)]

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::configuration::ConfigFile;
use setup::SetupError;

/// What stands below the options of `host ledger show`.
const SHOW: &str = "Example:
  host ledger show user-login --connection epm

Fields (all times UTC, all periods half open):
  watermark  everything before is committed, or lost
  covered    the periods that were committed
  lost       periods that the server no longer had when they were asked for
  gaps       what is not covered between the first and the last period known
  windows    periods begun and not committed; the next run takes them up
  dead       the last 20 windows given up, and why; asked for again
  recent     days that may be asked for again, and how many ids of each are kept
  sinks      events and batches that a sink has answered for, of each window";

/// Which ledger is meant.
#[derive(Debug, Clone, Args)]
pub struct LedgerFile {
    /// The ledger [default: `path` under [ledger], else $XDG_STATE_HOME/host/ledger.db].
    #[arg(long, value_name = "PATH")]
    pub ledger: Option<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub config: ConfigFile,
}

/// Which streams are meant.
#[derive(Debug, Clone, Args)]
pub struct StreamArgs {
    /// The stream's name, or its report's.
    #[arg(value_name = "STREAM|REPORT")]
    pub report: String,
    /// Only of this connection.
    #[arg(long, value_name = "NAME")]
    pub connection: Option<String>,
    /// Only with these parameters; may be repeated.
    #[arg(long = "param", value_name = "KEY=VALUE")]
    pub parameters: Vec<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub file: LedgerFile,
}

impl StreamArgs {
    /// The parameters that were given, by name.
    pub fn given(&self) -> Result<Vec<(String, String)>, SetupError> {
        by_name(&self.parameters)
    }
}

/// Parameters as they were typed, in the order of their names.
pub(super) fn by_name(parameters: &[String]) -> Result<Vec<(String, String)>, SetupError> {
    let pair = |text: &String| match text.split_once('=') {
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => Err(SetupError::usage(format!("--param {text:?} is not KEY=VALUE"))),
    };
    let mut given = parameters.iter().map(pair).collect::<Result<Vec<_>, _>>()?;
    given.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(given)
}

/// `host ledger reset`.
#[derive(Debug, Args)]
pub struct ResetArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub stream: StreamArgs,
    /// All streams of the report that match; without it only one may.
    #[arg(long)]
    pub all: bool,
}

/// `host ledger rewind`.
#[derive(Debug, Args)]
pub struct RewindArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub stream: StreamArgs,
    /// The day (YYYY-MM-DD) or instant (RFC 3339) from which the next run asks again.
    #[arg(long, value_name = "TIME")]
    pub to: String,
}

/// `host ledger rename`.
#[derive(Debug, Args)]
pub struct RenameArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub stream: StreamArgs,
    /// The connection's new name.
    #[arg(long, value_name = "NAME")]
    pub to: String,
}

/// `host ledger`.
#[derive(Debug, Subcommand)]
pub enum LedgerCommand {
    /// List the streams: report, connection, watermark, windows in flight, gaps.
    #[command(after_help = "Examples:\n  host ledger list\n  host ledger list --json | jq -r .watermark")]
    List {
        #[command(flatten)]
        #[allow(missing_docs)]
        file: LedgerFile,
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Show all that is known of a report's streams, as JSON.
    #[command(after_help = SHOW)]
    Show {
        #[command(flatten)]
        #[allow(missing_docs)]
        stream: StreamArgs,
    },
    /// Forget a stream: the next run begins with today, and may deliver events again with the same ids. Nothing changes on
    /// the server or at sinks.
    #[command(after_help = "Example:\n  host ledger reset user-login --connection epm")]
    Reset(ResetArgs),
    /// Go back to an instant: the next run asks for everything behind it again, and delivers what was not delivered.
    #[command(after_help = "Example:\n  host ledger rewind audit-events --connection domain --to 2026-11-11T17:45:00Z")]
    Rewind(RewindArgs),
    /// Continue a stream under the connection's new name, from where it is and with the same ids.
    #[command(after_help = "Example:\n  host ledger rename user-login --connection epm --to epm-prod")]
    Rename(RenameArgs),
    /// Read the whole ledger and say whether it is what was written; a start does so only after a run that was killed.
    #[command(after_help = "Example:\n  host ledger check || mail -s 'the ledger is damaged' me")]
    Check {
        #[command(flatten)]
        #[allow(missing_docs)]
        file: LedgerFile,
    },
    /// Accept the connection's new URL as the same server; the next run records it.
    #[command(after_help = "Example:\n  host ledger adopt user-login --connection epm")]
    Adopt {
        #[command(flatten)]
        #[allow(missing_docs)]
        stream: StreamArgs,
    },
}

/// `host gaps`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  host gaps
  host gaps user-login --from 2026-01-01 --json
  host gaps --exit-code || mail -s 'evidence is missing' me

From the ledger alone: no server is asked. Without --from, from the first period that was ever asked for; without --to, to \
the last. `lost` means that the server no longer has the period; what is `missing` can still be had with `host backfill`. In \
JSON these are \"lost\" and \"open\".")]
pub struct GapsArgs {
    /// The stream's name, or its report's [default: all].
    #[arg(value_name = "STREAM|REPORT")]
    pub report: Option<String>,
    /// Only of this connection.
    #[arg(long, value_name = "NAME")]
    pub connection: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub file: LedgerFile,
    /// First day (YYYY-MM-DD) or instant (RFC 3339).
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Last day, inclusive, or the instant before which it ends.
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// One JSON object a line.
    #[arg(long)]
    pub json: bool,
    /// Exit with 8 where there are gaps.
    #[arg(long)]
    pub exit_code: bool,
    /// The clock, for tests.
    #[arg(long, value_name = "TIME", hide = true, env = "HOST_NOW", hide_env = true)]
    pub now: Option<String>,
}
