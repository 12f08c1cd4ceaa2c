//! What the user may type, as typed. Nothing here is checked beyond its spelling; [`super`] turns it into objects.
#![allow(
    rustdoc::broken_intra_doc_links,
    reason = "what stands in brackets is for people at a terminal"
)]

use setup::connections::ServerChoice;
use setup::sinks::Presentation;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use event::Encoding;
use run::MaxRejected;
use sandbox::PluginKind;
use sink::Format;

use crate::error::CliError;

/// Pull identity-audit reports out of Oracle EPM Cloud and identity domains as standard security events.
#[derive(Debug, Parser)]
#[command(name = "host", version, max_term_width = 100, propagate_version = true)]
#[command(after_help = "Examples:
  host demo
  host run invalid-login --since 7d | jq -r .user.name
  host run invalid-login --since 7d --auth basic:jdoe \\
    --url https://epm-acme.epm.us-phoenix-1.ocs.oraclecloud.com

stdout carries data and nothing else; progress, logs and summaries go to stderr.")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// How to talk about it.
    #[command(flatten)]
    pub talk: OutputOptions,
}

/// Options about stderr; allowed anywhere.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Messages (stderr)")]
pub struct OutputOptions {
    /// Say more; twice for requests, three times for everything.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Say nothing but errors.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// How messages look.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT")]
    pub log_format: LogFormat,
    /// Whether long work shows its progress.
    #[arg(long, global = true, value_enum, default_value_t = When::Auto, value_name = "WHEN")]
    pub progress: When,
    /// Whether messages and tables are coloured.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub color: Color,
}

/// How messages look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Whether to show progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// Where stderr is a terminal.
    Auto,
    /// Not at all.
    Never,
}

/// Whether to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// Where the stream is a terminal and NO_COLOR is not set.
    Auto,
    /// Even into a pipe.
    Always,
    /// Not at all.
    Never,
}

/// What stands below the options of `host run`.
const RUN: &str = "Examples:
  host run invalid-login --since 7d
  host run invalid-login --sink siem            # what is due since the last run
  host run invalid-login --since 30d --sink file:failed.ndjson
  host run invalid-login --connection epm --sink stdout --format csv > failed.csv
  HOST_SECRET=… host run user-login --since 1d --auth basic:jdoe \\
    --url https://epm-acme.epm.us-phoenix-1.ocs.oraclecloud.com

Exit codes:
  0 done      1 internal error   2 usage           3 refused
  4 unavailable                  5 remote failed   6 plugin failed
  7 delivery failed              8 delivered, but not all is well: dead letters, a period newly known
                                   to be lost, rejected rows that could not be kept, or rows
                                   rejected under --strict
  9 busy: another run of the same stream is at work, and this one did nothing
  130 interrupted, 143 terminated";

/// What stands below the options of `host backfill`.
const BACKFILL: &str = "Examples:
  host backfill user-login --from 2026-01-01 --to 2026-03-31 --sink siem
  host backfill audit-events --from 2026-01-01 --to 2026-03-31 --window 7d --sink siem

Several windows are fetched at once and delivered one after another (--windows-ahead). Stopped or killed, the same command
goes on with the windows it had begun. What is committed already is not asked for again; `host gaps` lists what is not. A
file gets its name, and its windows are committed, when the whole backfill is done.";

/// What stands below the options of `host ledger show`.
const SHOW: &str = "Example:
  host ledger show user-login --connection epm

