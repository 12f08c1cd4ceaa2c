//! The token of a connection: kept while it is good, fetched by one task at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use http::header::AUTHORIZATION;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use tokio::sync::Mutex;
use tracing::debug;
use url::Url;

use super::endpoint::{Denied, TokenEndpoint, Told, seconds_now};
use super::redemption::{Redemption, carried};
use super::settings::{GrantType, OAuth2};
use super::store::{Issuer, Reserved, TokenStore};
use crate::channel::Channel;
use crate::credential::{Credential, sensitive};
use crate::error::RemoteError;
use crate::origin::BaseUrl;
use crate::settings::Settings;

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// The time before its end at which a token is replaced.
const MARGIN: Duration = Duration::from_secs(60);

/// The lifetime, in seconds, of a token whose end the server does not tell.
const UNTOLD_LIFETIME: u64 = 300;

/// No token is trusted for longer, whatever the server says.
const LONGEST_LIFETIME: u64 = 366 * 24 * 3600;

/// The server's clock is followed where it differs by so many seconds at most.
const FOLLOWED_SKEW: i64 = 15 * 60;

/// Fetches and keeps a connection's token.
pub(crate) struct TokenSource {
    endpoint: Arc<TokenEndpoint>,
    grant: GrantType,
    scope: Option<String>,
    /// Held while a token is fetched, so that others wait for it instead of fetching their own.
    current: Mutex<CurrentToken>,
    /// By how many seconds the server's clock is known to be ahead.
    skew: AtomicI64,
}

#[derive(Default)]
struct CurrentToken {
    token: Option<Token>,
    generation: u64,
}

struct Token {
    credential: Credential,
    good_until: Instant,
}

/// An exchange that spends what is good once, with the place where the token that comes for it is kept.
pub(super) struct Spending {
    pub(super) endpoint: Arc<TokenEndpoint>,
    pub(super) form: Vec<(&'static str, SecretString)>,
    pub(super) skew: i64,
    pub(super) reserved: Reserved,
    /// The configured token that all later ones grow from.
    pub(super) initial: Option<SecretString>,
}

/// The end of an exchange.
pub(super) enum Spent<T> {
    /// A grant; the refresh token in it is on disk.
    Kept(T),
    /// An error by its OAuth name.
    Denied(Denied),
    /// No answer that says either.
    Unanswered(RemoteError, Box<Spending>),
}

impl Spending {
    /// Asks once, and keeps what comes. To be [`carried`].
    async fn granted(self) -> Spent<Result<Granted, RemoteError>> {
        let channel = Arc::clone(&self.endpoint.channel);
        match self.once().await {
            Spent::Kept(kept) => Spent::Kept(kept.and_then(|value| granted(&channel, &value))),
            Spent::Denied(denied) => Spent::Denied(denied),
            Spent::Unanswered(error, spending) => Spent::Unanswered(error, spending),
        }
    }

    /// Asks once, and keeps the refresh token that comes, whatever else the answer holds. To be [`carried`].
    pub(super) async fn once(self) -> Spent<Result<Value, RemoteError>> {
        let redemption = Redemption::new();
        let form: Vec<(&str, &str)> = (self.form.iter())
            .map(|(name, value)| (*name, value.expose_secret()))
            .collect();
        let value = match self.endpoint.once(&form, self.skew, Some(&redemption)).await {
            Ok(Told::Granted(value)) => value,
            Ok(Told::Denied(denied)) => return Spent::Denied(denied),
            Err(error) => return Spent::Unanswered(error, Box::new(self)),
        };
        let Some(token) = refresh_token(&value) else {
            return Spent::Kept(Ok(value));
        };
        self.endpoint.channel.redactor.add(token.expose_secret());
        let (reserved, initial) = (self.reserved, self.initial);
        let kept = blocking(move || reserved.write(&token, initial.as_ref())).await;
        Spent::Kept(kept.map(|()| value))
    }
}

/// A token that its endpoint granted.
struct Granted {
    access: SecretString,
    lifetime: Duration,
}

impl TokenSource {
    pub(crate) fn new(
        oauth: &OAuth2,
        settings: &Settings,
        base: &BaseUrl,
        channel: Arc<Channel>,
    ) -> Result<TokenSource, RemoteError> {
        let url = token_url(oauth, base)?;
        if let GrantType::RefreshToken {
            initial: Some(initial), ..
        } = &oauth.grant
        {
            channel.redactor.add(initial.expose_secret());
        }
        Ok(TokenSource {
            endpoint: Arc::new(TokenEndpoint::new(oauth, url, settings, channel)?),
            grant: oauth.grant.clone(),
            scope: oauth.scope.clone(),
            current: Mutex::default(),
            skew: AtomicI64::new(0),
        })
    }

