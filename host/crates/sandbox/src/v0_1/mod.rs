//! Plugins that were built for version 0.1.0 of the WIT package, which is kept under `wit/0.1.0`: their answers are lifted to the
//! newest version's types, and what they are given is lowered to theirs. Nothing else in the host knows of them.

#[allow(missing_docs, dead_code, unsafe_code, clippy::all)]
mod bindings;
mod lift;
mod lower;
mod report;
mod sink;

pub(super) use report::{ReportIndicesV01, ReportInstanceV01};
pub(super) use sink::{SinkIndicesV01, SinkInstanceV01};
