//! Arguments that cannot be parsed: help and versions, and what to do about a mistake.

use std::io::Write;

use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::args::{Cli, LogFormat};
use crate::error::{CliError, Exit};
use crate::render::{print, summary};

/// Answers arguments that cannot be parsed: help and version on stdout, all else as any other error.
pub fn refuse(error: &clap::Error) -> u8 {
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
    // One line for each way to call the command.
    let usages: Vec<_> = text
        .lines()
        .skip_while(|line| !line.starts_with("Usage: "))
        .take_while(|line| !line.trim().is_empty())
        .map(|line| line.strip_prefix("Usage: ").unwrap_or(line).trim())
        .collect();
    let usage = (!usages.is_empty()).then(|| format!("usage: {}", usages.join(", or ")));
    let hint = of_run_alone(error, usage.as_deref())
        .or(tip.map(str::to_string))
        .or(usage)
        .unwrap_or_else(|| format!("`{}` shows what can be typed", help_of(std::env::args().skip(1))));
    let format = match is_typed("--log-format", "json") {
        true => LogFormat::Json,
        false => LogFormat::Text,
    };
    let failure = CliError::usage(message.strip_prefix("error: ").unwrap_or(&message)).hint(hint);
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let failure = match summary::RunAccount::of_refused(&arguments) {
        Some(account) => account.close(Err(failure)).err(),
        None => Some(failure),
    };
    if let Some(failure) = failure {
        failure.print(format);
    }
    Exit::Usage.code()
}

/// The advice where `host plan` got an option of `host run`: connection, credential, sinks and ledger are nothing to it.
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

/// True if an option was typed with a value, where arguments as a whole make no sense.
fn is_typed(option: &str, value: &str) -> bool {
    let joined = format!("{option}={value}");
    let arguments: Vec<_> = std::env::args_os().collect();
    arguments.iter().any(|argument| argument.as_os_str() == joined.as_str())
        || arguments.windows(2).any(|pair| pair == [option, value])
}

/// True if help goes to this stream in colour.
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
