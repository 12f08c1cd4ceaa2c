//! `plugin = "…"`: a sink plugin, and where its bytes go.

mod build;
mod config;
mod sink;
mod stream;

pub use build::AdHocPlugin;
pub use config::{PluginConfig, PluginTransport};
pub use sink::{PluginOptions, PluginSink};
pub use stream::StreamTransport;
