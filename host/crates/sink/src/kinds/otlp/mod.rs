//! `kind = "otlp"`: an OpenTelemetry collector.
//!
//! The sink makes a request of a batch (`record`), sends it (`http`, `grpc`) and reads the answer (`outcome`).

mod build;
mod config;
mod grpc;
mod http;
mod outcome;
mod receipt;
mod record;
mod sink;

pub use config::{OtlpCompression, OtlpConfig, OtlpProtocol};
pub use sink::OtlpSink;

/// The characters of a collector's explanation that are kept.
const DETAIL_CHARS: usize = 300;
