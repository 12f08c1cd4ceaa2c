//! From `--sink` and `[sinks]` to opened sinks.

mod aws;
mod destination;
mod file;
mod nats;
mod network;
mod object_store;
mod omissions;
mod open;
mod postgres;
mod tls;

use std::sync::Arc;

use crate::config::{self, Config, SinkKind, nearest};
use crate::connections::{self, Owner};
use crate::{SetupError, state};
use built_in::built_in;
use event::{Encoding, Product, Provenance};
use remote::Remote;
use run::RunSink;
use run::route::Router;
use sink::dead_letters::{DeadLetterEntry, DeadLetters};
use sink::{
    DeadLetterContext, Delivery, DeliveryPolicy, Existing, FileOptions, Format, Guarantee, PathTemplate, Sink, SinkSpec,
};

pub use destination::destination;
use file::Layout;
use open::SinkFactory;

/// The sinks of a run, and which events go where.
pub struct OpenedSinks {
    /// The sinks, opened.
    pub outlets: Vec<RunSink>,
    /// The ways to them.
    pub router: Router,
}

/// How events are written to standard output and to files that were named.
#[derive(Debug, Clone, Copy, Default)]
pub struct Presentation {
    /// The shape of an event; OCSF unless said otherwise.
    pub encoding: Option<Encoding>,
    /// How events are laid out; what a file's name ends in unless said otherwise.
    pub format: Option<Format>,
}

/// What sinks are opened for.
pub struct SinkChoice<'a> {
    /// What was named with `--sink`.
    pub names: &'a [String],
    /// The configuration of a `.wasm` sink.
    pub plugin_config: Option<&'a str>,
    /// How standard output and ad-hoc files are written.
    pub presentation: Presentation,
    /// The run delivers only what is new, so a file that was named keeps what earlier runs wrote.
    pub extend: bool,
}

