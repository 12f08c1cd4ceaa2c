//! The mistakes of a configuration. No message repeats a value of the file: it might be a secret.

use std::path::{Path, PathBuf};

use thiserror::Error;

use super::wrong_key::wrong_key;
use base::{ErrorKind, SetupError};
use connection::line_of;

/// A configuration that cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file is missing or may not be read.
    #[error("cannot read the configuration {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The error of the file.
        source: std::io::Error,
    },
    /// Nobody named the file, and somebody else could have written it.
    #[error("the configuration {} is not used: {doubt}", path.display())]
    OpenToOthers {
        /// The file.
        path: PathBuf,
        /// The doubt: who can write what.
        doubt: String,
    },
    /// The file is not TOML, or not of the right shape.
    #[error("the configuration{} is wrong{}: {message}", within(file), at(*line))]
    Syntax {
        /// The file, where it came from one.
        file: Option<PathBuf>,
        /// The line, from 1, where known.
        line: Option<usize>,
        /// The problem.
        message: String,
        /// The nearest known key.
        nearest: Option<String>,
    },
    /// An entry's name is no plain word.
    #[error(
        "the configuration{} is wrong: {what} names are letters, digits, `-` and `_`, at most 64: {name:?} is not",
        within(file)
    )]
    Name {
        /// The file, where it came from one.
        file: Option<PathBuf>,
        /// The kind of entry, such as `sink`.
        what: &'static str,
        /// The entry's name.
        name: String,
    },
}

fn within(file: &Option<PathBuf>) -> String {
    file.as_ref()
        .map(|path| format!(" {}", path.display()))
        .unwrap_or_default()
}

fn at(line: Option<usize>) -> String {
    line.map(|line| format!(" at line {line}")).unwrap_or_default()
}

impl ConfigError {
    /// From toml's error; its own rendering shows the offending line, which may hold a secret.
    pub(super) fn syntax(text: &str, error: &toml::de::Error) -> ConfigError {
        let line = error
            .span()
            .and_then(|span| text.get(..span.start))
            .map(|before| before.matches('\n').count() + 1);
        let message = without_value(error.message());
        let nearest = nearest_known(&message);
        let key = wrong_key(text);
        // The list of all known keys is noise where one of them is near.
        let message = match (&nearest, message.split_once(", expected")) {
            (Some(_), Some((start, _))) => start.to_string(),
            _ => message,
        };
        let (line, message) = match key {
            Some(key) => {
                let steps: Vec<&str> = key.iter().map(String::as_str).collect();
                (line_of(text, &steps).or(line), format!("{}: {message}", key.join(".")))
            }
            None => (line, message),
        };
        ConfigError::Syntax {
            file: None,
            line,
            message,
            nearest,
        }
    }

    pub(super) fn in_file(self, path: &Path) -> ConfigError {
        match self {
            ConfigError::Syntax {
                line, message, nearest, ..
            } => ConfigError::Syntax {
                file: Some(path.to_path_buf()),
                line,
                message,
                nearest,
            },
            ConfigError::Name { what, name, .. } => ConfigError::Name {
                file: Some(path.to_path_buf()),
                what,
                name,
            },
            other => other,
        }
    }

    /// The advice for the user.
    pub fn hint(&self) -> Option<String> {
        match self {
            ConfigError::Unreadable { .. } => Some("name an existing file with --config, or leave it out".into()),
            ConfigError::OpenToOthers { .. } => Some(
                "a configuration names programs to run: let it and its folder belong to you or root, `chmod go-w` both, or name \
                 the file with --config if you trust whoever can write it"
                    .into(),
            ),
            ConfigError::Syntax {
                nearest: Some(nearest), ..
            } => Some(format!("did you mean `{nearest}`?")),
            ConfigError::Syntax { message, .. } if message.contains("literal secret") => {
                Some("write { env = \"NAME\" }, { file = \"PATH\" }, { credential = \"NAME\" } or { command = [\"PROGRAM\", …] }".into())
            }
            ConfigError::Syntax { .. } => Some("`host config schema` prints every key with what it means".into()),
            ConfigError::Name { .. } => None,
        }
    }
}

impl From<ConfigError> for SetupError {
    fn from(error: ConfigError) -> Self {
        SetupError::told(ErrorKind::Usage, &error, error.hint())
    }
}

/// serde names the value that does not fit, and it may be a secret in the wrong place.
fn without_value(message: &str) -> String {
    let expected = message.rsplit_once(", expected ").map(|(_, expected)| expected);
    match (
        message.starts_with("invalid type: ") || message.starts_with("invalid value: "),
        expected,
    ) {
        (true, Some(expected)) => format!("wrong type of value, expected {expected}"),
        (true, None) => "wrong type of value".to_string(),
        _ => message.to_string(),
    }
}

/// From serde's "unknown field `x`, expected one of `a`, `b`", the known name nearest to `x`.
fn nearest_known(message: &str) -> Option<String> {
    if !message.starts_with("unknown ") {
        return None;
    }
    let mut names = message.split('`').skip(1).step_by(2);
    let unknown = names.next()?;
    nearest(unknown, names).map(str::to_string)
}

/// Of several known words, the one that a typing error would turn into `typed`.
pub fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(typed, name), name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 4)
        .min()
        .map(|(_, name)| name)
}
