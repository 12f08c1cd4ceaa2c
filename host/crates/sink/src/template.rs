//! Paths with placeholders.

use std::{fmt, path::PathBuf, str::FromStr};

use jiff::civil::Date;
use sha2::{Digest, Sha256};

use super::SinkError;
use base::hex;

/// A file name has at most 255 bytes; a path segment may hold all three placeholders and more.
const VALUE_BYTES: usize = 64;

/// A path in which `{report}`, `{connection}` and `{date}` stand for what a run knows.
///
/// A placeholder never adds a folder or climbs out of one: everything in its value but letters, digits, `-`, `_`, `@`
/// and inner dots becomes `_`, and then a digest of the value stands behind it, so that no two values meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathTemplate(String);

/// The values of the placeholders.
#[derive(Debug, Clone, Copy)]
pub struct Placeholders<'a> {
    /// `{report}`: the report plugin's name.
    pub report: &'a str,
    /// `{connection}`: the connection's name.
    pub connection: &'a str,
    /// `{date}`: the UTC day on which the run began, as `YYYY-MM-DD`.
    pub date: Date,
}

impl PathTemplate {
    /// The path with every placeholder filled in.
    pub fn expand(&self, placeholders: &Placeholders<'_>) -> PathBuf {
        let mut path = String::new();
        for piece in pieces(&self.0) {
            match piece {
                TemplatePiece::Text(text) => path.push_str(text),
                TemplatePiece::Placeholder("report") => path.push_str(&segment(placeholders.report)),
                TemplatePiece::Placeholder("connection") => path.push_str(&segment(placeholders.connection)),
                TemplatePiece::Placeholder(_) => path.push_str(&segment(&placeholders.date.to_string())),
            }
        }
        path.into()
    }

    /// True if the path has the placeholder of that name.
    pub fn has(&self, name: &str) -> bool {
        pieces(&self.0).any(|piece| matches!(piece, TemplatePiece::Placeholder(found) if found == name))
    }
}

impl fmt::Display for PathTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for PathTemplate {
    type Err = SinkError;

    fn from_str(template: &str) -> Result<Self, SinkError> {
        let refuse = |problem, hint| {
            Err(SinkError::Target {
                path: template.into(),
                problem,
                hint,
            })
        };
        if template.is_empty() {
            return refuse("the path is empty", "write file:PATH");
        }
        if template.contains('\0') {
            return refuse("the path has a NUL character", "leave it out");
        }
        if template.ends_with('/') {
            return refuse("the path ends like a folder's", "add a file name");
        }
        for piece in pieces(template) {
            if let TemplatePiece::Placeholder(name) = piece
                && !["report", "connection", "date"].contains(&name)
            {
                return Err(SinkError::Placeholder {
                    template: template.into(),
                    placeholder: name.into(),
                });
            }
        }
        Ok(PathTemplate(template.to_owned()))
    }
}

pub(super) enum TemplatePiece<'a> {
    Text(&'a str),
    Placeholder(&'a str),
}

pub(super) fn pieces(template: &str) -> impl Iterator<Item = TemplatePiece<'_>> {
    let mut rest = template;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        if let Some(inner) = rest.strip_prefix('{') {
            // An unfinished one keeps its brace and so is no placeholder that exists.
            let (name, after) = inner.split_once('}').unwrap_or((rest, ""));
            rest = after;
            return Some(TemplatePiece::Placeholder(name));
        }
        let (text, after) = rest.split_at(rest.find('{').unwrap_or(rest.len()));
        rest = after;
        Some(TemplatePiece::Text(text))
    })
}

/// The value as a part of one path segment.
pub(super) fn segment(value: &str) -> String {
    distinct(value, VALUE_BYTES, |before, c| {
        let dot = c == '.' && !before.is_empty() && !before.ends_with('.');
        dot || c.is_alphanumeric() || "-_@".contains(c)
    })
}

/// Hexadecimal digits of the digest of a value that could not stay as it is.
const DIGITS: usize = 16;

/// The value with what is not safe replaced by `_`, in at most so many bytes, different for each value: one that changes,
/// or could be taken for one that did, has a digest behind it.
pub(super) fn distinct(value: &str, most: usize, is_safe: impl Fn(&str, char) -> bool) -> String {
    let mut safe = String::new();
    for c in value.chars() {
        safe.push(if is_safe(&safe, c) { c } else { '_' });
    }
    if safe == value && !value.is_empty() && value.len() <= most && !ends_in_digest(value) {
        return safe;
    }
    let mut end = safe.len().min(most - DIGITS - 1);
    while !safe.is_char_boundary(end) {
        end -= 1;
    }
    safe.truncate(end);
    if safe.is_empty() {
        safe.push('_');
    }
    let digest = Sha256::digest(value.as_bytes());
    format!("{safe}-{}", hex(digest.get(..DIGITS / 2).unwrap_or_default()))
}

