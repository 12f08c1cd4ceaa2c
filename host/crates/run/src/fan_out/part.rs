//! The part that each sink has in a window: whether it gets the window's events, which of them, and whether it must answer.

use std::collections::BTreeSet;

use jiff::Timestamp;

use event::Event;
use ledger::{InFlight, Record};

/// The part of a sink in the window under way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct WindowPart {
    /// False where the window is for other sinks.
    pub(super) takes: bool,
    /// True where the window is done only once this sink has answered for it.
    pub(super) owed: bool,
    /// The beginning of the sink, where that was wished and lies within the window: it gets what happened on one side of it.
    pub(super) bound: Option<EventBound>,
}

/// An instant on one side of which events are left out. A row whose time lies outside its window was still answered for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EventBound {
    first: i64,
    last: i64,
    bound: i64,
    /// True where what happened before it is left out, and not what happened later.
    before: bool,
}

impl EventBound {
    /// True where an event is left out.
    pub(super) fn leaves_out(self, event: &Event) -> bool {
        (event.time.clamp(self.first, self.last.max(self.first)) < self.bound) == self.before
    }
}

impl WindowPart {
    /// The part of a sink that a run delivers to.
    pub(super) fn of(sink: &str, required: bool, window: &InFlight, record: &Record) -> WindowPart {
        if window.end.is_some() {
            let waits = window.waits_for().any(|name| name == sink);
            return WindowPart {
                takes: waits,
                owed: waits,
                bound: WindowPart::bound(sink, window, record),
            };
        }
        if window.fills {
            let takes = window.only.iter().any(|name| name == sink);
            return WindowPart {
                takes,
                owed: takes,
                bound: WindowPart::bound(sink, window, record),
            };
        }
        WindowPart {
            takes: true,
            owed: required,
            bound: WindowPart::bound(sink, window, record),
        }
    }

    fn bound(sink: &str, window: &InFlight, record: &Record) -> Option<EventBound> {
        let place = record.places.get(sink)?;
        let since = place.since?;
        // What fills a gap ends where the sink begins; what was named every sink gets whole.
        let within = match window.fills {
            true => since < window.period.to,
            false => place.strict && since > window.begins() && !window.named,
        };
        let millis = Timestamp::as_millisecond;
        within.then(|| EventBound {
            first: millis(window.period.from),
            last: millis(window.period.to).saturating_sub(1),
            bound: millis(since),
            before: !window.fills,
        })
    }
}

/// The windows of which a sink may have had some and not all events, besides the one that begins.
pub(super) fn unanswered(sink: &str, window: &str, record: &Record) -> BTreeSet<String> {
    // Only windows whose events are on their way can have progress at a sink.
    let begun = record.windows.iter().filter(|window| window.delivering);
    let open = begun.filter(|window| window.end.is_none() || !window.answered.iter().any(|name| name == sink));
    let mut names: BTreeSet<String> = open.map(|window| window.name.clone()).collect();
    names.insert(window.to_owned());
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use event::{Activity, Outcome, Principal};
    use ledger::{Interval, SinkPlace, Stream, WindowEnd};

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(hour * 3600).unwrap()
    }

    fn event(hour: i64) -> Event {
        Event::new(
            hour * 3_600_000,
            Activity::Logon,
            Outcome::Success,
            Principal::named("x"),
        )
    }

    #[test]
    fn a_sink_that_begins_within_a_window_gets_what_happened_from_then_on() {
        let mut record = Record::new(Stream::new("epm", "user-login", &[]));
        let place = SinkPlace {
            since: Some(at(5)),
            strict: true,
            ..SinkPlace::default()
        };
        record.places.insert("new".into(), place);
        let mut window = InFlight {
            period: Interval::new(at(2), at(9)),
            ..InFlight::default()
        };
        let bound = WindowPart::of("new", true, &window, &record).bound.unwrap();
        // The last one lies behind the window, as the first lies before it.
        let left_out: Vec<_> = [1, 4, 5, 8, 12]
            .map(|hour| bound.leaves_out(&event(hour)))
            .into_iter()
            .collect();
        assert_eq!(left_out, [true, true, false, false, false]);
        assert_eq!(WindowPart::of("old", true, &window, &record).bound, None);
        // What is looked for once more is not before its beginning.
        window.asked_until = Some(at(6));
        assert_eq!(WindowPart::of("new", true, &window, &record).bound, None);
        window.asked_until = None;
        window.named = true;
        assert_eq!(WindowPart::of("new", true, &window, &record).bound, None);
        // What fills its gap ends where it begins.
        window.fills = true;
        let bound = WindowPart::of("new", true, &window, &record).bound.unwrap();
        assert!(!bound.leaves_out(&event(4)) && bound.leaves_out(&event(5)));
    }

    #[test]
    fn a_window_that_some_have_is_for_the_others_alone() {
        let record = Record::new(Stream::new("epm", "user-login", &[]));
        let part = |sink: &str, window: &InFlight| {
            let part = WindowPart::of(sink, false, window, &record);
            (part.takes, part.owed)
        };
        let mut window = InFlight {
            only: vec!["a".into(), "b".into()],
            answered: vec!["a".into()],
            end: Some(WindowEnd::default()),
            ..InFlight::default()
        };
        assert_eq!((part("a", &window), part("b", &window)), ((false, false), (true, true)));
        assert_eq!(part("other", &window), (false, false));
        window.end = None;
        assert_eq!(
            (part("a", &window), part("other", &window)),
            ((true, false), (true, false))
        );
        window.fills = true;
        assert_eq!(
            (part("b", &window), part("other", &window)),
            ((true, true), (false, false))
        );
    }
}
