//! SCIM filters (RFC 7644, section 3.4.2.2), read by recursive descent and held against JSON resources.
//!
//! Independent of whoever writes filters elsewhere in this program, so that the two check each other.

use std::cmp::Ordering;

use jiff::Timestamp;
use serde_json::Value;

/// Parentheses, brackets and `not` inside one another.
const DEPTH: usize = 32;

/// Attributes whose values are compared letter by letter; the case of all others does not matter.
const CASE_EXACT: [&str; 2] = ["ecid", "rid"];

/// A filter.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ScimFilter {
    And(Vec<ScimFilter>),
    Or(Vec<ScimFilter>),
    Not(Box<ScimFilter>),
    /// The attribute has a value.
    Present(String),
    /// The attribute's value, or one of them, compares so to a literal.
    Compare(String, ScimOperator, Value),
    /// One element of the attribute fits the whole filter.
    Element(String, Box<ScimFilter>),
}

/// The comparison of two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ScimOperator {
    Equal,
    NotEqual,
    Contains,
    StartsWith,
    EndsWith,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

/// The reason why a text is no filter.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at character {at}")]
pub(super) struct FilterError {
    at: usize,
    reason: &'static str,
}

impl ScimFilter {
    /// Reads a filter.
    pub(super) fn parse(text: &str) -> Result<Self, FilterError> {
        let mut reader = FilterReader { text, at: 0 };
        let filter = reader.any(0)?;
        reader.spaces();
        if reader.at == text.len() {
            Ok(filter)
        } else {
            Err(reader.error("something is left over"))
        }
    }

    /// The attributes it speaks of, in lower case.
    pub(super) fn attributes(&self) -> Vec<String> {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().flat_map(Self::attributes).collect(),
            Self::Not(inner) => inner.attributes(),
            Self::Present(path) | Self::Compare(path, ..) => vec![path.clone()],
            Self::Element(path, inner) => inner
                .attributes()
                .into_iter()
                .map(|sub| format!("{path}.{sub}"))
                .collect(),
        }
    }

    /// True where a resource fits. `lookup` gives the values of an attribute, named in lower case.
    pub(super) fn matches(&self, lookup: &dyn Fn(&str) -> Vec<Value>) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.matches(lookup)),
            Self::Or(parts) => parts.iter().any(|part| part.matches(lookup)),
            Self::Not(inner) => !inner.matches(lookup),
            Self::Present(path) => lookup(path).iter().any(|value| !value.is_null() && value != ""),
            Self::Compare(path, operator, literal) => {
                let values = lookup(path);
                match operator {
                    ScimOperator::NotEqual => !values.iter().any(|v| compare(path, v, ScimOperator::Equal, literal)),
                    ScimOperator::Equal if literal.is_null() => values.iter().all(Value::is_null),
                    operator => values.iter().any(|value| compare(path, value, *operator, literal)),
                }
            }
            Self::Element(path, inner) => lookup(path)
                .iter()
                .any(|element| inner.matches(&|sub| values(element, sub))),
        }
    }
}

/// The values of an attribute of a resource: none where it is missing, several where it is a list. Names in any case.
pub(super) fn values(resource: &Value, path: &str) -> Vec<Value> {
    let path = path.rsplit_once(':').map_or(path, |(_, name)| name);
    let mut found = vec![resource.clone()];
    for name in path.split('.') {
        found = found
            .into_iter()
            .filter_map(|value| {
                let Value::Object(members) = value else { return None };
                members
                    .into_iter()
                    .find(|(known, _)| known.eq_ignore_ascii_case(name))
                    .map(|(_, value)| value)
            })
            .flat_map(|value| {
                if let Value::Array(elements) = value {
                    elements
                } else {
                    vec![value]
                }
            })
            .collect();
    }
    found
}

fn compare(path: &str, value: &Value, operator: ScimOperator, literal: &Value) -> bool {
    let ordering = match (value, literal) {
        (Value::String(value), Value::String(literal)) => match (instant(path, value), instant(path, literal)) {
            (Some(value), Some(literal)) => value.cmp(&literal),
            _ => {
                let exact = CASE_EXACT.contains(&path);
                let fold = |text: &str| if exact { text.to_owned() } else { text.to_lowercase() };
                let (value, literal) = (fold(value), fold(literal));
                match operator {
                    ScimOperator::Contains => return value.contains(&literal),
                    ScimOperator::StartsWith => return value.starts_with(&literal),
                    ScimOperator::EndsWith => return value.ends_with(&literal),
                    _ => value.cmp(&literal),
                }
            }
        },
        (Value::Number(value), Value::Number(literal)) => {
            match value
                .as_f64()
                .zip(literal.as_f64())
                .and_then(|(a, b)| a.partial_cmp(&b))
            {
                Some(ordering) => ordering,
                None => return false,
            }
        }
        (Value::Bool(value), Value::Bool(literal)) => {
            return operator == ScimOperator::Equal && value == literal;
        }
        _ => return false,
    };
    match operator {
        ScimOperator::Equal => ordering == Ordering::Equal,
        ScimOperator::Greater => ordering == Ordering::Greater,
        ScimOperator::GreaterOrEqual => ordering != Ordering::Less,
        ScimOperator::Less => ordering == Ordering::Less,
        ScimOperator::LessOrEqual => ordering != Ordering::Greater,
        ScimOperator::NotEqual | ScimOperator::Contains | ScimOperator::StartsWith | ScimOperator::EndsWith => false,
    }
}

