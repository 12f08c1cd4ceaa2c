//! The allowance of a server, as its answers tell it: how many more requests it takes, and when.
//!
//! `Retry-After` is of RFC 9110; `RateLimit-Remaining` and `RateLimit-Reset` of the first drafts of
//! draft-ietf-httpapi-ratelimit-headers, `RateLimit` and `RateLimit-Policy` of the later ones, first as `remaining=0, reset=30`
//! (version 7), then as `"minute";r=0;t=30`. The forms with `X-` are nobody's standard: a reset is a number of seconds, or an
//! instant in seconds or milliseconds since 1970.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderMap;

use super::clock::date_of;
use super::retry::retry_after;

/// The header pairs that tell what remains, and when it will be more.
const PAIRS: [(&str, &str); 3] = [
    ("ratelimit-remaining", "ratelimit-reset"),
    ("x-ratelimit-remaining", "x-ratelimit-reset"),
    ("x-rate-limit-remaining", "x-rate-limit-reset"),
];

/// The headers that tell the limit itself.
const LIMITS: [&str; 4] = [
    "ratelimit-policy",
    "ratelimit-limit",
    "x-ratelimit-limit",
    "x-rate-limit-limit",
];

/// A number beyond is no number of seconds to wait, but an instant.
const INSTANT: u64 = 1_000_000_000;

/// The wait that an answer asks for which turned a request away. Nothing remains then, whether or not it says so.
pub(super) fn asked_to_wait(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let reset = || {
        let silent = PAIRS.iter().filter(|(remaining, _)| !headers.contains_key(*remaining));
        let resets = silent.filter_map(|(_, reset)| delay(number(text(headers, reset)?)?, headers, now));
        resets.max()
    };
    retry_after(headers, now)
        .or_else(|| exhausted(headers, now))
        .or_else(reset)
}

/// The time until the server takes another request, where it says that it takes no more until then.
pub(super) fn exhausted(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let pairs = PAIRS.iter().filter_map(|(remaining, reset)| {
        let none_left = number(text(headers, remaining)?)? == 0;
        let until = || delay(number(text(headers, reset)?)?, headers, now);
        none_left.then(until).flatten()
    });
    let policy = text(headers, "ratelimit-policy").and_then(|policy| parameter(policy, "w"));
    let combined = headers
        .get_all("ratelimit")
        .iter()
        .filter_map(|value| value.to_str().ok());
    let items = combined.flat_map(items).filter_map(|item| {
        let none_left = parameter(item, "r")? == 0;
        let seconds = parameter(item, "t").or(policy);
        none_left.then_some(Duration::from_secs(seconds?))
    });
    let dictionary = text(headers, "ratelimit").and_then(|value| {
        let none_left = member(value, "remaining")? == 0;
        let seconds = member(value, "reset");
        none_left.then_some(Duration::from_secs(seconds?))
    });
    pairs.chain(items).chain(dictionary).max()
}

/// The limit, in the server's own words.
pub(super) fn limit_told(headers: &HeaderMap) -> Option<&str> {
    LIMITS.iter().find_map(|name| text(headers, name))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// A whole number; of one with a fraction the next larger.
fn number(text: &str) -> Option<u64> {
    let text = text.split([',', ';']).next()?.trim();
    match text.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(whole.parse::<u64>().ok()?.saturating_add(1))
        }
        _ => text.parse().ok(),
    }
}

/// From a number of seconds, or from an instant by the server's clock.
fn delay(number: u64, headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let since_epoch = match number {
        0..INSTANT => return Some(Duration::from_secs(number)),
        seconds if seconds < INSTANT * 1000 => Duration::from_secs(seconds),
        milliseconds => Duration::from_millis(milliseconds),
    };
    let now = date_of(headers).unwrap_or(now).duration_since(UNIX_EPOCH).ok()?;
    Some(since_epoch.saturating_sub(now))
}

/// The items of a list of RFC 9651, whose names here hold no commas.
fn items(list: &str) -> impl Iterator<Item = &str> {
    list.split(',')
}

/// A parameter of an item: the `r` of `"minute";r=0;t=30`.
fn parameter(item: &str, name: &str) -> Option<u64> {
    let mut parameters = item
        .split(';')
        .skip(1)
        .filter_map(|parameter| parameter.split_once('='));
    let (_, value) = parameters.find(|(known, _)| known.trim() == name)?;
    number(value)
}