Fields (all times UTC, all periods half open):
  watermark  everything before is committed, or lost
  covered    the periods that were committed
  lost       periods that the server no longer had when they were to be asked for
  gaps       what is not covered between the first and the last period known, lost ones included
  windows    periods begun and not committed: their state, and that of each fetch; the next run takes them up
  dead       the last 20 windows that were given up, with the reason; their periods are asked for again
  recent     days that may be asked for again, and how many ids are kept so that no row is delivered twice
  sinks      for each window, how many events and batches a sink has answered for";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Fetch one report, transform it, deliver the events.
    #[command(after_help = RUN)]
    Run(Box<RunArgs>),
    /// Collect what is missing of a period; continues where it stopped.
    #[command(after_help = BACKFILL)]
    Backfill(Box<BackfillArgs>),
    /// Print what a run would fetch; send nothing.
    Plan(Box<PlanArgs>),
    /// Start the simulator, run every built-in report against it, show the events, stop.
    Demo(DemoArgs),
    /// Be a local stand-in for EPM Cloud and an identity domain, for plugin authors.
    Simulate(SimulateArgs),
    /// Say whether connections and sinks can be reached and used; exit 0 only if all can.
    Check(CheckArgs),
    /// Sign in from another device; keeps the refresh token.
    Login(LoginArgs),
    /// Look at plugins, and make them.
    #[command(
        subcommand,
        after_help = "Examples:\n  host plugin inspect invalid-login\n  host plugin new sink hello --lang python"
    )]
    Plugin(PluginCommand),
    /// Look at sinks.
    #[command(subcommand, after_help = "Example:\n  host sink list")]
    Sink(SinkSubcommand),
    /// Look at events that a sink did not take, and deliver them again.
    #[command(
        subcommand,
        after_help = "Examples:\n  host dead-letter list\n  host dead-letter replay --sink siem"
    )]
    DeadLetter(DeadLetterCommand),
    /// Look at rows of reports that no plugin could read, and read them again.
    #[command(
        subcommand,
        after_help = "Examples:\n  host rejected list\n  host rejected replay --report user-login"
    )]
    Rejected(RejectedCommand),
    /// Show or reset the progress of each stream.
    #[command(
        subcommand,
        after_help = "Examples:\n  host ledger list\n  host ledger show user-login --connection epm"
    )]
    Ledger(LedgerCommand),
    /// List the periods that were never collected, of one report or of all.
    Gaps(GapsArgs),
    /// Look at the configuration.
    #[command(
        subcommand,
        after_help = "Examples:\n  host config check\n  host config schema > host.schema.json"
    )]
    Config(ConfigCommand),
    /// Print a completion script for a shell.
    #[command(after_help = "Example:\n  host completions bash > ~/.local/share/bash-completion/completions/host")]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Where the configuration stands.
#[derive(Debug, Clone, Default, Args)]
pub struct ConfigFile {
    /// The configuration [default: $HOST_CONFIG, ./host.toml, $XDG_CONFIG_HOME/host/host.toml].
    #[arg(long, value_name = "FILE", env = "HOST_CONFIG", hide_env = true)]
    pub config: Option<PathBuf>,
}

/// Which report, of which period, with which parameters.
#[derive(Debug, Clone, Default, Args)]
pub struct ReportArgs {
    /// A built-in report, a name under [plugins] in the configuration, or a path to a .wasm file.
    pub plugin: String,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub config: ConfigFile,
    /// First day (YYYY-MM-DD) or instant (RFC 3339) of the period.
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Last day, inclusive, or the instant before which the period ends [default: now].
    #[arg(long, value_name = "TIME", requires = "from")]
    pub to: Option<String>,
    /// A period that ends now: 7d, 12h, 90m [default: for a run with a ledger what is due since the last run, else today].
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true, conflicts_with_all = ["from", "to"])]
    pub since: Option<String>,
    /// A parameter of the plugin; may be repeated.
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
  host plan audit-events --since 7d --format json | jq .")]
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

/// `host run`.
#[derive(Debug, Args)]
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
    /// How long the run may take, as 2h: then it ends as if stopped, and the next one goes on [default: `deadline` under
    /// [run], else no limit].
    #[arg(long, value_name = "DURATION", value_parser = setup::config::parse_duration)]
    pub deadline: Option<std::time::Duration>,
    /// Write the exchange with the server into this new folder, secrets replaced.
    #[arg(long, value_name = "DIR", conflicts_with = "replay")]
    pub record: Option<PathBuf>,
    /// Run from such a folder: no server, no credential, the recorded period and parameters.
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
    /// Write the run summary as one JSON object; `-` makes it the last line of stderr.
    #[arg(long, value_name = "FILE|-")]
    pub summary: Option<String>,
}

/// `host backfill`.
#[derive(Debug, Args)]
pub struct BackfillArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub run: RunArgs,
    /// The longest window, in whole days; the server's own limit holds too.
    #[arg(long, value_name = "DURATION", default_value = "1d")]
    pub window: String,
}

