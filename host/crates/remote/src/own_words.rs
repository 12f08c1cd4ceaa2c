//! Failures in this program's own words, to be kept for long: what a server, a proxy or a library said may name anybody.

use super::RemoteError;

impl RemoteError {
    /// The message without anything that came from elsewhere: names of connections, statuses and counts stay.
    pub fn own_words(&self) -> String {
        match self {
            RemoteError::Settings { .. } => "the connection cannot be used as configured".to_owned(),
            RemoteError::Local { .. } => "this machine failed while the exchange was under way".to_owned(),
            RemoteError::AddressRefused { kind, .. } => format!("the host leads to a {kind} address"),
            RemoteError::OriginEscape { .. } => {
                "the server sent a link to another server; it was not followed".to_owned()
            }
            RemoteError::SignIn { connection, .. } => {
                format!("{connection}: the server asks to sign in on a web page instead of answering")
            }
            RemoteError::Redirect { .. } => "the server's redirect cannot be followed".to_owned(),
            RemoteError::Refused { connection, status, .. } => format!("{connection} refused access ({status})"),
            RemoteError::TokenRefused { connection, status, .. } => {
                format!("{connection}: no token was issued, status {status}")
            }
            RemoteError::Status { status, .. } => format!("the server answered with status {status}"),
            RemoteError::Busy { status, .. } => format!("the server is unavailable ({status})"),
            RemoteError::Connect { .. } => "cannot connect to the server".to_owned(),
            RemoteError::UnknownHost { .. } => "cannot connect to the server: its name is not known".to_owned(),
            RemoteError::Tls { .. } => "cannot establish TLS with the server".to_owned(),
            RemoteError::Interrupted { .. } => "the connection broke".to_owned(),
            RemoteError::Malformed { .. } => "the server broke the protocol".to_owned(),
            RemoteError::Timeout { .. } | RemoteError::TooSlow { .. } | RemoteError::TooLarge { .. } => {
                self.to_string()
            }
            RemoteError::NoToken { cause } => format!("cannot get a token: {}", cause.own_words()),
            RemoteError::NoMetadata { cause } => {
                format!("the instance metadata service of OCI: {}", cause.own_words())
            }
            RemoteError::GaveUp { attempts, last } => format!("{} (after {attempts} attempts)", last.own_words()),
            RemoteError::Redirected { cause } => cause.own_words(),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    #[test]
    fn the_own_words_of_a_failure_keep_the_status_and_nothing_that_was_said() {
        let foreign = || "jdoe from 192.0.2.7".to_owned();
        let (status, hint) = (StatusCode::BAD_REQUEST, String::new);
        let connection = || "epm".to_owned();
        let errors = [
            RemoteError::settings(foreign()),
            RemoteError::Local {
                message: foreign(),
                hint: None,
            },
            RemoteError::OriginEscape {
                link: foreign(),
                origin: foreign(),
            },
            RemoteError::SignIn {
                connection: connection(),
                page: foreign(),
                hint: hint(),
            },
            RemoteError::Redirect { reason: foreign() },
            RemoteError::Refused {
                connection: connection(),
                status,
                detail: Some(foreign()),
                hint: hint(),
            },
            RemoteError::TokenRefused {
                connection: connection(),
                origin: foreign(),
                status,
                detail: foreign(),
                hint: hint(),
            },
            RemoteError::Status {
                status,
                detail: Some(foreign()),
                hint: None,
            },
            RemoteError::Busy {
                status,
                detail: Some(foreign()),
                retry_after: None,
            },
            RemoteError::Connect {
                host: foreign(),
                reason: foreign(),
            },
            RemoteError::UnknownHost {
                host: foreign(),
                reason: foreign(),
            },
            RemoteError::Tls {
                host: foreign(),
                reason: foreign(),
                connecting: true,
            },
            RemoteError::Interrupted { reason: foreign() },
            RemoteError::Malformed { reason: foreign() },
        ];
        for error in errors {
            let (told, answered) = (error.to_string(), error.status().is_some());
            assert!(told.contains("jdoe"), "{told}");
            let wrapped = RemoteError::GaveUp {
                attempts: 3,
                last: Box::new(RemoteError::NoToken { cause: Box::new(error) }),
            };
            let own = wrapped.own_words();
            assert!(!own.contains("jdoe") && own.ends_with(" (after 3 attempts)"), "{own}");
            assert!(!answered || own.contains("400"), "{own}");
        }
    }
}
