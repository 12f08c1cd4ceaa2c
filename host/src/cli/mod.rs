//! The command line: [`args`] as typed, one module a command that turns them into validated objects and makes one call
//! into the rooms below, and [`CliError`], which knows the exit code.

pub mod args;
mod auth;
mod check;
mod check_state;
mod closing;
mod connection;
mod dead_letters;
mod demo;
mod error;
pub mod error_codes;
mod gaps;
mod inspection;
mod ledger;
mod ledger_changes;
mod log;
mod login;
mod plan;
mod plugins;
mod progress;
mod recording;
mod rejected;
mod report;
mod routes;
mod run;
mod screen;
mod simulate;
mod sinks;
mod slow_demo;
mod stdout;
mod stop;
mod stream;
mod summary;
mod workshop;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser};

use args::{Cli, Command, ConfigCommand, OutputOptions, PluginCommand, SinkCommand};
pub use error::{CliError, Exit};
pub use sinks::open_alone as open_sink;

use base::counted::counted;
use base::visible;
use setup::config::Config;

/// Parses the arguments of the process, carries them out, and answers with the exit code.
pub fn main() -> u8 {
    if std::env::args_os()
        .nth(1)
        .is_some_and(|argument| argument == sandbox::ARGUMENT)
    {
        return sandbox::compile_stdin();
    }
    // Only main sets it, once.
    let _ = plugins::PROGRAM.set(sandbox::this_program());
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    let testing = matches!(cli.command, Command::Plugin(PluginCommand::Test(_)));
    log::start(&cli.talk, testing);
    match execute(&cli) {
        Ok(()) => Exit::Done.code(),
        Err(failure) => {
            failure.print(cli.talk.log_format);
            failure.exit.code()
        }
    }
}

/// Answers arguments that cannot be parsed: help and version on stdout, all else as any other error.
fn refuse(error: &clap::Error) -> u8 {
    if !error.use_stderr() {
        let rendered = error.render();
        let text = match coloured(&std::io::stdout()) {
            true => rendered.ansi().to_string(),
            false => rendered.to_string(),
        };
        return match print(text.as_bytes()) {
            Ok(()) => Exit::Done.code(),
            Err(failure) => failure.exit.code(),
        };
    }
    let text = error.to_string();
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let rendered = error.render();
        // `eprint!` would panic where nobody can be told.
        let _ = match coloured(&std::io::stderr()) {
            true => write!(std::io::stderr(), "{}", rendered.ansi()),
            false => write!(std::io::stderr(), "{rendered}"),
        };
        return Exit::Usage.code();
    }
    // The first paragraph is the message; tips and the usage follow.
    let message: Vec<&str> = text
        .lines()
        .take_while(|line| !line.trim().is_empty())
        .map(str::trim)
        .collect();
    let message = message.join(" ");
    // An option that is not there was hardly meant as a value.
    let tip = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("tip: "))
        .find(|tip| !tip.starts_with("to pass "));
    let usage = text
        .lines()
        .find_map(|line| line.strip_prefix("Usage: "))
        .map(|usage| format!("usage: {usage}"));
    let hint = of_run_alone(error, usage.as_deref())
        .or(tip.map(str::to_string))
        .or(usage)
        .unwrap_or_else(|| format!("`{}` shows what can be typed", help_of(std::env::args().skip(1))));
    let format = match is_typed("--log-format", "json") {
        true => args::LogFormat::Json,
        false => args::LogFormat::Text,
    };
    let failure = CliError::usage(message.strip_prefix("error: ").unwrap_or(&message)).hint(hint);
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let failure = match summary::Account::of_refused(&arguments) {
        Some(account) => account.close(Err(failure)).err(),
        None => Some(failure),
    };
    if let Some(failure) = failure {
        failure.print(format);
    }
    Exit::Usage.code()
}

/// What to do where `host plan` got an option of `host run`: connection, credential, sinks and ledger are nothing to it.
fn of_run_alone(error: &clap::Error, usage: Option<&str>) -> Option<String> {
    let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    let name = option.strip_prefix("--")?;
    let cli = Cli::command();
    let run = cli.find_subcommand("run")?;
    let known = run.get_arguments().any(|argument| argument.get_long() == Some(name));
    // After `usage:` and however the program is called.
    let planning = error.kind() == ErrorKind::UnknownArgument && usage?.split_whitespace().nth(2) == Some("plan");
    (known && planning).then(|| {
        format!(
            "`host plan` asks no server and delivers nothing, so it needs no {option}: leave it out, or use `host run`"
        )
    })
}

/// Whether an option was typed with a value, where arguments as a whole make no sense.
fn is_typed(option: &str, value: &str) -> bool {
    let joined = format!("{option}={value}");
    let arguments: Vec<_> = std::env::args_os().collect();
    arguments.iter().any(|argument| argument.as_os_str() == joined.as_str())
        || arguments.windows(2).any(|pair| pair == [option, value])
}

/// Whether help goes to this stream in colour.
fn coloured(stream: &impl anstream::stream::RawStream) -> bool {
    match (is_typed("--color", "always"), is_typed("--color", "never")) {
        (true, _) => true,
        (_, true) => false,
        _ => anstream::AutoStream::choice(stream) != anstream::ColorChoice::Never,
    }
}

/// The command that explains the one that was typed.
fn help_of(arguments: impl Iterator<Item = String>) -> String {
    let mut command = <Cli as clap::CommandFactory>::command();
    let mut words = vec!["host".to_owned()];
    for argument in arguments {
        let Some(inner) = command.find_subcommand(&argument).cloned() else {
            break;
        };
        words.push(argument);
        command = inner;
    }
    words.join(" ") + " --help"
}

