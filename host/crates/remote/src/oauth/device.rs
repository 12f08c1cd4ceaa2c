//! The first sign-in, by a person with a browser somewhere: RFC 8628.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use url::Url;

use super::endpoint::{Denied, TokenEndpoint, Told};
use super::redemption::carried;
use super::settings::{GrantType, OAuth2};
use super::source::{Spending, Spent, blocking, refresh_token, token_url};
use super::store::{Issuer, TokenStore};
use crate::admission::admit;
use crate::auth::Auth;
use crate::channel::Channel;
use crate::error::RemoteError;
use crate::network::Network;
use crate::one_line::one_line;
use crate::origin::{BaseUrl, Origin};
use crate::redact::Redactor;
use crate::settings::Settings;

const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// Whatever the server says, it is not asked more often.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(50);

/// The instructions for the person who signs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// The page to open.
    pub verification_uri: Url,
    /// The page to visit with the code filled in, where the server offers it.
    pub verification_uri_complete: Option<Url>,
    /// The code to type there.
    pub user_code: String,
    /// For how long the code is good.
    pub expires_in: Duration,
}

/// A sign-in that waits for a person.
pub struct DeviceLogin {
    endpoint: Arc<TokenEndpoint>,
    prompt: Prompt,
    device_code: SecretString,
    interval: Duration,
    store: PathBuf,
    initial: Option<SecretString>,
}

impl DeviceLogin {
    /// Asks for a code. The connection must use OAuth 2 with a refresh token.
    pub async fn start(settings: &Settings) -> Result<DeviceLogin, RemoteError> {
        let wrong = || {
            RemoteError::settings_hint(
                format!(
                    "{}: only a connection that uses an OAuth 2 refresh token can sign in",
                    settings.name
                ),
                "configure `auth` with a refresh token",
            )
        };
        let Auth::OAuth2(oauth) = &settings.auth else {
            return Err(wrong());
        };
        let GrantType::RefreshToken { initial, store } = &oauth.grant else {
            return Err(wrong());
        };
        let base = BaseUrl::new(settings.base.clone())?;
        admit(settings, &base)?;
        let token_url = token_url(oauth, &base)?;
        let device_url = device_url(oauth, &token_url)?;
        let secure = [&token_url, &device_url].iter().any(|url| url.scheme() == "https");
        let network = Network::new(settings, secure)?;
        let channel = Arc::new(Channel::new(settings, Box::new(network), Arc::new(Redactor::default())));
        let start = TokenEndpoint::new(oauth, device_url, settings, channel.clone())?;
        let endpoint = Arc::new(TokenEndpoint::new(oauth, token_url, settings, channel)?);

        // `response_type` is what identity domains want beyond RFC 8628.
        let mut form = vec![("response_type", "device_code")];
        form.extend(oauth.scope.as_deref().map(|scope| ("scope", scope)));
        if matches!(oauth.client, super::ClientAuth::Basic(_)) {
            form.push(("client_id", &oauth.client_id));
        }
        let value = match start.ask(&form, 0).await? {
            Told::Granted(value) => value,
            Told::Denied(denied) => {
                return Err(start.refused(denied, "check the client id, and that the client may use device codes"));
            }
        };
        let (prompt, device_code, interval) = read(&value)?;
        start.channel.redactor.add(device_code.expose_secret());
        Ok(DeviceLogin {
            endpoint,
            prompt,
            device_code,
            interval,
            store: store.clone(),
            initial: initial.clone(),
        })
    }

    /// The instructions for the person who signs in.
    pub fn prompt(&self) -> &Prompt {
        &self.prompt
    }