/// A member of a dictionary: the `remaining` of `limit=100, remaining=0, reset=30`.
fn member(dictionary: &str, name: &str) -> Option<u64> {
    let mut members = dictionary.split(',').filter_map(|member| member.split_once('='));
    let (_, value) = members.find(|(known, _)| known.trim() == name)?;
    number(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            let name: http::HeaderName = name.parse().unwrap();
            (name, value.parse().unwrap())
        });
        pairs.collect()
    }

    #[test]
    fn what_remains_is_read_in_every_form_that_servers_use() {
        let now = httpdate::parse_http_date("Thu, 12 Nov 2026 08:00:00 GMT").unwrap();
        // The server's clock is an hour ahead, and its instants are by that.
        let date = ("date", "Thu, 12 Nov 2026 09:00:00 GMT");
        for (pairs, seconds) in [
            (&[("ratelimit-remaining", "0"), ("ratelimit-reset", "30")][..], Some(30)),
            (&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "30")], Some(30)),
            (
                &[
                    ("x-rate-limit-remaining", "0"),
                    ("x-rate-limit-reset", "1794474030"),
                    date,
                ],
                Some(30),
            ),
            (
                &[
                    ("x-ratelimit-remaining", "0"),
                    ("x-ratelimit-reset", "1794474030000"),
                    date,
                ],
                Some(30),
            ),
            (
                &[
                    ("x-ratelimit-remaining", "0"),
                    ("x-ratelimit-reset", "1794474029.2"),
                    date,
                ],
                Some(30),
            ),
            (
                &[
                    ("x-ratelimit-remaining", "0"),
                    ("x-ratelimit-reset", "1794473000"),
                    date,
                ],
                Some(0),
            ),
            (&[("ratelimit", "\"minute\";r=0;t=30")], Some(30)),
            (&[("ratelimit", "\"minute\";r=5;t=30, \"hour\";r=0;t=90")], Some(90)),
            (
                &[
                    ("ratelimit", "\"minute\";r=0"),
                    ("ratelimit-policy", "\"minute\";q=100;w=60"),
                ],
                Some(60),
            ),
            (&[("ratelimit", "limit=100, remaining=0, reset=30")], Some(30)),
            (&[("ratelimit", "limit=100, remaining=1, reset=30")], None),
            (&[("ratelimit", "\"minute\";r=1;t=30")], None),
            (&[("ratelimit", "\"minute\";r=0")], None),
            (&[("ratelimit-remaining", "7"), ("ratelimit-reset", "30")], None),
            (&[("ratelimit-remaining", "0")], None),
            (&[("ratelimit-remaining", "none"), ("ratelimit-reset", "soon")], None),
            (&[("ratelimit-limit", "100")], None),
            (&[], None),
        ] {
            let found = exhausted(&headers(pairs), now);
            assert_eq!(found, seconds.map(Duration::from_secs), "{pairs:?}");
        }
    }

    #[test]
    fn retry_after_comes_first_for_who_was_turned_away() {
        let both = headers(&[
            ("retry-after", "7"),
            ("ratelimit-remaining", "0"),
            ("ratelimit-reset", "30"),
        ]);
        assert_eq!(asked_to_wait(&both, SystemTime::now()), Some(Duration::from_secs(7)));
        let reset = headers(&[("ratelimit-remaining", "0"), ("ratelimit-reset", "30")]);
        assert_eq!(asked_to_wait(&reset, SystemTime::now()), Some(Duration::from_secs(30)));
    }

    #[test]
    fn who_was_turned_away_waits_for_the_reset_where_nothing_is_said_of_what_remains() {
        for name in ["ratelimit-reset", "x-ratelimit-reset", "x-rate-limit-reset"] {
            let reset = headers(&[(name, "30")]);
            assert_eq!(
                asked_to_wait(&reset, SystemTime::now()),
                Some(Duration::from_secs(30)),
                "{name}"
            );
            assert_eq!(exhausted(&reset, SystemTime::now()), None, "{name}");
        }
        let some_left = headers(&[("x-rate-limit-remaining", "7"), ("x-rate-limit-reset", "30")]);
        assert_eq!(asked_to_wait(&some_left, SystemTime::now()), None);
    }

    #[test]
    fn a_limit_is_shown_as_the_server_says_it() {
        assert_eq!(
            limit_told(&headers(&[
                ("ratelimit-limit", "100"),
                ("ratelimit-policy", "\"minute\";q=100;w=60")
            ])),
            Some("\"minute\";q=100;w=60")
        );
        assert_eq!(limit_told(&headers(&[])), None);
    }
}
