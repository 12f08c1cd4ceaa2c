//! The output that people and scripts read on a terminal: text, JSON, tables, the line of progress, summaries.

pub mod closing;
pub mod inspection;
pub mod past_runs;
pub mod plan;
pub mod progress;
pub mod screen;
pub mod summary;

use std::io::{IsTerminal, Write};

use jiff::Timestamp;

use base::visible;

use crate::error::{CliError, Exit};

/// Writes to stdout what a command says. Text is for people, so what nobody sees in it is shown; JSON stays as it is but on a
/// terminal, where the same value is written so that nothing is hidden. A reader that went away is no failure.
pub fn print(data: &[u8]) -> Result<(), CliError> {
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

/// An instant, without what is below a second.
pub fn seconds(instant: Timestamp) -> String {
    instant.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A time that something took, in ms.
pub fn took(ms: u64) -> String {
    match ms {
        0..100 => format!("{ms} ms"),
        100..60_000 => format!("{}.{} s", ms / 1000, ms / 100 % 10),
        _ => format!("{} min {} s", ms / 60_000, ms / 1000 % 60),
    }
}

/// One JSON object as a line.
pub fn json_line(value: &impl serde::Serialize) -> Result<Vec<u8>, CliError> {
    let mut line = serde_json::to_vec(value).map_err(|error| CliError::new(Exit::Internal, error.to_string()))?;
    line.push(b'\n');
    Ok(line)
}
