//! A run under way: from the documents to the sinks, and from the last of them to the end.
//!
//! A [`Pipeline`] is what all steps of a run share. [`documents`] takes documents as they come, [`parse`] reads each on a thread
//! of its own while the next one is fetched and the last batch delivered, and [`complete`] closes the sinks. Channels in
//! between are short, so memory stays flat.

mod aside;
mod complete;
mod counts;
mod documents;
mod fate;
mod keep_rejected;
mod lines;
mod parse;
mod rejects;
mod reread;
mod stamp;
mod verdict;

use std::sync::Arc;

use crate::Run;
use crate::fan_out::FanOut;
use crate::ledger_options::LedgerOptions;
use crate::route::Router;
use crate::submission_gate::SubmissionGate;
use counts::Counts;
use ledger::Stream;

pub use rejects::Rejects;
pub use reread::{Reread, RereadError, reread, reread_together};
pub use verdict::{MaxRejected, TooManyRejected};

/// A run under way, as all of its steps share it.
pub(crate) struct Pipeline {
    /// The decisions made beforehand.
    pub(crate) run: Run,
    /// Where progress is kept: in memory only, where the run keeps nothing.
    pub(crate) keeping: LedgerOptions,
    pub(crate) sinks: FanOut,
    pub(crate) counts: Counts,
    /// The gate that the fetches of all windows share.
    pub(crate) gate: Arc<SubmissionGate>,
}

impl Pipeline {
    /// Starts the sinks.
    pub(crate) fn start(mut run: Run) -> Pipeline {
        let keeping = run.keeping.take().unwrap_or_else(|| {
            let about = &run.provenance;
            let stream = Stream::new(&about.connection, &about.report, &run.request.parameters);
            LedgerOptions::nothing(stream)
        });
        let outlets = std::mem::take(&mut run.outlets);
        let router = std::mem::replace(&mut run.router, Router::All);
        let book = keeping.book.outlives().then_some(&*keeping.book);
        let sinks = FanOut::start(outlets, router, Arc::clone(&run.provenance), book);
        Pipeline {
            run,
            keeping,
            sinks,
            counts: Counts::default(),
            gate: Arc::default(),
        }
    }
}
