//! A rate limit as many servers have it: so many requests in each minute of the clock, and 429 for the rest of it.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::{HeaderMap, HeaderValue};

/// So many requests in each span of the machine's clock; `now=` does not stop it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// The number of requests.
    pub requests: u64,
    /// The length of a span. Spans begin at multiples of it since 1970.
    pub span: Duration,
}

impl FromStr for RateLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<RateLimit, String> {
        let form = || "takes a number and a time such as 100/60s or 20/500ms".to_owned();
        let (requests, time) = text.split_once('/').ok_or_else(form)?;
        let (number, unit) = match (time.strip_suffix("ms"), time.strip_suffix('s')) {
            (Some(number), _) => (number, 1),
            (None, Some(number)) => (number, 1000),
            (None, None) => return Err(form()),
        };
        let millis = number
            .parse::<u32>()
            .ok()
            .filter(|number| *number > 0)
            .ok_or_else(form)?;
        Ok(RateLimit {
            requests: requests.parse().map_err(|_| form())?,
            span: Duration::from_millis(u64::from(millis) * unit),
        })
    }
}

/// The way a rate limit is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitHeaders {
    /// Not at all.
    None,
    /// `Retry-After`, with a 429.
    RetryAfter,
    /// `RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset`, with every answer.
    Fields,
    /// Headers with `X-` in front, the reset as an instant.
    XFields,
    /// `RateLimit` and `RateLimit-Policy`, with every answer.
    Structured,
}

impl LimitHeaders {
    /// Every kind with its name.
    pub(super) const ALL: [(&'static str, Self); 5] = [
        ("none", Self::None),
        ("retry-after", Self::RetryAfter),
        ("fields", Self::Fields),
        ("x-fields", Self::XFields),
        ("structured", Self::Structured),
    ];
}

/// A request's place in its span.
#[derive(Clone, Copy, Debug)]
pub(super) struct RateStanding {
    limit: RateLimit,
    /// The number of the span, from 1.
    number: u64,
    /// Until the next span.
    left: Duration,
}

impl RateStanding {
    /// True where the request is one too many.
    pub(super) fn is_over(&self) -> bool {
        self.number > self.limit.requests
    }

    /// Writes the limit into headers, in whole seconds: a little too long.
    pub(super) fn tell(&self, how: LimitHeaders, headers: &mut HeaderMap) {
        let seconds = self.left.as_secs() + 1;
        let remaining = self.limit.requests.saturating_sub(self.number);
        let (most, span) = (self.limit.requests, self.limit.span.as_secs().max(1));
        let told: Vec<(&'static str, String)> = match how {
            LimitHeaders::RetryAfter if self.is_over() => vec![("retry-after", seconds.to_string())],
            LimitHeaders::None | LimitHeaders::RetryAfter => vec![],
            LimitHeaders::Fields => vec![
                ("ratelimit-limit", most.to_string()),
                ("ratelimit-remaining", remaining.to_string()),
                ("ratelimit-reset", seconds.to_string()),
            ],
            LimitHeaders::XFields => vec![
                ("x-ratelimit-limit", most.to_string()),
                ("x-ratelimit-remaining", remaining.to_string()),
                ("x-ratelimit-reset", (since_epoch().as_secs() + seconds).to_string()),
            ],
            LimitHeaders::Structured => vec![
                ("ratelimit", format!("\"span\";r={remaining};t={seconds}")),
                ("ratelimit-policy", format!("\"span\";q={most};w={span}")),
            ],
        };
        for (name, value) in told {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
    }
}

/// Counts requests, and knows the connections that they came by.
#[derive(Debug)]
pub(super) struct Throttle {
    limit: Option<RateLimit>,
    /// The span, and how many requests came in it.
    span: Mutex<(u128, u64)>,
    connections: Mutex<HashSet<SocketAddr>>,
}

impl Throttle {
    pub(super) fn new(limit: Option<RateLimit>) -> Throttle {
        Throttle {
            limit,
            span: Mutex::default(),
            connections: Mutex::default(),
        }
    }

    /// Counts a request; none where there is no limit.
    pub(super) fn next(&self) -> Option<RateStanding> {
        let limit = self.limit?;
        let now = since_epoch().as_millis();
        let length = limit.span.as_millis().max(1);
        let mut span = self.span.lock().unwrap_or_else(PoisonError::into_inner);
        if span.0 != now / length {
            *span = (now / length, 0);
        }
        span.1 += 1;
        let left = length - now % length;
        Some(RateStanding {
            limit,
            number: span.1,
            left: Duration::from_millis(u64::try_from(left).unwrap_or(u64::MAX)),
        })
    }

    /// True where a request came from there before: over the same connection, as long as no port is used twice.
    pub(super) fn used_before(&self, peer: SocketAddr) -> bool {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        !connections.insert(peer)
    }
}

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_number_and_a_time() {
        let limit: RateLimit = "100/60s".parse().unwrap();
        assert_eq!((limit.requests, limit.span), (100, Duration::from_secs(60)));
        assert_eq!("3/250ms".parse::<RateLimit>().unwrap().span, Duration::from_millis(250));
        for text in ["", "100", "100/", "100/60", "100/0s", "x/60s", "100/m", "100/-1s"] {
            assert!(text.parse::<RateLimit>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn what_comes_after_so_many_is_too_many_and_what_remains_is_told() {
        let throttle = Throttle::new("2/1000000s".parse().ok());
        let standings: Vec<_> = (0..3).map(|_| throttle.next().unwrap()).collect();
        assert_eq!(
            standings.iter().map(RateStanding::is_over).collect::<Vec<_>>(),
            [false, false, true]
        );
        let mut headers = HeaderMap::new();
        standings[1].tell(LimitHeaders::Fields, &mut headers);
        assert_eq!(headers["ratelimit-remaining"], "0");
        assert!(Throttle::new(None).next().is_none());
    }
}
