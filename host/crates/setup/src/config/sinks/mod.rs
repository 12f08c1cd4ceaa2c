//! `[sinks.NAME]`: where events go, as the file says it.
//!
//! What all sinks have in common stands in [`Sink`]; each kind has a file of its own beside this one.

mod file;
mod http;
mod nats;
mod object_store;
mod otlp;
mod plugin;
mod postgres;
mod syslog;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

pub use file::{FileSink, Rotate};
pub use http::HttpSink;
pub use nats::{NatsAuth, NatsSink};
pub use object_store::{CredentialSource, ObjectStoreSink};
pub use otlp::OtlpSink;
pub use plugin::{PluginSink, Transport};
pub use postgres::PostgresSink;
pub use syslog::SyslogSink;

use crate::config::schema::{DurationText, in_words};
use event::Encoding;
use run::WhenDown;
use sink::Format;

/// A sink.
#[derive(Debug, Clone)]
pub struct Sink {
    /// What it is.
    pub kind: SinkKind,
    /// Whether a run counts as done only once this sink has answered for every event.
    pub required: bool,
    /// What becomes of its events while it is down.
    pub when_down: Option<WhenDown>,
    /// When to deliver again.
    pub retry: SinkRetry,
    /// Members that are left out of its events, as `unmapped.meta`.
    pub drop: Vec<String>,
}

/// What a sink is; `plugin = …` means the kind of that name.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(tag = "kind", deny_unknown_fields, rename_all = "kebab-case")]
pub enum SinkKind {
    /// Standard output.
    Stdout(StdoutSink),
    /// A file.
    File(FileSink),
    /// Any HTTP endpoint that takes JSON.
    Http(Box<HttpSink>),
    /// An OpenTelemetry collector.
    Otlp(Box<OtlpSink>),
    /// A syslog receiver.
    Syslog(Box<SyslogSink>),
    /// A stream of NATS JetStream.
    Nats(Box<NatsSink>),
    /// A table of PostgreSQL.
    Postgres(Box<PostgresSink>),
    /// A bucket, or a folder of objects.
    ObjectStore(Box<ObjectStoreSink>),
    /// A sink plugin.
    Plugin(Box<PluginSink>),
}

/// Standard output.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct StdoutSink {
    /// What an event looks like.
    #[schemars(extend("default" = Encoding::default()))]
    pub encoding: Option<Encoding>,
    /// How events follow each other.
    #[schemars(extend("default" = Format::default(), "x-default" = "`ndjson`; on a terminal `table`"))]
    pub format: Option<Format>,
}

/// When to deliver again; what is left out keeps its default.
#[derive(Debug, Clone, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SinkRetry {
    /// The shortest wait before another attempt.
    #[serde(default, deserialize_with = "super::duration")]
    #[schemars(with = "Option<DurationText>", extend("default" = in_words(sink::DeliveryPolicy::default().min_delay)))]
    pub min_delay: Option<std::time::Duration>,
    /// The longest wait of our own choosing.
    #[serde(default, deserialize_with = "super::duration")]
    #[schemars(with = "Option<DurationText>", extend("default" = in_words(sink::DeliveryPolicy::default().max_delay)))]
    pub max_delay: Option<std::time::Duration>,
    /// How long a batch is tried; after that the sink counts as down. An attempt under way is not cut short, and one over
    /// HTTP has the repetitions of `endpoint.retry` within it.
    #[serde(default, deserialize_with = "super::duration")]
    #[schemars(with = "Option<DurationText>", extend("default" = in_words(sink::DeliveryPolicy::default().max_elapsed)))]
    pub max_elapsed: Option<std::time::Duration>,
}

impl Sink {
    /// What its events look like.
    pub fn encoding(&self) -> Encoding {
        let set = match &self.kind {
            SinkKind::Stdout(stdout) => stdout.encoding,
            SinkKind::File(file) => file.encoding,
            SinkKind::Http(http) => http.encoding,
            SinkKind::Otlp(otlp) => otlp.encoding,
            SinkKind::Syslog(syslog) => syslog.encoding,
            SinkKind::Nats(nats) => nats.encoding,
            SinkKind::Postgres(postgres) => postgres.encoding,
            SinkKind::ObjectStore(store) => store.encoding,
            SinkKind::Plugin(plugin) => plugin.encoding,
        };
        set.unwrap_or_default()
    }

