//! `[sinks.NAME]`: what all sinks have in common. What one kind has besides stands with the kind: [`sink::kinds`].

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use connection::Connection;
use event::Encoding;
use run::WhenDown;
use sink::DeliveryPolicy;

pub use sink::kinds::SinkKind;
pub use sink::kinds::plugin::PluginTransport;

/// A sink.
#[derive(Debug, Clone)]
pub struct SinkEntry {
    /// The sink's kind, with the keys of that kind.
    pub kind: SinkKind,
    /// A run counts as done only once this sink has answered for every event.
    pub required: bool,
    /// The fate of the sink's events while its receiver is down.
    pub when_down: Option<WhenDown>,
    /// The repetition of deliveries.
    pub retry: DeliveryPolicy,
    /// Members that are left out of its events, as `unmapped.meta`.
    pub drop: Vec<String>,
}

impl SinkEntry {
    /// The encoding of the sink's events.
    pub fn encoding(&self) -> Encoding {
        self.kind.config().encoding()
    }

    /// The endpoint that the sink's requests go to, where it sends any.
    pub fn endpoint(&self) -> Option<&Connection> {
        self.kind.config().endpoint()
    }
}

impl<'de> Deserialize<'de> for SinkEntry {
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
            None => DeliveryPolicy::default(),
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
        Ok(SinkEntry {
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

impl schemars::JsonSchema for SinkEntry {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Sink".into()
    }

    /// The kinds' schemas, each with the members that all have; a plugin needs no `kind`.
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let retry = generator.subschema_for::<DeliveryPolicy>();
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
                    "`wait` with a ledger where the sink is required, else `dead-letters`".into(),
                );
                properties.insert("when-down".into(), when_down.to_value());
                let mut retry = retry.clone();
                retry.insert("description".into(), "The repetition of a batch's delivery.".into());
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
