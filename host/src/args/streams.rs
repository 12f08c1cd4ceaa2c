//! The streams: how far each is, and changes by hand.
#![allow(
    rustdoc::broken_intra_doc_links,
    reason = "what stands in brackets is for people at a terminal"
)]

use clap::{Args, Subcommand};

use super::ledger::{LedgerFile, RewindArgs, StreamArgs, by_name};
use setup::SetupError;

/// The text below the options of `host streams`.
pub(super) const STREAMS: &str = "Examples:
  host streams
  host streams --exit-code || mail -s 'streams need you' me
  host streams --json | jq -r 'select(.state == \"late\") | .name'
  host streams retire old-logins
  host streams drop prod-failed-logins --sink old-siem

From the configuration and the ledger alone: no server is asked. STATE is the first of these that holds:
  retired         nobody collects it any more
  not configured  it stands in the ledger and under no [[streams]]
  never ran       it is configured, and nothing was ever collected
  losing          its server deletes events that were not collected yet
  waiting         sinks are behind (a line says how far each is), or windows are in flight
  late            it is complete up to longer ago than `max-lag`
  silent          it has had no event for longer than `expect-events-every`
  ok              none of these";

/// `host streams`.
#[derive(Debug, Args)]
pub struct StreamsArgs {
    /// The change; without one the streams are listed.
    #[command(subcommand)]
    pub command: Option<StreamsCommand>,
    /// One JSON object a line.
    #[arg(long)]
    pub json: bool,
    /// Exit with 8 where a stream is losing, waiting, late or silent, or never ran.
    #[arg(long)]
    pub exit_code: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub file: LedgerFile,
    /// The clock, for tests.
    #[arg(long, value_name = "TIME", hide = true, env = "HOST_NOW", hide_env = true)]
    pub now: Option<String>,
}

/// A change of a stream by hand.
#[derive(Debug, Subcommand)]
pub enum StreamsCommand {
    /// Collect a stream no more: a run of it is refused. What is known of it stays, and so do events that wait.
    #[command(after_help = "Examples:\n  host streams retire old-logins\n  host streams retire old-logins --undo")]
    Retire(RetireArgs),
    /// Give a stream another name; it continues from where it is. Change the name under [[streams]] too.
    #[command(
        after_help = "Examples:\n  host streams rename logins prod-logins\n  host streams rename user-login prod-logins --connection epm"
    )]
    Rename(RenameStreamArgs),
    /// Accept the new URL of a stream's connection as the same server; or, with --of, let a stream continue what was collected before it
    /// had that name.
    #[command(
        after_help = "Examples:\n  host streams adopt prod-logins\n  host streams adopt prod-logins --of user-login --connection epm"
    )]
    Adopt(AdoptArgs),
    /// Go back to an instant: the next run asks for everything behind it again, and delivers what was not delivered.
    #[command(after_help = "Example:\n  host streams rewind prod-logins --to 2026-11-11T17:45:00Z")]
    Rewind(RewindArgs),
    /// Owe a sink nothing any more: what waits for it alone is given up.
    #[command(after_help = "Example:\n  host streams drop prod-logins --sink old-siem")]
    Drop(DropSinkArgs),
}

/// `host streams retire`.
#[derive(Debug, Args)]
pub struct RetireArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub stream: StreamArgs,
    /// Take the stream up again, from where it was.
    #[arg(long)]
    pub undo: bool,
}

/// `host streams rename`.
#[derive(Debug, Args)]
pub struct RenameStreamArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub stream: StreamArgs,
    /// The new name.
    #[arg(value_name = "NEW")]
    pub to: String,
}

/// `host streams adopt`.
#[derive(Debug, Args)]
pub struct AdoptArgs {
    /// The stream's name.
    #[arg(value_name = "NAME")]
    pub name: String,
    /// The report of the stream to be continued.
    #[arg(long, value_name = "REPORT")]
    pub of: Option<String>,
    /// Only of this connection.
    #[arg(long, value_name = "NAME", requires = "of")]
    pub connection: Option<String>,
    /// Only with these parameters; may be repeated.
    #[arg(long = "param", value_name = "KEY=VALUE", requires = "of")]
    pub parameters: Vec<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub file: LedgerFile,
}

impl AdoptArgs {
    /// The stream of that name.
    pub fn stream(&self) -> StreamArgs {
        StreamArgs {
            report: self.name.clone(),
            connection: None,
            parameters: Vec::new(),
            file: self.file.clone(),
        }
    }

    /// The stream to be continued, where one was named.
    ///
    /// # Errors
    ///
    /// Where its parameters are none.
    pub fn continued(&self) -> Result<Option<StreamArgs>, SetupError> {
        by_name(&self.parameters)?;
        Ok(self.of.as_ref().map(|report| StreamArgs {
            report: report.clone(),
            connection: self.connection.clone(),
            parameters: self.parameters.clone(),
            file: self.file.clone(),
        }))
    }
}

/// `host streams drop`.
#[derive(Debug, Args)]
pub struct DropSinkArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub stream: StreamArgs,
    /// The sink.
    #[arg(long, value_name = "NAME")]
    pub sink: String,
}
