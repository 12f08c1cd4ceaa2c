//! The side of this program that the rooms below see: its standard output, its terminal, and what compiles plugins.

use std::io::IsTerminal;

use secrecy::SecretString;
use setup::SetupError;
use setup::console::{self, Console};
use sink::StdoutSink;

use crate::render::screen;
use crate::stdout;
use crate::stop;

/// Installs the console for the rooms below.
pub fn install() {
    console::install(Console {
        stdout_is_open,
        // On a terminal it is where the line of progress is too.
        stdout: |renderer| StdoutSink::through(|stdout| Box::new(screen::Beside(stdout)), renderer),
        ask,
        compiler: Some(sandbox::this_program()),
    });
}

fn stdout_is_open() -> Result<(), SetupError> {
    match stdout::is_open() {
        true => Ok(()),
        false => Err(SetupError::usage("standard output is closed")
            .hint("redirect it, to /dev/null if nobody needs the events, or name another sink with --sink")),
    }
}

fn ask(prompt: &str) -> Option<SecretString> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return None;
    }
    let answer = stop::asking(|| rpassword::prompt_password(prompt)).ok()?;
    (!answer.is_empty()).then(|| SecretString::from(answer))
}
