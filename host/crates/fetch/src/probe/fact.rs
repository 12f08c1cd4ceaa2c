//! A fact of a connection that requests which change nothing can see, as the limit of requests that the server speaks of. A fact that
//! cannot be seen says so, and fails nothing.

use std::borrow::Cow;
use std::fmt;

use remote::{Answer, Remote};

/// The headers by which servers speak of a limit: the IETF draft `RateLimit` in its two forms, what came before it, and
/// RFC 9110.
const LIMITS: [&str; 10] = [
    "ratelimit",
    "ratelimit-policy",
    "ratelimit-limit",
    "ratelimit-remaining",
    "ratelimit-reset",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-rate-limit-limit",
    "x-rate-limit-remaining",
    "retry-after",
];

/// Characters of what a server said that are shown.
pub(crate) const SHOWN: usize = 80;

/// A thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// The fact's name: `last event`, `fed`, `retention`, `times`, `rate limit`, `compartment`, `search`, `list events`,
    /// `plugin NAME`.
    pub name: Cow<'static, str>,
    /// The finding, in one line for people.
    pub text: String,
}

impl Fact {
    /// A fact.
    pub fn new(name: impl Into<Cow<'static, str>>, text: impl Into<String>) -> Fact {
        Fact {
            name: name.into(),
            text: text.into(),
        }
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.text)
    }
}

/// The text of a fact that cannot be seen, for this reason.
pub(crate) fn unknown(why: &str) -> String {
    format!("not known: {why}")
}

/// The limit of requests, as the last answer says that speaks of one.
pub(crate) fn limit<'a>(remote: &Remote, answers: impl Iterator<Item = &'a Answer>) -> String {
    let spoken = answers.filter_map(|answer| {
        let headers: Vec<_> = (LIMITS.iter())
            .filter_map(|name| Some((name, answer.headers.get(*name)?.to_str().ok()?)))
            .map(|(name, value)| format!("{name}: {}", remote.presentable(value, SHOWN)))
            .collect();
        (!headers.is_empty()).then(|| headers.join(", "))
    });
    match spoken.last() {
        Some(headers) => format!("the server says {headers}"),
        None => "the server states none".into(),
    }
}