/// How events are written to stdout and files.
#[derive(Debug, Clone, Args)]
pub struct RenderingArgs {
    /// The shape of an event: OCSF 1.8.0, ECS, or the flat event [default: ocsf].
    #[arg(long, value_enum, value_name = "ENCODING")]
    pub encoding: Option<Encoding>,
    /// How events are laid out [default: what a file's name ends in (.csv, .parquet), on a terminal table, else ndjson].
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: Option<Format>,
}

impl RenderingArgs {
    /// The same for those who open sinks.
    pub fn presentation(&self) -> Presentation {
        Presentation {
            encoding: self.encoding,
            format: self.format,
        }
    }
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
    /// basic:USER, bearer, oauth2:CLIENT_ID, or none; the secret comes from $HOST_SECRET, else a prompt on a terminal.
    #[arg(long, value_name = "AUTH", requires = "url")]
    pub auth: Option<String>,
    /// Permit loopback and private addresses for --url.
    #[arg(long, requires = "url")]
    pub allow_private_addresses: bool,
}

impl RemoteArgs {
    /// The same for those who make settings of it.
    pub fn choice(&self) -> ServerChoice<'_> {
        ServerChoice {
            connection: self.connection.as_deref(),
            url: self.url.as_deref(),
            auth: self.auth.as_deref(),
            allow_private_addresses: self.allow_private_addresses,
        }
    }
}

/// `host check`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  host check\n  host check epm archive")]
pub struct CheckArgs {
    /// Names of connections and sinks [default: all].
    pub names: Vec<String>,
    /// The clock, for tests.
    #[arg(long, value_name = "TIME", hide = true, env = "HOST_NOW", hide_env = true)]
    pub now: Option<String>,
    /// One JSON object a line.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub config: ConfigFile,
}

/// `host login`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  host login epm")]
pub struct LoginArgs {
    /// A connection whose auth is of kind oauth2-refresh-token.
    pub connection: String,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub config: ConfigFile,
}

/// `host demo`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  host demo | jq -r .user.name | sort | uniq -c
  host demo --slow        # kill it, and run it again

With --slow, events go to files, and stdout shows what these hold once every report is done: events, those that are there
twice, and the jobs that the server was asked for. The simulator is a process of its own for 15 minutes at most.")]
pub struct DemoArgs {
    /// Let jobs take ten seconds, and keep what is reached: killed in any way, the same command goes on.
    #[arg(long, conflicts_with_all = ["encoding", "format"])]
    pub slow: bool,
    /// The clock, for tests.
    #[arg(long, value_name = "TIME", hide = true, requires = "slow")]
    pub now: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub rendering: RenderingArgs,
}

/// `host simulate`.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  host simulate --port 8080 &
  HOST_SECRET=demo-password host run invalid-login --since 7d \\
    --url http://127.0.0.1:8080 --allow-private-addresses \\
    --auth basic:demo.user")]
pub struct SimulateArgs {
    /// The port on loopback; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// Serve https with a certificate made for this run; its authority is written to --ca-file.
    #[arg(long)]
    pub tls: bool,
    /// Where to write the authority that signed the certificate.
    #[arg(long, value_name = "FILE", requires = "tls")]
    pub ca_file: Option<PathBuf>,
    /// Stop after so long.
    #[arg(long = "for", value_name = "DURATION")]
    pub lifetime: Option<String>,
    /// How to misbehave: NAME or NAME=VALUE, with commas between them; may be repeated. `--scenario help` lists the names.
    #[arg(long = "scenario", value_name = "NAME[=VALUE]")]
    pub scenarios: Vec<String>,
}

/// `host plugin`.
#[derive(Debug, Subcommand)]
pub enum PluginCommand {
    /// List the built-in and the configured plugins.
    #[command(after_help = "Examples:\n  host plugin list\n  host plugin list --json | jq -r .name")]
    List {
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        #[allow(missing_docs)]
        config: ConfigFile,
    },
    /// Show what a plugin is, what it imports, its parameters and limits.
    #[command(after_help = "Examples:\n  host plugin inspect invalid-login\n  host plugin inspect ./mine.wasm --json")]
    Inspect {
        /// A built-in name, a name under [plugins], or a path.
        plugin: String,
        /// One JSON object.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        #[allow(missing_docs)]
        config: ConfigFile,
    },
    /// Start a new plugin in Rust, Python or JavaScript.
    New(NewArgs),
    /// Build a plugin's component.
    Build(BuildArgs),
    /// Run a plugin's cases in the sandbox, and what any plugin must do.
    Test(TestArgs),
    /// Say whether a component fits this host, and why not.
    Check(CheckPluginArgs),
}