/// True if the value looks as if it had been changed.
fn ends_in_digest(value: &str) -> bool {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let last = value.rsplit_once('-').map(|(_, last)| last);
    last.is_some_and(|last| last.len() == DIGITS && last.bytes().all(is_digit))
}

#[cfg(test)]
mod tests {
    use std::path::{Component, Path};

    use proptest::prelude::*;

    use super::*;

    fn expand(template: &str, report: &str, connection: &str) -> PathBuf {
        let date = Date::constant(2025, 3, 10);
        template.parse::<PathTemplate>().unwrap().expand(&Placeholders {
            report,
            connection,
            date,
        })
    }

    #[test]
    fn placeholders_are_filled_in() {
        let path = expand("archive/{report}/{connection}-{date}.ndjson", "user-login", "epm");
        assert_eq!(path, Path::new("archive/user-login/epm-2025-03-10.ndjson"));
        assert_eq!(expand("a}b", "", ""), Path::new("a}b"));
    }

    #[test]
    fn a_value_stays_within_its_segment() {
        for (value, written) in [
            ("..", "_"),
            ("../../etc/passwd", "_"),
            ("a/b\\c", "a_b_c"),
            (".hidden", "_hidden"),
            ("v1.2", "v1.2"),
            ("a..b", "a._b"),
            ("\u{202e}\n\0", "___"),
            ("", "_"),
            ("jdoe@example.com", "jdoe@example.com"),
        ] {
            let path = expand("x/{report}/y", value, "");
            let parts: Vec<_> = path.components().collect();
            assert_eq!(parts.len(), 3, "{value:?}");
            let middle = parts[1].as_os_str().to_str().unwrap();
            assert!(middle.starts_with(written), "{value:?} became {middle:?}");
        }
    }

    #[test]
    fn names_that_differ_never_meet() {
        let long = |end: &str| format!("{}{end}", "x".repeat(80));
        let names = [
            "a/b", "a_b", "a b", "a\\b", "a:b", "", "_", ".", "..", "__", "a..b", "a._b", "\u{0}",
        ];
        let mut all: Vec<String> = names.map(str::to_owned).into();
        all.extend([long("a"), long("b"), long("")]);
        // Whoever chooses a name may choose one that another one becomes.
        all.extend(all.clone().iter().map(|name| segment(name)));
        all.sort();
        all.dedup();
        let mut written: Vec<String> = all.iter().map(|name| segment(name)).collect();
        assert!(written.iter().all(|name| name.len() <= VALUE_BYTES));
        written.sort();
        written.dedup();
        assert_eq!(written.len(), all.len(), "{written:?}");
    }

    #[test]
    fn ordinary_names_stay_as_they_are() {
        for name in [
            "epm",
            "user-login",
            "v1.2",
            "jdoe@example.com",
            "a_b",
            "m\u{fc}ller",
            "x-0123456789abcde",
        ] {
            assert_eq!(segment(name), name);
        }
    }

    #[test]
    fn unfinished_and_unknown_placeholders_are_refused() {
        for (template, name) in [
            ("{", "{"),
            ("{date", "{date"),
            ("{}", ""),
            ("{{date}}", "{date"),
            ("a{Date}", "Date"),
        ] {
            match template.parse::<PathTemplate>() {
                Err(SinkError::Placeholder { placeholder, .. }) => assert_eq!(placeholder, name),
                other => panic!("{template}: {other:?}"),
            }
        }
        assert!("folder/".parse::<PathTemplate>().is_err());
        assert!("a\0b".parse::<PathTemplate>().is_err());
    }

    proptest! {
        #[test]
        fn no_value_adds_or_leaves_a_folder(report in any::<String>(), connection in any::<String>()) {
            let path = expand("base/{report}{connection}/{connection}.csv", &report, &connection);
            let parts: Vec<_> = path.components().collect();
            prop_assert_eq!(parts.len(), 3);
            prop_assert!(parts.iter().all(|part| matches!(part, Component::Normal(_))));
            prop_assert!(parts.iter().all(|part| part.as_os_str().len() <= 255));
        }
    }
}
