//! From `--sink` and `[sinks]` to opened sinks.

mod open;

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use super::args::RenderingArgs;
use super::{Failure, plugins, print};
use crate::config::{self, Config, SinkKind, nearest};
use crate::event::{Product, Provenance};
use crate::plugin::{PluginKind, built_in};
use crate::sink::{Existing, FileOptions, PathTemplate, Sink, SinkSpec};

use open::Opener;

/// Opens the sinks that were asked for; none asked for means stdout. Whatever speaks against one is found here, before
/// the server is asked for anything.
pub fn open(
    config: &Config,
    asked: &[String],
    sink_config: Option<&str>,
    rendering: &RenderingArgs,
    provenance: &Arc<Provenance>,
) -> Result<Vec<Box<dyn Sink>>, Failure> {
    let stdout = ["stdout".to_string()];
    let asked = if asked.is_empty() { &stdout } else { asked };
    let opener = Opener {
        config,
        provenance,
        checking: false,
    };
    let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
    let mut plugins = 0;
    for text in asked {
        if sinks.iter().any(|sink| sink.name() == text) {
            return Err(Failure::usage(format!("sink {text} is named twice")).hint("name it once"));
        }
        sinks.push(match text.parse::<SinkSpec>()? {
            SinkSpec::Stdout => opener.stdout(rendering.format, rendering.encoding),
            SinkSpec::File(template) => {
                let format = rendering.format.unwrap_or_default();
                let options = FileOptions {
                    existing: Existing::Replace,
                    create_folders: false,
                };
                opener.file(text, &template, Path::new(""), (format, rendering.encoding), options)?
            }
            SinkSpec::Named(name) => opener.configured(&name, named(config, &name)?)?,
            SinkSpec::Plugin(_) => {
                plugins += 1;
                opener.ad_hoc_plugin(text, sink_config.unwrap_or("{}"), rendering.encoding)?
            }
        });
    }
    if sink_config.is_some() && plugins == 0 {
        return Err(Failure::usage("--sink-config is for a .wasm sink, and none is named")
            .hint("a configured sink has its `config` in host.toml"));
    }
    Ok(sinks)
}

fn named<'a>(config: &'a Config, name: &str) -> Result<&'a config::Sink, Failure> {
    config.sinks.get(name).ok_or_else(|| unknown(config, name))
}

fn unknown(config: &Config, name: &str) -> Failure {
    let failure = Failure::usage(format!("there is no sink {name:?}"));
    if built_in(name).is_some() {
        return failure.hint(format!(
            "a plugin becomes a sink under [sinks] in host.toml: plugin = {name:?}"
        ));
    }
    match nearest(name, config.sinks.keys().map(String::as_str).chain(["stdout"])) {
        Some(known) => failure.hint(format!("did you mean `{known}`?")),
        None => failure.hint("name stdout, file:PATH, the path of a .wasm sink, or add it under [sinks] in host.toml"),
    }
}

/// What sinks are opened for where no run is.
fn nobody() -> Arc<Provenance> {
    Arc::new(Provenance {
        report: "check".into(),
        connection: "check".into(),
        service: "check".into(),
        product: Product::EpmCloud,
    })
}

/// Whether a configured sink could take events now; leaves nothing behind.
pub async fn probe(config: &Config, name: &str) -> Result<String, Failure> {
    let provenance = nobody();
    let opener = Opener {
        config,
        provenance: &provenance,
        checking: true,
    };
    let mut sink = opener.configured(name, named(config, name)?)?;
    let found = sink.probe().await;
    sink.abort().await;
    Ok(found?)
}

/// Checks a configured sink without opening it and without its secrets.
pub fn check(config: &Config, name: &str, sink: &config::Sink) -> Result<(), Failure> {
    match &sink.kind {
        SinkKind::File(file) => {
            file.path.parse::<PathTemplate>()?;
        }
        SinkKind::Plugin(plugin) => open::check_plugin(config, name, plugin)?,
        _ => {}
    }
    if let Some(endpoint) = sink.endpoint() {
        super::connection::check(name, endpoint, config)?;
    }
    Ok(())
}

/// `host sink list`.
pub fn list(config: &Config) -> Result<(), Failure> {
    let mut text = String::from("stdout           standard output\nfile:PATH        a file, replaced as a whole\n");
    text += "PATH.wasm        a sink plugin, its bytes to standard output\n";
    for (name, about) in plugins::built_in_of(config, PluginKind::Sink)? {
        let _ = writeln!(text, "{name:<16} built-in plugin for [sinks]: {}", about.summary);
    }
    for (name, sink) in &config.sinks {
        let about = match &sink.kind {
            SinkKind::Stdout(_) => "standard output".to_string(),
            SinkKind::File(file) => format!("file {}, extended", file.path),
            SinkKind::Http(http) => format!("http {}", http.endpoint.url),
            SinkKind::Plugin(plugin) => match &plugin.endpoint {
                Some(endpoint) => format!("plugin {} to {}", plugin.plugin, endpoint.url),
                None => format!("plugin {}", plugin.plugin),
            },
        };
        let required = if sink.required { "" } else { ", not required" };
        let _ = writeln!(text, "{name:<16} {about}{required}");
    }
    print(text.as_bytes())
}
