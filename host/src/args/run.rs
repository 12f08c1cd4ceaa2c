//! A report to run, plan or backfill: period, server, sinks.
#![allow(
    rustdoc::broken_intra_doc_links,
    reason = "what stands in brackets is for people at a terminal"
)]

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::configuration::ConfigFile;
use super::rendering::RenderingArgs;
use run::MaxRejected;
use setup::connections::{ParameterSource, ServerChoice};

/// What stands below the options of `host run`.
pub(super) const RUN: &str = "Examples:
  host run invalid-login --since 7d
  host run invalid-login --sink siem            # what is due since the last run
  host run prod-failed-logins                   # a stream of [[streams]]
  host run --all                                # all of them
  host run oci-audit --param compartment=ocid1.tenancy.oc1..aaaa
  host run invalid-login --since 30d --sink file:failed.ndjson
  host run invalid-login --connection epm --sink stdout --format csv > failed.csv
  HOST_SECRET=… host run user-login --since 1d --auth basic:jdoe \\
    --url https://epm-acme.epm.us-phoenix-1.ocs.oraclecloud.com

The name of a stream stands for its report, connection and parameters; what is given beside it must not contradict them. With --all each \
stream is run as by its name, --jobs at once, and a line says how it ended; the exit code is the worst of theirs, in this order: 130 or \
143, 1, 2, 3, 6, 5, 7, 4, 8, 9, 0.

Without --from or --since, a run with a ledger collects what is due since the last run; one without a ledger, and \
`host plan`, collects today.

Exit codes:
  0 done         1 internal error   2 usage            3 refused
  4 unavailable  5 remote failed    6 plugin failed    7 delivery failed
  8 delivered, but not all is well: dead letters, a period newly known to be
    lost, rejected rows that could not be kept, or rows rejected by --strict
  9 busy: another run of the same stream is active; this one did nothing
  130 interrupted, 143 terminated";

/// What stands below the options of `host backfill`.
pub(super) const BACKFILL: &str = "Examples:
  host backfill user-login --from 2026-09-01 --to 2026-11-15
  host backfill audit-events --from 2026-11-01 --to 2026-11-15 --window 7d
  host backfill prod-failed-logins --from 2026-11-01 --sink siem   # a new sink

Take dates within what the server keeps: what it no longer has is lost.

A backfill is for all sinks that the stream is collected for. One that names only sinks which are new to the stream gets them what \
they lack, and changes nothing for the others.

Several windows are fetched at once and delivered one after another (--windows-ahead). Stopped or killed, the same command \
continues with the windows it had begun. What is committed already is not asked for again; `host gaps` lists what is not. A \
file gets its name, and its windows are committed, when the whole backfill is done.

A backfill that names only sinks which are new to the stream gets for these what others have, and changes nothing for the others.";

/// Which report, of which period, with which parameters.
#[derive(Debug, Clone, Default, Args)]
pub struct ReportArgs {
    /// A stream of [[streams]] in the configuration, a built-in report (`host plugin list` shows them), a name under [plugins], or a
    /// path to a .wasm file.
    pub plugin: String,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub config: ConfigFile,
    /// First day (YYYY-MM-DD, UTC) or instant (RFC 3339) of the period.
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Last day, inclusive, or the instant before which the period ends [default: now].
    #[arg(long, value_name = "TIME", requires = "from")]
    pub to: Option<String>,
    /// A period that ends now: 7d, 12h, 90m.
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true, conflicts_with_all = ["from", "to"])]
    pub since: Option<String>,
    /// A parameter of the plugin, of those that `host plugin inspect PLUGIN` shows; may be repeated.
    #[arg(long = "param", value_name = "KEY=VALUE")]
    pub parameters: Vec<String>,
    /// The clock, for tests and replays.
    #[arg(long, value_name = "TIME", hide = true, env = "HOST_NOW", hide_env = true)]
    pub now: Option<String>,
}

impl ReportArgs {
    /// Whether no period was named.
    pub fn is_open(&self) -> bool {
        self.from.is_none() && self.since.is_none()
    }
}

/// `host plan`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  host plan invalid-login --since 7d
  host plan audit-events --since 7d --format json | jq .
  host plan oci-audit --since 1d --param compartment=ocid1.tenancy.oc1..aaaa")]
pub struct PlanArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub report: ReportArgs,
    /// How requests are laid out: text for people, one JSON object a line for programs [default: on a terminal text, else
    /// json].
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: Option<PlanFormat>,
}

/// How a plan is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// A line a request.
    Text,
    /// A JSON object a line.
    Json,
}

