//! `host config check` and `host config schema`.

use base::counted::counted;
use setup::config::Config;
use setup::connections;
use setup::report::this_machine_s_clock;

use super::routes;
use crate::args::ConfigFile;
use crate::error::{CliError, Exit};
use crate::render::{json_line, print};

/// Reads the configuration.
pub fn load(file: &ConfigFile) -> Result<Config, CliError> {
    Ok(Config::load(file.config.as_deref())?)
}

/// `host config check`.
pub fn check(file: &ConfigFile, json: bool) -> Result<(), CliError> {
    let config = load(file)?;
    let Some(path) = &config.file.path else {
        return Err(CliError::usage("there is no configuration").hint("write host.toml, or name a file with --config"));
    };
    setup::plugins::sandbox(&config)?;
    for (name, connection) in &config.connections {
        connections::check(connections::Owner::Connection(name), connection, &config)?;
    }
    for (name, sink) in &config.sinks {
        setup::sinks::check(&config, name, sink)?;
    }
    for name in config.plugins.keys() {
        setup::plugins::load(&config, name)?;
    }
    let mut remarks = config.remarks();
    remarks.extend(routes::remarks(&config));
    for stream in &config.streams {
        remarks.extend(setup::report::check_stream(&config, stream, this_machine_s_clock())?);
    }
    for (name, sink) in &config.sinks {
        remarks.extend(setup::sinks::remarks(&config, name, sink));
    }
    if json {
        return print(&json_line(&serde_json::json!({
            "ok": true, "path": path.display().to_string(), "connections": config.connections.len(),
            "sinks": config.sinks.len(), "plugins": config.plugins.len(), "streams": config.streams.len(),
            "remarks": remarks,
        }))?);
    }
    for remark in remarks {
        print(format!("remark: {remark}\n").as_bytes())?;
    }
    print(
        format!(
            "ok: {}: {}, {}, {}{}\n",
            path.display(),
            counted(config.connections.len(), "connection", "connections"),
            counted(config.sinks.len(), "sink", "sinks"),
            counted(config.plugins.len(), "plugin", "plugins"),
            match config.streams.len() {
                0 => String::new(),
                some => format!(", {}", counted(some, "stream", "streams")),
            }
        )
        .as_bytes(),
    )
}

/// `host config schema`.
pub fn schema() -> Result<(), CliError> {
    let schema = serde_json::to_string_pretty(&setup::config::schema());
    print((schema.map_err(|error| CliError::new(Exit::Internal, error.to_string()))? + "\n").as_bytes())
}