    /// Where its requests go, where it sends any.
    pub fn endpoint(&self) -> Option<&super::Connection> {
        match &self.kind {
            SinkKind::Http(http) => Some(&http.endpoint),
            SinkKind::Otlp(otlp) => Some(&otlp.endpoint),
            SinkKind::Plugin(plugin) => plugin.endpoint.as_ref(),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Sink {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut table = toml::Table::deserialize(deserializer)?;
        let required = match table.remove("required") {
            Some(value) => value.try_into().map_err(plain)?,
            None => true,
        };
        let when_down: Option<WhenDown> = match table.remove("when-down") {
            Some(value) => Some(value.try_into().map_err(plain)?),
            None => None,
        };
        if when_down == Some(WhenDown::Wait) && !required {
            return Err(D::Error::custom(
                "a sink with `required = false` holds nothing up, so it cannot have `when-down = \"wait\"`",
            ));
        }
        let retry = match table.remove("retry") {
            Some(value) => value.try_into().map_err(plain)?,
            None => SinkRetry::default(),
        };
        let drop = match table.remove("drop") {
            Some(value) => value.try_into().map_err(plain)?,
            None => Vec::new(),
        };
        if table.contains_key("plugin") && !table.contains_key("kind") {
            table.insert("kind".into(), "plugin".into());
        }
        if !table.contains_key("kind") {
            return Err(D::Error::custom("this sink has no `kind` and no `plugin`"));
        }
        Ok(Sink {
            kind: table.try_into().map_err(plain)?,
            required,
            when_down,
            retry,
            drop,
        })
    }
}

/// The message alone: a value's own rendering of an error quotes its surroundings.
fn plain<E: serde::de::Error>(error: toml::de::Error) -> E {
    E::custom(error.message())
}

impl schemars::JsonSchema for Sink {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Sink".into()
    }

    /// The kinds' schemas, each with the members that all have; a plugin needs no `kind`.
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let retry = generator.subschema_for::<SinkRetry>();
        let when_down = generator.subschema_for::<WhenDown>();
        let mut schema = SinkKind::json_schema(generator);
        let variants = schema.get_mut("oneOf").and_then(serde_json::Value::as_array_mut);
        for variant in variants.into_iter().flatten() {
            let plugin = variant
                .pointer("/properties/kind/const")
                .is_some_and(|kind| kind == "plugin");
            if let Some(properties) = variant.get_mut("properties").and_then(serde_json::Value::as_object_mut) {
                properties.insert(
                    "required".into(),
                    serde_json::json!({
                        "type": "boolean",
                        "default": true,
                        "description": "Whether a run counts as done only once this sink has answered for every event."
                    }),
                );
                let mut when_down = when_down.clone();
                when_down.insert(
                    "description".into(),
                    "What becomes of the sink's events while its receiver is down.".into(),
                );
                when_down.insert(
                    "x-default".into(),
                    "`wait` for a run's only sink, else `dead-letters`".into(),
                );
                properties.insert("when-down".into(), when_down.to_value());
                let mut retry = retry.clone();
                retry.insert("description".into(), "When a batch is delivered again.".into());
                properties.insert("retry".into(), retry.to_value());
                properties.insert(
                    "drop".into(),
                    serde_json::json!({
                        "type": "array",
                        "items": { "type": "string" },
                        "default": [],
                        "description": "Members that are left out of every event that this sink writes, by their dotted paths \
                                        in its encoding, as `unmapped.meta`; what is below them goes too."
                    }),
                );
            }
            if plugin && let Some(required) = variant.get_mut("required").and_then(serde_json::Value::as_array_mut) {
                required.retain(|name| name != "kind");
            }
        }
        schema
    }
}
