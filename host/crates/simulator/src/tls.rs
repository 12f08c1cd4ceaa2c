//! A certificate authority of the simulator's own, and a certificate from it.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;

use super::error::SimulatorError;
use super::scenario::CertificateFlaw;

/// The configuration with which a simulator speaks TLS, and the PEM of the authority that its clients must trust.
pub(super) struct Identity {
    pub(super) config: Arc<ServerConfig>,
    pub(super) ca_pem: String,
}

impl Identity {
    /// Makes a new authority and a certificate for `localhost`, 127.0.0.1 and ::1.
    pub(super) fn generate(flaw: CertificateFlaw) -> Result<Self, SimulatorError> {
        let failed = |error: rcgen::Error| SimulatorError::Certificate(error.to_string());
        let mut authority = CertificateParams::new(Vec::new()).map_err(failed)?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority
            .distinguished_name
            .push(DnType::CommonName, "Simulator authority");
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let authority_key = KeyPair::generate().map_err(failed)?;
        let ca_pem = authority.self_signed(&authority_key).map_err(failed)?.pem();
        let issuer = Issuer::new(authority, authority_key);

        let names: &[&str] = match flaw {
            CertificateFlaw::WrongName => &["wrong.example"],
            CertificateFlaw::None | CertificateFlaw::Expired => &["localhost", "127.0.0.1", "::1"],
        };
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut leaf = CertificateParams::new(names).map_err(failed)?;
        leaf.distinguished_name.push(DnType::CommonName, "Simulator");
        leaf.use_authority_key_identifier_extension = true;
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        if flaw == CertificateFlaw::Expired {
            (leaf.not_before, leaf.not_after) = (date_time_ymd(2019, 1, 1), date_time_ymd(2020, 1, 1));
        }
        let key = KeyPair::generate().map_err(failed)?;
        let certificate = leaf.signed_by(&key, &issuer).map_err(failed)?;

        let key =
            PrivateKeyDer::try_from(key.serialize_der()).map_err(|e| SimulatorError::Certificate(e.to_owned()))?;
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| {
                builder
                    .with_no_client_auth()
                    .with_single_cert(vec![certificate.der().clone()], key)
            })
            .map_err(|error| SimulatorError::Certificate(error.to_string()))?;
        Ok(Self {
            config: Arc::new(config),
            ca_pem,
        })
    }
}