/// Opens the sinks that were asked for; none asked for means those of the configuration's routes, else stdout. Whatever
/// speaks against one is found here, before the server is asked for anything.
pub fn open(
    config: &Config,
    wanted: &SinkChoice<'_>,
    run_id: &str,
    provenance: &Arc<Provenance>,
) -> Result<OpenedSinks, SetupError> {
    let mut opening = SinkSetup {
        opener: SinkFactory {
            config,
            provenance,
            checking: false,
        },
        wanted,
        remains: remains(config, run_id, provenance),
        outlets: Vec::new(),
        plain: 0,
        plugins: 0,
    };
    let router = if !wanted.names.is_empty() {
        for text in wanted.names {
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
    opening.refuse_unheeded().map_err(|failure| failure.read_from(config))?;
    Ok(OpenedSinks {
        outlets: opening.outlets,
        router,
    })
}

/// Refuses sinks whose names lead to addresses that they may not reach, before the server is asked for anything. What no
/// resolver knows now shows when events come.
pub async fn admit(config: &Config, outlets: &[RunSink]) -> Result<(), SetupError> {
    for outlet in outlets {
        let name = outlet.delivery.name();
        if let Some(sink) = config.sinks.get(name) {
            admit_one(config, name, sink)
                .await
                .map_err(|failure| placed(config, name, failure))?;
        }
    }
    Ok(())
}

async fn admit_one(config: &Config, name: &str, sink: &config::Sink) -> Result<(), SetupError> {
    if let Some(endpoint) = sink.endpoint() {
        for settings in connections::asked(name, endpoint, config)? {
            Remote::admit_name(&settings).await?;
        }
    }
    if let SinkKind::ObjectStore(store) = &sink.kind
        && let Some(settings) = object_store::settings(config, name, store)?
    {
        Remote::admit_name(&settings).await?;
    }
    Ok(())
}

/// Where events go that a sink does not take.
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
    opener: SinkFactory<'a>,
    wanted: &'a SinkChoice<'a>,
    remains: DeadLetterContext,
    outlets: Vec<RunSink>,
    /// How many are standard output or a file that was named.
    plain: usize,
    /// How many `.wasm` sinks were named.
    plugins: usize,
}

impl SinkSetup<'_> {
    fn place(&self, name: &str) -> Option<usize> {
        self.outlets.iter().position(|outlet| outlet.delivery.name() == name)
    }

    /// Opens a sink as `--sink` and `to` name it, and says its place.
    fn add(&mut self, text: &str) -> Result<usize, SetupError> {
        let rendering = self.wanted.presentation;
        let encoding = rendering.encoding.unwrap_or_default();
        let opener = &self.opener;
        let (sink, set) = match text.parse::<SinkSpec>()? {
            SinkSpec::Stdout => {
                self.plain += 1;
                (opener.stdout(rendering.format, encoding.into())?, None)
            }
            SinkSpec::File(template) => {
                self.plain += 1;
                let layout = Layout::of(&template.to_string(), rendering.format, None)?;
                let path = opener.expand(&template);
                let mut options = FileOptions::default();
                if self.wanted.extend {
                    options.existing = Existing::Extend;
                }
                let opened = opener.file(text, path, &layout, encoding.into(), options)?;
                (opened, None)
            }
            SinkSpec::Named(name) => {
                let set = named(opener.config, &name)?;
                if !matches!(set.kind, SinkKind::Stdout(_) | SinkKind::File(_)) {
                    self.need_place().map_err(|failure| failure.read_from(opener.config))?;
                }
                (opener.configured(&name, set)?, Some(set))
            }
            SinkSpec::Plugin(_) => {
                self.plugins += 1;
                self.need_place()?;
                let config = self.wanted.plugin_config.unwrap_or("{}");
                (opener.ad_hoc_plugin(text, config, encoding)?, None)
            }
        };
        let remains = DeadLetterContext {
            destination: set.map(|set| destination(self.opener.config, sink.name(), set)),
            ..self.remains.clone()
        };
        self.outlets.push(RunSink {
            delivery: Delivery::new(sink, policy(set), remains),
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
    fn routes(&mut self, routes: &[config::Route]) -> Result<Router, SetupError> {
        let report = &self.opener.provenance.report;
        let mut ways = Vec::new();
        for (number, set) in routes.iter().enumerate() {
            let mut route = set
                .compile()
                .map_err(|error| SetupError::usage(format!("routes[{number}].when: {error}")))
                .map_err(|failure| failure.read_from(self.opener.config))?;
            if !route.serves(report) {
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
            return Err(SetupError::usage(format!("no route takes the events of {report}"))
                .hint("add one under [[routes]], or say where they go with --sink")
                .read_from(self.opener.config));
        }
        Ok(Router::Routes(ways))
    }
}

/// When a configured sink is tried again.
pub fn policy(set: Option<&config::Sink>) -> DeliveryPolicy {
    let default = DeliveryPolicy::default();
    let Some(set) = set.map(|set| &set.retry) else {
        return default;
    };
    DeliveryPolicy {
        min_delay: set.min_delay.unwrap_or(default.min_delay),
        max_delay: set.max_delay.unwrap_or(default.max_delay),
        max_elapsed: set.max_elapsed.unwrap_or(default.max_elapsed),
    }
}

/// Opens one configured sink by itself, without retries.
///
/// # Errors
///
/// Where it is not configured, or cannot be as it is.
pub fn open_alone(config: &Config, name: &str, provenance: &Arc<Provenance>) -> Result<Box<dyn Sink>, SetupError> {
    let opener = SinkFactory {
        config,
        provenance,
        checking: false,
    };
    opener.configured(name, named(config, name)?)
}

/// Opens one configured sink for events kept in this store. What it refuses again is kept there as it was, for the same destination.
pub fn reopen(
    config: &Config,
    store: &Arc<DeadLetters>,
    letter: &DeadLetterEntry,
    provenance: &Arc<Provenance>,
) -> Result<Delivery, SetupError> {
    let name = &letter.sink;
    let set = named(config, name)?;
    let opener = SinkFactory {
        config,
        provenance,
        checking: false,
    };
    let sink = opener.configured(name, set)?;
    Ok(Delivery::new(
        sink,
        policy(Some(set)),
        DeadLetterContext {
            dead_letters: Arc::clone(store),
            destination: letter.destination.clone(),
            run_id: letter.run_id.clone(),
            provenance: Arc::clone(provenance),
        },
    ))
}

fn named<'a>(config: &'a Config, name: &str) -> Result<&'a config::Sink, SetupError> {
    config
        .sinks
        .get(name)
        .ok_or_else(|| unknown(config, name).read_from(config))
}

fn unknown(config: &Config, name: &str) -> SetupError {
    let failure = SetupError::usage(format!("there is no sink {name:?}"));
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
    Arc::new(Provenance::new("check", "check", "check", Product::EpmCloud))
}

/// Whether a configured sink could take events now, and what it promises; leaves nothing behind.
pub async fn probe(config: &Config, name: &str) -> Result<(String, Guarantee), SetupError> {
    let provenance = nobody();
    let opener = SinkFactory {
        config,
        provenance: &provenance,
        checking: true,
    };
    check(config, name, named(config, name)?)?;
    let mut sink = opener.configured(name, named(config, name)?)?;
    let (found, guarantee) = (sink.probe().await, sink.guarantee());
    sink.abort().await;
    let found = found?;
    // What was written to is a file that nobody configured.
    let found = match &named(config, name)?.kind {
        SinkKind::File(file) => format!("{} can be written", file.path),
        _ => found,
    };
    Ok((found, guarantee))
}

/// Checks a configured sink without opening it and without its secrets. What is wrong is said with its place in the file.
pub fn check(config: &Config, name: &str, sink: &config::Sink) -> Result<(), SetupError> {
    check_kind(config, name, sink).map_err(|failure| placed(config, name, failure))
}

/// The failure with the place of the sink, unless a more exact one stands there already.
fn placed(config: &Config, name: &str, failure: SetupError) -> SetupError {
    let message = failure.message.as_str();
    if message.contains(&format!("sinks.{name}")) {
        return failure;
    }
    let own = format!("sink {name}: ");
    SetupError {
        message: message.strip_prefix(&own).unwrap_or(message).to_owned(),
        ..failure
    }
    .at(&config.place(&["sinks", name]))
}

fn check_kind(config: &Config, name: &str, sink: &config::Sink) -> Result<(), SetupError> {
    omissions::rendering(config, name, sink)?;
    match &sink.kind {
        SinkKind::File(file) => {
            let at = |failure: SetupError| failure.at(&config.place(&["sinks", name, "path"]));
            let template = file.path.parse::<PathTemplate>().map_err(|error| at(error.into()))?;
            let layout = Layout::of_configured(file).map_err(at)?;
            file::rotation(name, file)?;
            file::growth(file, &template, &layout).map_err(at)?;
        }
        SinkKind::Http(http) => {
            let (endpoint, _) = open::without_query(&http.endpoint);
            return connections::check(Owner::Sink(name), &endpoint, config);
        }
        SinkKind::Plugin(plugin) => open::check_plugin(config, name, plugin)?,
        SinkKind::Syslog(syslog) => network::check(config, name, syslog)?,
        SinkKind::Nats(nats) => drop(nats::check(config, name, nats)?),
        SinkKind::Postgres(postgres) => drop(postgres::check(config, name, postgres)?),
        SinkKind::ObjectStore(store) => drop(object_store::check(config, name, store)?),
        _ => {}
    }
    if let Some(endpoint) = sink.endpoint() {
        connections::check(Owner::Sink(name), endpoint, config)?;
    }
    Ok(())
}

/// What is no mistake of a sink, and yet hardly meant.
pub fn remarks(config: &Config, name: &str, sink: &config::Sink) -> Vec<String> {
    let mut remarks = omissions::remarks(config, name, sink);
    if let SinkKind::File(file) = &sink.kind
        && let Some(remark) = file::remark(file)
    {
        remarks.push(format!("{}: {remark}", config.place(&["sinks", name, "path"])));
    }
    remarks
}

/// The URL without its query, which may hold secrets.
fn shown(url: &url::Url) -> String {
    let mut shown = url.clone();
    shown.set_query(None);
    match url.query() {
        Some(_) => format!("{shown}?…"),
        None => shown.into(),
    }
}

/// What a configured sink is and where it delivers to, on a line: `nats nats://127.0.0.1:4222`.
pub fn about(config: &Config, name: &str, sink: &config::Sink) -> String {
    match &sink.kind {
        SinkKind::Stdout(_) => "standard output".to_string(),
        SinkKind::File(file) if file.rotate.is_some() => format!("file {}, rotated", file.path),
        SinkKind::File(file) => format!("file {}, extended", file.path),
        SinkKind::Http(http) => format!("http {}", shown(&http.endpoint.url)),
        SinkKind::Otlp(otlp) => format!("otlp {}", shown(&otlp.endpoint.url)),
        SinkKind::Syslog(syslog) => format!("syslog {}", syslog.address),
        // A URL that does not pass may hold a password.
        SinkKind::Nats(nats) => match nats::check(config, name, nats) {
            Ok((url, _)) => format!("nats {url}"),
            Err(_) => "nats".into(),
        },
        SinkKind::Postgres(postgres) => match postgres::check(config, name, postgres) {
            Ok((url, table)) => format!("postgres {url}, table {table}"),
            Err(_) => "postgres".into(),
        },
        SinkKind::ObjectStore(store) => match object_store::check(config, name, store) {
            Ok(_) => format!("objects below {}", store.url),
            Err(_) => "objects".into(),
        },
        SinkKind::Plugin(plugin) => match &plugin.endpoint {
            Some(endpoint) => format!("plugin {} to {}", plugin.plugin, shown(&endpoint.url)),
            None => format!("plugin {}", plugin.plugin),
        },
    }
}
