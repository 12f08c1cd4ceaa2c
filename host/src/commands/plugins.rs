//! `host plugin list` and `host plugin inspect`.

use std::fmt::Write;

use crate::error::CliError;
use crate::error::Exit;
use crate::render::inspection;
use crate::render::json_line;
use crate::render::print;
use built_in::BUILT_IN;
use setup::config::Config;
use setup::plugins::load;

/// `host plugin list`.
pub fn list(config: &Config, json: bool) -> Result<(), CliError> {
    let mut text = String::new();
    let names = BUILT_IN.iter().map(|(name, _)| (*name, "built in"));
    let names = names.chain(config.plugins.keys().map(|name| (name.as_str(), "configured")));
    let names: Vec<_> = names.collect();
    let longest = names
        .iter()
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or_default();
    for (name, origin) in names {
        let about = load(config, name)?.inspect();
        if json {
            let listed = serde_json::json!({
                "name": name, "kind": about.kind.interface(), "version": about.version, "origin": origin,
                "summary": about.summary,
                "deprecated": about.report.as_ref().is_some_and(|report| report.deprecated.is_some()),
            });
            text += &String::from_utf8_lossy(&json_line(&listed)?);
            continue;
        }
        let deprecated = if about.report.is_some_and(|report| report.deprecated.is_some()) {
            " (deprecated by its vendor)"
        } else {
            ""
        };
        let _ = writeln!(
            text,
            "{name:<longest$} {:<6} {:<8} {origin:<11} {}{deprecated}",
            about.kind.interface(),
            about.version,
            about.summary
        );
    }
    print(text.as_bytes())
}

/// `host plugin inspect`.
pub fn inspect(config: &Config, name: &str, json: bool) -> Result<(), CliError> {
    let about = load(config, name)?.inspect();
    let text = if json {
        serde_json::to_string(&about).map_err(|error| CliError::new(Exit::Internal, error.to_string()))? + "\n"
    } else {
        inspection::render(&about)
    };
    print(text.as_bytes())
}
