//! Decisions to send a request again.
//!
//! [`Backoff`] waits with decorrelated jitter (each wait is drawn between the shortest wait and three times the last
//! one), obeys `Retry-After`, and stops at the request's attempts and time or at the [`Budget`] that all requests of a
//! run share.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};

use http::HeaderMap;
use http::header::RETRY_AFTER;

use super::clock::date_of;
use super::error::RemoteError;
use super::settings::RetryPolicy;

/// Repetitions left for a whole run.
#[derive(Debug)]
pub(super) struct Budget(AtomicU32);

impl Budget {
    pub(super) fn new(repetitions: u32) -> Budget {
        Budget(AtomicU32::new(repetitions))
    }

    fn take(&self) -> bool {
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
            .is_ok()
    }
}

/// The repetitions of one request.
#[derive(Debug)]
pub(super) struct Backoff<'a> {
    policy: RetryPolicy,
    budget: &'a Budget,
    started: Instant,
    attempts: u32,
    last: Duration,
}

impl<'a> Backoff<'a> {
    pub(super) fn new(policy: RetryPolicy, budget: &'a Budget) -> Backoff<'a> {
        Backoff {
            policy,
            budget,
            started: Instant::now(),
            attempts: 1,
            last: policy.min_delay,
        }
    }

    /// The number of attempts, but for those that the server turned away as too many.
    pub(super) fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The number of attempts that there may be.
    pub(super) fn most(&self) -> u32 {
        self.policy.attempts
    }

    /// The wait before the next attempt; none where this failure is final.
    pub(super) fn next(&mut self, error: &RemoteError, repeatable: bool) -> Option<Duration> {
        let worthwhile = error.is_transient() && (repeatable || error.nothing_done());
        if !worthwhile || self.attempts >= self.policy.attempts {
            return None;
        }
        let mut wait = self.draw();
        if let RemoteError::Busy {
            retry_after: Some(asked),
            ..
        } = error
        {
            // Waiting a little longer than asked keeps a herd of clients from returning at the same instant.
            wait = asked.saturating_add(wait.min(*asked / 10).min(Duration::from_secs(1)));
        }
        if self.started.elapsed().saturating_add(wait) > self.policy.max_elapsed || !self.budget.take() {
            return None;
        }
        self.attempts += 1;
        Some(wait)
    }

    fn draw(&mut self) -> Duration {
        let low = self.policy.min_delay;
        let high = self.last.saturating_mul(3).min(self.policy.max_delay).max(low);
        let spread = u64::try_from((high - low).as_micros()).unwrap_or(u64::MAX);
        self.last = low + Duration::from_micros(fastrand::u64(0..=spread));
        self.last
    }
}

/// RFC 9110 section 10.2.3: a number of seconds, or a date, which is one of the server's clock.
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // Too many digits mean too long, not nothing.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::from(u32::MAX))));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    let now = date_of(headers).unwrap_or(now);
    Some(date.duration_since(now).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::StatusCode;

    fn policy() -> RetryPolicy {
        RetryPolicy {
            attempts: 4,
            min_delay: Duration::from_millis(10),
            max_delay: Duration::from_millis(100),
            max_elapsed: Duration::from_secs(60),
            budget: 100,
            max_throttled: Duration::from_secs(120),
        }
    }

    fn busy(retry_after: Option<u64>) -> RemoteError {
        RemoteError::Busy {
            status: StatusCode::SERVICE_UNAVAILABLE,
            detail: None,
            retry_after: retry_after.map(Duration::from_secs),
        }
    }

    #[test]
    fn waits_stay_between_the_bounds_and_end_after_the_attempts() {
        let budget = Budget::new(100);
        for _ in 0..50 {
            let mut backoff = Backoff::new(policy(), &budget);
            let mut bound = 30;
            while let Some(wait) = backoff.next(&busy(None), true) {
                assert!(
                    wait >= Duration::from_millis(10) && wait <= Duration::from_millis(bound.min(100)),
                    "{wait:?}"
                );
                bound = u64::try_from(wait.as_millis()).unwrap() * 3 + 3;
            }
            assert!(backoff.attempts() <= 4);
        }
        assert!(
            Backoff::new(policy(), &budget).next(&busy(None), true).is_none(),
            "the budget is shared"
        );
    }

    #[test]
    fn a_request_that_may_have_had_an_effect_is_repeated_only_if_it_never_left() {
        let budget = Budget::new(100);
        let connect = RemoteError::Connect {
            host: "h".into(),
            reason: "refused".into(),
        };
        assert!(Backoff::new(policy(), &budget).next(&connect, false).is_some());
        for error in [
            busy(None),
            busy(Some(1)),
            RemoteError::Interrupted { reason: "reset".into() },
        ] {
            assert!(Backoff::new(policy(), &budget).next(&error, false).is_none());
            assert!(Backoff::new(policy(), &budget).next(&error, true).is_some());
        }
    }

    #[test]
    fn final_answers_are_not_questioned() {
        let budget = Budget::new(100);
        for error in [
            RemoteError::Status {
                status: StatusCode::NOT_FOUND,
                detail: None,
                hint: None,
            },
            RemoteError::Busy {
                status: StatusCode::NOT_IMPLEMENTED,
                detail: None,
                retry_after: None,
            },
            RemoteError::Tls {
                host: "h".into(),
                reason: "expired".into(),
                connecting: true,
            },
            RemoteError::UnknownHost {
                host: "h".into(),
                reason: "Name or service not known".into(),
            },
            RemoteError::TooLarge { limit: 1 },
        ] {
            assert!(Backoff::new(policy(), &budget).next(&error, true).is_none(), "{error}");
        }
    }

    #[test]
    fn the_server_s_wish_is_obeyed_unless_it_is_too_long() {
        let budget = Budget::new(100);
        let wait = Backoff::new(policy(), &budget).next(&busy(Some(7)), true).unwrap();
        assert!(wait >= Duration::from_secs(7) && wait < Duration::from_secs(9));
        assert!(Backoff::new(policy(), &budget).next(&busy(Some(61)), true).is_none());
    }

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        for (text, seconds) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("99999999999999999999999", Some(u64::from(u32::MAX))),
            ("Sun, 06 Nov 1994 08:50:07 GMT", Some(30)),
            ("Sunday, 06-Nov-94 08:50:07 GMT", Some(30)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("-5", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            assert_eq!(retry_after(&headers, now), seconds.map(Duration::from_secs), "{text:?}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }

    #[test]
    fn a_date_to_wait_for_is_one_of_the_server_s_clock() {
        let three_hours_ahead = httpdate::parse_http_date("Sun, 06 Nov 1994 11:49:37 GMT").unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(http::header::DATE, "Sun, 06 Nov 1994 08:49:37 GMT".parse().unwrap());
        headers.insert(RETRY_AFTER, "Sun, 06 Nov 1994 08:50:07 GMT".parse().unwrap());
        assert_eq!(retry_after(&headers, three_hours_ahead), Some(Duration::from_secs(30)));
    }
}
