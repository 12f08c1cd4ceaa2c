//! The token of a session with OCI: until when it is good, and where the next one comes from.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::key::RsaKey;
use crate::error::RemoteError;

/// The life of a token that does not tell its end.
const UNTOLD_LIFE: Duration = Duration::from_secs(300);

/// The time before its end at which a token is replaced, as Oracle's SDKs do.
const MARGIN: Duration = Duration::from_secs(300);

/// The longest life that is believed.
const LONGEST_LIFE: Duration = Duration::from_secs(366 * 24 * 3600);

/// The least that a new token is used, whatever a clock says that is wrong.
const SHORTEST_USE: Duration = Duration::from_secs(30);

/// A token that names a session's public key and whose session it is.
#[derive(Debug, Clone)]
pub(super) struct SessionToken {
    text: SecretString,
    claims: Claims,
}

/// The claims of a token that matter to whoever uses it (RFC 7519 section 4.1), in seconds since 1970.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
struct Claims {
    exp: Option<f64>,
    iat: Option<f64>,
}

impl SessionToken {
    /// Reads a token; white space around it and `ST$` in front do not matter.
    ///
    /// # Errors
    ///
    /// Where it is none that a header could hold.
    pub(super) fn read(text: &str) -> Result<SessionToken, RemoteError> {
        let text = text.trim();
        let text = text.strip_prefix("ST$").unwrap_or(text);
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"') {
            return Err(RemoteError::Malformed {
                reason: "what should be a session's token is none".into(),
            });
        }
        // Whether it is genuine is for those to judge who issued it.
        let claims = text.split('.').nth(1).and_then(|part| {
            let claims = BASE64_URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()?;
            serde_json::from_slice(&claims).ok()
        });
        Ok(SessionToken {
            text: SecretString::from(text),
            claims: claims.unwrap_or_default(),
        })
    }

    /// The token.
    pub(super) fn text(&self) -> &SecretString {
        &self.text
    }

    /// The name of the session's key in signatures.
    pub(super) fn key_id(&self) -> SecretString {
        SecretString::from(format!("ST${}", self.text.expose_secret()))
    }

    /// The time until the token ends, where it tells; zero once it has.
    pub(super) fn left(&self, now: Timestamp) -> Option<Duration> {
        let left = self.claims.exp? - seconds(now);
        Some(duration(left))
    }

    /// True if it ends soon, so that another one should take its place.
    pub(super) fn is_ending(&self, now: Timestamp) -> bool {
        let margin = match self.claims.iat {
            Some(_) => MARGIN.min(self.life(now) / 2),
            None => MARGIN,
        };
        self.left(now).is_some_and(|left| left <= margin)
    }

    /// The time that a token may be used which was issued just now. That it was tells its life better than a clock of ours.
    pub(super) fn use_of_new(&self, now: Timestamp) -> Duration {
        let life = self.life(now);
        (life - MARGIN.min(life / 2)).max(SHORTEST_USE)
    }

    /// The time that a token may be used which was issued some time ago.
    pub(super) fn use_of_old(&self, now: Timestamp) -> Duration {
        let Some(left) = self.left(now) else {
            return UNTOLD_LIFE;
        };
        left.saturating_sub(MARGIN.min(self.life(now) / 2)).max(SHORTEST_USE)
    }

    /// From the token's issue to its end.
    fn life(&self, now: Timestamp) -> Duration {
        let Claims { exp, iat } = self.claims;
        match exp {
            Some(exp) => duration(exp - iat.unwrap_or_else(|| seconds(now))),
            None => UNTOLD_LIFE,
        }
    }
}

/// A session as it is at the moment.
pub(super) struct CurrentSession {
    pub(super) token: SessionToken,
    pub(super) key: Arc<RsaKey>,
    /// The time that the token may be used.
    pub(super) good_for: Duration,
}

/// The source of a session's tokens.
#[async_trait]
pub(super) trait SessionTokens: Send + Sync {
    /// A token that is good for a while, and not the one that was refused.
    async fn obtain(&self, refused: Option<&SecretString>) -> Result<CurrentSession, RemoteError>;
}

fn seconds(time: Timestamp) -> f64 {
    time.as_duration().as_secs_f64()
}

fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0)).map_or(LONGEST_LIFE, |life| life.min(LONGEST_LIFE))
}
