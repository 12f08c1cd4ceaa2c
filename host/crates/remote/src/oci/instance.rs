//! The sessions of an instance principal: its certificate, from the metadata service, gets a token for a key that is made anew
//! each time.

use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::SecretString;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use url::Url;
use x509_cert::Certificate;
use x509_cert::der::{Decode as _, Encode as _};

use super::issuer::{Applicant, TokenIssuer};
use super::key::{RsaKey, colons};
use super::metadata::MetadataService;
use super::principal::MetadataAddress;
use super::region::{OciRegion, oci_service_url};
use super::request_signer::{RequestSigner, Signed};
use super::session_token::{CurrentSession, SessionTokens};
use super::work::blocking;
use crate::channel::Channel;
use crate::error::RemoteError;
use crate::settings::Settings;

/// The mark before the tenancy's OCID in an instance's certificate.
const TENANT: &str = "opc-tenant:";

/// The mark before the tenancy's OCID in certificates of other resources.
const IDENTITY: &str = "opc-identity:";

/// Obtains tokens for the instance that this process runs on.
pub(super) struct InstancePrincipal {
    metadata: MetadataService,
    /// The federation endpoint, where it is configured.
    federation: Option<Url>,
    settings: Settings,
    channel: Arc<Channel>,
}

/// The instance's identity, as the metadata service tells it.
struct InstanceIdentity {
    leaf: Leaf,
    key: Arc<RsaKey>,
    intermediate: Vec<CertificateDer<'static>>,
}

/// The instance's certificate.
struct Leaf {
    der: CertificateDer<'static>,
    tenancy: String,
    public: Vec<u8>,
}

impl InstancePrincipal {
    pub(super) fn new(
        address: &MetadataAddress,
        federation: Option<&Url>,
        settings: &Settings,
        channel: &Arc<Channel>,
    ) -> Result<InstancePrincipal, RemoteError> {
        if let Some(url) = federation {
            TokenIssuer::new(url.clone(), settings, Arc::clone(channel))?;
        }
        Ok(InstancePrincipal {
            metadata: MetadataService::new(address, settings, channel)?,
            federation: federation.cloned(),
            settings: settings.clone(),
            channel: Arc::clone(channel),
        })
    }

    /// The federation endpoint of the instance's region.
    async fn federation(&self) -> Result<Url, RemoteError> {
        if let Some(url) = &self.federation {
            return Ok(url.clone());
        }
        let told = self.metadata.get("instance/region").await?;
        let region = OciRegion::parse(&String::from_utf8_lossy(&told))?;
        let mut url = oci_service_url("auth", region)?;
        url.set_path("/v1/x509");
        Ok(url)
    }

    async fn identity(&self) -> Result<InstanceIdentity, RemoteError> {
        let leaf = Leaf::read(&self.metadata.get("identity/cert.pem").await?)?;
        let key = String::from_utf8_lossy(&self.metadata.get("identity/key.pem").await?).into_owned();
        self.channel.redactor.add(key.trim());
        let key = RsaKey::from_pem(&SecretString::from(key)).map_err(|error| odd(&format!("of its key: {error}")))?;
        // Both are replaced several times a day, one after the other.
        if key.public() != leaf.public {
            return Err(RemoteError::Interrupted {
                reason: "the instance's certificate was replaced while it was read".into(),
            });
        }
        let intermediate = certificates(&self.metadata.get("identity/intermediate.pem").await?);
        Ok(InstanceIdentity {
            leaf,
            key: Arc::new(key),
            intermediate,
        })
    }
}

#[async_trait]
impl SessionTokens for InstancePrincipal {
    async fn obtain(&self, _: Option<&SecretString>) -> Result<CurrentSession, RemoteError> {
        let mut retry = self.channel.retry();
        let identity = loop {
            match self.identity().await {
                Ok(identity) => break identity,
                Err(error @ RemoteError::Interrupted { .. }) => retry.again(error, true).await?,
                Err(error) => return Err(error),
            }
        };
        let issuer = TokenIssuer::new(self.federation().await?, &self.settings, Arc::clone(&self.channel))?;
        let key = blocking(RsaKey::generate).await?;
        let signer = RequestSigner::new(
            identity.leaf.key_id().into(),
            Arc::clone(&identity.key),
            Signed::WithoutHost,
            0,
        )?;
        let applicant = Applicant::Signer(Arc::new(signer));
        let hint = |_| {
            "OCI did not accept the instance's own certificate: check that the instance runs in the realm and region of the connection"
                .to_owned()
        };
        let answer = issuer.ask(&identity.form(&key), &applicant, &hint).await?;
        let token = issuer.token_of(&answer)?;
        let good_for = token.use_of_new(self.channel.clock.now());
        Ok(CurrentSession {
            token,
            key: Arc::new(key),
            good_for,
        })
    }
}

impl InstanceIdentity {
    /// The body of the request for a token, as the federation endpoint takes it.
    fn form(&self, session: &RsaKey) -> Value {
        let intermediate: Vec<String> = self
            .intermediate
            .iter()
            .map(|der| BASE64_STANDARD.encode(der))
            .collect();
        json!({
            "certificate": BASE64_STANDARD.encode(&self.leaf.der),
            "fingerprintAlgorithm": "SHA256",
            "intermediateCertificates": intermediate,
            "publicKey": session.public_text(),
        })
    }
}

impl Leaf {
    fn read(pem: &[u8]) -> Result<Leaf, RemoteError> {
        let der = certificates(pem)
            .into_iter()
            .next()
            .ok_or_else(|| odd("of no certificate"))?;
        let certificate = Certificate::from_der(&der).map_err(|_| odd("of a certificate that cannot be read"))?;
        let subject = certificate.tbs_certificate.subject;
        let values = subject.0.iter().flat_map(|name| name.0.iter());
        let tenancy = values.filter_map(|attribute| {
            let value = std::str::from_utf8(attribute.value.value()).ok()?;
            value.strip_prefix(TENANT).or_else(|| value.strip_prefix(IDENTITY))
        });
        let tenancy = tenancy.map(str::to_owned).next();
        let public = certificate.tbs_certificate.subject_public_key_info.to_der();
        Ok(Leaf {
            tenancy: tenancy.ok_or_else(|| odd("of a certificate without a tenancy"))?,
            public: public.map_err(|_| odd("of a certificate whose key cannot be read"))?,
            der,
        })
    }

    /// The name of the certificate's key in signatures.
    fn key_id(&self) -> String {
        let fingerprint = colons(&Sha256::digest(&self.der));
        format!("{}/fed-x509-sha256/{fingerprint}", self.tenancy)
    }
}

fn certificates(pem: &[u8]) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem).filter_map(Result::ok).collect()
}

/// The error for a metadata service that tells something else than it should.
fn odd(what: &str) -> RemoteError {
    RemoteError::Malformed {
        reason: format!("the instance metadata service tells {what}"),
    }
}
