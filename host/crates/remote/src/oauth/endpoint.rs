//! Speaks to a token endpoint: RFC 6749 sections 3.2, 5.1 and 5.2.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE, HeaderValue, LOCATION};
use http::{HeaderMap, Method, StatusCode};
use jiff::SignedDuration;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

use super::redemption::Redemption;
use super::settings::{ClientAuth, OAuth2};
use crate::admission::admit_issuer;
use crate::allowance::asked_to_wait;
use crate::channel::Channel;
use crate::clock::in_words as skew_in_words;
use crate::credential::sensitive;
use crate::error::RemoteError;
use crate::origin::BaseUrl;
use crate::request::Request;
use crate::response::ERROR_BODY;
use crate::settings::Settings;
use crate::sign_in;
use crate::transport::Outgoing;

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The ending of the names of identity domains, and the `aud` that they accept.
const ORACLE: &str = ".identity.oraclecloud.com";
const AUDIENCE_OF_ORACLE: &str = "https://identity.oraclecloud.com/";

/// A clock that differs by less is a good clock.
const TOLERATED_SKEW: i64 = 30;

/// A place that issues tokens, and how the client proves itself there.
pub struct TokenEndpoint {
    pub(super) channel: Arc<Channel>,
    pub(super) url: Url,
    origin: String,
    place: BaseUrl,
    pub(super) client_id: String,
    client: ClientAuth,
}

/// The answer of a token endpoint.
#[derive(Debug)]
pub(super) enum Told {
    /// A token, or whatever else was asked for.
    Granted(Value),
    /// An error by its OAuth name.
    Denied(Denied),
}

/// An error of RFC 6749 section 5.2.
#[derive(Debug)]
pub(super) struct Denied {
    pub(super) error: String,
    pub(super) status: StatusCode,
    detail: Option<String>,
    /// By how many seconds the server's clock is ahead of ours, where that is a lot.
    pub(super) skew: Option<i64>,
}

impl TokenEndpoint {
    /// Checks the place: `https` or this machine, no user information, no address that the connection may not reach.
    pub(super) fn new(
        oauth: &OAuth2,
        url: Url,
        settings: &Settings,
        channel: Arc<Channel>,
    ) -> Result<TokenEndpoint, RemoteError> {
        let place = admit_issuer(settings, &url)?;
        for text in [&oauth.client_id, oauth.scope.as_deref().unwrap_or_default()] {
            if text.contains(char::is_control) {
                return Err(RemoteError::settings(
                    "the client id or the scope contains a control character",
                ));
            }
        }
        if let ClientAuth::Basic(secret) | ClientAuth::Post(secret) = &oauth.client {
            channel.redactor.add(secret.expose_secret());
            let [client, secret] = encoded_pair(&oauth.client_id, secret);
            channel.redactor.add_pair(&client, &secret);
        }
        Ok(TokenEndpoint {
            channel,
            url,
            origin: place.origin().to_string(),
            place,
            client_id: oauth.client_id.clone(),
            client: oauth.client.clone(),
        })
    }

    /// The audience of assertions, so that nobody else can use them: the token endpoint (RFC 7523 section 3), but for Oracle's
    /// identity domains, which all take one text.
    pub(super) fn audience(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        if self.url.scheme() == "https" && host.ends_with(ORACLE) {
            return AUDIENCE_OF_ORACLE.to_owned();
        }
        let mut url = self.url.clone();
        url.set_query(None);
        url.set_fragment(None);
        url.into()
    }

    /// True if the time plays a part in how the client proves itself.
    pub(super) fn is_timed(&self) -> bool {
        matches!(self.client, ClientAuth::Assertion(_))
    }

    /// Sends a form that may be sent again. What the answer means is the caller's business.
    pub(super) async fn ask(&self, fields: &[(&str, &str)], skew: i64) -> Result<Told, RemoteError> {
        let mut retry = self.channel.retry();
        loop {
            match self.once(fields, skew, None).await {
                Ok(told) => return Ok(told),
                Err(error) => retry.again(error, true).await?,
            }
        }
    }