    /// The header with a token that is good for a while.
    pub(crate) async fn credential(&self) -> Result<Credential, RemoteError> {
        let mut state = self.current.lock().await;
        if let Some(token) = state.token.as_ref().filter(|token| Instant::now() < token.good_until) {
            return Ok(token.credential.clone());
        }
        let granted = self.fetch().await?;
        state.generation += 1;
        // A margin as long as the token's life would mean a new token for every request.
        let margin = MARGIN.min(granted.lifetime / 2);
        let credential = Credential {
            name: AUTHORIZATION,
            value: sensitive(&format!("Bearer {}", granted.access.expose_secret()))?,
            generation: Some(state.generation),
        };
        debug!(connection = %self.endpoint.channel.name, lifetime_s = granted.lifetime.as_secs(), "got a token");
        let good_until = Instant::now() + (granted.lifetime - margin);
        state.token = Some(Token {
            credential: credential.clone(),
            good_until,
        });
        Ok(credential)
    }

    /// Forgets a token that the server does not take any more, unless it was replaced already.
    pub(crate) async fn forget(&self, generation: u64) {
        let mut state = self.current.lock().await;
        if state
            .token
            .as_ref()
            .is_some_and(|token| token.credential.generation == Some(generation))
        {
            state.token = None;
        }
    }

    async fn fetch(&self) -> Result<Granted, RemoteError> {
        match &self.grant {
            GrantType::ClientCredentials => {
                self.ask(&|_| Ok(vec![("grant_type", "client_credentials".into())]), CLIENT_HINT)
                    .await
            }
            GrantType::UserAssertion { user, key } => {
                let fields = |skew: i64| {
                    let assertion = key.assert(
                        &self.endpoint.client_id,
                        user,
                        &self.endpoint.audience(),
                        seconds_now() + skew,
                    )?;
                    self.endpoint.channel.redactor.add(assertion.expose_secret());
                    Ok(vec![("grant_type", JWT_BEARER.into()), ("assertion", assertion)])
                };
                self.ask(&fields, USER_HINT).await
            }
            GrantType::RefreshToken { initial, store } => self.refresh(initial.as_ref(), store.clone()).await,
        }
    }

