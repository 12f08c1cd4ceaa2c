//! One sink of each kind, opened.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::{Timestamp, tz::TimeZone};

use super::file::Layout;
use super::{network, omissions};
use crate::config::{self, Config, SinkKind, Transport};
use crate::{SetupError, connections, console::console, plugins};
use base::ErrorKind;
use event::{Encoding, Provenance, Rendering};
use remote::Remote;
use sandbox::SinkPlugin;
use sink::{
    self, Compression, Existing, FileMode, FileOptions, FileSink, Format, HttpOptions, HttpSink, PathTemplate,
    Placeholders, PluginOptions, PluginSink, Renderer, Sink, SinkError, StdoutSink,
};

/// What a configured file does: an archive grows, and a second run of the day must not take the first one's events away.
const GROWING: FileOptions = FileOptions {
    existing: Existing::Extend,
    create_folders: true,
    mode: FileMode::PRIVATE,
    compression: Compression::None,
    rotation: None,
    lock_timeout: None,
    raw: false,
};

/// Opens sinks for the events of one run.
pub(super) struct SinkFactory<'a> {
    pub(super) config: &'a Config,
    pub(super) provenance: &'a Arc<Provenance>,
    /// Only to look whether it could be used: nothing may stay behind.
    pub(super) checking: bool,
}

