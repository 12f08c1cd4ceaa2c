//! The sinks of a run, as `--sink` and the routes name them.

use std::sync::Arc;

use super::configured::{configured, destination, named};
use super::program::Program;
use crate::config::{Config, RouteEntry, SinkKind};
use crate::{SetupError, state};
use event::{Encoding, Provenance, Rendering};
use run::RunSink;
use run::route::Router;
use sink::kinds::file::AdHocFile;
use sink::kinds::plugin::AdHocPlugin;
use sink::kinds::stdout::StdoutConfig;
use sink::kinds::{BuildContext, SinkConfig as _};
use sink::{DeadLetterContext, Delivery, Format, SinkSpec};

/// The sinks of a run, and which events go where.
pub struct OpenedSinks {
    /// The sinks, opened.
    pub outlets: Vec<RunSink>,
    /// The ways to them.
    pub router: Router,
}

/// The way in which events are written to standard output and to files that were named.
#[derive(Debug, Clone, Copy, Default)]
pub struct Presentation {
    /// The shape of an event; OCSF unless said otherwise.
    pub encoding: Option<Encoding>,
    /// The layout of events; by what a file's name ends in unless said otherwise.
    pub format: Option<Format>,
}

/// The sinks that were asked for, and how they write.
#[derive(Debug, Clone)]
pub struct SinkChoice {
    /// The sinks named with `--sink`.
    pub names: Vec<String>,
    /// The configuration of a `.wasm` sink.
    pub plugin_config: Option<String>,
    /// The presentation of standard output and ad-hoc files.
    pub presentation: Presentation,
    /// The run delivers only what is new, so a file that was named keeps what earlier runs wrote.
    pub extend: bool,
}

/// Opens the sinks that were asked for; none asked for means those of the configuration's routes, else stdout. Whatever
/// speaks against one is found here, before the server is asked for anything.
pub fn open(
    config: &Config,
    wanted: &SinkChoice,
    run_id: &str,
    provenance: &Arc<Provenance>,
) -> Result<OpenedSinks, SetupError> {
    let mut opening = SinkSetup {
        config,
        provenance,
        wanted,
        remains: remains(config, run_id, provenance),
        outlets: Vec::new(),
        plain: 0,
        plugins: 0,
    };
    let router = if !wanted.names.is_empty() {
        for text in &wanted.names {
            if opening.place(text).is_some() {
                return Err(SetupError::usage(format!("sink {text} is named twice")).hint("name it once"));
            }
            opening.add(text)?;
        }
        Router::All
    } else if config.routes.is_empty() {
        opening.add("stdout")?;
        Router::All
    } else {
        opening.routes(&config.routes)?
    };
    opening
        .refuse_unheeded()
        .map_err(|failure| failure.read_from(config.file.path.as_deref()))?;
    Ok(OpenedSinks {
        outlets: opening.outlets,
        router,
    })
}

/// The dead letters, for events that a sink does not take.
pub fn remains(config: &Config, run_id: &str, provenance: &Arc<Provenance>) -> DeadLetterContext {
    DeadLetterContext {
        dead_letters: Arc::new(state::dead_letters(config)),
        destination: None,
        run_id: run_id.to_owned(),
        provenance: Arc::clone(provenance),
    }
}

/// The sinks of a run as they are opened.
struct SinkSetup<'a> {
    config: &'a Config,
    provenance: &'a Arc<Provenance>,
    wanted: &'a SinkChoice,
    remains: DeadLetterContext,
    outlets: Vec<RunSink>,
    /// The number of sinks that are standard output or a file that was named.
    plain: usize,
    /// The number of `.wasm` sinks that were named.
    plugins: usize,
}

