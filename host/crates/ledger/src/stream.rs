//! The streams that progress is kept for.

use std::fmt::{self, Write};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::IdSetRef;

/// A report of a connection, with its parameters: what a watermark belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    /// The connection's name.
    pub connection: String,
    /// The report plugin's name.
    pub report: String,
    /// The parameters by name, in the order of their names.
    pub parameters: Vec<(String, String)>,
}

impl Stream {
    /// The beginning of the keys of all records.
    pub const KEYS: &'static str = "stream.";

    /// The stream of these; the order of parameters of different names plays no part.
    pub fn new(connection: &str, report: &str, parameters: &[(String, String)]) -> Stream {
        let mut parameters = parameters.to_vec();
        parameters.sort_by(|a, b| a.0.cmp(&b.0));
        Stream {
            connection: connection.to_owned(),
            report: report.to_owned(),
            parameters,
        }
    }

    /// The key of its record.
    pub fn key(&self) -> String {
        format!("{}{}", Self::KEYS, self.digest())
    }

    /// The key of a sink's progress in it.
    pub fn progress_key(&self, sink: &str) -> String {
        format!("progress.{}.{}", self.digest(), hex(&Sha256::digest(sink)))
    }

    /// The beginning of the keys of its sinks' progress.
    pub fn progress_prefix(&self) -> String {
        format!("progress.{}.", self.digest())
    }

    /// The key of the ids of one day.
    pub fn ids_key(&self, day: Date, noted: &IdSetRef) -> String {
        format!("{}{day}.{}", self.ids_prefix(), noted.sha256)
    }

    /// The beginning of the keys of its ids.
    pub fn ids_prefix(&self) -> String {
        format!("ids.{}.", self.digest())
    }

    /// The beginning of the names of its documents in the spool.
    pub fn spool_prefix(&self) -> String {
        format!("{}.", self.digest())
    }

    /// The words that name it, and no other stream, on the command line: the report, `--connection` and each `--param`.
    pub fn arguments(&self) -> String {
        let mut words = vec![self.report.clone(), "--connection".into(), self.connection.clone()];
        for (name, value) in &self.parameters {
            words.extend(["--param".into(), format!("{name}={value}")]);
        }
        words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
    }

    fn digest(&self) -> String {
        let mut hash = Sha256::new();
        let mut put = |text: &str| {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        };
        put(&self.connection);
        put(&self.report);
        for (name, value) in &self.parameters {
            put(name);
            put(value);
        }
        hex(&hash.finalize())
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} @ {}", self.report, self.connection)?;
        let parameters = self.parameters.iter();
        let parameters: Vec<String> = parameters
            .map(|(name, value)| format!("{name}={}", value.escape_debug()))
            .collect();
        match parameters.is_empty() {
            true => Ok(()),
            false => write!(f, " ({})", parameters.join(" ")),
        }
    }
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:@%+,".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

fn hex(digest: &[u8]) -> String {
    digest
        .iter()
        .take(16)
        .fold(String::with_capacity(32), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_its_connection_report_and_parameters() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let one = Stream::new("epm", "user-login", &[pair("a", "1"), pair("b", "2")]);
        let same = Stream::new("epm", "user-login", &[pair("b", "2"), pair("a", "1")]);
        assert_eq!(one.key(), same.key());
        for other in [
            Stream::new("epm", "user-login", &[pair("a", "1")]),
            Stream::new("epm2", "user-login", &one.parameters),
            Stream::new("epm", "user-audit", &one.parameters),
            Stream::new("epm", "user-login", &[pair("a", "1b"), pair("", "2")]),
        ] {
            assert_ne!(one.key(), other.key(), "{other}");
        }
        let odd = Stream::new("epm", "user-login", &[pair("userlogin", "o'x $y")]);
        assert_eq!(
            odd.arguments(),
            r"user-login --connection epm --param 'userlogin=o'\''x $y'"
        );
        assert!(one.progress_key("../x y").starts_with(&one.progress_prefix()));
        assert!(
            one.progress_key("../x y")
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'.')
        );
    }
}