/// `host plugin new`.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  host plugin new sink hello --lang python
  cd hello
  host plugin build && host plugin test
  host run user-login --since 1d --sink ./hello.wasm")]
pub struct NewArgs {
    /// What it shall be.
    #[arg(value_enum)]
    pub kind: NewKind,
    /// Its name, lower-case words joined by hyphens; the folder is named so too.
    pub name: String,
    /// The language to write it in.
    #[arg(long, value_enum, default_value_t = Lang::Rust, value_name = "LANGUAGE")]
    pub lang: Lang,
}

/// What a new plugin shall be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum NewKind {
    /// Says what to fetch, and turns it into events.
    Report,
    /// Says what to send for events.
    Sink,
}

impl From<NewKind> for PluginKind {
    fn from(kind: NewKind) -> Self {
        match kind {
            NewKind::Report => PluginKind::Report,
            NewKind::Sink => PluginKind::Sink,
        }
    }
}

/// The languages that there are templates for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Lang {
    /// Small and fast; needs cargo.
    Rust,
    /// Needs componentize-py.
    Python,
    /// Needs Node.js.
    #[value(name = "javascript", alias = "js")]
    JavaScript,
}

/// `host plugin build`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  host plugin build
  host plugin build ~/plugins/hello -v")]
pub struct BuildArgs {
    /// The project's folder.
    #[arg(default_value = ".", value_name = "DIR")]
    pub folder: PathBuf,
    /// Leave WASI in, so that `host plugin test -v` shows what a Python plugin writes to stderr, and its tracebacks.
    #[arg(long)]
    pub debug: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub config: ConfigFile,
}

/// `host plugin test`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  host plugin test
  host plugin test --watch
  host plugin test --case two-events --bless
  host plugin test plugins/user-login --component user-login

Prints a line for each check; exits with 6 where one failed.")]
pub struct TestArgs {
    /// The project's folder.
    #[arg(default_value = ".", value_name = "DIR")]
    pub folder: PathBuf,
    /// Only that case of tests/.
    #[arg(long, value_name = "NAME")]
    pub case: Option<String>,
    /// Write what is found as what is expected; read the difference before you commit it.
    #[arg(long)]
    pub bless: bool,
    /// Do it again whenever a file changes.
    #[arg(long)]
    pub watch: bool,
    /// Test this plugin against the folder's cases, and build nothing.
    #[arg(long, value_name = "PLUGIN")]
    pub component: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub config: ConfigFile,
}

/// `host plugin check`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  host plugin check ./hello.wasm
  host plugin check invalid-login

Prints a line for each finding; exits with 6 where one failed.")]
pub struct CheckPluginArgs {
    /// A path, a built-in name, or a name under [plugins].
    pub plugin: String,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub config: ConfigFile,
}

/// `host sink`.
#[derive(Debug, Subcommand)]
pub enum SinkSubcommand {
    /// List the sinks that --sink understands, and the configured ones.
    #[command(after_help = "Examples:\n  host sink list --config host.toml\n  host sink list --json | jq -r .name")]
    List {
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        #[allow(missing_docs)]
        config: ConfigFile,
    },
}

/// Which dead letters are meant.
#[derive(Debug, Clone, Args)]
pub struct Letters {
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
        letters: Letters,
        /// So many at most [default: 100].
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
        letters: Letters,
    },
    /// Deliver dead letters to their sinks again; delivered letters are removed, failed ones are kept (exit 8).
    #[command(
        after_help = "Examples:\n  host dead-letter replay\n  host dead-letter replay --sink siem\n  host dead-letter replay 17 18\n  \
                      host dead-letter replay --sink siem --any-destination\n\n\
                      A letter is delivered where it was meant to go: one whose sink led to another URL, address or path than today's sink\n\
                      of that name stays (exit 8; 2 where there is no other). --any-destination delivers it to today's sink, for a receiver\n\
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
        letters: Letters,
    },
    /// Forget dead letters. Their events are then gone.
    #[command(after_help = "Examples:\n  host dead-letter drop 17 18\n  host dead-letter drop --sink siem")]
    Drop {
        /// Their numbers.
        numbers: Vec<i64>,
        /// All of them.
        #[arg(long)]
        all: bool,
        /// Also those whose sink led elsewhere than it does today; a number is taken in any case.
        #[arg(long)]
        any_destination: bool,
        #[command(flatten)]
        #[allow(missing_docs)]
        letters: Letters,
    },
}