/// A time, where the attribute holds times.
fn instant(path: &str, text: &str) -> Option<Timestamp> {
    matches!(path, "timestamp" | "meta.created" | "meta.lastmodified")
        .then(|| text.parse().ok())
        .flatten()
}

struct FilterReader<'t> {
    text: &'t str,
    at: usize,
}

impl FilterReader<'_> {
    fn any(&mut self, depth: usize) -> Result<ScimFilter, FilterError> {
        let mut parts = vec![self.all(depth)?];
        while self.word("or") {
            parts.push(self.all(depth)?);
        }
        Ok(single(parts, ScimFilter::Or))
    }

    fn all(&mut self, depth: usize) -> Result<ScimFilter, FilterError> {
        let mut parts = vec![self.one(depth)?];
        while self.word("and") {
            parts.push(self.one(depth)?);
        }
        Ok(single(parts, ScimFilter::And))
    }

    fn one(&mut self, depth: usize) -> Result<ScimFilter, FilterError> {
        if depth > DEPTH {
            return Err(self.error("too deep"));
        }
        self.spaces();
        if self.symbol('(') {
            return self.closed(')', depth);
        }
        let start = self.at;
        if self.word("not") {
            if self.symbol('(') {
                return Ok(ScimFilter::Not(Box::new(self.closed(')', depth)?)));
            }
            self.at = start;
        }
        let path = self.path()?;
        if self.symbol('[') {
            return Ok(ScimFilter::Element(path, Box::new(self.closed(']', depth)?)));
        }
        if self.word("pr") {
            return Ok(ScimFilter::Present(path));
        }
        let operator = self.operator()?;
        Ok(ScimFilter::Compare(path, operator, self.literal()?))
    }

    fn closed(&mut self, close: char, depth: usize) -> Result<ScimFilter, FilterError> {
        let inner = self.any(depth + 1)?;
        if self.symbol(close) {
            Ok(inner)
        } else {
            Err(self.error("a parenthesis or bracket is not closed"))
        }
    }

    fn path(&mut self) -> Result<String, FilterError> {
        self.spaces();
        let rest = self.rest();
        let is_part = |c: char| c.is_ascii_alphanumeric() || "_-.:$".contains(c);
        let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let path = rest.get(..length).unwrap_or_default();
        if !path.starts_with(|c: char| c.is_ascii_alphabetic() || c == '$') {
            return Err(self.error("an attribute is expected"));
        }
        // A name may carry its schema: `urn:…:AuditEvent:eventId`.
        let name = path
            .rsplit_once(':')
            .map_or(path, |(_, name)| name)
            .to_ascii_lowercase();
        self.at += length;
        Ok(name)
    }

    fn operator(&mut self) -> Result<ScimOperator, FilterError> {
        for (word, operator) in [
            ("eq", ScimOperator::Equal),
            ("ne", ScimOperator::NotEqual),
            ("co", ScimOperator::Contains),
            ("sw", ScimOperator::StartsWith),
            ("ew", ScimOperator::EndsWith),
            ("gt", ScimOperator::Greater),
            ("ge", ScimOperator::GreaterOrEqual),
            ("lt", ScimOperator::Less),
            ("le", ScimOperator::LessOrEqual),
        ] {
            if self.word(word) {
                return Ok(operator);
            }
        }
        Err(self.error("an operator is expected"))
    }

    /// A JSON string, number, `true`, `false` or `null`.
    fn literal(&mut self) -> Result<Value, FilterError> {
        self.spaces();
        let rest = self.rest();
        let length = match rest.strip_prefix('"') {
            Some(inside) => closing_quote(inside).map(|at| at + 2),
            None => Some(rest.find([' ', ')', ']']).unwrap_or(rest.len())),
        };
        let literal = length.and_then(|length| rest.get(..length)).unwrap_or_default();
        match serde_json::from_str(literal) {
            Ok(value @ (Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null)) => {
                self.at += literal.len();
                Ok(value)
            }
            _ => Err(self.error("a JSON string, number, true, false or null is expected")),
        }
    }

    /// Takes a word that stands alone, in any case.
    fn word(&mut self, word: &str) -> bool {
        self.spaces();
        let rest = self.rest();
        let fits = rest
            .get(..word.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(word));
        let alone = !rest
            .get(word.len()..)
            .unwrap_or_default()
            .starts_with(|c: char| c.is_ascii_alphanumeric() || c == '.');
        if fits && alone {
            self.at += word.len();
        }
        fits && alone
    }

    fn symbol(&mut self, symbol: char) -> bool {
        self.spaces();
        let found = self.rest().starts_with(symbol);
        if found {
            self.at += symbol.len_utf8();
        }
        found
    }

    fn spaces(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start_matches(' ').len();
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn error(&self, reason: &'static str) -> FilterError {
        FilterError {
            at: self.at + 1,
            reason,
        }
    }
}