impl SinkSetup<'_> {
    fn place(&self, name: &str) -> Option<usize> {
        self.outlets.iter().position(|outlet| outlet.delivery.name() == name)
    }

    /// Opens a sink as `--sink` and `to` name it, and says its place.
    fn add(&mut self, text: &str) -> Result<usize, SetupError> {
        let Presentation { encoding, format } = self.wanted.presentation;
        let rendering = Rendering::from(encoding.unwrap_or_default());
        let program = Program { config: self.config };
        let context = BuildContext {
            sink: program.sink(text),
            provenance: self.provenance,
            rendering: &rendering,
            checking: false,
        };
        let (sink, set) = match text.parse::<SinkSpec>()? {
            SinkSpec::Stdout => {
                self.plain += 1;
                let encoding = encoding.unwrap_or_default();
                (StdoutConfig { encoding, format }.build(&context)?, None)
            }
            SinkSpec::File(path) => {
                self.plain += 1;
                let file = AdHocFile {
                    path: &path,
                    format,
                    extend: self.wanted.extend,
                };
                (file.build(&context)?, None)
            }
            SinkSpec::Named(name) => {
                let set = named(self.config, &name)?;
                if !matches!(set.kind, SinkKind::Stdout(_) | SinkKind::File(_)) {
                    let placed = self.need_place();
                    placed.map_err(|failure| failure.read_from(self.config.file.path.as_deref()))?;
                }
                (configured(self.config, &name, set, self.provenance, false)?, Some(set))
            }
            SinkSpec::Plugin(_) => {
                self.plugins += 1;
                self.need_place()?;
                let config = self.wanted.plugin_config.as_deref().unwrap_or("{}");
                (AdHocPlugin { path: text, config }.build(&context)?, None)
            }
        };
        let remains = DeadLetterContext {
            destination: set.map(|set| destination(self.config, sink.name(), set)),
            ..self.remains.clone()
        };
        self.outlets.push(RunSink {
            delivery: Delivery::new(sink, set.map(|set| set.retry).unwrap_or_default(), remains),
            required: set.is_none_or(|set| set.required),
            when_down: set.and_then(|set| set.when_down),
        });
        Ok(self.outlets.len() - 1)
    }

    /// Refuses to go on where events that a sink does not take cannot be kept.
    fn need_place(&self) -> Result<(), SetupError> {
        Ok(self.remains.dead_letters.need_place()?)
    }

    /// Refuses what was said about sinks of a kind that is not among those of the run.
    fn refuse_unheeded(&self) -> Result<(), SetupError> {
        let SinkChoice {
            plugin_config,
            presentation: rendering,
            ..
        } = self.wanted;
        if plugin_config.is_some() && self.plugins == 0 {
            return Err(
                SetupError::usage("--sink-config is for a .wasm sink, and none is named")
                    .hint("a configured sink has its `config` in host.toml"),
            );
        }
        if rendering.format.is_some() && self.plain == 0 {
            return Err(
                SetupError::usage("--format is for stdout and file:PATH, and none is named")
                    .hint("name one of them with --sink; a configured sink has its `format` in host.toml"),
            );
        }
        if rendering.encoding.is_some() && self.plain + self.plugins == 0 {
            return Err(
                SetupError::usage("--encoding is for stdout, file:PATH and .wasm sinks, and none is named")
                    .hint("name one of them with --sink; a configured sink has its `encoding` in host.toml"),
            );
        }
        Ok(())
    }

    /// Opens the sinks of the routes that this report's events can take.
    fn routes(&mut self, routes: &[RouteEntry]) -> Result<Router, SetupError> {
        let (report, stream) = (&self.provenance.report, self.provenance.stream.as_deref());
        let mut ways = Vec::new();
        for (number, set) in routes.iter().enumerate() {
            let mut route = set
                .compile()
                .map_err(|error| SetupError::usage(format!("routes[{number}].when: {error}")))
                .map_err(|failure| failure.read_from(self.config.file.path.as_deref()))?;
            if !route.serves(report, stream) {
                continue;
            }
            for name in &set.to {
                let place = match self.place(name) {
                    Some(place) => place,
                    None => self.add(name)?,
                };
                route.to.push(place);
            }
            ways.push(route);
        }
        if ways.is_empty() {
            let of = stream.unwrap_or(report);
            return Err(SetupError::usage(format!("no route matches the events of {of}"))
                .hint("add one under [[routes]], or say where they go with --sink")
                .read_from(self.config.file.path.as_deref()));
        }
        Ok(Router::Routes(ways))
    }
}