/// Which rejected rows are meant.
#[derive(Debug, Clone, Args)]
pub struct Rows {
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
        rows: Rows,
        /// So many at most [default: 100].
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
        /// One JSON object a line, all of them.
        #[arg(long)]
        json: bool,
        /// Exit with 8 where there is any.
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
        rows: Rows,
    },
    /// Read rejected rows again with today's plugin, and deliver the events; what is delivered is forgotten, the rest stays
    /// (exit 8), and so does a row whose events no route takes.
    #[command(
        after_help = "Examples:\n  host rejected replay\n  host rejected replay --report user-login --sink siem\n  host rejected replay 17 18\n\n\
                      Each row is read by itself, behind its document's header, and where that does not do, together with all rows of its\n\
                      document that are kept. An event gets the id that the run which rejected the row would have given it, so a receiver\n\
                      that knows ids has it once.\n\n\
                      With --sink, rows stay unless all sinks are named that their stream is collected for. Rows that were collected from\n\
                      where no connection of the configuration leads stay (exit 8; 2 where there are no others)."
    )]
    Replay {
        /// Their numbers [default: all].
        numbers: Vec<i64>,
        #[command(flatten)]
        #[allow(missing_docs)]
        rows: Rows,
        /// Where the events go, as for `host run`; may be repeated [default: the routes of the configuration].
        #[arg(long = "sink", value_name = "NAME|SPEC")]
        sinks: Vec<String>,
        #[command(flatten)]
        #[allow(missing_docs)]
        rendering: RenderingArgs,
        /// Read them with this plugin [default: the one of the same name or path as in the run that rejected them].
        #[arg(long, value_name = "PLUGIN")]
        plugin: Option<String>,
        /// Forget the rows although other sinks are named than those that their stream is collected for.
        #[arg(long, requires = "sinks")]
        forget: bool,
        /// Also rows that were collected from where no connection of the configuration leads.
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
        /// Also those that were collected from where no connection of the configuration leads; a number is taken in any case.
        #[arg(long)]
        any_source: bool,
        #[command(flatten)]
        #[allow(missing_docs)]
        rows: Rows,
    },
}

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
    /// The report's name.
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
    pub fn given(&self) -> Result<Vec<(String, String)>, CliError> {
        let pair = |text: &String| match text.split_once('=') {
            Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
            None => Err(CliError::usage(format!("--param {text:?} is not KEY=VALUE"))),
        };
        let mut given = self.parameters.iter().map(pair).collect::<Result<Vec<_>, _>>()?;
        given.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(given)
    }
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
    /// Go on under another name of the connection, from where the stream is and with the same ids.
    #[command(after_help = "Example:\n  host ledger rename user-login --connection epm --to epm-prod")]
    Rename(RenameArgs),
    /// Read the whole ledger and say whether it is what was written; a start does so only after a run that was killed.
    #[command(after_help = "Example:\n  host ledger check || mail -s 'the ledger is damaged' me")]
    Check {
        #[command(flatten)]
        #[allow(missing_docs)]
        file: LedgerFile,
    },
    /// Take another URL of the connection for the same server: the next run notes it.
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

From the ledger alone: no server is asked. Without --from, from the first period that was ever asked for; without --to, to
the last. `lost` means that the server no longer has the period; what is `missing` can still be had with `host backfill`. In
JSON these are \"lost\" and \"open\".")]
pub struct GapsArgs {
    /// The report's name [default: all].
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

/// `host config`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print the JSON Schema of host.toml, for editors.
    #[command(after_help = "Example:\n  host config schema > host.schema.json")]
    Schema,
    /// Read the configuration and say what is wrong with it; secrets are not read.
    #[command(after_help = "Example:\n  host config check --config host.toml")]
    Check {
        /// One JSON object.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        #[allow(missing_docs)]
        config: ConfigFile,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
