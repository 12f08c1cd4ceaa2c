//! Sessions of principals without an API key: the tokens that they were given, and the public keys that go with them.

use std::collections::HashMap;

/// A session.
#[derive(Clone, Debug)]
struct IssuedSession {
    /// PEM.
    public_key: String,
    /// The principal that the session stands for.
    subject: String,
    /// Seconds since 1970-01-01.
    ends: i64,
}

/// Every session of one simulator.
#[derive(Debug, Default)]
pub(crate) struct OciSessions {
    sessions: HashMap<String, IssuedSession>,
}

impl OciSessions {
    /// Remembers a token, and the public key that goes with it, until a time in seconds since 1970.
    pub(super) fn open(&mut self, token: &str, public_key: &str, subject: &str, ends: i64) {
        let session = IssuedSession {
            public_key: public_key.to_owned(),
            subject: subject.to_owned(),
            ends,
        };
        self.sessions.insert(token.to_owned(), session);
    }

    /// The public key of a token that has not ended, and whom it stands for.
    pub(crate) fn key(&self, token: &str, now: i64) -> Option<(String, String)> {
        let session = self.sessions.get(token).filter(|session| now < session.ends)?;
        Some((session.public_key.clone(), session.subject.clone()))
    }
}
