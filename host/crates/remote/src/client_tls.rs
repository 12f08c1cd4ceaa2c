//! TLS for what is not HTTP: the same authorities and certificates as [`Remote`](super::Remote) uses.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;

use super::error::RemoteError;
use super::settings::{CaFile, ClientCertificate};
use super::tls::{read, read_key, unusable};

/// A client that trusts the system's authorities, or those of `ca_file`, and shows `certificate` to a server that asks
/// for one.
///
/// # Errors
///
/// Where a file cannot be read or does not hold what it should.
pub fn client_tls(
    ca_file: Option<&CaFile>,
    certificate: Option<&ClientCertificate>,
) -> Result<ClientConfig, RemoteError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = verifier(ca_file, &provider)?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(refuse)?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let Some(client) = certificate else {
        return Ok(builder.with_no_client_auth());
    };
    let chain = certificates("client-certificate", &client.certificate)?;
    let pem = read_key("client-key", &client.key)?;
    let key = PrivateKeyDer::from_pem_slice(&pem)
        .map_err(|_| unusable("client-key", &client.key, "an unencrypted key in PEM form"))?;
    builder.with_client_auth_cert(chain, key).map_err(refuse)
}

fn refuse(error: impl std::fmt::Display) -> RemoteError {
    RemoteError::settings(format!("TLS cannot be set up: {error}"))
}

/// The verifier of servers' certificates.
fn verifier(
    ca_file: Option<&CaFile>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, RemoteError> {
    let own = match ca_file {
        Some(file) => certificates("ca-file", &file.path)?,
        None => Vec::new(),
    };
    let Some(file) = ca_file.filter(|file| !file.with_system) else {
        let verifier = Verifier::new_with_extra_roots(own, Arc::clone(provider)).map_err(refuse)?;
        return Ok(Arc::new(verifier));
    };
    let mut roots = RootCertStore::empty();
    for certificate in own {
        roots
            .add(certificate)
            .map_err(|_| unusable("ca-file", &file.path, "the certificates of authorities"))?;
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build();
    Ok(verifier.map_err(refuse)?)
}

fn certificates(setting: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, RemoteError> {
    let pem = read(setting, path)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    certificates
        .ok()
        .filter(|certificates| !certificates.is_empty())
        .ok_or_else(|| unusable(setting, path, "a certificate in PEM form"))
}