    fn prepare(&self, fields: &[(&str, &str)], skew: i64) -> Result<Outgoing, RemoteError> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded;charset=UTF-8"),
        );
        let mut form = Serializer::new(String::new());
        form.extend_pairs(fields);
        match &self.client {
            ClientAuth::Public => {
                form.append_pair("client_id", &self.client_id);
            }
            ClientAuth::Basic(secret) => {
                let pair = basic_pair(&self.client_id, secret);
                headers.insert(AUTHORIZATION, sensitive(&format!("Basic {pair}"))?);
            }
            ClientAuth::Post(secret) => {
                form.append_pair("client_id", &self.client_id);
                form.append_pair("client_secret", secret.expose_secret());
            }
            ClientAuth::Assertion(key) => {
                let assertion = key.assert(&self.client_id, &self.client_id, &self.audience(), seconds_now() + skew)?;
                self.channel.redactor.add(assertion.expose_secret());
                form.append_pair("client_id", &self.client_id);
                form.append_pair("client_assertion_type", ASSERTION_TYPE);
                form.append_pair("client_assertion", assertion.expose_secret());
            }
        }
        Ok(Outgoing {
            method: Method::POST,
            url: self.url.clone(),
            headers,
            body: Some(form.finish().into()),
            confidential: true,
            paced: true,
            fresh: false,
            redemption: None,
            query: None,
            signer: None,
        })
    }

    /// Sends a form once; with a redemption, one that spends something that is good once.
    pub(super) async fn once(
        &self,
        fields: &[(&str, &str)],
        skew: i64,
        redemption: Option<&Arc<Redemption>>,
    ) -> Result<Told, RemoteError> {
        let mut outgoing = self.prepare(fields, skew)?;
        outgoing.redemption = redemption.map(Arc::clone);
        // What must not be sent twice must not meet a connection that died unnoticed.
        outgoing.fresh = redemption.is_some();
        let response = self
            .channel
            .once(outgoing, Request::DEFAULT_LIMIT, self.channel.deadline())
            .await?;
        let status = response.status();
        let retry_after = asked_to_wait(response.headers(), SystemTime::now());
        let skew = skew_of(response.headers());
        if status.is_redirection() {
            if let Some(location) = response.header(LOCATION.as_str())
                && let Some(page) = self.place.sign_in_place(&self.url, location)
            {
                return Err(self.sign_in(page));
            }
            // Credentials stay where they were configured to go.
            return Err(RemoteError::Redirect {
                reason: format!("the token endpoint answered with status {status}"),
            });
        }
        let mut response = response;
        if !status.is_success() {
            let body = response.beginning(ERROR_BODY).await;
            return self.failed(status, &body, retry_after, skew);
        }
        let body = response.buffered().await?.body;
        let malformed = |reason: &str| RemoteError::Malformed {
            reason: format!("the token endpoint's answer {reason}"),
        };
        match serde_json::from_slice(&body) {
            Ok(value @ Value::Object(_)) => Ok(Told::Granted(value)),
            Ok(_) => Err(malformed("is not a JSON object")),
            Err(_) if body.is_empty() => Err(malformed("is empty")),
            Err(_) if sign_in::is_page(&body) => {
                let title = self.channel.redactor.detail(&body);
                Err(self.sign_in(title.unwrap_or_else(|| "without a title".into())))
            }
            Err(_) => Err(malformed("is not JSON")),
        }
    }

    fn failed(
        &self,
        status: StatusCode,
        body: &[u8],
        retry_after: Option<Duration>,
        skew: Option<i64>,
    ) -> Result<Told, RemoteError> {
        let detail = self.channel.redactor.detail(body);
        let error = serde_json::from_slice::<Value>(body)
            .ok()
            .and_then(|value| value.get("error").and_then(Value::as_str).map(str::to_owned));
        match (status.as_u16(), error) {
            (408 | 425 | 429 | 500..=599, _) => Err(RemoteError::Busy {
                status,
                detail,
                retry_after,
            }),
            (400 | 401 | 403, Some(error)) => {
                let error = self.channel.redactor.line(&error, 60);
                Ok(Told::Denied(Denied {
                    error,
                    status,
                    detail,
                    skew,
                }))
            }
            (401 | 403 | 407, None) => Ok(Told::Denied(Denied {
                error: status.to_string(),
                status,
                detail,
                skew,
            })),
            _ => Err(RemoteError::Status {
                status,
                detail,
                hint: (status == StatusCode::NOT_FOUND).then(|| {
                    format!(
                        "check `token-url`: {} does not know the path of the token endpoint",
                        self.origin
                    )
                }),
            }),
        }
    }

    fn sign_in(&self, page: String) -> RemoteError {
        RemoteError::SignIn {
            connection: self.channel.name.clone(),
            page,
            hint: format!(
                "{} is not a token endpoint, or does not know the client: check `token-url` and the client's id",
                self.origin
            ),
        }
    }

    /// A denial, as an error for the user.
    pub(super) fn refused(&self, denied: Denied, hint: &str) -> RemoteError {
        let detail = match denied.detail {
            Some(detail) if detail != denied.error => format!("{}: {detail}", denied.error),
            _ => denied.error,
        };
        let mut hint = hint.to_owned();
        if let Some(skew) = denied.skew {
            hint = format!(
                "the server's clock is {} this machine's: set this machine's clock right (NTP); {hint}",
                skew_in_words(SignedDuration::from_secs(skew))
            );
        }
        RemoteError::TokenRefused {
            connection: self.channel.name.clone(),
            origin: self.origin.clone(),
            status: denied.status,
            detail,
            hint,
        }
    }
}