/// `host run`: one report or stream, or all streams.
#[derive(Debug, Args)]
pub struct RunCommandArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub run: RunArgs,
    /// Run all streams of [[streams]], side by side; each collects what is due.
    #[arg(long, conflicts_with_all = [
        "plugin", "connection", "url", "parameters", "from", "to", "since", "sinks", "encoding", "format", "record", "replay",
    ])]
    pub all: bool,
    /// Streams that are run at once, with --all [default: 4].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub jobs: Option<u16>,
}

/// A run.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub report: ReportArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub remote: RemoteArgs,
    /// Where events go: stdout, file:PATH, a name from the configuration, or a .wasm sink; may be repeated. A PATH ending
    /// in .gz or .zst is compressed [default: the routes of the configuration, else stdout].
    #[arg(long = "sink", value_name = "NAME|SPEC")]
    pub sinks: Vec<String>,
    /// The configuration of a .wasm sink named with --sink.
    #[arg(long, value_name = "JSON", requires = "sinks")]
    pub sink_config: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub rendering: RenderingArgs,
    /// Where progress is kept: a file, or none [default: `path` under [ledger], else $XDG_STATE_HOME/host/ledger.db; with
    /// --url, --record or --replay: none].
    #[arg(long, value_name = "PATH|none")]
    pub ledger: Option<String>,
    /// Windows that are asked for at once, with a ledger: up to 10000. They are delivered one after another [default:
    /// `windows-ahead` under [ledger], else 4].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub windows_ahead: Option<u16>,
    /// How long the run may take, as 2h: then it ends as if stopped, and the next one continues [default: `deadline`
    /// under [run], else no limit].
    #[arg(long, value_name = "DURATION", value_parser = setup::config::parse_duration)]
    pub deadline: Option<std::time::Duration>,
    /// Write the exchange with the server into this new folder, secrets replaced.
    #[arg(long, value_name = "DIR", conflicts_with = "replay")]
    pub record: Option<PathBuf>,
    /// Run from a folder that --record wrote: no server, no credential, the recorded period and parameters.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["url", "connection", "from", "to", "since", "parameters", "now"])]
    pub replay: Option<PathBuf>,
    /// Fail the run (exit 8) where rows were rejected.
    #[arg(long)]
    pub strict: bool,
    /// The largest share of a document's rows that may be rejected: 5%, 0.1%, or `any`. A document with more does not count:
    /// exit 5, and the next run reads it again [default: `max-rejected` of the connection, else 100%: one none of whose rows
    /// became an event].
    #[arg(long, value_name = "SHARE")]
    pub max_rejected: Option<MaxRejected>,
    /// Write the run summary as one JSON object; `-` makes it the last line of stderr. With --all, an object a line for each stream.
    #[arg(long, value_name = "FILE|-")]
    pub summary: Option<String>,
}

/// `host backfill`.
#[derive(Debug, Args)]
pub struct BackfillArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub run: RunArgs,
    /// The longest window, in whole days such as 7d; the server's own limit holds too.
    #[arg(long, value_name = "DURATION", default_value = "1d")]
    pub window: String,
}

/// Which server, and who asks.
#[derive(Debug, Clone, Args)]
pub struct RemoteArgs {
    /// A connection of the configuration; may be left out where only one of the plugin's kind exists.
    #[arg(long, value_name = "NAME", conflicts_with = "url")]
    pub connection: Option<String>,
    /// Ask this server instead of a configured connection.
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// basic:USER, bearer, oauth2:CLIENT_ID, or none; the secret comes from $HOST_SECRET, else a prompt on a terminal. For services of
    /// OCI and identity domains also oci-config[:PROFILE], oci-instance-principal, oci-resource-principal.
    #[arg(long, value_name = "AUTH", requires = "url")]
    pub auth: Option<String>,
    /// Permit loopback and private addresses for --url.
    #[arg(long, requires = "url")]
    pub allow_private_addresses: bool,
}

impl RemoteArgs {
    /// The connection that stands in for parameters which are not given.
    pub fn parameter_source(&self) -> ParameterSource {
        match (&self.connection, &self.url) {
            (Some(name), _) => ParameterSource::Named(name.clone()),
            (None, Some(_)) => ParameterSource::Nothing,
            (None, None) => ParameterSource::Only,
        }
    }

    /// The same for those who make settings of it.
    pub fn choice(&self) -> ServerChoice<'_> {
        ServerChoice {
            connection: self.connection.as_deref(),
            url: self.url.as_deref(),
            auth: self.auth.as_deref(),
            allow_private_addresses: self.allow_private_addresses,
            service: None,
        }
    }
}