    /// Asks, and once more with the server's idea of the time where that may have been the trouble. What differs more is told
    /// and not followed: an assertion that is dated as somebody else likes would be good whenever they like.
    async fn ask(
        &self,
        fields: &(dyn Fn(i64) -> Result<Vec<(&'static str, SecretString)>, RemoteError> + Sync),
        hint: &str,
    ) -> Result<Granted, RemoteError> {
        let skew = self.skew.load(Ordering::Relaxed);
        let denied = match self.ask_once(&fields(skew)?, skew).await? {
            Ok(granted) => return Ok(granted),
            Err(denied) => denied,
        };
        let timed = self.endpoint.is_timed() || matches!(self.grant, GrantType::UserAssertion { .. });
        let Some(server) = denied
            .skew
            .filter(|server| timed && *server != skew && server.abs() <= FOLLOWED_SKEW)
        else {
            return Err(self.endpoint.refused(denied, hint));
        };
        self.skew.store(server, Ordering::Relaxed);
        self.ask_once(&fields(server)?, server)
            .await?
            .map_err(|denied| self.endpoint.refused(denied, hint))
    }

    async fn ask_once(
        &self,
        fields: &[(&'static str, SecretString)],
        skew: i64,
    ) -> Result<Result<Granted, Denied>, RemoteError> {
        let mut form: Vec<(&str, &str)> = fields
            .iter()
            .map(|(name, value)| (*name, value.expose_secret()))
            .collect();
        form.extend(self.scope.as_deref().map(|scope| ("scope", scope)));
        match self.endpoint.ask(&form, skew).await? {
            Told::Granted(value) => granted(&self.endpoint.channel, &value).map(Ok),
            Told::Denied(denied) => Ok(Err(denied)),
        }
    }

    async fn refresh(&self, initial: Option<&SecretString>, path: std::path::PathBuf) -> Result<Granted, RemoteError> {
        let issuer = Issuer::new(&self.endpoint.url, &self.endpoint.client_id);
        let store = TokenStore::new(path, &self.endpoint.channel.name, issuer);
        let reserved = blocking(move || store.reserve()).await?;
        let Some(token) = reserved.read(initial)? else {
            return Err(RemoteError::settings_hint(
                format!("no one has signed in for connection {} yet", self.endpoint.channel.name),
                format!("run `host login {}`", self.endpoint.channel.name),
            ));
        };
        self.endpoint.channel.redactor.add(token.expose_secret());
        let mut form = vec![("grant_type", "refresh_token".into()), ("refresh_token", token)];
        form.extend(self.scope.as_deref().map(|scope| ("scope", scope.into())));
        let mut retry = self.endpoint.channel.retry();
        let mut spending = Spending {
            endpoint: Arc::clone(&self.endpoint),
            form,
            skew: self.skew.load(Ordering::Relaxed),
            reserved,
            initial: initial.cloned(),
        };
        loop {
            match carried(spending.granted()).await? {
                Spent::Kept(granted) => return granted,
                Spent::Denied(denied) => {
                    let name = &self.endpoint.channel.name;
                    return Err(self
                        .endpoint
                        .refused(denied, &format!("sign in again: `host login {name}`")));
                }
                Spent::Unanswered(error, again) => {
                    // An answer that says "not now" has spent nothing; whether a lost one has cannot be known.
                    let unspent = matches!(error, RemoteError::Busy { .. });
                    retry.again(error, unspent).await?;
                    spending = *again;
                }
            }
        }
    }
}

const CLIENT_HINT: &str =
    "check the client's id and its secret or key, and that it may use client credentials with this scope";
const USER_HINT: &str = "check the user, and that the client may use JWT assertions and trusts the key's certificate";

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RemoteError> + Send + 'static,
) -> Result<T, RemoteError> {
    match base::blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) => Err(RemoteError::Local {
            message: format!("the refresh token's file: {error}"),
            hint: None,
        }),
    }
}

pub(super) fn token_url(oauth: &OAuth2, base: &BaseUrl) -> Result<Url, RemoteError> {
    match &oauth.token_url {
        Some(url) => Ok(url.clone()),
        None => base.join(["oauth2", "v1", "token"]),
    }
}

fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// The refresh token of an answer.
pub(super) fn refresh_token(value: &Value) -> Option<SecretString> {
    text(value, "refresh_token").map(SecretString::from)
}

/// Reads an answer of RFC 6749 section 5.1, and remembers its secrets so that nothing prints them.
fn granted(channel: &Channel, value: &Value) -> Result<Granted, RemoteError> {
    let malformed = |reason: &str| RemoteError::Malformed {
        reason: format!("the token endpoint's answer {reason}"),
    };
    let text = |name: &str| text(value, name);
    for token in ["refresh_token", "id_token", "access_token"]
        .into_iter()
        .filter_map(text)
    {
        channel.redactor.add(token);
    }
    let access = text("access_token").ok_or_else(|| malformed("holds no token"))?;
    if !access.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(malformed("holds a token that no header may hold"));
    }
    if text("token_type").is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Err(malformed("holds a token of a type that is not supported"));
    }
    let seconds = match value.get("expires_in") {
        Some(Value::Number(number)) => number.as_f64().unwrap_or(0.0).clamp(0.0, LONGEST_LIFETIME as f64) as u64,
        Some(Value::String(text)) => text.trim().parse().unwrap_or(UNTOLD_LIFETIME).min(LONGEST_LIFETIME),
        _ => UNTOLD_LIFETIME,
    };
    Ok(Granted {
        access: access.into(),
        lifetime: Duration::from_secs(seconds),
    })
}
