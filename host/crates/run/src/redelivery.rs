//! Delivering events apart from a run: those of rows that were rejected and can now be read.

use std::sync::Arc;

use crate::fan_out::{FanOut, RunSink, settled};
use crate::route::Router;
use crate::{RunError, RunObserver};
use event::{Event, Provenance};

/// Sinks that get events outside of any window.
pub struct Redelivery(FanOut);

impl Redelivery {
    /// Starts the sinks.
    pub fn start(outlets: Vec<RunSink>, router: Router, provenance: Arc<Provenance>) -> Redelivery {
        Redelivery(FanOut::start(outlets, router, provenance, None))
    }

    /// Sends events on their ways.
    pub async fn send(&mut self, events: Vec<Event>) {
        self.0.send(events).await;
    }

    /// True if no sink takes any more.
    pub fn is_over(&self) -> bool {
        self.0.is_over()
    }

    /// Completes the sinks.
    ///
    /// # Errors
    ///
    /// As a run's end: where a required sink did not take everything, and where it set events aside as dead letters.
    pub async fn finish(mut self, observer: &dyn RunObserver) -> Result<(), RunError> {
        let endings = self.0.close(observer).await;
        let settled = settled(endings, &self.0.counts());
        self.0.give_up().await;
        settled
    }

    /// Gives the sinks up.
    pub async fn abandon(mut self) {
        self.0.give_up().await;
    }
}
