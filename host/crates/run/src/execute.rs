//! The way a run is carried out, from the first window to the summary.

use std::sync::Arc;
use std::time::Instant;

use crate::pipeline::Pipeline;
use crate::shutdown::StopSignal;
use crate::{Run, RunError, Summary};
use sink::in_one_line;

impl Run {
    /// Carries the run out. The summary's `exit` is 0; the caller knows the code of an error.
    pub async fn execute(self) -> (Summary, Result<(), RunError>) {
        let begun = Instant::now();
        let mut pipeline = Pipeline::start(self);
        let shutdown = StopSignal::new(pipeline.run.stop.clone(), Arc::clone(&pipeline.gate));
        let result = match shutdown.or_stop(pipeline.deliver_windows()).await {
            Ok(delivered) => shutdown.or_late(pipeline.complete(delivered)).await,
            Err(error) => {
                // Periods that are complete do not come again.
                for loss in pipeline.sinks.losses() {
                    tracing::error!("{loss}");
                }
                if let Some(behind) = pipeline.behind() {
                    tracing::error!("{}", in_one_line(&behind));
                }
                Err(error)
            }
        };
        pipeline.sinks.give_up().await;
        (pipeline.summary(begun.elapsed()), result)
    }
}
