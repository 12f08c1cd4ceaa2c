//! Queries of the search of logs, as far as clients of the audit log write them: which logs, under which conditions, in which order.

use serde_json::Value;

/// A query that was read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct LogQuery {
    /// The logs named behind `search`, without quotes.
    pub(super) sources: Vec<String>,
    /// All of which must hold.
    pub(super) conditions: Vec<LogCondition>,
    /// True where the latest come first.
    pub(super) descending: bool,
}

/// A condition.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum LogCondition {
    All(Vec<LogCondition>),
    Any(Vec<LogCondition>),
    Not(Box<LogCondition>),
    /// The condition holds of the field in lower case.
    Lower(Box<LogCondition>),
    /// The field compares so to a literal.
    Compare(Vec<String>, LogComparison, Value),
    /// The field equals one of these.
    In(Vec<String>, Vec<Value>),
}

/// The comparison of a field with a literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LogComparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl LogCondition {
    /// True where an event fits. `lookup` gives the value of a field by its path; none where there is none.
    pub(super) fn matches(&self, lookup: &dyn Fn(&[String]) -> Option<Value>) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.matches(lookup)),
            Self::Any(parts) => parts.iter().any(|part| part.matches(lookup)),
            Self::Not(inner) => !inner.matches(lookup),
            Self::Lower(inner) => inner.matches(&|path| {
                Some(match lookup(path)? {
                    Value::String(text) => Value::String(text.to_lowercase()),
                    other => other,
                })
            }),
            Self::Compare(path, LogComparison::NotEqual, literal) => !equal(lookup(path).as_ref(), literal),
            Self::Compare(path, LogComparison::Equal, literal) => equal(lookup(path).as_ref(), literal),
            Self::Compare(path, comparison, literal) => {
                lookup(path).is_some_and(|value| ordered(&value, *comparison, literal))
            }
            Self::In(path, literals) => {
                let value = lookup(path);
                literals.iter().any(|literal| equal(value.as_ref(), literal))
            }
        }
    }
}

fn equal(value: Option<&Value>, literal: &Value) -> bool {
    let value = value.unwrap_or(&Value::Null);
    match (value, literal) {
        (Value::Null, literal) => literal.is_null(),
        (_, Value::Null) => false,
        (_, Value::String(pattern)) => {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            wild(&text, pattern)
        }
        // A status is a text in events.
        (Value::String(text), literal) => {
            let literal = literal.to_string();
            *text == literal
        }
        (Value::Number(value), Value::Number(literal)) => value.as_f64() == literal.as_f64(),
        _ => value == literal,
    }
}

/// True where a text fits a pattern in which `*` stands for anything.
fn wild(text: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else {
            return false;
        };
        rest = after;
    }
    rest.ends_with(last)
}

fn ordered(value: &Value, comparison: LogComparison, literal: &Value) -> bool {
    let ordering = match (value, literal) {
        (Value::String(value), Value::String(literal)) => Some(value.cmp(literal)),
        (value, literal) => value
            .as_f64()
            .zip(literal.as_f64())
            .and_then(|(value, literal)| value.partial_cmp(&literal)),
    };
    ordering.is_some_and(|ordering| match comparison {
        LogComparison::Less => ordering.is_lt(),
        LogComparison::LessOrEqual => ordering.is_le(),
        LogComparison::Greater => ordering.is_gt(),
        LogComparison::GreaterOrEqual => ordering.is_ge(),
        LogComparison::Equal | LogComparison::NotEqual => false,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (text, pattern, fits) in [
            ("InteractiveLogin", "InteractiveLogin", true),
            ("InteractiveLogin", "interactivelogin", false),
            (
                "com.oraclecloud.IdentitySignOn.InteractiveLogin",
                "*.InteractiveLogin",
                true,
            ),
            ("FederatedInteractiveLogin", "*Interactive*", true),
            ("aba", "a*ba", true),
            ("ab", "ab*b", false),
            ("", "*", true),
            ("x", "", false),
        ] {
            assert_eq!(wild(text, pattern), fits, "{text} {pattern}");
        }
    }

    #[test]
    fn what_is_missing_equals_nothing_but_null() {
        assert!(equal(None, &Value::Null) && equal(Some(&Value::Null), &Value::Null));
        assert!(!equal(None, &json!("*")) && !equal(Some(&json!("")), &Value::Null));
        assert!(equal(Some(&json!("404")), &json!(404)) && equal(Some(&json!(404)), &json!("404")));
    }
}
