//! Messages on stderr: tracing, in the colour and shape the user asked for.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use super::args::{Color, LogFormat, Talk};

/// Starts logging for the process. Only our own messages get louder with `-v`: those of libraries may quote what they
/// send. What plugins print gets louder only where they are given test data.
pub fn start(talk: &Talk, plugins_too: bool) {
    let level = match (talk.quiet, talk.verbose) {
        (true, _) => "error",
        (false, 0) => "warn",
        (false, 1) => "info",
        (false, 2) => "debug",
        (false, _) => "trace",
    };
    let colored = match talk.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty()),
    };
    match talk.color {
        Color::Always => anstream::ColorChoice::Always.write_global(),
        Color::Never => anstream::ColorChoice::Never.write_global(),
        Color::Auto => {}
    }
    let plugins = if plugins_too { level } else { "error" };
    let filter = EnvFilter::new(format!("error,host={level},plugin={plugins}"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // It would say on stderr that stderr takes nothing, and panic over that.
        .log_internal_errors(false)
        .with_target(false);
    // A second start, as in tests, keeps the first.
    let _ = match talk.log_format {
        LogFormat::Text => builder.with_ansi(colored).compact().without_time().try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}
