//! One module a command: it turns arguments into validated objects and makes one call into the rooms below.

pub mod asked;
mod check;
mod check_feeds;
mod check_state;
mod config;
mod dead_letters;
#[cfg(feature = "simulator")]
mod demo;
mod evidence;
mod gaps;
#[cfg(not(all(feature = "simulator", feature = "workshop")))]
mod lacking;
mod ledger;
mod login;
mod plan;
mod plugins;
mod redeliver;
mod rejected;
mod routes;
mod run;
mod run_all;
mod runs;
mod runtime;
mod set_aside;
#[cfg(feature = "simulator")]
mod simulate;
mod sinks;
#[cfg(feature = "simulator")]
mod slow_demo;
mod state;
mod streams;
#[cfg(feature = "workshop")]
mod workshop;

use clap::CommandFactory;

use crate::args::{Cli, Command, ConfigCommand, EvidenceCommand, PluginCommand, SinkSubcommand};
use crate::error::CliError;
use crate::render::print;

use config::load;
use runtime::block_on;

/// Carries out the command that was typed.
pub fn execute(cli: &Cli) -> Result<(), CliError> {
    match &cli.command {
        Command::Run(args) if args.all => block_on(&cli.talk, run_all::run(args, &cli.talk)),
        Command::Run(args) if args.jobs.is_some() => Err(CliError::usage("--jobs goes with --all")),
        Command::Run(args) => block_on(&cli.talk, run::run(&args.run, &cli.talk)),
        Command::Backfill(args) => block_on(&cli.talk, run::backfill(args, &cli.talk)),
        Command::Redeliver(args) => block_on(&cli.talk, redeliver::redeliver(args, &cli.talk)),
        Command::Plan(args) => plan::plan(args),
        #[cfg(feature = "simulator")]
        Command::Demo(args) if args.slow => block_on(&cli.talk, slow_demo::demo(args, &cli.talk)),
        #[cfg(feature = "simulator")]
        Command::Demo(args) => block_on(&cli.talk, demo::demo(args, &cli.talk)),
        Command::Check(args) => block_on(&cli.talk, check::check(args, &cli.talk)),
        Command::Login(args) => block_on(&cli.talk, login::login(args, &cli.talk)),
        #[cfg(feature = "simulator")]
        Command::Simulate(args) => block_on(&cli.talk, simulate::simulate(args, &cli.talk)),
        #[cfg(not(feature = "simulator"))]
        Command::Demo(_) | Command::Simulate(_) => Err(lacking::the_simulator()),
        Command::Plugin(PluginCommand::List { json, config }) => plugins::list(&load(config)?, *json),
        Command::Plugin(PluginCommand::Inspect { plugin, json, config }) => {
            plugins::inspect(&load(config)?, plugin, *json)
        }
        #[cfg(feature = "workshop")]
        Command::Plugin(PluginCommand::New(args)) => workshop::new(args),
        #[cfg(feature = "workshop")]
        Command::Plugin(PluginCommand::Build(args)) => workshop::build(args, &cli.talk),
        #[cfg(feature = "workshop")]
        Command::Plugin(PluginCommand::Test(args)) => workshop::test(args, &cli.talk),
        #[cfg(feature = "workshop")]
        Command::Plugin(PluginCommand::Check(args)) => workshop::check(args),
        #[cfg(not(feature = "workshop"))]
        Command::Plugin(
            PluginCommand::New(_) | PluginCommand::Build(_) | PluginCommand::Test(_) | PluginCommand::Check(_),
        ) => Err(lacking::the_workshop()),
        Command::Sink(SinkSubcommand::List { json, config }) => sinks::list(&load(config)?, *json),
        Command::DeadLetter(command) => {
            runtime::outlive_file_size_limit()?;
            dead_letters::run(command, &cli.talk)
        }
        Command::Rejected(command) => {
            runtime::outlive_file_size_limit()?;
            rejected::run(command, &cli.talk)
        }
        Command::Ledger(command) => block_on(&cli.talk, ledger::run(command)),
        Command::Streams(args) => block_on(&cli.talk, streams::run(args)),
        Command::Gaps(args) => block_on(&cli.talk, gaps::gaps(args)),
        Command::Runs(args) => block_on(&cli.talk, runs::runs(args)),
        Command::Evidence(EvidenceCommand::Verify(args)) => block_on(&cli.talk, evidence::verify(args)),
        Command::State(command) => block_on(&cli.talk, state::run(command)),
        Command::Config(ConfigCommand::Check { json, config }) => config::check(config, *json),
        Command::Config(ConfigCommand::Schema) => config::schema(),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "host", &mut script);
            print(&script)
        }
    }
}
