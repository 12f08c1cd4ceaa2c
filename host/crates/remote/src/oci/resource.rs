//! The session of a resource principal, version 2.2: token and key come from the environment, as they are or as files that the
//! platform replaces in time.

use std::sync::Arc;

use async_trait::async_trait;
use secrecy::{ExposeSecret as _, SecretString};

use super::key::RsaKey;
use super::principal::OciResource;
use super::session_token::{CurrentSession, SessionToken, SessionTokens};
use super::work::{blocking, secret_of_platform};
use crate::channel::Channel;
use crate::error::RemoteError;

/// Reads the tokens of a resource.
pub(super) struct ResourcePrincipal {
    resource: OciResource,
    channel: Arc<Channel>,
}

impl ResourcePrincipal {
    pub(super) fn new(resource: &OciResource, channel: &Arc<Channel>) -> ResourcePrincipal {
        ResourcePrincipal {
            resource: resource.clone(),
            channel: Arc::clone(channel),
        }
    }
}

#[async_trait]
impl SessionTokens for ResourcePrincipal {
    // The files are read again also where a token was refused; there is nobody else to ask.
    async fn obtain(&self, _: Option<&SecretString>) -> Result<CurrentSession, RemoteError> {
        let resource = self.resource.clone();
        let (token, key) = blocking(move || {
            let token = secret_of_platform(&resource.token)?;
            let token = SessionToken::read(token.expose_secret())?;
            Ok((token, RsaKey::from_pem(&secret_of_platform(&resource.private_key)?)?))
        })
        .await?;
        let good_for = token.use_of_old(self.channel.clock.now());
        Ok(CurrentSession {
            token,
            key: Arc::new(key),
            good_for,
        })
    }
}
