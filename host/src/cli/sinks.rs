//! From `--sink` and `[sinks]` to opened sinks.

use std::fmt::Write;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::{Timestamp, tz::TimeZone};

use super::args::RenderingArgs;
use super::{Failure, print};
use crate::config::{self, Config, nearest};
use crate::event::{Encoding, Product, Provenance};
use crate::sink::{
    Existing, FileOptions, FileSink, Format, PathTemplate, Placeholders, Renderer, Sink, SinkSpec, StdoutSink,
};

/// Opens the sinks that were asked for; none asked for means stdout. Whatever speaks against one is found here, before
/// the server is asked for anything.
pub fn open(
    config: &Config,
    asked: &[String],
    rendering: &RenderingArgs,
    provenance: &Arc<Provenance>,
) -> Result<Vec<Box<dyn Sink>>, Failure> {
    let stdout = ["stdout".to_string()];
    let asked = if asked.is_empty() { &stdout } else { asked };
    let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
    for text in asked {
        if sinks.iter().any(|sink| sink.name() == text) {
            return Err(Failure::usage(format!("sink {text} is named twice")).hint("name it once"));
        }
        sinks.push(match text.parse::<SinkSpec>()? {
            SinkSpec::Stdout => to_stdout(rendering.format, rendering.encoding, provenance),
            SinkSpec::File(template) => {
                let format = rendering.format.unwrap_or_default();
                let options = FileOptions {
                    existing: Existing::Replace,
                    create_folders: false,
                };
                to_file(
                    text,
                    &template,
                    Path::new(""),
                    (format, rendering.encoding),
                    options,
                    provenance,
                )?
            }
            SinkSpec::Named(name) => configured(config, &name, provenance)?,
            SinkSpec::Plugin(path) => {
                return Err(Failure::usage(format!(
                    "{} is a sink plugin, which this version cannot use",
                    path.display()
                ))
                .hint("name stdout, file:PATH, or a sink of the configuration"));
            }
        });
    }
    Ok(sinks)
}

fn configured(config: &Config, name: &str, provenance: &Arc<Provenance>) -> Result<Box<dyn Sink>, Failure> {
    match config.sinks.get(name) {
        Some(config::Sink::Stdout { encoding, format }) => {
            Ok(to_stdout(*format, encoding.unwrap_or_default(), provenance))
        }
        Some(config::Sink::File { path, encoding, format }) => {
            let template: PathTemplate = path.parse()?;
            // An archive grows: a second run of the day must not take the first one's events away.
            let options = FileOptions {
                existing: Existing::Extend,
                create_folders: true,
            };
            let rendering = (format.unwrap_or_default(), encoding.unwrap_or_default());
            to_file(name, &template, &config.folder, rendering, options, provenance)
        }
        None => Err(unknown(config, name)),
    }
}

fn unknown(config: &Config, name: &str) -> Failure {
    let failure = Failure::usage(format!("there is no sink {name:?}"));
    match nearest(name, config.sinks.keys().map(String::as_str).chain(["stdout"])) {
        Some(known) => failure.hint(format!("did you mean `{known}`?")),
        None => failure.hint("name stdout, file:PATH, or add it under [sinks] in host.toml"),
    }
}

fn to_stdout(format: Option<Format>, encoding: Encoding, provenance: &Arc<Provenance>) -> Box<dyn Sink> {
    let terminal = std::io::stdout().is_terminal();
    let format = format.unwrap_or(if terminal { Format::Table } else { Format::Ndjson });
    Box::new(StdoutSink::new(Renderer::new(format, encoding, Arc::clone(provenance))))
}

fn to_file(
    name: &str,
    template: &PathTemplate,
    folder: &Path,
    (format, encoding): (Format, Encoding),
    options: FileOptions,
    provenance: &Arc<Provenance>,
) -> Result<Box<dyn Sink>, Failure> {
    let path = folder.join(expand(template, provenance));
    let renderer = Renderer::new(format, encoding, Arc::clone(provenance));
    Ok(Box::new(FileSink::create(name, &path, renderer, options)?))
}

/// Whether a configured sink could be opened now; leaves nothing behind.
pub fn probe(config: &Config, name: &str, sink: &config::Sink) -> Result<String, Failure> {
    let provenance = Arc::new(Provenance {
        report: "check".into(),
        connection: "check".into(),
        service: "check".into(),
        product: Product::EpmCloud,
    });
    match sink {
        config::Sink::Stdout { .. } => Ok("standard output".into()),
        config::Sink::File { path, .. } => {
            let template: PathTemplate = path.parse()?;
            let path = config.folder.join(expand(&template, &provenance));
            // The folder, or the nearest one above it that exists, must take a file.
            let folder = path
                .ancestors()
                .skip(1)
                .find(|folder| folder.is_dir() || folder.as_os_str().is_empty());
            let folder = folder
                .filter(|folder| !folder.as_os_str().is_empty())
                .unwrap_or(Path::new("."));
            let renderer = Renderer::new(Format::Ndjson, Encoding::Event, provenance);
            FileSink::create(name, &folder.join(".host-check"), renderer, FileOptions::default())?;
            Ok(format!("{} can be written", folder.display()))
        }
    }
}

/// Checks a configured sink without opening it.
pub fn check(sink: &config::Sink) -> Result<(), Failure> {
    if let config::Sink::File { path, .. } = sink {
        path.parse::<PathTemplate>()?;
    }
    Ok(())
}

fn expand(template: &PathTemplate, provenance: &Provenance) -> PathBuf {
    template.expand(&Placeholders {
        report: &provenance.report,
        connection: &provenance.connection,
        date: Timestamp::now().to_zoned(TimeZone::UTC).date(),
    })
}

/// `host sink list`.
pub fn list(config: &Config) -> Result<(), Failure> {
    let mut text = String::from("stdout           standard output\nfile:PATH        a file, replaced as a whole\n");
    for (name, sink) in &config.sinks {
        let about = match sink {
            config::Sink::Stdout { .. } => "standard output".to_string(),
            config::Sink::File { path, .. } => format!("file {path}, extended"),
        };
        let _ = writeln!(text, "{name:<16} {about}");
    }
    print(text.as_bytes())
}
