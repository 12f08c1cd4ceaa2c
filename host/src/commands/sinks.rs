//! `host sink list`.

use std::fmt::Write;

use serde_json::json;

use crate::error::CliError;
use crate::render::json_line;
use crate::render::print;
use sandbox::PluginKind;
use setup::config::Config;
use setup::plugins;
use setup::sinks::about;

/// The kinds of `[sinks]` that are no plugins.
const KINDS: [(&str, &str); 8] = [
    ("stdout", "standard output"),
    ("file", "a file that grows, or a series of files"),
    ("http", "any HTTP endpoint that accepts JSON"),
    ("otlp", "an OpenTelemetry collector"),
    ("syslog", "a syslog receiver, RFC 5424"),
    ("nats", "a stream of NATS JetStream"),
    ("postgres", "a table of PostgreSQL"),
    ("object-store", "a bucket of S3, or a folder of objects"),
];

/// `host sink list`.
pub fn list(config: &Config, json: bool) -> Result<(), CliError> {
    let mut text = String::new();
    let mut add = |name: &str, origin: &str, required: Option<bool>, about: &str| -> Result<(), CliError> {
        if json {
            let mut listed = json!({ "name": name, "origin": origin, "summary": about });
            if let (Some(listed), Some(required)) = (listed.as_object_mut(), required) {
                listed.insert("required".into(), required.into());
            }
            text += &String::from_utf8_lossy(&json_line(&listed)?);
            return Ok(());
        }
        let built_in = if origin == "built-in" {
            "built-in plugin for [sinks]: "
        } else {
            ""
        };
        let optional = if required == Some(false) { ", not required" } else { "" };
        let _ = writeln!(text, "{name:<16} {built_in}{about}{optional}");
        Ok(())
    };
    add("stdout", "always", None, "standard output")?;
    let file = "a file; appended by runs that continue a stream, otherwise replaced";
    add("file:PATH", "always", None, file)?;
    add(
        "PATH.wasm",
        "always",
        None,
        "a sink plugin, its bytes to standard output",
    )?;
    for (kind, about) in KINDS {
        add(kind, "kind", None, &format!("kind for [sinks]: {about}"))?;
    }
    for (name, about) in plugins::built_in_of(config, PluginKind::Sink)? {
        add(name, "built-in", None, &about.summary)?;
    }
    for (name, sink) in &config.sinks {
        let about = about(config, name, sink);
        add(name, "configured", Some(sink.required), &about)?;
    }
    print(text.as_bytes())
}
