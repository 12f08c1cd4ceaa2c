//! The streams that progress is kept for.

use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::IdSetRef;
use base::hex;

/// Comes before what a name's id is made of. No id of connection, report and parameters begins with it: it is longer than any text.
const OF_NAME: u64 = u64::MAX;

/// A report of a connection, with its parameters: what a watermark belongs to. One that has a name keeps its place under it,
/// whatever becomes of connection and parameters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    /// The connection's name.
    pub connection: String,
    /// The report plugin's name.
    pub report: String,
    /// The parameters by name, in the order of their names.
    pub parameters: Vec<(String, String)>,
    /// The name that the configuration gives it, where it gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The hexadecimal digest that the ledger knows it by, where that is not the one of connection, report and parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
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
            name: None,
            id: None,
        }
    }

    /// The stream of a name of which nothing is known yet.
    pub fn named(name: &str, connection: &str, report: &str, parameters: &[(String, String)]) -> Stream {
        Stream {
            name: Some(name.to_owned()),
            id: Some(digest_of_name(&["name", name])),
            ..Stream::new(connection, report, parameters)
        }
    }

    /// The same stream under a name, at the place in the ledger that it has.
    #[must_use]
    pub fn with_name(self, name: &str) -> Stream {
        Stream {
            id: Some(self.digest()),
            name: Some(name.to_owned()),
            ..self
        }
    }

    /// The same stream with another connection and other parameters, at the place in the ledger that it has.
    #[must_use]
    pub fn moved_to(self, connection: &str, parameters: &[(String, String)]) -> Stream {
        let id = Some(self.digest());
        Stream {
            id,
            name: self.name,
            ..Stream::new(connection, &self.report, parameters)
        }
    }

    /// The same stream at a place that is free: the one that it has, or with a number behind it where a stream that was renamed away
    /// has that.
    #[must_use]
    pub fn at_free_place(self, is_taken: impl Fn(&str) -> bool) -> Stream {
        let (base, mut number, mut stream) = (self.digest(), 1_u64, self);
        while is_taken(&stream.key()) {
            number += 1;
            stream.id = Some(digest_of_name(&["number", &base, &number.to_string()]));
        }
        stream
    }

    /// The same stream at the place of that record key.
    #[must_use]
    pub fn at_key(self, key: &str) -> Stream {
        match key.strip_prefix(Self::KEYS) {
            Some(id) if self.key() != key => Stream {
                id: Some(id.to_owned()),
                ..self
            },
            _ => self,
        }
    }

    /// The name, or where there is none the report with its connection and parameters.
    pub fn label(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.to_string())
    }

    /// The key of its record.
    pub fn key(&self) -> String {
        format!("{}{}", Self::KEYS, self.digest())
    }

    /// The key of a sink's progress in it.
    pub fn progress_key(&self, sink: &str) -> String {
        format!("progress.{}.{}", self.digest(), half_of(&Sha256::digest(sink)))
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

    /// The words that name it, and no other stream, on the command line: its name, or where it has none the report, `--connection` and
    /// each `--param`.
    pub fn arguments(&self) -> String {
        if let Some(name) = &self.name {
            return quoted(name);
        }
        let mut words = vec![self.report.clone(), "--connection".into(), self.connection.clone()];
        for (name, value) in &self.parameters {
            words.extend(["--param".into(), format!("{name}={value}")]);
        }
        words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
    }

    fn digest(&self) -> String {
        if let Some(id) = &self.id {
            return id.clone();
        }
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
        half_of(&hash.finalize())
    }
}

/// The digest of a name's words.
fn digest_of_name(words: &[&str]) -> String {
    let mut hash = Sha256::new();
    hash.update(OF_NAME.to_le_bytes());
    for word in words {
        hash.update((word.len() as u64).to_le_bytes());
        hash.update(word);
    }
    half_of(&hash.finalize())
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.name {
            return write!(f, "{name} ({} @ {})", self.report, self.connection);
        }
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

/// The first half of a digest, in hexadecimal digits.
fn half_of(digest: &[u8]) -> String {
    hex(digest.get(..16).unwrap_or(digest))
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

    #[test]
    fn a_stream_of_a_name_keeps_its_keys_whatever_becomes_of_connection_and_parameters() {
        let parameters = [("userlogin".to_owned(), "jdoe".to_owned())];
        let one = Stream::named("prod", "epm", "user-login", &parameters);
        assert_ne!(one.key(), Stream::new("epm", "user-login", &parameters).key());
        assert_ne!(
            one.key(),
            Stream::named("prod2", "epm", "user-login", &parameters).key()
        );
        let moved = one.clone().moved_to("epm2", &[]);
        assert_eq!((moved.key(), moved.connection.as_str()), (one.key(), "epm2"));
        assert_eq!(moved.clone().with_name("other").key(), one.key());
        assert_eq!(one.arguments(), "prod");
        assert_eq!(one.to_string(), "prod (user-login @ epm)");
        // Such a stream of before goes on under a name at the place that it has.
        let before = Stream::new("epm", "user-login", &parameters);
        let named = before.clone().with_name("prod");
        assert_eq!(
            (named.key(), named.spool_prefix()),
            (before.key(), before.spool_prefix())
        );
        assert_eq!(named.clone().moved_to("epm2", &[]).key(), before.key());
        assert_eq!(before.clone().at_key(&named.key()), before);
        assert_eq!(before.at_key(&one.key()).key(), one.key());
    }

    #[test]
    fn a_place_that_is_taken_is_left_to_whoever_has_it() {
        let one = Stream::named("prod", "epm", "user-login", &[]);
        let second = one.clone().at_free_place(|key| key == one.key());
        assert_ne!(second.key(), one.key());
        assert_eq!(second.name, one.name);
        let third = one.clone().at_free_place(|key| key == one.key() || key == second.key());
        assert!(third.key() != second.key() && third.key() != one.key());
        assert_eq!(one.clone().at_free_place(|_| false), one);
    }

    #[test]
    fn a_stream_without_a_name_is_written_as_it_always_was() {
        let stream = Stream::new("epm", "user-login", &[]);
        let text = serde_json::to_string(&stream).unwrap();
        assert_eq!(text, r#"{"connection":"epm","report":"user-login","parameters":[]}"#);
        assert_eq!(serde_json::from_str::<Stream>(&text).unwrap(), stream);
    }
}