/// Both parts are form-encoded before they are joined: RFC 6749 section 2.3.1.
fn basic_pair(client_id: &str, secret: &SecretString) -> String {
    BASE64_STANDARD.encode(encoded_pair(client_id, secret).join(":"))
}

fn encoded_pair(client_id: &str, secret: &SecretString) -> [String; 2] {
    [client_id, secret.expose_secret()].map(|text| byte_serialize(text.as_bytes()).collect())
}

/// Seconds since 1970 by this machine's clock.
pub(super) fn seconds_now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_secs()).ok())
        .unwrap_or_default()
}

/// By how many seconds the server's clock is ahead, where the difference is more than a request takes.
fn skew_of(headers: &HeaderMap) -> Option<i64> {
    let date = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
    let server = i64::try_from(date.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()?;
    let skew = server.checked_sub(seconds_now())?;
    (skew.abs() > TOLERATED_SKEW).then_some(skew)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Network;
    use crate::oauth::GrantType;
    use crate::redact::Redactor;

    #[test]
    fn identity_domains_take_one_audience_and_nobody_else_does() {
        let audience = |url: &str| {
            let settings = Settings::new("epm", "https://epm.example.com".parse().unwrap());
            let network = Network::new(&settings, true).unwrap();
            let channel = Channel::new(&settings, Box::new(network), Arc::new(Redactor::default()));
            let oauth = OAuth2 {
                token_url: None,
                device_url: None,
                client_id: "c".into(),
                client: ClientAuth::Public,
                grant: GrantType::ClientCredentials,
                scope: None,
            };
            let endpoint = TokenEndpoint::new(&oauth, url.parse().unwrap(), &settings, Arc::new(channel));
            endpoint.unwrap().audience()
        };
        assert_eq!(
            audience("https://idcs-1.identity.oraclecloud.com/oauth2/v1/token"),
            "https://identity.oraclecloud.com/"
        );
        for other in [
            "https://identity.oraclecloud.com.example/oauth2/v1/token",
            "https://xidentity.oraclecloud.com/oauth2/v1/token",
            "https://gateway.example/idcs/oauth2/v1/token",
        ] {
            assert_eq!(audience(other), other);
        }
    }
}
