//! `kind = "http"`: any HTTP endpoint that takes JSON.

mod build;
mod config;
mod sink;

pub use config::{HttpBody, HttpConfig};
pub use sink::HttpSink;
