//! What the host adds to each event of a window before anybody sees it.

use event::id::{IdError, Ids};
use event::{Collected, Correlator, Event, Provenance};

/// Gives the events of a window their ids, the time at which they were collected, and sign-ins the name that other reports
/// know them by. Feed it every event, in order.
#[derive(Debug)]
pub(crate) struct Stamp {
    ids: Ids,
    correlator: Correlator,
    collected: Collected,
}

impl Stamp {
    /// For a window whose clock is `collected`, in ms since 1970. That is fixed when the window is planned: whoever takes the
    /// window up after a crash delivers the same bytes again, which is what deterministic object names and receivers that
    /// compare contents count on.
    /// A connection that was renamed keeps its old name in ids.
    pub(crate) fn new(provenance: &Provenance, renamed: Option<&str>, collected: i64) -> Self {
        Stamp {
            ids: Ids::new(&provenance.report, renamed.unwrap_or(&provenance.connection)),
            correlator: Correlator::new(provenance.tenant.as_deref()),
            collected: Collected::at(collected),
        }
    }

    /// Fills what is the host's to fill.
    pub(crate) fn put(&mut self, event: &mut Event) -> Result<(), IdError> {
        self.ids.assign(event)?;
        self.put_rest(event);
        Ok(())
    }

    /// Fills it for an event of which there are so many identical ones before it.
    pub(crate) fn put_nth(&mut self, event: &mut Event, before: u64) -> Result<(), IdError> {
        self.ids.assign_nth(event, before)?;
        self.put_rest(event);
        Ok(())
    }

    fn put_rest(&mut self, event: &mut Event) {
        event.collected = Some(self.collected);
        event.correlation = self.correlator.of(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use event::{Activity, Encoding, Outcome, samples};

    #[test]
    fn a_window_that_is_delivered_again_is_the_same_bytes() {
        let lines = |clock| {
            let provenance = samples::domain();
            let mut stamp = Stamp::new(&provenance, None, clock);
            let mut line = Vec::new();
            for outcome in Outcome::ALL {
                let mut event = samples::sparse(Activity::Logon, outcome);
                stamp.put(&mut event).unwrap();
                for encoding in Encoding::ALL {
                    encoding.write(&event, &provenance, &mut line);
                }
            }
            line
        };
        assert_eq!(lines(1_741_700_000_000), lines(1_741_700_000_000));
        assert_ne!(lines(1_741_700_000_000), lines(1_741_700_000_001));
    }

    #[test]
    fn what_an_event_was_before_plays_no_part() {
        let provenance = samples::epm();
        let (mut used, mut fresh) = (
            samples::full(Activity::Logoff, Outcome::Success),
            samples::full(Activity::Logoff, Outcome::Success),
        );
        used.correlation = samples::full(Activity::Logon, Outcome::Failure).correlation;
        used.collected = None;
        for event in [&mut used, &mut fresh] {
            Stamp::new(&provenance, None, 7).put(event).unwrap();
        }
        assert_eq!(used, fresh);
        assert_eq!((fresh.collected, fresh.correlation), (Some(Collected::at(7)), None));
    }
}
