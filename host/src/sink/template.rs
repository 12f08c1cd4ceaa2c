//! Paths with placeholders.

use std::{fmt, path::PathBuf, str::FromStr};

use jiff::civil::Date;

use super::SinkError;

/// A file name has at most 255 bytes; a path segment may hold all three placeholders and more.
const VALUE_BYTES: usize = 64;

/// A path in which `{report}`, `{connection}` and `{date}` stand for what a run knows.
///
/// A placeholder never adds a folder or climbs out of one: everything in its value but letters, digits, `-`, `_`, `@`
/// and inner dots becomes `_`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathTemplate(String);

/// What the placeholders stand for.
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
                Piece::Text(text) => path.push_str(text),
                Piece::Placeholder("report") => path.push_str(&segment(placeholders.report)),
                Piece::Placeholder("connection") => path.push_str(&segment(placeholders.connection)),
                Piece::Placeholder(_) => path.push_str(&segment(&placeholders.date.to_string())),
            }
        }
        path.into()
    }

    /// Whether the path has the placeholder of that name.
    pub fn has(&self, name: &str) -> bool {
        pieces(&self.0).any(|piece| matches!(piece, Piece::Placeholder(found) if found == name))
    }

    /// Whether the path has a placeholder.
    pub fn varies(&self) -> bool {
        pieces(&self.0).any(|piece| matches!(piece, Piece::Placeholder(_)))
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
            if let Piece::Placeholder(name) = piece
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

pub(super) enum Piece<'a> {
    Text(&'a str),
    Placeholder(&'a str),
}

pub(super) fn pieces(template: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = template;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        if let Some(inner) = rest.strip_prefix('{') {
            // An unfinished one keeps its brace and so is no placeholder that exists.
            let (name, after) = inner.split_once('}').unwrap_or((rest, ""));
            rest = after;
            return Some(Piece::Placeholder(name));
        }
        let (text, after) = rest.split_at(rest.find('{').unwrap_or(rest.len()));
        rest = after;
        Some(Piece::Text(text))
    })
}

/// The value as a part of one path segment.
pub(super) fn segment(value: &str) -> String {
    let mut safe = String::new();
    for c in value.chars() {
        let dot = c == '.' && !safe.is_empty() && !safe.ends_with('.');
        let c = if dot || c.is_alphanumeric() || "-_@".contains(c) {
            c
        } else {
            '_'
        };
        if safe.len() + c.len_utf8() > VALUE_BYTES {
            break;
        }
        safe.push(c);
    }
    if safe.is_empty() {
        safe.push('_');
    }
    safe
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
