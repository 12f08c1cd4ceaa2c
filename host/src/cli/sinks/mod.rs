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

use std::fmt::Write;
use std::sync::Arc;

use serde_json::json;

use super::args::RenderingArgs;
use super::connection::{self, Owner};
use super::{Failure, dead_letters, json_line, plugins, print};
use built_in::built_in;
use event::{Product, Provenance};
use remote::Remote;
use run::Outlet;
use run::route::Router;
use sandbox::PluginKind;
use setup::config::{self, Config, SinkKind, nearest};
use sink::dead_letters::{DeadLetters, Entry};
use sink::{Delivery, DeliveryPolicy, Existing, FileOptions, Guarantee, PathTemplate, Remains, Sink, SinkSpec};

pub use destination::destination;
use file::Layout;
use open::Opener;

/// The sinks of a run, and which events go where.
pub struct Opened {
    /// The sinks, opened.
    pub outlets: Vec<Outlet>,
    /// The ways to them.
    pub router: Router,
}

/// What sinks are opened for.
pub struct Wanted<'a> {
    /// What was named with `--sink`.
    pub names: &'a [String],
    /// The configuration of a `.wasm` sink.
    pub plugin_config: Option<&'a str>,
    /// How standard output and ad-hoc files are written.
    pub rendering: &'a RenderingArgs,
    /// The run delivers only what is new, so a file that was named keeps what earlier runs wrote.
    pub extend: bool,
}

