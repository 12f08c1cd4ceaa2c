//! `kind = "stdout"`: standard output.

mod build;
mod config;
mod sink;

pub use config::StdoutConfig;
pub use sink::StdoutSink;