    /// Waits until the person has signed in, and keeps the refresh token.
    pub async fn wait(self) -> Result<(), RemoteError> {
        let until = Instant::now() + self.prompt.expires_in;
        let mut interval = self.interval;
        let again = "run `host login` again";
        loop {
            if Instant::now() + interval > until {
                return Err(RemoteError::Timeout {
                    what: "the sign-in",
                    after: self.prompt.expires_in,
                });
            }
            tokio::time::sleep(interval).await;
            let denied = match self.poll().await? {
                Ok(()) => return Ok(()),
                Err(denied) => denied,
            };
            match denied.error.as_str() {
                "authorization_pending" => {}
                // RFC 8628 section 3.5.
                "slow_down" => interval += Duration::from_secs(5),
                "access_denied" => return Err(self.endpoint.refused(denied, "the sign-in was declined")),
                _ => return Err(self.endpoint.refused(denied, again)),
            }
        }
    }
}

impl DeviceLogin {
    /// Asks whether the person has signed in, and keeps the refresh token where that is so. The place for it is prepared before: the
    /// code is good once.
    async fn poll(&self) -> Result<Result<(), Denied>, RemoteError> {
        let mut retry = self.endpoint.channel.retry();
        loop {
            let issuer = Issuer::new(&self.endpoint.url, &self.endpoint.client_id);
            let store = TokenStore::new(self.store.clone(), &self.endpoint.channel.name, issuer);
            let spending = Spending {
                endpoint: Arc::clone(&self.endpoint),
                form: vec![
                    ("grant_type", DEVICE_CODE.into()),
                    ("device_code", self.device_code.clone()),
                ],
                skew: 0,
                reserved: blocking(move || store.reserve()).await?,
                initial: self.initial.clone(),
            };
            match carried(spending.once()).await? {
                Spent::Kept(value) => {
                    if refresh_token(&value?).is_some() {
                        return Ok(Ok(()));
                    }
                    return Err(RemoteError::settings_hint(
                        "the server issued no refresh token",
                        "the scope must include `offline_access`, and the client the refresh token grant",
                    ));
                }
                Spent::Denied(denied) => return Ok(Err(denied)),
                Spent::Unanswered(error, spending) => {
                    // Others may want the place meanwhile.
                    drop(spending);
                    retry.again(error, true).await?;
                }
            }
        }
    }
}

fn device_url(oauth: &OAuth2, token_url: &Url) -> Result<Url, RemoteError> {
    if let Some(url) = &oauth.device_url {
        return Ok(url.clone());
    }
    token_url
        .join("device")
        .map_err(|_| RemoteError::settings("there is no device URL beside the token URL"))
}

fn read(value: &Value) -> Result<(Prompt, SecretString, Duration), RemoteError> {
    let malformed = |reason: &str| RemoteError::Malformed {
        reason: format!("the device endpoint's answer {reason}"),
    };
    let text = |name: &str| value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let seconds = |name: &str, otherwise: u64| match value.get(name) {
        Some(Value::Number(number)) => number.as_u64().unwrap_or(otherwise),
        Some(Value::String(text)) => text.trim().parse().unwrap_or(otherwise),
        _ => otherwise,
    };
    let device_code = text("device_code").ok_or_else(|| malformed("holds no device code"))?;
    let user_code = text("user_code").ok_or_else(|| malformed("holds no user code"))?;
    // A person will open it: no scheme but those of the web, no credentials in it.
    let page = |text: &str| {
        Url::parse(text).ok().filter(|url| {
            let secure = url.scheme() == "https" || Origin::of(url).is_some_and(|origin| origin.is_loopback());
            secure && url.username().is_empty() && url.password().is_none()
        })
    };
    let uri = text("verification_uri").or_else(|| text("verification_url"));
    let verification_uri = uri
        .and_then(page)
        .ok_or_else(|| malformed("names no page to sign in at"))?;
    let prompt = Prompt {
        verification_uri,
        verification_uri_complete: text("verification_uri_complete").and_then(page),
        user_code: one_line(user_code, 40),
        expires_in: Duration::from_secs(seconds("expires_in", 600).clamp(1, 3600)),
    };
    let interval = Duration::from_secs(seconds("interval", 5).min(60)).max(SHORTEST_INTERVAL);
    Ok((prompt, device_code.into(), interval))
}