impl SinkFactory<'_> {
    /// A sink of the configuration. What has to be changed there is said with the file's name.
    pub(super) fn configured(&self, name: &str, sink: &config::Sink) -> Result<Box<dyn Sink>, SetupError> {
        self.of_kind(name, sink)
            .map_err(|failure| failure.read_from(self.config))
    }

    fn of_kind(&self, name: &str, sink: &config::Sink) -> Result<Box<dyn Sink>, SetupError> {
        let rendering = omissions::rendering(self.config, name, sink)?;
        Ok(match &sink.kind {
            SinkKind::Stdout(stdout) => self.stdout(stdout.format, rendering)?,
            SinkKind::File(file) => {
                let template = self.template(&["sinks", name, "path"], &file.path)?;
                let path = self.config.folder.join(self.expand(&template));
                let options = FileOptions {
                    rotation: super::file::rotation(name, file)?,
                    mode: file.mode.unwrap_or(GROWING.mode),
                    lock_timeout: file.lock_timeout,
                    ..GROWING
                };
                let layout = Layout::of_configured(file)?;
                self.file(name, path, &layout, rendering, options)?
            }
            SinkKind::Http(http) => Box::new(self.http(name, http, rendering)?),
            SinkKind::Otlp(otlp) => Box::new(self.otlp(name, otlp, rendering)?),
            SinkKind::Syslog(syslog) => Box::new(self.syslog(name, syslog, rendering)?),
            SinkKind::Nats(nats) => Box::new(self.nats(name, nats, rendering)?),
            SinkKind::Postgres(postgres) => Box::new(self.postgres(name, postgres, rendering)?),
            SinkKind::ObjectStore(store) => Box::new(self.object_store(name, store, rendering)?),
            SinkKind::Plugin(plugin) => self.plugin(name, plugin, rendering)?,
        })
    }

    /// Standard output.
    pub(super) fn stdout(&self, format: Option<Format>, rendering: Rendering) -> Result<Box<dyn Sink>, SetupError> {
        (console().stdout_is_open)()?;
        let terminal = std::io::stdout().is_terminal();
        let format = format.unwrap_or(if terminal { Format::Table } else { Format::Ndjson });
        if terminal && format == Format::Parquet {
            return Err(SetupError::usage("Parquet is not for a terminal")
                .hint("redirect standard output, or write --sink file:PATH.parquet"));
        }
        let renderer = Renderer::new(format, rendering, Arc::clone(self.provenance));
        Ok(Box::new((console().stdout)(renderer)))
    }

    /// A file.
    pub(super) fn file(
        &self,
        name: &str,
        path: PathBuf,
        layout: &Layout,
        rendering: Rendering,
        options: FileOptions,
    ) -> Result<Box<dyn Sink>, SetupError> {
        let renderer = Renderer::new(layout.format, rendering, Arc::clone(self.provenance)).with_pages(layout.pages);
        let options = FileOptions {
            compression: layout.compression,
            ..options
        };
        Ok(Box::new(self.growing_file(name, path, renderer, options)?))
    }

    fn growing_file(
        &self,
        name: &str,
        path: PathBuf,
        renderer: Renderer,
        options: FileOptions,
    ) -> Result<FileSink, SetupError> {
        if !self.checking {
            return Ok(FileSink::create(name, &path, renderer, options)?);
        }
        // What the path leads to must be a file, and its folder, or the nearest one above it that exists, must take one.
        let target = FileSink::examine(&path)?;
        let folder = target
            .ancestors()
            .skip(1)
            .find(|folder| folder.is_dir() || folder.as_os_str().is_empty());
        let folder = folder
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        let probe = folder.join(".host-check");
        FileSink::create(name, &probe, renderer, FileOptions::default()).map_err(|error| match &error {
            SinkError::Create { source, .. } => {
                let said = format!("no file can be made in {}: {}", folder.display(), source.kind());
                let failure = SetupError::new(ErrorKind::Usage, said);
                let hint = error.hint();
                SetupError { hint, ..failure }
            }
            _ => error.into(),
        })
    }

    fn http(&self, name: &str, http: &config::HttpSink, encoding: Rendering) -> Result<HttpSink, SetupError> {
        let default = HttpOptions::default();
        let options = HttpOptions {
            encoding,
            body: http.body,
            compression: http.compression,
            headers: http.headers.clone().into_iter().collect(),
            batch_events: http.batch_events.map_or(default.batch_events, usize::from),
            batch_bytes: http.batch_bytes.map_or(default.batch_bytes, usize::from),
            query: None,
        };
        let (endpoint, query) = without_query(&http.endpoint);
        let remote = self.endpoint(name, &endpoint)?;
        let options = HttpOptions { query, ..options };
        Ok(HttpSink::new(name, remote, options, Arc::clone(self.provenance))?)
    }

    fn endpoint(&self, name: &str, endpoint: &config::Connection) -> Result<Arc<Remote>, SetupError> {
        let mut settings = connections::of_endpoint(name, endpoint, self.config)?;
        if self.checking {
            // Whoever asks whether it is there wants to know now.
            settings.retry.attempts = 1;
        }
        Ok(Arc::new(Remote::new(settings)?))
    }

    fn plugin(
        &self,
        name: &str,
        plugin: &config::PluginSink,
        encoding: Rendering,
    ) -> Result<Box<dyn Sink>, SetupError> {
        let loaded = load(self.config, &plugin.plugin)?;
        let transport: Box<dyn sink::Transport> = match &plugin.transport {
            // With an endpoint it may never be written to.
            None if plugin.endpoint.is_some() => Box::new(self.raw_stdout()),
            None | Some(Transport::Stdout) => {
                (console().stdout_is_open)()?;
                Box::new(self.raw_stdout())
            }
            Some(Transport::File { path }) => {
                let template = self.template(&["sinks", name, "transport", "path"], path)?;
                let path = self.config.folder.join(self.expand(&template));
                let raw = FileOptions { raw: true, ..GROWING };
                Box::new(self.growing_file(name, path, self.raw(), raw)?)
            }
            Some(network) => self.network_transport(name, network)?,
        };
        let options = PluginOptions {
            config: json(&plugin.config)?,
            endpoint: match &plugin.endpoint {
                Some(endpoint) => Some(self.endpoint(name, endpoint)?),
                None => None,
            },
            transport,
            encoding,
        };
        self.open_plugin(name, loaded, options)
    }

    /// A `.wasm` sink named on the command line: its bytes go to standard output, and it has no endpoint.
    pub(super) fn ad_hoc_plugin(
        &self,
        path: &str,
        config: &str,
        encoding: Encoding,
    ) -> Result<Box<dyn Sink>, SetupError> {
        (console().stdout_is_open)()?;
        let loaded = load(self.config, path)?;
        let options = PluginOptions {
            config: config.to_owned(),
            endpoint: None,
            transport: Box::new(self.raw_stdout()),
            encoding: encoding.into(),
        };
        self.open_plugin(path, loaded, options)
    }

    fn open_plugin(&self, name: &str, plugin: SinkPlugin, options: PluginOptions) -> Result<Box<dyn Sink>, SetupError> {
        check_config(name, &plugin, &options.config)?;
        let opened = PluginSink::open(name, plugin, options, Arc::clone(self.provenance))?;
        Ok(Box::new(opened))
    }

    /// Bytes as they are: nothing is rendered, so nothing is put before or after them.
    fn raw(&self) -> Renderer {
        Renderer::new(Format::Ndjson, Encoding::default(), Arc::clone(self.provenance))
    }

    fn raw_stdout(&self) -> StdoutSink {
        (console().stdout)(self.raw())
    }

    /// The path that stands at that key of the configuration.
    fn template(&self, key: &[&str], path: &str) -> Result<PathTemplate, SetupError> {
        path.parse()
            .map_err(|error: SinkError| SetupError::from(error).at(&self.config.place(key)))
    }

    /// The path with its placeholders filled in.
    pub(super) fn expand(&self, template: &PathTemplate) -> PathBuf {
        template.expand(&Placeholders {
            report: &self.provenance.report,
            connection: &self.provenance.connection,
            date: Timestamp::now().to_zoned(TimeZone::UTC).date(),
        })
    }
}