/// Opens the sinks that were asked for; none asked for means those of the configuration's routes, else stdout. Whatever
/// speaks against one is found here, before the server is asked for anything.
pub fn open(
    config: &Config,
    wanted: &Wanted<'_>,
    run_id: &str,
    provenance: &Arc<Provenance>,
) -> Result<Opened, Failure> {
    let mut opening = Opening {
        opener: Opener {
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
                return Err(Failure::usage(format!("sink {text} is named twice")).hint("name it once"));
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
    Ok(Opened {
        outlets: opening.outlets,
        router,
    })
}

/// Refuses sinks whose names lead to addresses that they may not reach, before the server is asked for anything. What no
/// resolver knows now shows when events come.
pub async fn admit(config: &Config, outlets: &[Outlet]) -> Result<(), Failure> {
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

async fn admit_one(config: &Config, name: &str, sink: &config::Sink) -> Result<(), Failure> {
    if let Some(endpoint) = sink.endpoint() {
        for settings in connection::asked(name, endpoint, config)? {
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
pub fn remains(config: &Config, run_id: &str, provenance: &Arc<Provenance>) -> Remains {
    Remains {
        dead_letters: Arc::new(dead_letters::store(config)),
        destination: None,
        run_id: run_id.to_owned(),
        provenance: Arc::clone(provenance),
    }
}

/// The sinks of a run as they are opened.
struct Opening<'a> {
    opener: Opener<'a>,
    wanted: &'a Wanted<'a>,
    remains: Remains,
    outlets: Vec<Outlet>,
    /// How many are standard output or a file that was named.
    plain: usize,
    /// How many `.wasm` sinks were named.
    plugins: usize,
}

impl Opening<'_> {
    fn place(&self, name: &str) -> Option<usize> {
        self.outlets.iter().position(|outlet| outlet.delivery.name() == name)
    }

    /// Opens a sink as `--sink` and `to` name it, and says its place.
    fn add(&mut self, text: &str) -> Result<usize, Failure> {
        let rendering = self.wanted.rendering;
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
                    dead_letters::need_place(&self.remains.dead_letters)
                        .map_err(|failure| failure.read_from(opener.config))?;
                }
                (opener.configured(&name, set)?, Some(set))
            }
            SinkSpec::Plugin(_) => {
                self.plugins += 1;
                dead_letters::need_place(&self.remains.dead_letters)?;
                let config = self.wanted.plugin_config.unwrap_or("{}");
                (opener.ad_hoc_plugin(text, config, encoding)?, None)
            }
        };
        let remains = Remains {
            destination: set.map(|set| destination(self.opener.config, sink.name(), set)),
            ..self.remains.clone()
        };
        self.outlets.push(Outlet {
            delivery: Delivery::new(sink, policy(set), remains),
            required: set.is_none_or(|set| set.required),
            when_down: set.and_then(|set| set.when_down),
        });
        Ok(self.outlets.len() - 1)
    }

    /// Refuses what was said about sinks of a kind that is not among those of the run.
    fn refuse_unheeded(&self) -> Result<(), Failure> {
        let Wanted {
            plugin_config,
            rendering,
            ..
        } = self.wanted;
        if plugin_config.is_some() && self.plugins == 0 {
            return Err(Failure::usage("--sink-config is for a .wasm sink, and none is named")
                .hint("a configured sink has its `config` in host.toml"));
        }
        if rendering.format.is_some() && self.plain == 0 {
            return Err(
                Failure::usage("--format is for stdout and file:PATH, and none is named")
                    .hint("name one of them with --sink; a configured sink has its `format` in host.toml"),
            );
        }
        if rendering.encoding.is_some() && self.plain + self.plugins == 0 {
            return Err(
                Failure::usage("--encoding is for stdout, file:PATH and .wasm sinks, and none is named")
                    .hint("name one of them with --sink; a configured sink has its `encoding` in host.toml"),
            );
        }
        Ok(())
    }

    /// Opens the sinks of the routes that this report's events can take.
    fn routes(&mut self, routes: &[config::Route]) -> Result<Router, Failure> {
        let report = &self.opener.provenance.report;
        let mut ways = Vec::new();
        for (number, set) in routes.iter().enumerate() {
            let mut route = set
                .compile()
                .map_err(|error| Failure::usage(format!("routes[{number}].when, column {}: {error}", error.column)))
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
            return Err(Failure::usage(format!("no route takes the events of {report}"))
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
pub fn open_alone(config: &Config, name: &str, provenance: &Arc<Provenance>) -> Result<Box<dyn Sink>, Failure> {
    let opener = Opener {
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
    letter: &Entry,
    provenance: &Arc<Provenance>,
) -> Result<Delivery, Failure> {
    let name = &letter.sink;
    let set = named(config, name)?;
    let opener = Opener {
        config,
        provenance,
        checking: false,
    };
    let sink = opener.configured(name, set)?;
    Ok(Delivery::new(
        sink,
        policy(Some(set)),
        Remains {
            dead_letters: Arc::clone(store),
            destination: letter.destination.clone(),
            run_id: letter.run_id.clone(),
            provenance: Arc::clone(provenance),
        },
    ))
}

fn named<'a>(config: &'a Config, name: &str) -> Result<&'a config::Sink, Failure> {
    config
        .sinks
        .get(name)
        .ok_or_else(|| unknown(config, name).read_from(config))
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
    Arc::new(Provenance::new("check", "check", "check", Product::EpmCloud))
}

/// Whether a configured sink could take events now, and what it promises; leaves nothing behind.
pub async fn probe(config: &Config, name: &str) -> Result<(String, Guarantee), Failure> {
    let provenance = nobody();
    let opener = Opener {
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
pub fn check(config: &Config, name: &str, sink: &config::Sink) -> Result<(), Failure> {
    check_kind(config, name, sink).map_err(|failure| placed(config, name, failure))
}

/// The failure with the place of the sink, unless a more exact one stands there already.
fn placed(config: &Config, name: &str, failure: Failure) -> Failure {
    let message = failure.message.as_deref().unwrap_or_default();
    if message.contains(&format!("sinks.{name}")) {
        return failure;
    }
    let own = format!("sink {name}: ");
    Failure {
        message: Some(message.strip_prefix(&own).unwrap_or(message).to_owned()),
        ..failure
    }
    .at(&config.place(&["sinks", name]))
}

fn check_kind(config: &Config, name: &str, sink: &config::Sink) -> Result<(), Failure> {
    omissions::rendering(config, name, sink)?;
    match &sink.kind {
        SinkKind::File(file) => {
            let at = |failure: Failure| failure.at(&config.place(&["sinks", name, "path"]));
            let template = file.path.parse::<PathTemplate>().map_err(|error| at(error.into()))?;
            let layout = Layout::of_configured(file).map_err(at)?;
            file::rotation(name, file)?;
            file::growth(file, &template, &layout).map_err(at)?;
        }
        SinkKind::Http(http) => {
            let (endpoint, _) = open::without_query(&http.endpoint);
            return connection::check(Owner::Sink(name), &endpoint, config);
        }
        SinkKind::Plugin(plugin) => open::check_plugin(config, name, plugin)?,
        SinkKind::Syslog(syslog) => network::check(config, name, syslog)?,
        SinkKind::Nats(nats) => drop(nats::check(config, name, nats)?),
        SinkKind::Postgres(postgres) => drop(postgres::check(config, name, postgres)?),
        SinkKind::ObjectStore(store) => drop(object_store::check(config, name, store)?),
        _ => {}
    }
    if let Some(endpoint) = sink.endpoint() {
        connection::check(Owner::Sink(name), endpoint, config)?;
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

/// The kinds of [sinks] that are no plugins.
const KINDS: [(&str, &str); 8] = [
    ("stdout", "standard output"),
    ("file", "a file that grows, or a series of files"),
    ("http", "any HTTP endpoint that takes JSON"),
    ("otlp", "an OpenTelemetry collector"),
    ("syslog", "a syslog receiver, RFC 5424"),
    ("nats", "a stream of NATS JetStream"),
    ("postgres", "a table of PostgreSQL"),
    ("object-store", "a bucket of S3, or a folder of objects"),
];

/// The URL without its query, which may hold secrets.
fn shown(url: &url::Url) -> String {
    let mut shown = url.clone();
    shown.set_query(None);
    match url.query() {
        Some(_) => format!("{shown}?…"),
        None => shown.into(),
    }
}

/// `host sink list`.
pub fn list(config: &Config, json: bool) -> Result<(), Failure> {
    let mut text = String::new();
    let mut add = |name: &str, origin: &str, required: Option<bool>, about: &str| -> Result<(), Failure> {
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
        let about = match &sink.kind {
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
        };
        add(name, "configured", Some(sink.required), &about)?;
    }
    print(text.as_bytes())
}
