//! The last runs of streams.
#![allow(
    rustdoc::broken_intra_doc_links,
    reason = "what stands in brackets is for people at a terminal"
)]

use clap::Args;

use super::ledger::{LedgerFile, by_name};
use setup::SetupError;

/// What stands below the options of `host runs`.
pub(super) const RUNS: &str = "Examples:
  host runs
  host runs user-login --connection epm --last 5
  host runs prod-failed-logins
  host runs --failed --json | jq -r '[.started, .report, .code, .message] | @tsv'

From the ledger alone, the newest run first: it keeps the last 1000 of each stream. Runs without a ledger, and such that only look, are \
in none. EXIT is the exit code and its word; a run without an end is `running`, or `did not end` where its process was killed. NEW \
counts events less those that an earlier run had delivered. The line below a run that failed is its error.";

/// `host runs`.
#[derive(Debug, Args)]
pub struct RunsArgs {
    /// The stream's name, or its report's [default: all].
    #[arg(value_name = "STREAM|REPORT")]
    pub report: Option<String>,
    /// Only of this connection.
    #[arg(long, value_name = "NAME")]
    pub connection: Option<String>,
    /// Only with these parameters; may be repeated.
    #[arg(long = "param", value_name = "KEY=VALUE")]
    pub parameters: Vec<String>,
    /// How many runs at most, the latest of all streams that match.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub last: u32,
    /// Only runs that did not end well: with another exit than 0, or not at all.
    #[arg(long)]
    pub failed: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub file: LedgerFile,
    /// One JSON object a line.
    #[arg(long)]
    pub json: bool,
}

impl RunsArgs {
    /// The parameters that were given, by name.
    pub fn given(&self) -> Result<Vec<(String, String)>, SetupError> {
        by_name(&self.parameters)
    }
}
