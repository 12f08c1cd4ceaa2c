//! What was set aside: dead letters and rejected rows.
#![allow(
    rustdoc::broken_intra_doc_links,
    reason = "what stands in brackets is for people at a terminal"
)]

use clap::{Args, Subcommand};

use super::configuration::ConfigFile;
use super::rendering::RenderingArgs;

/// Which dead letters are meant.
#[derive(Debug, Clone, Args)]
pub struct DeadLetterArgs {
    /// Only of this sink.
    #[arg(long, value_name = "NAME")]
    pub sink: Option<String>,
    /// Only of this report.
    #[arg(long, value_name = "NAME")]
    pub report: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub config: ConfigFile,
}

/// `host dead-letter`.
#[derive(Debug, Subcommand)]
pub enum DeadLetterCommand {
    /// List dead letters, oldest first, without their events.
    #[command(
        after_help = "Examples:\n  host dead-letter list --sink siem\n  host dead-letter list --json | jq -r .reason | sort | uniq -c"
    )]
    List {
        #[command(flatten)]
        #[allow(missing_docs)]
        letters: DeadLetterArgs,
        /// Show at most this many [default: 100].
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
        /// One JSON object a line, all of them.
        #[arg(long)]
        json: bool,
        /// Exit with 8 where there are any.
        #[arg(long)]
        exit_code: bool,
    },
    /// Show one dead letter with its event, as JSON.
    #[command(after_help = "Example:\n  host dead-letter show 17")]
    Show {
        /// Its number.
        number: i64,
        #[command(flatten)]
        #[allow(missing_docs)]
        letters: DeadLetterArgs,
    },
    /// Deliver dead letters to their sinks again; delivered letters are removed, failed ones are kept (exit 8).
    #[command(
        after_help = "Examples:\n  host dead-letter replay\n  host dead-letter replay --sink siem\n  host dead-letter replay 17 18\n  \
                      host dead-letter replay --sink siem --any-destination\n\n\
                      A letter is delivered where it was meant to go: one whose sink led to another URL, address or path than today's sink \
                      of that name stays (exit 8; 2 where there is no other). --any-destination delivers it to today's sink, for a receiver \
                      that has moved."
    )]
    Replay {
        /// Their numbers [default: all].
        numbers: Vec<i64>,
        /// Also those whose sink led elsewhere than it does today.
        #[arg(long)]
        any_destination: bool,
        #[command(flatten)]
        #[allow(missing_docs)]
        letters: DeadLetterArgs,
    },
    /// Forget dead letters. Their events are then gone.
    #[command(after_help = "Examples:\n  host dead-letter drop 17 18\n  host dead-letter drop --sink siem")]
    Drop {
        /// Their numbers.
        numbers: Vec<i64>,
        /// All of them.
        #[arg(long)]
        all: bool,
        /// Also those whose sink led elsewhere than it does today; letters named by number are dropped in any case.
        #[arg(long)]
        any_destination: bool,
        #[command(flatten)]
        #[allow(missing_docs)]
        letters: DeadLetterArgs,
    },
}

/// Which rejected rows are meant.
#[derive(Debug, Clone, Args)]
pub struct RejectedRowArgs {
    /// Only of this report.
    #[arg(long, value_name = "NAME")]
    pub report: Option<String>,
    /// Only of this connection.
    #[arg(long, value_name = "NAME")]
    pub connection: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub config: ConfigFile,
}

/// `host rejected`.
#[derive(Debug, Subcommand)]
pub enum RejectedCommand {
    /// List rejected rows, oldest first, without what they say.
    #[command(
        after_help = "Examples:\n  host rejected list --report invalid-login\n  host rejected list --json | jq -r .reason | sort | uniq -c"
    )]
    List {
        #[command(flatten)]
        #[allow(missing_docs)]
        rows: RejectedRowArgs,
        /// Show at most this many [default: 100].
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
        /// One JSON object a line, all of them.
        #[arg(long)]
        json: bool,
        /// Exit with 8 where there are any.
        #[arg(long)]
        exit_code: bool,
    },
    /// Show one rejected row with what it says and what stands before the first row of its document, as JSON.
    #[command(after_help = "Example:\n  host rejected show 17")]
    Show {
        /// Its number.
        number: i64,
        #[command(flatten)]
        #[allow(missing_docs)]
        rows: RejectedRowArgs,
    },
    /// Read rejected rows again with today's plugin and deliver their events; delivered rows are removed, all others are kept
    /// (exit 8), also those whose events match no route.
    #[command(
        after_help = "Examples:\n  host rejected replay\n  host rejected replay --report user-login --sink siem\n  host rejected replay 17 18\n\n\
                      Each row is read by itself, behind its document's header, and where that does not do, together with all rows of its \
                      document that are kept. An event gets the id that the run which rejected the row would have given it, so a receiver \
                      that knows ids has it once.\n\n\
                      With --sink, rows are kept unless you name every sink that their stream is collected for. Rows from a server \
                      that no connection of the configuration leads to are kept, too (exit 8; 2 where there are no others)."
    )]
    Replay {
        /// Their numbers [default: all].
        numbers: Vec<i64>,
        #[command(flatten)]
        #[allow(missing_docs)]
        rows: RejectedRowArgs,
        /// Where the events go, as for `host run`; may be repeated [default: the routes of the configuration].
        #[arg(long = "sink", value_name = "NAME|SPEC")]
        sinks: Vec<String>,
        #[command(flatten)]
        #[allow(missing_docs)]
        rendering: RenderingArgs,
        /// Read them with this plugin [default: the one of the same name or path as in the run that rejected them].
        #[arg(long, value_name = "PLUGIN")]
        plugin: Option<String>,
        /// Remove delivered rows even if --sink leaves out a sink that their stream is collected for.
        #[arg(long, requires = "sinks")]
        forget: bool,
        /// Also rows from a server that no connection of the configuration leads to.
        #[arg(long)]
        any_source: bool,
    },
    /// Forget rejected rows. What they say is then gone.
    #[command(after_help = "Examples:\n  host rejected drop 17 18\n  host rejected drop --report user-login")]
    Drop {
        /// Their numbers.
        numbers: Vec<i64>,
        /// All of them.
        #[arg(long)]
        all: bool,
        /// Also rows from a server that no connection of the configuration leads to; rows named by number are dropped in any
        /// case.
        #[arg(long)]
        any_source: bool,
        #[command(flatten)]
        #[allow(missing_docs)]
        rows: RejectedRowArgs,
    },
}
