//! [`ServerClock`]: by how much the server's clock differs from this machine's, told by the `Date` of its answers.
//!
//! `Date` (RFC 9110 section 6.6.1) is when the answer was made, cut to whole seconds, so an answer that was asked for at
//! `sent` and was here at `here` says: the offset lies between `Date - here` and `Date + 1 s - sent`. The offset that most of
//! the last answers allow is taken (Marzullo's algorithm): an answer that took a minute then says little, and one that a cache
//! or a stray machine behind a balancer gave is outvoted.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use http::HeaderMap;
use http::header::{AGE, DATE};
use jiff::{SignedDuration, Timestamp};

/// The number of last answers that are asked.
const ANSWERS: usize = 15;

/// Clocks that differ by less are good clocks.
pub const TOLERATED: SignedDuration = SignedDuration::from_secs(30);

/// The offsets that an answer allows, in ms: from the first to the second.
type Span = (i64, i64);

/// Compares the clocks. The offset is what must be added to this machine's clock to get the server's.
#[derive(Debug, Default)]
pub(super) struct ServerClock {
    /// The clock of this machine where it stands still, as in tests.
    standing: Option<Timestamp>,
    spans: Mutex<VecDeque<Span>>,
    told: AtomicBool,
}

impl ServerClock {
    /// `standing` is this machine's clock where it is not the real one.
    pub(super) fn new(standing: Option<Timestamp>) -> ServerClock {
        ServerClock {
            standing,
            ..ServerClock::default()
        }
    }

    /// The time that this machine's clock shows.
    pub(super) fn now(&self) -> Timestamp {
        self.standing.unwrap_or_else(Timestamp::now)
    }

    /// Notes an answer that was asked for at `sent` and whose head is here now.
    pub(super) fn note(&self, headers: &HeaderMap, sent: Timestamp) {
        // RFC 9111 section 5.1: it comes from a cache, and its date from the past.
        if headers.contains_key(AGE) {
            return;
        }
        let Some(date) = date_of(headers).and_then(|date| Timestamp::try_from(date).ok()) else {
            return;
        };
        let (date, sent, here) = (
            date.as_millisecond(),
            sent.as_millisecond(),
            self.now().as_millisecond(),
        );
        let mut spans = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
        if spans.len() == ANSWERS {
            spans.pop_front();
        }
        // A clock that was set back meanwhile says nothing.
        if sent <= here {
            spans.push_back((date - here, date + 1000 - sent));
        }
    }

    /// The offset; none where no answer told. It is right to about half a second, and half of what the quickest answer took.
    pub(super) fn offset(&self) -> Option<SignedDuration> {
        let spans = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
        let (from, to) = most_agreed(spans.iter().copied())?;
        Some(SignedDuration::from_millis(from + (to - from) / 2))
    }

    /// The offset, where it is more than tolerated and was not told before.
    pub(super) fn news(&self) -> Option<SignedDuration> {
        let offset = self.offset().filter(|offset| offset.abs() >= TOLERATED)?;
        (!self.told.swap(true, Ordering::Relaxed)).then_some(offset)
    }
}

/// The time at which an answer was made, by its server's clock.
pub(super) fn date_of(headers: &HeaderMap) -> Option<SystemTime> {
    let date = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?.trim()).ok()?;
    // Servers without a clock begin with the epoch.
    (date > UNIX_EPOCH).then_some(date)
}

/// The part that most of the spans have in common; of equally common ones that which came last.
fn most_agreed(spans: impl DoubleEndedIterator<Item = Span> + Clone) -> Option<Span> {
    let mut best: Option<(usize, Span)> = None;
    // Whatever is most common begins where one of the spans begins.
    for (from, to) in spans.clone().rev() {
        let holding = spans.clone().filter(|(begin, end)| *begin <= from && from <= *end);
        let (mut count, mut end) = (0, to);
        for (_, until) in holding {
            count += 1;
            end = end.min(until);
        }
        if best.is_none_or(|(most, _)| count > most) {
            best = Some((count, (from, end)));
        }
    }
    best.map(|(_, span)| span)
}

/// An offset in words, as in `3 h behind`: how the server's clock stands to this machine's.
pub fn in_words(offset: SignedDuration) -> String {
    let seconds = offset.unsigned_abs().as_secs();
    let amount = match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", (seconds + 30) / 60),
        7200..172_800 => format!("{} h", tenths(seconds, 3600)),
        _ => format!("{} days", tenths(seconds, 86_400)),
    };
    format!("{amount} {}", if offset.is_negative() { "behind" } else { "ahead of" })
}

