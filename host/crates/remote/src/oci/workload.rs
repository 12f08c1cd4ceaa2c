//! The sessions of a pod on OCI Kubernetes Engine: the token of its service account gets it one for a key that is made anew each
//! time. The issuer is inside the cluster, so its address is a private one, and the cluster's own authority vouches for it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::StatusCode;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use url::Url;

use super::issuer::{Applicant, TokenIssuer};
use super::key::RsaKey;
use super::principal::{OciSecret, OciWorkload};
use super::session_token::{CurrentSession, SessionTokens};
use super::work::{blocking, secret_of_platform};
use crate::channel::Channel;
use crate::error::RemoteError;
use crate::network::Network;
use crate::settings::{CaFile, Settings, Timeouts};

/// The longest time that the issuer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Obtains tokens for the pod that this process runs in.
pub(super) struct WorkloadIdentity {
    issuer: TokenIssuer,
    account: OciSecret,
    channel: Arc<Channel>,
}

impl WorkloadIdentity {
    pub(super) fn new(
        workload: &OciWorkload,
        url: Option<&Url>,
        settings: &Settings,
        channel: &Arc<Channel>,
    ) -> Result<WorkloadIdentity, RemoteError> {
        // The cluster's own issuer is asked past the rules about addresses; whatever a configuration names instead is not.
        let is_own = url.is_none();
        let url = url.unwrap_or(&workload.issuer).clone();
        let mut own = Settings::new(&settings.name, url.clone());
        own.allow_private_addresses = is_own || settings.allow_private_addresses;
        own.ca_file = Some(CaFile::only(&workload.ca_file));
        own.now = settings.now;
        own.timeouts = Timeouts {
            head: PATIENCE,
            idle: PATIENCE,
            total: PATIENCE,
            ..settings.timeouts
        };
        own.retry = settings.retry;
        let network = Network::new(&own, url.scheme() == "https")?;
        let within = Arc::new(Channel::new(&own, Box::new(network), Arc::clone(&channel.redactor)));
        Ok(WorkloadIdentity {
            issuer: TokenIssuer::new(url, &own, within)?,
            account: OciSecret::File(workload.token_file.clone()),
            channel: Arc::clone(channel),
        })
    }
}

#[async_trait]
impl SessionTokens for WorkloadIdentity {
    async fn obtain(&self, _: Option<&SecretString>) -> Result<CurrentSession, RemoteError> {
        let account = self.account.clone();
        let (account, key) = blocking(move || Ok((secret_of_platform(&account)?, RsaKey::generate()?))).await?;
        let account = SecretString::from(account.expose_secret().trim());
        self.channel.redactor.add(account.expose_secret());
        let hint = |status: StatusCode| match status {
            StatusCode::FORBIDDEN => "workload identity needs an enhanced cluster; a basic one has none".to_owned(),
            _ => "check the pod's service account, and that its token is mounted".to_owned(),
        };
        let form = json!({ "podKey": key.public_text() });
        let answer = self.issuer.ask(&form, &Applicant::Bearer(&account), &hint).await?;
        // A text in JSON, which is JSON in base64.
        let decoded = serde_json::from_slice::<String>(&answer)
            .ok()
            .and_then(|text| BASE64_STANDARD.decode(text.trim()).ok());
        let token = self.issuer.token_of(decoded.as_deref().unwrap_or(&answer))?;
        let good_for = token.use_of_new(self.channel.clock.now());
        Ok(CurrentSession {
            token,
            key: Arc::new(key),
            good_for,
        })
    }
}
