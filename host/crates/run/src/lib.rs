//! One run: plan, fetch, parse, deliver, sum up.
//!
//! A [`Run`] is everything that was decided beforehand; [`Run::execute`] carries it out and answers with a [`Summary`]
//! whatever happens, beside the [`RunError`] that ended it early. It asks its plugin through the trait [`Report`], its
//! connection through [`Fetch`] and its sinks through [`sink::Sink`].
//!
//! With [`LedgerOptions`], a run may be cut short at any instant, and the next one carries on. Without, it is a run of one window
//! over a ledger that is forgotten when the process ends.

#[cfg(test)]
mod calendar;
mod error;
mod evidence_keeper;
mod execute;
mod fan_out;
mod fetching;
#[cfg(test)]
mod histories;
mod history;
mod late;
mod ledger_options;
mod memory;
mod observer;
mod pipeline;
mod redelivery;
mod report;
mod retention;
pub mod route;
mod run;
mod run_mode;
mod shutdown;
mod silence;
mod stream_ledger;
pub mod streams;
mod submission_gate;
mod summary;
mod window;
mod windows;

pub use error::RunError;
pub use fan_out::{Loss, RunSink, SinkBehind, WhenDown};
pub use fetching::Fetch;
pub use history::HistoryEntry;
pub use ledger_options::LedgerOptions;
pub use observer::{RunObserver, SinkProgress};
pub use pipeline::{MaxRejected, Rejects, Reread, RereadError, TooManyRejected, reread, reread_together};
pub use redelivery::Redelivery;
pub use report::{DocumentParser, Report};
pub use retention::{kept, oldest};
pub use run::Run;
pub use run_mode::RunMode;
pub use silence::{AuditLogConnection, instead_of_audit_events, silent_since};
pub use stream_ledger::{DurableChange, PlaceNews, SinkFact, StreamFacts, StreamLedger, drop_sink};
pub use summary::{
    BehindSummary, GapSummary, LedgerSummary, PluginSummary, RemoteSummary, SinkSummary, Summary, UsageSummary,
    WindowSummary,
};
pub use window::{Bound, Period, Window, WindowError};
pub use windows::depth;
