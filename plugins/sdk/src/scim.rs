//! Builds filters of SCIM queries, RFC 7644 section 3.4.2.2.
//!
//! A [`Filter`] is a tree; what it prints is the filter's text. Values are printed as JSON strings, so nothing that a user
//! gives can end one early, and attribute names are checked when an [`Attribute`] is made.
//!
//! ```
//! use plugin_sdk::scim::{Attribute, Filter};
//!
//! let (user, event) = (Attribute::new("actorName")?, Attribute::new("eventId")?);
//! let failed = ["sso.authentication.failure", "sso.session.create.failure"];
//! let any = Filter::any(failed.map(|id| Filter::eq(&event, id)));
//! let filter = Filter::all([Filter::eq(&user, "o\"hara"), any.ok_or("no ids")?]).ok_or("no conditions")?;
//! assert_eq!(
//!     filter.to_string(),
//!     r#"actorName eq "o\"hara" and (eventId eq "sso.authentication.failure" or eventId eq "sso.session.create.failure")"#
//! );
//! # Ok::<(), &str>(())
//! ```

use std::fmt;

/// A condition on resources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// An attribute compared with a string; dates and times are strings here.
    Compare(Attribute, Operator, String),
    /// The attribute has a value.
    Present(Attribute),
    /// The condition does not hold.
    Not(Box<Filter>),
    /// Two or more conditions that must all hold.
    All(Vec<Filter>),
    /// Two or more conditions of which one must hold.
    Any(Vec<Filter>),
}

/// The comparison of an attribute and a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `eq`.
    Equal,
    /// `ne`.
    NotEqual,
    /// `co`.
    Contains,
    /// `sw`.
    StartsWith,
    /// `ew`.
    EndsWith,
    /// `gt`.
    Greater,
    /// `ge`.
    GreaterOrEqual,
    /// `lt`.
    Less,
    /// `le`.
    LessOrEqual,
}

impl Operator {
    const ALL: [Operator; 9] = [
        Operator::Equal,
        Operator::NotEqual,
        Operator::Contains,
        Operator::StartsWith,
        Operator::EndsWith,
        Operator::Greater,
        Operator::GreaterOrEqual,
        Operator::Less,
        Operator::LessOrEqual,
    ];

    /// The operator that a filter writes so; case does not matter.
    pub fn new(word: &str) -> Option<Operator> {
        Operator::ALL
            .into_iter()
            .find(|operator| operator.word().eq_ignore_ascii_case(word))
    }

    fn word(self) -> &'static str {
        match self {
            Operator::Equal => "eq",
            Operator::NotEqual => "ne",
            Operator::Contains => "co",
            Operator::StartsWith => "sw",
            Operator::EndsWith => "ew",
            Operator::Greater => "gt",
            Operator::GreaterOrEqual => "ge",
            Operator::Less => "lt",
            Operator::LessOrEqual => "le",
        }
    }
}

/// The name of an attribute: letters, digits, `_` and `-` after a letter, and one more such name after a dot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute(String);

impl Attribute {
    /// Checks a name. Names with a schema before them (`urn:…:`) are not taken; no report needs them.
    pub fn new(name: &str) -> Result<Attribute, &'static str> {
        let is_name = |part: &str| {
            part.starts_with(|c: char| c.is_ascii_alphabetic())
                && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
        };
        let (attribute, sub) = name
            .split_once('.')
            .map_or((name, None), |(name, sub)| (name, Some(sub)));
        // These would be read as the beginning of something else.
        let reserved = ["not", "and", "or", "true", "false", "null"]
            .iter()
            .any(|word| word.eq_ignore_ascii_case(name));
        if is_name(attribute) && sub.is_none_or(is_name) && !reserved && name.len() <= 256 {
            Ok(Attribute(name.into()))
        } else {
            Err("an attribute's name is letters, digits, _ and - after a letter")
        }
    }
}

impl Filter {
    /// The attribute has this value.
    pub fn eq(attribute: &Attribute, value: impl Into<String>) -> Filter {
        Filter::Compare(attribute.clone(), Operator::Equal, value.into())
    }

    /// All of these; none where there are none.
    pub fn all(filters: impl IntoIterator<Item = Filter>) -> Option<Filter> {
        Self::join(filters.into_iter().collect(), Filter::All)
    }

    /// Any of these; none where there are none.
    pub fn any(filters: impl IntoIterator<Item = Filter>) -> Option<Filter> {
        Self::join(filters.into_iter().collect(), Filter::Any)
    }

    fn join(mut filters: Vec<Filter>, join: fn(Vec<Filter>) -> Filter) -> Option<Filter> {
        if filters.len() > 1 {
            Some(join(filters))
        } else {
            filters.pop()
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Filter::Compare(Attribute(name), operator, value) => {
                write!(
                    f,
                    "{name} {} {}",
                    operator.word(),
                    serde_json::Value::from(value.as_str())
                )
            }
            Filter::Present(Attribute(name)) => write!(f, "{name} pr"),
            Filter::Not(filter) => write!(f, "not ({filter})"),
            Filter::All(filters) => join(f, filters, " and "),
            Filter::Any(filters) => join(f, filters, " or "),
        }
    }
}

/// Puts every group within another into brackets, so that nobody needs to know which word binds closer.
fn join(f: &mut fmt::Formatter<'_>, filters: &[Filter], word: &str) -> fmt::Result {
    for (index, filter) in filters.iter().enumerate() {
        if index > 0 {
            f.write_str(word)?;
        }
        match filter {
            Filter::All(_) | Filter::Any(_) => write!(f, "({filter})")?,
            _ => write!(f, "{filter}")?,
        }
    }
    Ok(())
}
