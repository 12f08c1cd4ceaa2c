//! The HTTP request that an event tells of: [`HttpCall`].
//!
//! Plugins tell of it in attributes, which have the same names in every report: `request_id`, `request_method`, `request_path`. An
//! encoding that has a place for one of them puts it there, and no longer among the attributes.

use crate::Event;

/// The beginning of the names of these attributes.
const PREFIX: &str = "request_";
const ID: &str = "id";
const METHOD: &str = "method";
const PATH: &str = "path";

/// The methods that OCSF lists.
const METHODS: [&str; 9] = [
    "CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE",
];

/// A request's attributes, each where it comes once and says something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct HttpCall<'a> {
    pub id: Option<&'a str>,
    pub method: Option<&'a str>,
    pub path: Option<&'a str>,
}

/// The number of times that an attribute was met.
#[derive(Clone, Copy, Default)]
enum Met<'a> {
    #[default]
    Never,
    Once(&'a str),
    /// Several times, or without a text: it stays among the attributes.
    Unclear,
}

impl<'a> Met<'a> {
    fn meet(&mut self, value: &'a str) {
        *self = match self {
            Met::Never if !value.is_empty() => Met::Once(value),
            _ => Met::Unclear,
        };
    }

    fn value(self) -> Option<&'a str> {
        match self {
            Met::Once(value) => Some(value),
            Met::Never | Met::Unclear => None,
        }
    }
}

impl<'a> HttpCall<'a> {
    pub fn of(event: &'a Event) -> Self {
        let (mut id, mut method, mut path) = (Met::Never, Met::Never, Met::Never);
        for (name, value) in &event.attributes {
            match name.strip_prefix(PREFIX) {
                Some(ID) => id.meet(value),
                Some(METHOD) => method.meet(value),
                Some(PATH) => path.meet(value),
                _ => {}
            }
        }
        HttpCall {
            id: id.value(),
            method: method.value(),
            path: path.value(),
        }
    }

    /// True of a request that is one of HTTP. Other services have ids of requests too.
    pub fn is_http(&self) -> bool {
        self.method.is_some() || self.path.is_some()
    }

    /// The method, where OCSF lists it.
    pub fn listed_method(&self) -> Option<&'a str> {
        self.method.filter(|method| METHODS.contains(method))
    }

    /// The path, where it is one and nothing more: no whole URL, and no query behind it.
    pub fn plain_path(&self) -> Option<&'a str> {
        self.path
            .filter(|path| path.starts_with('/') && !path.contains(['?', '#']))
    }
}

/// The status of an HTTP answer in the code of an event that tells of a request.
pub(crate) fn status(code: Option<&str>) -> Option<u16> {
    let status = code?.parse().ok()?;
    (100..600).contains(&status).then_some(status)
}

/// The attributes of a request that a rendering has placed elsewhere.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PlacedCall {
    pub id: bool,
    pub method: bool,
    pub path: bool,
}

impl PlacedCall {
    /// True of an attribute that has a place elsewhere.
    pub fn holds(self, attribute: &str) -> bool {
        if self == PlacedCall::default() {
            return false;
        }
        match attribute.strip_prefix(PREFIX) {
            Some(ID) => self.id,
            Some(METHOD) => self.method,
            Some(PATH) => self.path,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Activity, Outcome, samples};

    fn event(attributes: &[(&str, &str)]) -> Event {
        let pairs = attributes
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()));
        Event {
            attributes: pairs.collect(),
            ..samples::sparse(Activity::ApiRead, Outcome::Success)
        }
    }

    #[test]
    fn what_comes_once_and_says_something_is_read() {
        let event = event(&[
            ("request_id", "r/1"),
            ("request_method", ""),
            ("request_path", "/a"),
            ("request_path", "/b"),
            ("request_time", "x"),
        ]);
        let call = HttpCall::of(&event);
        assert_eq!((call.id, call.method, call.path), (Some("r/1"), None, None));
        assert!(!call.is_http());
    }

    #[test]
    fn methods_and_paths_that_a_schema_does_not_take_are_told_apart() {
        for (method, path, listed, plain) in [
            ("POST", "/20160918/users", true, true),
            ("post", "/a?b=1", false, false),
            ("PURGE", "https://h/a", false, false),
            ("GET", "/a#b", true, false),
        ] {
            let event = event(&[("request_method", method), ("request_path", path)]);
            let call = HttpCall::of(&event);
            assert!(call.is_http());
            assert_eq!(
                (call.listed_method().is_some(), call.plain_path().is_some()),
                (listed, plain)
            );
        }
    }

    #[test]
    fn a_status_is_one_of_http() {
        for (code, read) in [
            (Some("404"), Some(404)),
            (Some("99"), None),
            (Some("600"), None),
            (Some("SSO-1001"), None),
            (None, None),
        ] {
            assert_eq!(status(code), read);
        }
    }

    #[test]
    fn only_what_was_placed_is_held() {
        let placed = PlacedCall {
            id: true,
            ..PlacedCall::default()
        };
        assert!(placed.holds("request_id") && !placed.holds("request_path") && !placed.holds("id"));
        assert!(!PlacedCall::default().holds("request_id"));
    }
}
