//! The state of a stream, as the configuration and the ledger show it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::places;
use ::ledger::Record;
use ::run::silent_since;
use setup::config::StreamEntry;

/// The state of a stream: the first of these that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamHealth {
    /// Nobody collects it any more.
    Retired,
    /// The stream stands in the ledger alone.
    NotConfigured,
    /// Nothing of it was ever collected.
    NeverRan,
    /// The stream's server deletes what is not collected yet.
    Losing,
    /// Sinks are behind, or windows are in flight.
    Waiting,
    /// The stream is further behind than it may be.
    Late,
    /// The stream has had no event for longer than it may.
    Silent,
    /// None of these.
    Ok,
}

impl StreamHealth {
    /// The state's word, for people and programs; these words stay.
    pub fn word(self) -> &'static str {
        match self {
            StreamHealth::Retired => "retired",
            StreamHealth::NotConfigured => "not configured",
            StreamHealth::NeverRan => "never ran",
            StreamHealth::Losing => "losing",
            StreamHealth::Waiting => "waiting",
            StreamHealth::Late => "late",
            StreamHealth::Silent => "silent",
            StreamHealth::Ok => "ok",
        }
    }

    /// True where somebody should look.
    pub fn is_trouble(self) -> bool {
        !matches!(
            self,
            StreamHealth::Ok | StreamHealth::Retired | StreamHealth::NotConfigured
        )
    }

    /// The state of a stream at that time; `oldest` is the first instant that its server still has.
    pub fn of(
        entry: Option<&StreamEntry>,
        record: Option<&Record>,
        oldest: Option<Timestamp>,
        now: Timestamp,
    ) -> StreamHealth {
        if record.is_some_and(|record| record.retired.is_some()) {
            return StreamHealth::Retired;
        }
        let Some(entry) = entry else {
            return StreamHealth::NotConfigured;
        };
        let Some((record, watermark)) = record.and_then(|record| Some((record, record.watermark?))) else {
            return match record.is_some_and(|record| !record.windows.is_empty()) {
                true => StreamHealth::Waiting,
                false => StreamHealth::NeverRan,
            };
        };
        // What waits for a sink is on the spool, and nobody asks the server for it again.
        let fetched = record.fetched().watermark.unwrap_or(watermark);
        let is_losing = oldest.is_some_and(|oldest| fetched < oldest);
        let is_waiting = places::is_any_behind(record) || !record.windows.is_empty();
        let is_late = entry
            .max_lag
            .is_some_and(|most| is_longer(now.duration_since(watermark), most));
        let is_silent = entry
            .expect_events_every
            .is_some_and(|every| silent_since(record, every).is_some());
        match (is_losing, is_waiting, is_late, is_silent) {
            (true, ..) => StreamHealth::Losing,
            (_, true, ..) => StreamHealth::Waiting,
            (_, _, true, _) => StreamHealth::Late,
            (.., true) => StreamHealth::Silent,
            _ => StreamHealth::Ok,
        }
    }
}

/// True where a time is longer than it may be; longer than time itself is for ever.
fn is_longer(time: SignedDuration, most: Duration) -> bool {
    SignedDuration::try_from(most).is_ok_and(|most| time > most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::ledger::{InFlight, Interval, Stream, WindowEnd};
    use setup::config::Config;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn config() -> Config {
        Config::parse(
            "[connections.prod]\nkind = \"epm\"\nurl = \"https://a.example\"\n[[streams]]\nname = \"a\"\n\
             report = \"user-login\"\nconnection = \"prod\"\nmax-lag = \"2h\"\nexpect-events-every = \"2d\"\n",
        )
        .unwrap()
    }

    #[test]
    fn the_first_state_that_holds_is_the_one() {
        let config = config();
        let entry = config.stream("a");
        let now = at("2026-03-08T12:00:00Z");
        let mut record = Record::new(Stream::named("a", "prod", "user-login", &[]));
        let of = |record: &Record, oldest: Option<&str>| StreamHealth::of(entry, Some(record), oldest.map(at), now);
        assert_eq!(StreamHealth::of(entry, None, None, now), StreamHealth::NeverRan);
        assert_eq!(of(&record, None), StreamHealth::NeverRan);
        assert_eq!(
            StreamHealth::of(None, Some(&record), None, now),
            StreamHealth::NotConfigured
        );
        record.watermark = Some(at("2026-03-08T11:00:00Z"));
        record.covered = vec![Interval::new(at("2026-03-01T00:00:00Z"), at("2026-03-08T11:00:00Z"))];
        record.last_event = Some(at("2026-03-08T10:00:00Z"));
        assert_eq!(of(&record, None), StreamHealth::Ok);
        record.last_event = Some(at("2026-03-06T10:00:00Z"));
        assert_eq!(of(&record, None), StreamHealth::Silent);
        record.watermark = Some(at("2026-03-08T09:59:00Z"));
        assert_eq!(of(&record, None), StreamHealth::Late);
        record.windows = vec![InFlight::default().into()];
        assert_eq!(of(&record, None), StreamHealth::Waiting);
        assert_eq!(of(&record, Some("2026-03-08T09:59:00Z")), StreamHealth::Waiting);
        assert_eq!(of(&record, Some("2026-03-08T10:00:00Z")), StreamHealth::Losing);
        // What was fetched and waits for a sink is lost to nobody.
        let (from, to) = (at("2026-03-08T09:59:00Z"), at("2026-03-08T11:00:00Z"));
        let waiting = InFlight {
            period: Interval::new(from, to),
            settled: to,
            only: vec!["siem".into()],
            end: Some(WindowEnd::default()),
            ..InFlight::default()
        };
        record.windows = vec![waiting.into()];
        assert_eq!(of(&record, Some("2026-03-08T10:00:00Z")), StreamHealth::Waiting);
        assert_eq!(of(&record, Some("2026-03-08T11:01:00Z")), StreamHealth::Losing);
        record.retired = Some(now);
        assert_eq!(of(&record, Some("2026-03-08T10:00:00Z")), StreamHealth::Retired);
    }

    #[test]
    fn what_needs_nobody_is_no_trouble() {
        use StreamHealth::{Late, Losing, NeverRan, NotConfigured, Ok, Retired, Silent, Waiting};
        for state in [NeverRan, Losing, Waiting, Late, Silent] {
            assert!(state.is_trouble(), "{}", state.word());
        }
        for state in [Ok, Retired, NotConfigured] {
            assert!(!state.is_trouble(), "{}", state.word());
        }
    }
}
