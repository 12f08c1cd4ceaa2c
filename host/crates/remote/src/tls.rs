//! Certificates and proxies: from files and settings to what reqwest takes.

use std::path::Path;

use secrecy::ExposeSecret;

use super::error::RemoteError;
use super::settings::{CaFile, Proxy, Settings};
use base::secret_file::{self, Trusted};

/// Trusts the system's authorities, or those of `ca-file`, and shows the client certificate, if there is one.
pub(super) fn configure(
    mut builder: reqwest::ClientBuilder,
    settings: &Settings,
    secure: bool,
) -> Result<reqwest::ClientBuilder, RemoteError> {
    if !secure {
        return Ok(builder.tls_certs_only([]));
    }
    if let Some(CaFile { path, with_system }) = &settings.ca_file {
        let pem = read("ca-file", path)?;
        let certificates = reqwest::Certificate::from_pem_bundle(&pem)
            .ok()
            .filter(|certificates| !certificates.is_empty())
            .ok_or_else(|| unusable("ca-file", path, "a certificate in PEM form"))?;
        builder = match with_system {
            true => builder.tls_certs_merge(certificates),
            false => builder.tls_certs_only(certificates),
        };
    }
    if let Some(client) = &settings.client_certificate {
        let mut pem = read_key("client-key", &client.key)?;
        if client.key != client.certificate {
            pem.push(b'\n');
            pem.extend(read("client-certificate", &client.certificate)?);
        }
        let identity = reqwest::Identity::from_pem(&pem).map_err(|_| {
            unusable(
                "client-certificate",
                &client.certificate,
                "a certificate and an unencrypted key in PEM form",
            )
        })?;
        builder = builder.identity(identity);
    }
    Ok(builder)
}

/// A proxy for every request.
pub(super) fn proxy(proxy: &Proxy) -> Result<reqwest::Proxy, RemoteError> {
    if !matches!(proxy.url.scheme(), "http" | "https") {
        return Err(RemoteError::settings_hint(
            format!("a {} proxy is not supported", proxy.url.scheme()),
            "give an http:// or https:// proxy",
        ));
    }
    if !proxy.url.username().is_empty() || proxy.url.password().is_some() {
        return Err(RemoteError::settings_hint(
            "the proxy's URL contains user information",
            "give the proxy's user name and password separately",
        ));
    }
    let mut made =
        reqwest::Proxy::all(proxy.url.clone()).map_err(|_| RemoteError::settings("the proxy's URL cannot be used"))?;
    if let Some((user, password)) = &proxy.credentials {
        made = made.basic_auth(user, password.expose_secret());
    }
    Ok(made)
}

/// A private key, under the rule for files that hold a secret.
pub(super) fn read_key(setting: &str, path: &Path) -> Result<Vec<u8>, RemoteError> {
    secret_file::bytes(path, &Trusted::of_this_process())
        .map_err(|refusal| RemoteError::settings_hint(format!("{setting}: {}", refusal.reason), refusal.hint))
}

pub(super) fn read(setting: &str, path: &Path) -> Result<Vec<u8>, RemoteError> {
    std::fs::read(path)
        .map_err(|error| RemoteError::settings(format!("{setting}: cannot read {}: {error}", path.display())))
}

pub(super) fn unusable(setting: &str, path: &Path, wanted: &str) -> RemoteError {
    RemoteError::settings(format!("{setting}: {} does not hold {wanted}", path.display()))
}
