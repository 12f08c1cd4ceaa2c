//! How a connection says who it is: [`Auth`] as configured, [`Authorizer`] at work.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use super::error::RemoteError;
use super::redact::Redactor;

/// How to say who we are.
#[derive(Debug, Clone)]
pub enum Auth {
    /// Not at all.
    None,
    /// RFC 7617.
    Basic {
        /// The user name; EPM Cloud takes `identitydomain.user` as well as `user`.
        username: String,
        /// The password.
        password: SecretString,
    },
    /// RFC 6750: a token that somebody else obtained.
    Bearer(SecretString),
    /// Any other header.
    Header {
        /// The header's name.
        name: String,
        /// What stands before the secret, such as `Splunk `.
        prefix: String,
        /// The secret.
        value: SecretString,
    },
}

/// Puts the credential on requests.
#[derive(Debug)]
pub(super) enum Authorizer {
    Anonymous,
    Fixed(HeaderName, HeaderValue),
}

impl Authorizer {
    /// Checks the credential, and tells the redactor every form in which a server might echo it.
    pub(super) fn new(auth: &Auth, redactor: &Arc<Redactor>) -> Result<Authorizer, RemoteError> {
        let (name, value) = match auth {
            Auth::None => return Ok(Authorizer::Anonymous),
            Auth::Basic { username, password } => {
                if username.contains(':') {
                    return Err(RemoteError::settings(
                        "a user name for basic authentication cannot contain a colon",
                    ));
                }
                if username.contains(char::is_control) || password.expose_secret().contains(char::is_control) {
                    return Err(RemoteError::settings(
                        "the user name or the password contains a control character",
                    ));
                }
                redactor.add(password.expose_secret());
                let pair = BASE64_STANDARD.encode(format!("{username}:{}", password.expose_secret()));
                redactor.add(&pair);
                (AUTHORIZATION, format!("Basic {pair}"))
            }
            Auth::Bearer(token) => {
                redactor.add(token.expose_secret());
                (AUTHORIZATION, format!("Bearer {}", token.expose_secret()))
            }
            Auth::Header { name, prefix, value } => {
                let header = HeaderName::from_bytes(name.as_bytes())
                    .map_err(|_| RemoteError::settings("the authentication header's name is no header name"))?;
                redactor.add(value.expose_secret());
                (header, format!("{prefix}{}", value.expose_secret()))
            }
        };
        Ok(Authorizer::Fixed(name, sensitive(&value)?))
    }

    /// The header for the next request.
    pub(super) async fn header(&self) -> Result<Option<(HeaderName, HeaderValue)>, RemoteError> {
        Ok(match self {
            Authorizer::Anonymous => None,
            Authorizer::Fixed(name, value) => Some((name.clone(), value.clone())),
        })
    }

    /// What to tell the user whom the server refused.
    pub(super) fn hint(&self, status: http::StatusCode) -> String {
        let text = match (self, status.as_u16()) {
            (_, 407) => "check the proxy's user name and password",
            (Authorizer::Anonymous, _) => "configure `auth` for the connection, or give --auth",
            (Authorizer::Fixed(..), 401) => {
                "check the user name and the password or token; users with multi-factor or single sign-on need OAuth 2"
            }
            (Authorizer::Fixed(..), _) => {
                "the credential is known but lacks rights: ask the administrator for the roles that the report needs, \
                 and whether an address allowlist is in force"
            }
        };
        text.to_owned()
    }
}

/// A header value that no log shows.
pub(super) fn sensitive(value: &str) -> Result<HeaderValue, RemoteError> {
    let mut value = HeaderValue::from_bytes(value.as_bytes())
        .map_err(|_| RemoteError::settings("the credential contains a character that no header may hold"))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn header(auth: Auth) -> (String, String, bool) {
        let redactor = Arc::new(Redactor::default());
        let (name, value) = Authorizer::new(&auth, &redactor)
            .unwrap()
            .header()
            .await
            .unwrap()
            .unwrap();
        (
            name.to_string(),
            String::from_utf8(value.as_bytes().to_vec()).unwrap(),
            value.is_sensitive(),
        )
    }

    #[tokio::test]
    async fn each_kind_gives_its_header_and_marks_it_sensitive() {
        let basic = Auth::Basic {
            username: "acme.jdoe".into(),
            password: "pä:ss".to_owned().into(),
        };
        assert_eq!(
            header(basic).await,
            ("authorization".into(), "Basic YWNtZS5qZG9lOnDDpDpzcw==".into(), true)
        );
        let bearer = Auth::Bearer("tok".to_owned().into());
        assert_eq!(
            header(bearer).await,
            ("authorization".into(), "Bearer tok".into(), true)
        );
        let other = Auth::Header {
            name: "X-Key".into(),
            prefix: "Splunk ".into(),
            value: "v".to_owned().into(),
        };
        assert_eq!(header(other).await, ("x-key".into(), "Splunk v".into(), true));
    }

    #[test]
    fn credentials_that_cannot_be_sent_are_refused_without_being_shown() {
        for auth in [
            Auth::Basic {
                username: "a:b".into(),
                password: "canary-secret".to_owned().into(),
            },
            Auth::Basic {
                username: "a".into(),
                password: "canary-secret\r\nX: y".to_owned().into(),
            },
            Auth::Bearer("canary-secret\n".to_owned().into()),
            Auth::Header {
                name: "bad name".into(),
                prefix: "".into(),
                value: "canary-secret".to_owned().into(),
            },
        ] {
            assert!(!format!("{auth:?}").contains("canary"));
            let error = Authorizer::new(&auth, &Arc::default()).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("canary"));
        }
    }
}
