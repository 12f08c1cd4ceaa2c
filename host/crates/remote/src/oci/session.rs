//! The session of a user who signed in with `oci session authenticate`: the token is in a file, which other programs may renew,
//! and is renewed here where nobody else did.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use tempfile::NamedTempFile;
use tracing::warn;
use url::Url;

use super::issuer::{Applicant, TokenIssuer};
use super::principal::OciSession;
use super::region::oci_service_url;
use super::request_signer::{RequestSigner, Signed};
use super::session_token::{CurrentSession, SessionToken, SessionTokens};
use super::work::{blocking, secret_of_user};
use crate::channel::Channel;
use crate::error::RemoteError;
use crate::settings::Settings;

/// Reads and renews the tokens of a user's session.
pub(super) struct UserSession {
    session: OciSession,
    /// The endpoint that renews the token; none where that is not known.
    issuer: Option<TokenIssuer>,
    channel: Arc<Channel>,
}

impl UserSession {
    pub(super) fn new(
        session: &OciSession,
        url: Option<&Url>,
        settings: &Settings,
        channel: &Arc<Channel>,
    ) -> Result<UserSession, RemoteError> {
        let url = match (url, session.region) {
            (Some(url), _) => Some(url.clone()),
            (None, Some(region)) => {
                let mut url = oci_service_url("auth", region)?;
                url.set_path("/v1/authentication/refresh");
                Some(url)
            }
            (None, None) => None,
        };
        let issuer = url.map(|url| TokenIssuer::new(url, settings, Arc::clone(channel)));
        Ok(UserSession {
            session: session.clone(),
            issuer: issuer.transpose()?,
            channel: Arc::clone(channel),
        })
    }

    /// The advice where the session cannot go on.
    pub(super) fn sign_in_again(&self) -> String {
        format!(
            "sign in again: `oci session authenticate --profile-name {}`",
            self.session.profile
        )
    }

    async fn stored(&self) -> Result<SessionToken, RemoteError> {
        let path = self.session.token_file.clone();
        let text = blocking(move || secret_of_user(&path)).await?;
        self.channel.redactor.add(text.expose_secret().trim());
        SessionToken::read(text.expose_secret()).map_err(|_| {
            let path = self.session.token_file.display();
            RemoteError::settings_hint(format!("{path} holds no session token"), self.sign_in_again())
        })
    }

    /// Has the token replaced by one that is good for longer, and keeps that one for other programs.
    async fn renewed(&self, token: &SessionToken) -> Result<SessionToken, RemoteError> {
        let Some(issuer) = &self.issuer else {
            return Err(RemoteError::settings_hint(
                format!(
                    "the session of profile {} is ending, and its region is not known",
                    self.session.profile
                ),
                format!("give the profile its `region`, or {}", self.sign_in_again()),
            ));
        };
        let signer = RequestSigner::new(token.key_id(), Arc::clone(&self.session.key), Signed::WithHost, 0)?;
        let form = json!({ "currentToken": token.text().expose_secret() });
        let hint = |_| format!("the session cannot be renewed any more; {}", self.sign_in_again());
        let answer = issuer.ask(&form, &Applicant::Signer(Arc::new(signer)), &hint).await?;
        let token = issuer.token_of(&answer)?;
        let (path, text) = (self.session.token_file.clone(), token.text().clone());
        if let Err(error) = blocking(move || store(&path, &text)).await {
            warn!(connection = %self.channel.name, "{error}; this run goes on with the new token, and the next one has to get its own");
        }
        Ok(token)
    }
}

#[async_trait]
impl SessionTokens for UserSession {
    async fn obtain(&self, refused: Option<&SecretString>) -> Result<CurrentSession, RemoteError> {
        let stored = self.stored().await?;
        let now = self.channel.clock.now();
        let is_refused = refused.is_some_and(|text| text.expose_secret() == stored.text().expose_secret());
        let session = |token: SessionToken, good_for| CurrentSession {
            token,
            key: Arc::clone(&self.session.key),
            good_for,
        };
        if !is_refused && !stored.is_ending(now) {
            let good_for = stored.use_of_old(now);
            return Ok(session(stored, good_for));
        }
        match self.renewed(&stored).await {
            Ok(token) => {
                let good_for = token.use_of_new(now);
                Ok(session(token, good_for))
            }
            // What is left of it is better than nothing.
            Err(error) => match stored.left(now).filter(|left| !is_refused && !left.is_zero()) {
                Some(left) => {
                    warn!(connection = %self.channel.name, "{error}; the session ends in {} s", left.as_secs());
                    Ok(session(stored, left))
                }
                None => Err(error),
            },
        }
    }
}

/// Replaces the file at once, readable by its owner only. Blocks.
fn store(path: &Path, token: &SecretString) -> Result<(), RemoteError> {
    let replaced = (|| {
        // A link stays one.
        let path = path.canonicalize()?;
        let mut next = NamedTempFile::new_in(path.parent().unwrap_or_else(|| Path::new(".")))?;
        next.write_all(token.expose_secret().as_bytes())?;
        next.as_file().sync_all()?;
        next.persist(&path).map_err(|error| error.error)
    })();
    replaced.map(drop).map_err(|error| RemoteError::Local {
        message: format!(
            "the session's new token could not be written to {}: {error}",
            path.display()
        ),
        hint: None,
    })
}
