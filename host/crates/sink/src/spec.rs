//! The texts that may follow `--sink`.

use std::{path::PathBuf, str::FromStr};

use super::{PathTemplate, SinkError};

/// A sink as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkSpec {
    /// `stdout`.
    Stdout,
    /// `file:PATH`.
    File(PathTemplate),
    /// The path of a sink plugin: anything that ends in `.wasm`.
    Plugin(PathBuf),
    /// A name in the configuration: letters, digits, `-`, `_` and `.`.
    Named(String),
}

impl FromStr for SinkSpec {
    type Err = SinkError;

    fn from_str(text: &str) -> Result<Self, SinkError> {
        let refuse = |problem| {
            Err(SinkError::Spec {
                spec: text.to_owned(),
                problem,
            })
        };
        if let Some(path) = text.strip_prefix("file:") {
            return Ok(SinkSpec::File(path.parse()?));
        }
        if text.len() > ".wasm".len() && text.ends_with(".wasm") {
            return Ok(SinkSpec::Plugin(text.into()));
        }
        match text {
            "stdout" => Ok(SinkSpec::Stdout),
            "" => refuse("it is empty"),
            "-" => refuse("standard output is written stdout"),
            _ if text.contains(['/', '\\']) => refuse("a path needs file: before it"),
            _ if text.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c)) => Ok(SinkSpec::Named(text.to_owned())),
            _ => refuse("a name has letters, digits, '-', '_' and '.' only"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_told_from_the_others() {
        for (text, spec) in [
            ("stdout", SinkSpec::Stdout),
            ("file:a/{date}.csv", SinkSpec::File("a/{date}.csv".parse().unwrap())),
            ("file:stdout", SinkSpec::File("stdout".parse().unwrap())),
            ("file:x.wasm", SinkSpec::File("x.wasm".parse().unwrap())),
            ("./my.wasm", SinkSpec::Plugin("./my.wasm".into())),
            ("siem-2", SinkSpec::Named("siem-2".into())),
            ("Stdout", SinkSpec::Named("Stdout".into())),
        ] {
            assert_eq!(text.parse::<SinkSpec>().unwrap(), spec);
        }
    }

    #[test]
    fn what_names_no_sink_is_refused_with_a_hint() {
        for (text, message) in [
            ("", "\"\" names no sink: it is empty"),
            ("-", "\"-\" names no sink: standard output is written stdout"),
            (
                "out/x.ndjson",
                "\"out/x.ndjson\" names no sink: a path needs file: before it",
            ),
            (
                "a\u{1b}b",
                "\"a\\u{1b}b\" names no sink: a name has letters, digits, '-', '_' and '.' only",
            ),
            ("file:", "cannot write : the path is empty"),
            ("file:{user}.csv", "unknown placeholder {user} in \"{user}.csv\""),
        ] {
            let error = text.parse::<SinkSpec>().unwrap_err();
            assert_eq!(error.to_string(), message);
            assert!(error.hint().is_some());
            assert_eq!(error.kind(), base::ErrorKind::Usage);
        }
    }
}
