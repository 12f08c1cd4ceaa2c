//! `host`: parses what was typed, carries it out, and maps what came of it to an exit code.

mod args;
mod commands;
mod console;
mod error;
#[cfg(test)]
mod error_codes;
mod log;
mod render;
mod stdout;
mod stop;
mod typed;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command, PluginCommand};
use error::Exit;

fn main() -> ExitCode {
    base::allocator::bound();
    // This program again, with a stranger's plugin to compile.
    if (std::env::args_os().nth(1)).is_some_and(|argument| argument == sandbox::ARGUMENT) {
        return sandbox::compile_stdin().into();
    }
    console::install();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return typed::refuse(&error).into(),
    };
    let testing = matches!(cli.command, Command::Plugin(PluginCommand::Test(_)));
    log::start(&cli.talk, testing);
    match commands::execute(&cli) {
        Ok(()) => Exit::Done.code().into(),
        Err(failure) => {
            failure.print(cli.talk.log_format);
            failure.exit.code().into()
        }
    }
}
