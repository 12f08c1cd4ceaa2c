//! Asks those who issue tokens of sessions with OCI: JSON there and back, under the policy of the channel that leads to them.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Method, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use url::Url;

use super::refusal::{skew_hint, skew_of};
use super::request_signer::RequestSigner;
use super::session_token::SessionToken;
use crate::admission::admit_issuer;
use crate::allowance::asked_to_wait;
use crate::channel::Channel;
use crate::credential::sensitive;
use crate::error::RemoteError;
use crate::request::Request;
use crate::response::ERROR_BODY;
use crate::settings::Settings;
use crate::transport::Outgoing;

/// The party that asks for a token.
pub(super) enum Applicant<'a> {
    /// An applicant with a key.
    Signer(Arc<RequestSigner>),
    /// An applicant with a token of somebody else.
    Bearer(&'a SecretString),
}

/// Somebody who issues tokens.
pub(super) struct TokenIssuer {
    channel: Arc<Channel>,
    url: Url,
    origin: String,
}

impl TokenIssuer {
    /// # Errors
    ///
    /// Where the URL may not be asked: `https` or this machine, no user information, no address that the settings keep from it.
    pub(super) fn new(url: Url, settings: &Settings, channel: Arc<Channel>) -> Result<TokenIssuer, RemoteError> {
        let origin = admit_issuer(settings, &url)?.origin().to_string();
        Ok(TokenIssuer { channel, url, origin })
    }

    /// Asks, and asks again where that may help. The hint is for a refusal.
    pub(super) async fn ask(
        &self,
        form: &Value,
        applicant: &Applicant<'_>,
        hint: &(dyn Fn(StatusCode) -> String + Sync),
    ) -> Result<Bytes, RemoteError> {
        let mut retry = self.channel.retry();
        loop {
            match self.once(form, applicant, hint).await {
                Ok(answer) => return Ok(answer),
                Err(error) => retry.again(error, true).await?,
            }
        }
    }

    async fn once(
        &self,
        form: &Value,
        applicant: &Applicant<'_>,
        hint: &(dyn Fn(StatusCode) -> String + Sync),
    ) -> Result<Bytes, RemoteError> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let signer = match applicant {
            Applicant::Signer(signer) => Some(Arc::clone(signer)),
            Applicant::Bearer(token) => {
                let bearer = format!("Bearer {}", token.expose_secret());
                headers.insert(AUTHORIZATION, sensitive(&bearer)?);
                None
            }
        };
        let outgoing = Outgoing {
            method: Method::POST,
            url: self.url.clone(),
            headers,
            body: Some(form.to_string().into()),
            confidential: true,
            paced: false,
            fresh: false,
            redemption: None,
            query: None,
            signer,
        };
        let mut response = self
            .channel
            .once(outgoing, Request::DEFAULT_LIMIT, self.channel.deadline())
            .await?;
        let status = response.status();
        if status.is_success() {
            return Ok(response.buffered().await?.body);
        }
        // Credentials stay where they were configured to go.
        if status.is_redirection() {
            return Err(RemoteError::Redirect {
                reason: format!("{} answered with status {status}", self.origin),
            });
        }
        let retry_after = asked_to_wait(response.headers(), SystemTime::now());
        let skew = skew_of(response.headers(), self.channel.clock.now());
        let detail = self.channel.redactor.detail(&response.beginning(ERROR_BODY).await);
        Err(match status.as_u16() {
            408 | 425 | 429 | 500..=599 => RemoteError::Busy {
                status,
                detail,
                retry_after,
            },
            _ => RemoteError::TokenRefused {
                connection: self.channel.name.clone(),
                origin: self.origin.clone(),
                status,
                detail: detail.unwrap_or_else(|| "it says no more".to_owned()),
                hint: match skew.filter(|_| status == StatusCode::UNAUTHORIZED) {
                    Some(skew) => skew_hint(skew),
                    None => hint(status),
                },
            },
        })
    }

    /// The member `token` of an answer.
    pub(super) fn token_of(&self, answer: &[u8]) -> Result<SessionToken, RemoteError> {
        let value: Option<Value> = serde_json::from_slice(answer).ok();
        let token = value.as_ref().and_then(|value| value.get("token")?.as_str());
        let Some(token) = token else {
            return Err(RemoteError::Malformed {
                reason: format!("the answer of {} holds no token", self.origin),
            });
        };
        self.channel.redactor.add(token);
        SessionToken::read(token)
    }
}
