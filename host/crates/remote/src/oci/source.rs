//! The signer of a connection's requests at the moment: a key that stays, or that of a session whose token is replaced in time.

use std::sync::Arc;
use std::time::Instant;

use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Mutex;
use tracing::debug;

use super::instance::InstancePrincipal;
use super::principal::{OciAuth, OciPrincipal};
use super::refusal::{Grantee, Remedy};
use super::request_signer::{RequestSigner, Signed};
use super::resource::ResourcePrincipal;
use super::session::UserSession;
use super::session_token::SessionTokens;
use super::workload::WorkloadIdentity;
use crate::channel::Channel;
use crate::error::RemoteError;
use crate::settings::Settings;

/// The source of the signers of a connection's requests.
pub(crate) struct PrincipalSource {
    channel: Arc<Channel>,
    signs: Signs,
    remedy: Remedy,
}

enum Signs {
    Key(Arc<RequestSigner>),
    Session {
        tokens: Box<dyn SessionTokens>,
        /// Held while a token is obtained, so that others wait for it instead of asking for their own.
        current: Mutex<SessionState>,
    },
}

#[derive(Default)]
struct SessionState {
    signer: Option<(Arc<RequestSigner>, Instant)>,
    /// The token of the last signer.
    token: Option<SecretString>,
    generation: u64,
    /// True if the server took that token no more.
    refused: bool,
}

impl PrincipalSource {
    /// # Errors
    ///
    /// Where the principal could not sign, or its tokens could not be asked for. Asks nobody.
    pub(crate) fn new(
        auth: &OciAuth,
        settings: &Settings,
        channel: &Arc<Channel>,
    ) -> Result<PrincipalSource, RemoteError> {
        let url = auth.token_url.as_ref();
        let session = |tokens: Box<dyn SessionTokens>| Signs::Session {
            tokens,
            current: Mutex::default(),
        };
        let (signs, remedy) = match &auth.principal {
            OciPrincipal::ApiKey(key) => {
                channel.redactor.add(key.key.pem());
                let signer = RequestSigner::new(key.id.clone().into(), Arc::clone(&key.key), Signed::WithHost, 1)?;
                let check = format!(
                    "check that the public key with the fingerprint {} is among the API keys of the user {}, and the tenancy's OCID",
                    key.key.fingerprint(),
                    key.user
                );
                (Signs::Key(Arc::new(signer)), Remedy::new(Grantee::Group, check))
            }
            OciPrincipal::Session(of_user) => {
                channel.redactor.add(of_user.key.pem());
                let tokens = UserSession::new(of_user, url, settings, channel)?;
                let remedy = Remedy::new(Grantee::Group, tokens.sign_in_again());
                (session(Box::new(tokens)), remedy)
            }
            OciPrincipal::Instance(metadata) => {
                let tokens = InstancePrincipal::new(metadata, url, settings, channel)?;
                let remedy = Remedy::new(Grantee::DynamicGroup, "check that a dynamic group has this instance");
                (session(Box::new(tokens)), remedy)
            }
            OciPrincipal::Resource(resource) => {
                let tokens = ResourcePrincipal::new(resource, channel);
                let remedy = Remedy::new(
                    Grantee::DynamicGroup,
                    "the token of $OCI_RESOURCE_PRINCIPAL_RPST is not accepted: check that whoever provides it renews it",
                );
                (session(Box::new(tokens)), remedy)
            }
            OciPrincipal::Workload(workload) => {
                let tokens = WorkloadIdentity::new(workload, url, settings, channel)?;
                let remedy = Remedy::new(Grantee::Workload, "check the pod's service account and its cluster");
                (session(Box::new(tokens)), remedy)
            }
        };
        Ok(PrincipalSource {
            channel: Arc::clone(channel),
            signs,
            remedy,
        })
    }

    /// The signer for the next request.
    pub(crate) async fn signer(&self) -> Result<Arc<RequestSigner>, RemoteError> {
        let (tokens, current) = match &self.signs {
            Signs::Key(signer) => return Ok(Arc::clone(signer)),
            Signs::Session { tokens, current } => (tokens, current),
        };
        let mut state = current.lock().await;
        if let Some((signer, until)) = &state.signer
            && Instant::now() < *until
        {
            return Ok(Arc::clone(signer));
        }
        let refused = state.token.as_ref().filter(|_| state.refused);
        let session = tokens.obtain(refused).await?;
        let text = session.token.text();
        self.channel.redactor.add(text.expose_secret());
        self.channel.redactor.add(session.key.pem());
        debug!(connection = %self.channel.name, good_for_s = session.good_for.as_secs(), "got a session's token");
        let generation = state.generation + 1;
        let signer = RequestSigner::new(session.token.key_id(), session.key, Signed::WithHost, generation)?;
        let signer = Arc::new(signer);
        *state = SessionState {
            signer: Some((Arc::clone(&signer), Instant::now() + session.good_for)),
            token: Some(text.clone()),
            generation,
            refused: false,
        };
        Ok(signer)
    }

    /// Forgets the session that a signer stands for, which the server does not take any more, unless it was replaced already.
    pub(crate) async fn forget(&self, signer: &RequestSigner) {
        if let Signs::Session { current, .. } = &self.signs {
            let mut state = current.lock().await;
            if state.generation == signer.generation() {
                state.signer = None;
                state.refused = true;
            }
        }
    }

    /// The advice for whom a server refuses.
    pub(crate) fn remedy(&self) -> &Remedy {
        &self.remedy
    }
}
