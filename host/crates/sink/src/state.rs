//! The state in its life of a sink whose receiver answers: [`SinkState`].

use super::SinkError;

/// The state of a sink, which says what it may still do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum SinkState {
    /// Takes events.
    #[default]
    Open,
    /// A delivery is under way; where nobody waits for it any more, it was given up or has failed.
    Poisoned,
    /// Everything that it took is permanent.
    Closed,
}

impl SinkState {
    /// Begins a delivery. Until it is [answered](Life::answered) the sink of that name is at its end: a future that is
    /// dropped leaves it there.
    ///
    /// # Errors
    ///
    /// Where it takes no more events.
    pub(super) fn begin(&mut self, sink: &str) -> Result<(), SinkError> {
        if *self != SinkState::Open {
            return Err(ended(sink));
        }
        *self = SinkState::Poisoned;
        Ok(())
    }

    /// The delivery has its verdict, whichever it is.
    pub(super) fn answered(&mut self) {
        *self = SinkState::Open;
    }

    /// Closes the sink of that name; a second time does nothing.
    ///
    /// # Errors
    ///
    /// Where it was given up or has failed: what it took is not complete.
    pub(super) fn close(&mut self, sink: &str) -> Result<(), SinkError> {
        if *self == SinkState::Poisoned {
            return Err(ended(sink));
        }
        *self = SinkState::Closed;
        Ok(())
    }

    /// Gives it up, unless it is closed already.
    pub(super) fn give_up(&mut self) {
        if *self == SinkState::Open {
            *self = SinkState::Poisoned;
        }
    }
}

fn ended(sink: &str) -> SinkError {
    SinkError::Ended { sink: sink.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_that_nobody_waits_for_is_the_end() {
        let mut life = SinkState::default();
        life.begin("s").unwrap();
        assert!(life.begin("s").is_err() && life.close("s").is_err());
        life.answered();
        life.begin("s").unwrap();
    }

    #[test]
    fn a_closed_sink_stays_closed_and_one_given_up_is_never_complete() {
        let mut life = SinkState::default();
        life.close("s").unwrap();
        life.give_up();
        life.close("s").unwrap();
        assert!(life.begin("s").is_err());
        let mut life = SinkState::default();
        life.give_up();
        assert!(life.close("s").is_err() && life.begin("s").is_err());
    }
}
