//! The list of all kinds of sink.

use schemars::JsonSchema;
use serde::Deserialize;

use super::file::FileConfig;
use super::http::HttpConfig;
use super::nats::NatsConfig;
use super::object_store::ObjectStoreConfig;
use super::otlp::OtlpConfig;
use super::plugin::PluginConfig;
use super::postgres::PostgresConfig;
use super::sink_config::SinkConfig;
use super::stdout::StdoutConfig;
use super::syslog::SyslogConfig;

/// Defines [`SinkKind`] from a line a kind: the variant and its keys.
macro_rules! sink_kinds {
    ($($(#[$doc:meta])* $kind:ident($config:ident),)*) => {
        /// The kind of a sink; `plugin = …` means the kind of that name.
        #[derive(Debug, Clone, Deserialize, JsonSchema)]
        #[serde(tag = "kind", deny_unknown_fields, rename_all = "kebab-case")]
        pub enum SinkKind {
            $($(#[$doc])* $kind(Box<$config>),)*
        }

        impl SinkKind {
            /// The keys of the kind that it is.
            pub fn config(&self) -> &dyn SinkConfig {
                match self {
                    $(SinkKind::$kind(config) => config.as_ref(),)*
                }
            }
        }
    };
}

sink_kinds! {
    /// Standard output.
    Stdout(StdoutConfig),
    /// A file.
    File(FileConfig),
    /// Any HTTP endpoint that takes JSON.
    Http(HttpConfig),
    /// An OpenTelemetry collector.
    Otlp(OtlpConfig),
    /// A syslog receiver.
    Syslog(SyslogConfig),
    /// A stream of NATS JetStream.
    Nats(NatsConfig),
    /// A table of PostgreSQL.
    Postgres(PostgresConfig),
    /// A bucket, or a folder of objects.
    ObjectStore(ObjectStoreConfig),
    /// A sink plugin.
    Plugin(PluginConfig),
}