fn execute(cli: &Cli) -> Result<(), CliError> {
    match &cli.command {
        Command::Run(args) => block_on(&cli.talk, run::run(args, &cli.talk)),
        Command::Backfill(args) => block_on(&cli.talk, run::backfill(args, &cli.talk)),
        Command::Plan(args) => plan::plan(args),
        Command::Demo(args) => block_on(&cli.talk, demo::demo(args, &cli.talk)),
        Command::Check(args) => block_on(&cli.talk, check::check(args, &cli.talk)),
        Command::Login(args) => block_on(&cli.talk, login::login(args, &cli.talk)),
        Command::Simulate(args) => block_on(&cli.talk, simulate::simulate(args, &cli.talk)),
        Command::Plugin(PluginCommand::List { json, config }) => plugins::list(&load(config)?, *json),
        Command::Plugin(PluginCommand::Inspect { plugin, json, config }) => {
            plugins::inspect(&load(config)?, plugin, *json)
        }
        Command::Plugin(PluginCommand::New(args)) => workshop::new(args),
        Command::Plugin(PluginCommand::Build(args)) => workshop::build(args, &cli.talk),
        Command::Plugin(PluginCommand::Test(args)) => workshop::test(args, &cli.talk),
        Command::Plugin(PluginCommand::Check(args)) => workshop::check(args),
        Command::Sink(SinkCommand::List { json, config }) => sinks::list(&load(config)?, *json),
        Command::DeadLetter(command) => block_on(&cli.talk, dead_letters::run(command, &cli.talk)),
        Command::Rejected(command) => block_on(&cli.talk, rejected::run(command, &cli.talk)),
        Command::Ledger(command) => block_on(&cli.talk, ledger::run(command)),
        Command::Gaps(args) => block_on(&cli.talk, gaps::gaps(args)),
        Command::Config(ConfigCommand::Check { json, config }) => check_config(config, *json),
        Command::Config(ConfigCommand::Schema) => {
            let schema = serde_json::to_string_pretty(&setup::config::schema());
            print((schema.map_err(|error| CliError::new(Exit::Internal, error.to_string()))? + "\n").as_bytes())
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "host", &mut script);
            print(&script)
        }
    }
}

fn load(file: &args::ConfigFile) -> Result<Config, CliError> {
    Ok(Config::load(file.config.as_deref())?)
}

fn check_config(file: &args::ConfigFile, json: bool) -> Result<(), CliError> {
    let config = load(file)?;
    let Some(path) = &config.path else {
        return Err(CliError::usage("there is no configuration").hint("write host.toml, or name a file with --config"));
    };
    plugins::sandbox(&config)?;
    for (name, connection) in &config.connections {
        connection::check(connection::Owner::Connection(name), connection, &config)?;
    }
    for (name, sink) in &config.sinks {
        sinks::check(&config, name, sink)?;
    }
    for name in config.plugins.keys() {
        plugins::load(&config, name)?;
    }
    let mut remarks = config.remarks();
    remarks.extend(routes::remarks(&config));
    for (name, sink) in &config.sinks {
        remarks.extend(sinks::remarks(&config, name, sink));
    }
    if json {
        return print(&json_line(&serde_json::json!({
            "ok": true, "path": path.display().to_string(), "connections": config.connections.len(),
            "sinks": config.sinks.len(), "plugins": config.plugins.len(), "remarks": remarks,
        }))?);
    }
    for remark in remarks {
        print(format!("remark: {remark}\n").as_bytes())?;
    }
    print(
        format!(
            "ok: {}: {}, {}, {}\n",
            path.display(),
            counted(config.connections.len(), "connection", "connections"),
            counted(config.sinks.len(), "sink", "sinks"),
            counted(config.plugins.len(), "plugin", "plugins")
        )
        .as_bytes(),
    )
}

/// What must outlive a run: `$XDG_STATE_HOME/host`, else `~/.local/state/host`; none without a home, as under systemd.
fn state_folder() -> Option<PathBuf> {
    let folder = |variable: &str| {
        std::env::var_os(variable)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let home = || folder("HOME").map(|home| home.join(".local").join("state"));
    folder("XDG_STATE_HOME").or_else(home).map(|state| state.join("host"))
}

/// Writes to stdout what a command says. Text is for people, so what nobody sees in it is shown; JSON stays as it is but on a
/// terminal, where the same value is written so that nothing is hidden. A reader that went away is no failure.
fn print(data: &[u8]) -> Result<(), CliError> {
    let mut stdout = std::io::stdout().lock();
    let is_json = data.first().is_some_and(|first| matches!(first, b'{' | b'['));
    let data = match std::str::from_utf8(data) {
        Ok(text) if !is_json => visible::shown(text),
        Ok(json) if stdout.is_terminal() => visible::in_json(json),
        Ok(json) => json.into(),
        Err(_) => String::from_utf8_lossy(data),
    };
    match stdout.write_all(data.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(CliError::new(
            Exit::DeliveryFailed,
            format!("cannot write to standard output: {error}"),
        )),
        _ => Ok(()),
    }
}

/// One JSON object as a line.
fn json_line(value: &impl serde::Serialize) -> Result<Vec<u8>, CliError> {
    let mut line = serde_json::to_vec(value).map_err(|error| CliError::new(Exit::Internal, error.to_string()))?;
    line.push(b'\n');
    Ok(line)
}

fn block_on(talk: &OutputOptions, work: impl Future<Output = Result<(), CliError>>) -> Result<(), CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::new(Exit::Internal, format!("cannot start: {error}")))?;
    let result = runtime.block_on(async {
        stop::outlive_file_size_limit();
        work.await
    });
    stop::redeemed(talk);
    // A thread that waits for the terminal or a full pipe must not hold the process back.
    runtime.shutdown_background();
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
