//! From what the user wrote to objects: the configuration validated, secrets read, connections, plugins, sinks and the files
//! of state made ready. Knows no arguments, prints nothing, and its errors know no exit code.
//!
//! [`config::Config`] is a configuration as read. [`connections`] makes the settings of a server out of one, [`plugins`] loads a
//! plugin by its name, [`sinks`] opens what a run delivers to, [`evidence`] opens the place of raw evidence, and [`state`] says where progress, dead letters and rejected
//! rows are kept. [`report`] makes a request of what somebody asks for, [`run_ledger`] finds the stream that it belongs to,
//! [`report_questions()`] are those of a check, [`fetcher`] is what carries it out, and [`recorded_run`] what was recorded of one. Each fails with a [`SetupError`].
#![warn(missing_docs)]

mod ad_hoc;
mod audit_log_settings;
pub mod config;
pub mod connections;
pub mod console;
pub mod evidence;
pub mod fetcher;
pub mod plugins;
pub mod recorded_run;
pub mod report;
mod report_questions;
pub mod run_ledger;
mod sink_places;
pub mod sinks;
pub mod state;

pub use audit_log_settings::{AuditLogSettings, audit_log};
pub use base::SetupError;
pub use report_questions::{ReportQuestions, report_questions};