/// So many units with one decimal place, where that is not 0.
fn tenths(seconds: u64, unit: u64) -> String {
    let tenths = (seconds.saturating_mul(10) + unit / 2) / unit;
    match tenths % 10 {
        0 => (tenths / 10).to_string(),
        decimal => format!("{}.{decimal}", tenths / 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn dated(date: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(DATE, date.parse().unwrap());
        headers
    }

    #[test]
    fn the_offset_is_known_to_half_a_second() {
        let clock = ServerClock::new(Some(at("2026-11-12T11:00:00Z")));
        assert_eq!(clock.offset(), None);
        clock.note(&dated("Thu, 12 Nov 2026 08:00:00 GMT"), at("2026-11-12T11:00:00Z"));
        assert_eq!(clock.offset(), Some(SignedDuration::from_millis(-3 * 3_600_000 + 500)));
        assert_eq!(in_words(clock.offset().unwrap()), "3 h behind");
    }

    #[test]
    fn an_answer_that_took_long_and_one_of_a_stray_machine_change_nothing() {
        let clock = ServerClock::new(Some(at("2026-11-12T11:00:00Z")));
        for _ in 0..3 {
            clock.note(&dated("Thu, 12 Nov 2026 11:00:00 GMT"), at("2026-11-12T11:00:00Z"));
        }
        clock.note(&dated("Thu, 12 Nov 2026 10:59:20 GMT"), at("2026-11-12T10:59:00Z"));
        clock.note(&dated("Wed, 11 Nov 2026 08:00:00 GMT"), at("2026-11-12T11:00:00Z"));
        assert_eq!(clock.offset(), Some(SignedDuration::from_millis(500)));
    }

    #[test]
    fn a_clock_that_is_set_right_is_believed_once_most_answers_say_so() {
        let clock = ServerClock::new(Some(at("2026-11-12T11:00:00Z")));
        for _ in 0..ANSWERS {
            clock.note(&dated("Thu, 12 Nov 2026 08:00:00 GMT"), at("2026-11-12T11:00:00Z"));
        }
        for _ in 0..ANSWERS / 2 + 1 {
            clock.note(&dated("Thu, 12 Nov 2026 11:00:00 GMT"), at("2026-11-12T11:00:00Z"));
        }
        assert_eq!(clock.offset(), Some(SignedDuration::from_millis(500)));
    }

    #[test]
    fn what_comes_from_a_cache_or_tells_no_time_says_nothing() {
        let clock = ServerClock::new(Some(at("2026-11-12T11:00:00Z")));
        let mut cached = dated("Thu, 12 Nov 2026 08:00:00 GMT");
        cached.insert(AGE, "10800".parse().unwrap());
        for headers in [
            cached,
            dated("yesterday"),
            dated("Thu, 01 Jan 1970 00:00:00 GMT"),
            HeaderMap::new(),
        ] {
            clock.note(&headers, at("2026-11-12T11:00:00Z"));
        }
        assert_eq!(clock.offset(), None);
    }

    #[test]
    fn a_skew_is_told_once_and_from_half_a_minute_on() {
        let clock = ServerClock::new(Some(at("2026-11-12T11:00:00Z")));
        clock.note(&dated("Thu, 12 Nov 2026 11:00:29 GMT"), at("2026-11-12T11:00:00Z"));
        assert_eq!(clock.news(), None);
        let clock = ServerClock::new(Some(at("2026-11-12T11:00:00Z")));
        clock.note(&dated("Thu, 12 Nov 2026 11:00:31 GMT"), at("2026-11-12T11:00:00Z"));
        assert!(clock.news().is_some());
        assert_eq!(clock.news(), None);
    }

    #[test]
    fn an_offset_is_said_in_the_unit_that_fits() {
        for (seconds, words) in [
            (31, "31 s ahead of"),
            (-119, "119 s behind"),
            (-200, "3 min behind"),
            (10_800, "3 h ahead of"),
            (-9_000, "2.5 h behind"),
            (400 * 86_400, "400 days ahead of"),
        ] {
            assert_eq!(in_words(SignedDuration::from_secs(seconds)), words);
        }
    }
}
