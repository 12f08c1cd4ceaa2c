//! The newest event of a source, by which is told that the source is still fed.

use jiff::{SignedDuration, Timestamp};

use base::counted::counted;

use super::silence::SUSPICIOUS;

/// The newest event of a source, as far as it could be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewestEvent {
    /// The event is of this time.
    At(Timestamp),
    /// No event is of this time or later.
    NoneSince(Timestamp),
    /// No event was found at all.
    Never,
    /// The event could not be seen, for this reason.
    Unknown(String),
}

impl NewestEvent {
    /// True if the source is fed at the time `now`: there was an event not long ago. None where that could not be seen.
    pub fn is_fed(&self, now: Timestamp) -> Option<bool> {
        match self {
            NewestEvent::At(time) => Some(now.duration_since(*time) < SUSPICIOUS),
            NewestEvent::Never => Some(false),
            NewestEvent::NoneSince(since) => (now.duration_since(*since) >= SUSPICIOUS).then_some(false),
            NewestEvent::Unknown(_) => None,
        }
    }

    /// The time of the event, where one was seen.
    pub fn time(&self) -> Option<Timestamp> {
        match self {
            NewestEvent::At(time) => Some(*time),
            _ => None,
        }
    }

    /// The finding in words, at the time `now`.
    pub fn told(&self, now: Timestamp) -> String {
        match self {
            NewestEvent::At(time) => format!("{time}, {}", ago(now.duration_since(*time))),
            NewestEvent::NoneSince(since) => format!("none since {since}"),
            NewestEvent::Never => "none at all".to_owned(),
            NewestEvent::Unknown(why) => format!("not known: {why}"),
        }
    }
}

/// The time that has passed since something, as in "2 days ago", in the largest unit that fits.
fn ago(elapsed: SignedDuration) -> String {
    let minutes = u64::try_from(elapsed.as_mins()).unwrap_or_default();
    let text = match (minutes / 60, minutes) {
        (48.., _) => counted(minutes / 60 / 24, "day", "days"),
        (1.., _) => counted(minutes / 60, "hour", "hours"),
        (0, minutes) => counted(minutes, "minute", "minutes"),
    };
    format!("{text} ago")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_fed_that_had_an_event_in_two_days() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let now = at("2026-03-05T12:00:00Z");
        for (newest, fed, told) in [
            (
                NewestEvent::At(at("2026-03-05T11:58:30Z")),
                Some(true),
                "2026-03-05T11:58:30Z, 1 minute ago",
            ),
            (
                NewestEvent::At(at("2026-03-03T12:00:01Z")),
                Some(true),
                "2026-03-03T12:00:01Z, 47 hours ago",
            ),
            (
                NewestEvent::At(at("2024-12-15T00:00:00Z")),
                Some(false),
                "2024-12-15T00:00:00Z, 445 days ago",
            ),
            // The server's clock may be ahead.
            (
                NewestEvent::At(at("2026-03-05T12:00:09Z")),
                Some(true),
                "2026-03-05T12:00:09Z, 0 minutes ago",
            ),
            (
                NewestEvent::NoneSince(at("2026-02-19T12:00:00Z")),
                Some(false),
                "none since 2026-02-19T12:00:00Z",
            ),
            (
                NewestEvent::NoneSince(at("2026-03-05T11:00:00Z")),
                None,
                "none since 2026-03-05T11:00:00Z",
            ),
            (NewestEvent::Never, Some(false), "none at all"),
            (NewestEvent::Unknown("no rights".into()), None, "not known: no rights"),
        ] {
            assert_eq!(newest.is_fed(now), fed, "{newest:?}");
            assert_eq!(newest.told(now), told);
        }
    }
}
