//! The identity of a client of a NATS server.

use secrecy::{ExposeSecret, SecretString};

use remote::Redactor;

/// The credential of a NATS client, with its secret.
#[derive(Debug, Clone)]
pub enum NatsCredential {
    /// Nobody.
    None,
    /// A user with a password.
    User {
        /// The user's name.
        username: String,
        /// The password.
        password: SecretString,
    },
    /// A token.
    Token(SecretString),
    /// The content of a credentials file: a JWT and the seed of its key.
    Credentials(SecretString),
    /// The seed of an NKey.
    NKey(SecretString),
}

impl NatsCredential {
    /// True if the server is sent something that others could use after reading it.
    pub(super) fn readable(&self) -> bool {
        matches!(self, NatsCredential::User { .. } | NatsCredential::Token(_))
    }

    /// The secrets of the credential, which nobody may see, whoever repeats them.
    pub(super) fn secrets(&self) -> Redactor {
        let secrets = Redactor::default();
        match self {
            NatsCredential::None => {}
            NatsCredential::User { password: secret, .. }
            | NatsCredential::Token(secret)
            | NatsCredential::NKey(secret) => {
                secrets.add(secret.expose_secret());
            }
            // The token and the seed have a line each, between lines of dashes.
            NatsCredential::Credentials(content) => {
                let lines = content.expose_secret().lines().map(str::trim);
                lines
                    .filter(|line| !line.contains(' '))
                    .for_each(|line| secrets.add(line));
            }
        }
        secrets
    }
}