/// The end of a JSON string whose opening quote was taken.
fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })
}

/// The one part where there is only one.
fn single(mut parts: Vec<ScimFilter>, join: fn(Vec<ScimFilter>) -> ScimFilter) -> ScimFilter {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        last => {
            parts.extend(last);
            join(parts)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fits(filter: &str) -> bool {
        let resource = json!({
            "eventId": "sso.authentication.failure", "timestamp": "2018-05-09T21:55:54.890Z", "ecId": "^V1zy0n",
            "ssoAuthnLevel": 0, "actorName": "o\"b\\r", "empty": "", "meta": {"created": "2018-05-09T21:55:54.900Z"},
            "schemas": ["urn:a", "urn:b"], "emails": [{"type": "work", "primary": true}, {"type": "home"}],
        });
        let filter = ScimFilter::parse(filter).unwrap_or_else(|error| panic!("{filter}: {error}"));
        filter.matches(&|path| values(&resource, path))
    }

    #[test]
    fn filters_pick_the_resources_they_describe() {
        for filter in [
            "eventId eq \"sso.authentication.failure\"",
            "EVENTID EQ \"SSO.Authentication.Failure\"",
            "urn:ietf:params:scim:schemas:oracle:idcs:AuditEvent:eventId sw \"sso.\"",
            "timestamp ge \"2018-05-09T21:55:54.890Z\" and timestamp lt \"2018-05-09T21:55:54.891Z\"",
            "timestamp eq \"2018-05-09T23:55:54.89+02:00\"",
            "meta.created gt \"2018-05-09T21:55:54.890Z\"",
            "ssoAuthnLevel le 0 and ssoAuthnLevel gt -1.5",
            "(ssoAuthnLevel lt 1)and(missing eq null)",
            "actorName eq \"o\\\"b\\\\r\"",
            "actorName co \"\\u0022\"",
            "not (eventId ew \".success\")",
            "eventId eq \"x\" or eventId co \"auth\" and ecId sw \"^V\"",
            "(eventId eq \"x\" or eventId co \"auth\") and ecId sw \"^V\"",
            "eventId pr and not(missing pr) and not (empty pr)",
            "missing eq null and missing ne \"x\"",
            "schemas eq \"urn:b\"",
            "emails[type eq \"work\" and primary eq true]",
            "emails.type eq \"home\"",
            "  eventId   ne   \"x\"  ",
        ] {
            assert!(fits(filter), "{filter}");
        }
        for filter in [
            "ecId eq \"^v1zy0n\"",
            "eventId ew \".success\"",
            "timestamp lt \"2018-05-09T21:55:54.890Z\"",
            "ssoAuthnLevel eq \"0\"",
            "emails[type eq \"home\" and primary eq true]",
            "not (eventId pr)",
            "missing eq \"x\"",
            "missing lt \"x\"",
            "eventId co \"auth\" and (ecId sw \"x\" or ecId sw \"y\")",
        ] {
            assert!(!fits(filter), "{filter}");
        }
    }

    #[test]
    fn texts_that_are_no_filters_are_refused() {
        let deep = format!("{}a pr{}", "(".repeat(100), ")".repeat(100));
        for text in [
            "",
            " ",
            "eventId",
            "eventId eq",
            "eventId eq x",
            "eventId is \"x\"",
            "eventId eq \"x",
            "(eventId pr",
            "eventId pr)",
            "eventId pr and",
            "eventId eq [1]",
            "eventId eq {}",
            "and pr pr",
            "\"x\" eq eventId",
            "eventId eq \"a\" eventId eq \"b\"",
            "not eventId pr",
            "a[b pr",
            "eventId eq 'x'",
            "eventId eqx 1",
            &deep,
        ] {
            assert!(ScimFilter::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_filter_knows_its_attributes() {
        let filter = ScimFilter::parse("a pr and (B eq 1 or not (c.d lt 2)) and e[f pr]").unwrap();
        assert_eq!(filter.attributes(), ["a", "b", "c.d", "e.f"]);
    }
}
