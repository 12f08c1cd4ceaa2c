//! The kinds of sink, a folder each: `config.rs` has the keys of `[sinks.NAME]` with their defaults, `build.rs` makes a sink of
//! them, the other files are the sink.
//!
//! [`SinkKind`] lists them. Each implements [`SinkConfig`], whose [`build`](SinkConfig::build) gets in a [`BuildContext`] what
//! its keys do not say. A kind that stands on a heavy library has a Cargo feature; without it the kind is known by name and
//! refused with the feature that it takes.
//!
//! ```
//! use sink::kinds::SinkKind;
//!
//! let kind: SinkKind = toml::from_str("kind = \"http\"\nendpoint = { url = \"https://siem.example.com/in\" }")?;
//! assert_eq!(kind.config().endpoint().unwrap().url.as_str(), "https://siem.example.com/in");
//! # Ok::<(), toml::de::Error>(())
//! ```

mod context;
mod destination;
pub mod file;
pub mod http;
#[cfg(feature = "nats")]
pub mod nats;
#[allow(unused_imports, unused_macros, reason = "a build with everything needs none")]
mod not_built;
#[cfg(feature = "object-store")]
pub mod object_store;
#[cfg(feature = "otlp")]
pub mod otlp;
pub mod plugin;
#[cfg(feature = "postgres")]
pub mod postgres;
mod sink_config;
mod sink_kind;
pub mod stdout;
pub mod syslog;

#[cfg(not(feature = "nats"))]
#[allow(missing_docs)]
pub mod nats {
    super::not_built::not_built!(NatsConfig, kind "nats", feature "nats");
}
#[cfg(not(feature = "object-store"))]
#[allow(missing_docs)]
pub mod object_store {
    super::not_built::not_built!(ObjectStoreConfig, kind "object-store", feature "object-store");
}
#[cfg(not(feature = "otlp"))]
#[allow(missing_docs)]
pub mod otlp {
    super::not_built::not_built!(OtlpConfig, kind "otlp", feature "otlp");
}
#[cfg(not(feature = "postgres"))]
#[allow(missing_docs)]
pub mod postgres {
    super::not_built::not_built!(PostgresConfig, kind "postgres", feature "postgres");
}

pub use context::{BuildContext, SinkContext, Surroundings};
pub use sink_config::SinkConfig;
pub use sink_kind::SinkKind;
