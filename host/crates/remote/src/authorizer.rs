//! The credential of a connection at work: [`Authorizer`].

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header::{AUTHORIZATION, HeaderName};
use secrecy::ExposeSecret;

use super::auth::Auth;
use super::channel::Channel;
use super::credential::{Credential, Proof, QueryField, sensitive};
use super::error::RemoteError;
use super::oauth::TokenSource;
use super::oci::{PrincipalSource, Remedy};
use super::origin::BaseUrl;
use super::redact::Redactor;
use super::settings::Settings;

/// Puts the credential on requests.
pub(super) enum Authorizer {
    Anonymous,
    Fixed(Credential),
    Query(Arc<QueryField>),
    Token(Box<TokenSource>),
    Signed(Box<PrincipalSource>),
}

impl Authorizer {
    /// Checks the credential, and tells the redactor every form in which a server might echo it.
    pub(super) fn new(settings: &Settings, base: &BaseUrl, channel: &Arc<Channel>) -> Result<Authorizer, RemoteError> {
        match &settings.auth {
            Auth::OAuth2(oauth) => Ok(Authorizer::Token(Box::new(TokenSource::new(
                oauth,
                settings,
                base,
                channel.clone(),
            )?))),
            Auth::Oci(oci) => {
                let source = PrincipalSource::new(oci, settings, channel)?;
                Ok(Authorizer::Signed(Box::new(source)))
            }
            fixed => Authorizer::fixed(fixed, &channel.redactor),
        }
    }

    /// The credential of an [`Auth`] that is the same for every request; those of OAuth 2 and OCI are not.
    pub(super) fn fixed(auth: &Auth, redactor: &Redactor) -> Result<Authorizer, RemoteError> {
        let (name, value) = match auth {
            Auth::Query { name, value } => {
                redactor.add(value.expose_secret());
                return Ok(Authorizer::Query(Arc::new(QueryField::new(name, value)?)));
            }
            // A secret path is part of the base URL.
            Auth::None | Auth::Path(_) | Auth::OAuth2(_) | Auth::Oci(_) => return Ok(Authorizer::Anonymous),
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
                redactor.add_pair(username, password.expose_secret());
                let pair = BASE64_STANDARD.encode(format!("{username}:{}", password.expose_secret()));
                (AUTHORIZATION, format!("Basic {pair}"))
            }
            Auth::Bearer(token) => {
                redactor.add(token.expose_secret());
                (AUTHORIZATION, format!("Bearer {}", token.expose_secret()))
            }
            Auth::Header { name, prefix, value } => {
                let header = HeaderName::from_bytes(name.as_bytes())
                    .map_err(|_| RemoteError::settings("the authentication header's name is not a header name"))?;
                redactor.add(value.expose_secret());
                (header, format!("{prefix}{}", value.expose_secret()))
            }
        };
        Ok(Authorizer::Fixed(Credential {
            name,
            value: sensitive(&value)?,
            generation: None,
        }))
    }

    /// The field of the query for each request.
    pub(super) fn query(&self) -> Option<Arc<QueryField>> {
        match self {
            Authorizer::Query(field) => Some(Arc::clone(field)),
            _ => None,
        }
    }

    /// The proof of identity that goes with the next request.
    pub(super) async fn proof(&self) -> Result<Option<Proof>, RemoteError> {
        let proof = match self {
            Authorizer::Anonymous | Authorizer::Query(_) => return Ok(None),
            Authorizer::Fixed(credential) => return Ok(Some(Proof::Header(credential.clone()))),
            Authorizer::Token(source) => source.credential().await.map(Proof::Header),
            Authorizer::Signed(source) => source.signer().await.map(Proof::Signature),
        };
        proof.map(Some).map_err(|error| match error {
            // These say what happened well enough.
            RemoteError::Settings { .. } | RemoteError::Local { .. } | RemoteError::TokenRefused { .. } => error,
            error => RemoteError::NoToken { cause: Box::new(error) },
        })
    }

    /// Forgets a credential that the server no longer takes.
    pub(super) async fn renew(&self, proof: &Proof) {
        match (self, proof) {
            (Authorizer::Token(source), Proof::Header(credential)) => {
                if let Some(generation) = credential.generation {
                    source.forget(generation).await;
                }
            }
            (Authorizer::Signed(source), Proof::Signature(signer)) => source.forget(signer).await,
            _ => {}
        }
    }

    /// The advice against a refusal where requests are signed for OCI.
    pub(super) fn remedy(&self) -> Option<&Remedy> {
        match self {
            Authorizer::Signed(source) => Some(source.remedy()),
            _ => None,
        }
    }

    /// The advice for the user whom the server refused.
    pub(super) fn hint(&self, status: http::StatusCode) -> String {
        let text = match (self, status.as_u16()) {
            (_, 407) => "check the proxy's user name and password",
            (Authorizer::Anonymous, _) => "configure `auth` for the connection, or give --auth",
            (Authorizer::Token(_), 401) => {
                "the server does not accept the token although it is new: check the scope, \
                 and that the client belongs to this identity domain"
            }
            (_, 401) => {
                "check the user name and the password or token; users with multi-factor or single sign-on need OAuth 2"
            }
            _ => {
                "the credential is known but lacks rights: ask the administrator for the roles that the report needs, \
                 and whether an address allowlist is in force"
            }
        };
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    async fn header(auth: Auth) -> (String, String, bool) {
        let authorizer = Authorizer::fixed(&auth, &Redactor::default()).unwrap();
        let Some(Proof::Header(credential)) = authorizer.proof().await.unwrap() else {
            panic!("no header")
        };
        let value = String::from_utf8(credential.value.as_bytes().to_vec()).unwrap();
        (credential.name.to_string(), value, credential.value.is_sensitive())
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
    fn a_field_of_the_query_stands_there_once_whatever_the_url_holds() {
        let auth = Auth::Query {
            name: "sig".into(),
            value: "a+b/c=&d e".to_owned().into(),
        };
        let redactor = Redactor::default();
        let authorizer = Authorizer::fixed(&auth, &redactor).unwrap();
        let field = authorizer.query().unwrap();
        for (url, with) in [
            ("https://a.example/p", "https://a.example/p?sig=a%2Bb%2Fc%3D%26d+e"),
            ("https://a.example/p?", "https://a.example/p?sig=a%2Bb%2Fc%3D%26d+e"),
            (
                "https://a.example/p?x=%20&y",
                "https://a.example/p?x=%20&y&sig=a%2Bb%2Fc%3D%26d+e",
            ),
            (
                "https://a.example/p?sig=old&x=1&%73ig=again",
                "https://a.example/p?x=1&sig=a%2Bb%2Fc%3D%26d+e",
            ),
        ] {
            let url: Url = url.parse().unwrap();
            assert_eq!(field.put_on(&url).as_str(), with);
            let said = redactor.clean(field.put_on(&url).as_str());
            assert!(said.ends_with("sig=[redacted]"), "{said}");
        }
        assert!(!format!("{auth:?} {field:?}").contains("a+b"));
        let nameless = QueryField::new("", &"x".to_owned().into());
        assert!(nameless.is_err());
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
            let Err(error) = Authorizer::fixed(&auth, &Redactor::default()) else {
                panic!("accepted")
            };
            assert!(!format!("{error} {error:?}").contains("canary"));
        }
    }
}
