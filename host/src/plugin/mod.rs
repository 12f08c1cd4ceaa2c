//! The sandbox: WebAssembly engine, limits, load and inspect, and the typed face of `wit/`. Knows no HTTP.

mod built_in;

pub use built_in::{BUILT_IN, built_in};