/// The endpoint of an `http` sink apart from the query of its URL, which goes with every request as it is written.
pub(super) fn without_query(endpoint: &config::Connection) -> (config::Connection, Option<String>) {
    let mut endpoint = endpoint.clone();
    let query = endpoint.url.query().map(str::to_owned);
    endpoint.url.set_query(None);
    (endpoint, query)
}

pub(super) fn load(config: &Config, name: &str) -> Result<SinkPlugin, SetupError> {
    Ok(plugins::load(config, name)?.sink()?)
}

/// Whether a configured plugin can be loaded and its configuration fits.
pub(super) fn check_plugin(config: &Config, name: &str, plugin: &config::PluginSink) -> Result<(), SetupError> {
    if let Some(Transport::Syslog(syslog)) = &plugin.transport {
        network::check(config, name, syslog)?;
    }
    check_config(name, &load(config, &plugin.plugin)?, &json(&plugin.config)?)
}

/// Holds a configuration against the plugin's schema.
fn check_config(name: &str, plugin: &SinkPlugin, config: &str) -> Result<(), SetupError> {
    let value = serde_json::from_str(config)
        .map_err(|error| SetupError::usage(format!("the config of sink {name} is not JSON: {error}")))?;
    let mistakes = plugin.config_mistakes(&value)?;
    if mistakes.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    Err(
        SetupError::usage(format!("the config of sink {name} is wrong: {}", lines.join("; "))).hint(format!(
            "`host plugin inspect {}` shows what it understands",
            plugin.describe().name
        )),
    )
}

fn json(table: &toml::Table) -> Result<String, SetupError> {
    serde_json::to_string(table).map_err(|error| SetupError::new(ErrorKind::Internal, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use event::Product;

    /// Every file below a folder.
    fn files(folder: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries
            .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
            .collect()
    }

    #[tokio::test]
    async fn hostile_names_of_reports_and_connections_stay_below_the_configured_folder() {
        for rotate in ["", "rotate = { every = \"1h\" }"] {
            for name in ["../../x", "..", "/etc/x", "a/../../../b", ".hidden", "x\u{0}y", "", "."] {
                let outer = tempfile::tempdir().unwrap();
                let mut config = Config::parse(&format!(
                    "[sinks.archive]\nkind = \"file\"\npath = \"inner/{{connection}}/{{report}}.ndjson\"\n{rotate}\n"
                ))
                .unwrap();
                config.folder = outer.path().join("a/b");
                let provenance = Arc::new(Provenance::new(name, name, "epm.example.com", Product::EpmCloud));
                let opener = SinkFactory {
                    config: &config,
                    provenance: &provenance,
                    checking: false,
                };
                let mut sink = opener
                    .configured("archive", config.sinks.get("archive").unwrap())
                    .unwrap();
                let event = event::samples::full(event::Activity::Logon, event::Outcome::Success);
                sink.deliver(&[event]).await.unwrap();
                sink.close().await.unwrap();
                let files = files(outer.path());
                assert_eq!(files.len(), 1, "{name:?}");
                let below = files[0].strip_prefix(config.folder.join("inner")).unwrap();
                assert_eq!(below.components().count(), 2, "{name:?}: {}", below.display());
            }
        }
    }
}
