//! The files that an encrypted connection of a sink needs.

use std::path::{Path, PathBuf};

use rustls::ClientConfig;

use crate::cli::Failure;
use crate::config::Config;
use crate::remote::{ClientCertificate, client_tls};

/// Reads the files.
pub(super) fn client(
    config: &Config,
    ca_file: &Option<PathBuf>,
    certificate: &Option<PathBuf>,
    key: &Option<PathBuf>,
) -> Result<ClientConfig, Failure> {
    let absolute = |path: &PathBuf| config.folder.join(path);
    let certificate = match (certificate, key) {
        (Some(certificate), Some(key)) => Some(ClientCertificate {
            certificate: absolute(certificate),
            key: absolute(key),
        }),
        _ => None,
    };
    Ok(client_tls(
        ca_file.as_ref().map(absolute).as_deref(),
        certificate.as_ref(),
    )?)
}

/// Whether the files are there, and a certificate comes with its key.
pub(super) fn check(
    config: &Config,
    name: &str,
    ca_file: &Option<PathBuf>,
    certificate: &Option<PathBuf>,
    key: &Option<PathBuf>,
) -> Result<(), Failure> {
    if certificate.is_some() != key.is_some() {
        return Err(
            Failure::usage(format!("sink {name} has only one of client-certificate and client-key"))
                .hint("both are PEM files, and may be the same one"),
        );
    }
    let files = [ca_file, certificate, key].into_iter().flatten();
    match files.map(|path| config.folder.join(path)).find(|path| !path.is_file()) {
        Some(missing) => Err(absent(name, &missing)),
        None => Ok(()),
    }
}

fn absent(name: &str, path: &Path) -> Failure {
    Failure::usage(format!("sink {name}: there is no file {}", path.display()))
        .hint("paths start from the configuration's folder")
}
