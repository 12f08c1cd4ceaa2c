//! What the user may type, as typed. Nothing here is checked beyond its spelling; [`super`] turns it into objects.
#![allow(
    rustdoc::broken_intra_doc_links,
    reason = "what stands in brackets is for people at a terminal"
)]

mod configuration;
mod evidence;
mod ledger;
mod output;
mod plugin;
mod redeliver;
mod rendering;
mod run;
mod runs;
mod set_aside;
mod simulator;
mod sink;
mod state;
mod streams;

use clap::builder::ArgPredicate;
use clap::{Parser, Subcommand};

pub use configuration::{CheckArgs, ConfigCommand, ConfigFile, LoginArgs};
pub use evidence::{EvidenceCommand, VerifyEvidenceArgs};
pub use ledger::{GapsArgs, LedgerCommand, LedgerFile, RenameArgs, ResetArgs, RewindArgs, StreamArgs};
pub use output::{Color, LogFormat, OutputOptions, When};
pub use plugin::PluginCommand;
#[cfg(feature = "workshop")]
pub use plugin::{BuildArgs, CheckPluginArgs, Lang, NewArgs, TestArgs};
pub use redeliver::{IdsFrom, RedeliverArgs};
pub use run::{BackfillArgs, PlanArgs, PlanFormat, ReportArgs, RunArgs, RunCommandArgs};
pub use runs::RunsArgs;
pub use set_aside::{DeadLetterArgs, DeadLetterCommand, RejectedCommand, RejectedRowArgs};
pub use simulator::{DemoArgs, SimulateArgs};
pub use sink::SinkSubcommand;
pub use state::{BackupArgs, RestoreArgs, StateCommand, VerifyStateArgs};
pub use streams::{AdoptArgs, DropSinkArgs, RenameStreamArgs, RetireArgs, StreamsArgs, StreamsCommand};

/// Pull identity-audit reports out of Oracle EPM Cloud, identity domains and OCI Audit as standard security events.
#[derive(Debug, Parser)]
#[command(name = "host", version, max_term_width = 100, propagate_version = true)]
#[command(after_help = "Examples:
  host demo
  host plugin list        # the reports, and the sinks that are plugins
  host check              # do the connections and sinks of host.toml work?
  host run invalid-login --since 7d | jq -r .user.name
  host run invalid-login --since 7d --auth basic:jdoe \\
    --url https://epm-acme.epm.us-phoenix-1.ocs.oraclecloud.com

stdout carries what was asked for; progress, logs and summaries go to stderr.")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// How to talk about it.
    #[command(flatten)]
    pub talk: OutputOptions,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Fetch one report, or all streams, transform what comes, deliver the events.
    #[command(
        after_help = run::RUN,
        override_usage = "host run [OPTIONS] <PLUGIN>\n       host run [OPTIONS] --all",
        mut_arg("plugin", |plugin| {
            let plugin = plugin.required(false).required_unless_present("all");
            plugin.default_value_if("all", ArgPredicate::IsPresent, Some(""))
        })
    )]
    Run(Box<RunCommandArgs>),
    /// Collect what is missing of a period; continues where it stopped.
    #[command(after_help = run::BACKFILL)]
    Backfill(Box<BackfillArgs>),
    /// Deliver what sinks wrote to files and objects to another sink, under the same ids.
    #[command(after_help = redeliver::REDELIVER)]
    Redeliver(Box<RedeliverArgs>),
    /// Print what a run would fetch; send nothing.
    Plan(Box<PlanArgs>),
    /// Start the simulator, run every built-in report against it, show the events, stop.
    Demo(DemoArgs),
    /// Run a local simulator of EPM Cloud, an identity domain and OCI Audit, for plugin authors.
    Simulate(SimulateArgs),
    /// Say whether connections and sinks can be reached and used; exit 0 only if all can.
    Check(CheckArgs),
    /// Sign in from another device; keeps the refresh token.
    Login(LoginArgs),
    /// Look at plugins, reports among them, and make new ones.
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
    /// List the streams and how far each is; retire, rename, adopt or rewind one.
    #[command(after_help = streams::STREAMS)]
    Streams(Box<StreamsArgs>),
    /// List the periods that were never collected, of one report or of all.
    Gaps(GapsArgs),
    /// List the last runs: when, how they ended, what they delivered.
    #[command(after_help = runs::RUNS)]
    Runs(RunsArgs),
    /// Check documents that were kept as evidence.
    #[command(
        subcommand,
        after_help = "Examples:\n  host evidence verify\n  host evidence verify /srv/evidence --json"
    )]
    Evidence(EvidenceCommand),
    /// Back up, restore and verify all state: ledger, spool, dead letters, rejected rows, tokens.
    #[command(
        subcommand,
        after_help = "Examples:\n  host state backup /backup/host-2026-11-21\n  host state verify"
    )]
    State(StateCommand),
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

#[cfg(test)]
mod tests;
