//! The files that an encrypted connection needs.

use std::path::{Path, PathBuf};

use rustls::ClientConfig;

use super::config_source::ConfigSource;
use super::owner::Owner;
use base::{SetupError, secret_file};
use remote::{CaFile, ClientCertificate, client_tls};

/// The files of a connection with TLS, as `ca-file`, `system-authorities`, `client-certificate` and `client-key` name them.
#[derive(Debug, Clone, Copy)]
pub struct TlsFiles<'a> {
    /// The owner of the keys.
    pub owner: Owner<'a>,
    /// The file that has the keys; paths start from its folder.
    pub file: &'a ConfigSource,
    /// PEM file of authorities to trust instead of the system's.
    pub ca_file: Option<&'a Path>,
    /// Trust the system's authorities besides those of `ca_file`.
    pub system_authorities: bool,
    /// PEM file to show a server that asks for a certificate.
    pub client_certificate: Option<&'a Path>,
    /// PEM file with the key of that certificate.
    pub client_key: Option<&'a Path>,
}

impl<'a> TlsFiles<'a> {
    /// True if anything is said about TLS.
    pub fn any(&self) -> bool {
        self.system_authorities || self.all().next().is_some()
    }

    fn all(&self) -> impl Iterator<Item = &'a Path> + use<'a> {
        [self.ca_file, self.client_certificate, self.client_key]
            .into_iter()
            .flatten()
    }

    fn absolute(&self, path: &Path) -> PathBuf {
        self.file.folder.join(path)
    }

    /// The authorities to trust, where they are not the system's.
    ///
    /// # Errors
    ///
    /// An error where the two keys about authorities do not go together.
    pub fn authorities(&self) -> Result<Option<CaFile>, SetupError> {
        match (self.ca_file, self.system_authorities) {
            (None, true) => Err(
                SetupError::usage(format!("{} has `system-authorities` and no `ca-file`", self.owner))
                    .hint("without `ca-file` the system's authorities are trusted anyway: leave it out"),
            ),
            (path, with_system) => Ok(path.map(|path| CaFile {
                path: self.absolute(path),
                with_system,
            })),
        }
    }

    /// The certificate to show, and its key.
    ///
    /// # Errors
    ///
    /// An error where there is only one of certificate and key.
    pub fn certificate(&self) -> Result<Option<ClientCertificate>, SetupError> {
        match (self.client_certificate, self.client_key) {
            (Some(certificate), Some(key)) => Ok(Some(ClientCertificate {
                certificate: self.absolute(certificate),
                key: self.absolute(key),
            })),
            (None, None) => Ok(None),
            _ => Err(SetupError::usage(format!(
                "{} has only one of client-certificate and client-key",
                self.owner
            ))
            .hint("both are PEM files, and may be the same one")),
        }
    }

    /// Reads the files.
    ///
    /// # Errors
    ///
    /// Where one of them cannot be used.
    pub fn client(&self) -> Result<ClientConfig, SetupError> {
        Ok(client_tls(self.authorities()?.as_ref(), self.certificate()?.as_ref())?)
    }

    /// Checks that the files are there, and that what belongs together comes together; reads none of them.
    ///
    /// # Errors
    ///
    /// An error where one of them is missing or alone, or others may read the key.
    pub fn check(&self) -> Result<(), SetupError> {
        let owner = self.owner;
        let certificate = self.certificate()?;
        self.authorities()?;
        let mut files = self.all().map(|path| self.absolute(path));
        if let Some(missing) = files.find(|path| !path.is_file()) {
            return Err(
                SetupError::usage(format!("{owner}: there is no file {}", missing.display()))
                    .hint("paths start from the configuration's folder"),
            );
        }
        match certificate {
            Some(certificate) => secret_file::admitted(&certificate.key).map_err(|refusal| {
                SetupError::usage(format!("client-key of {owner}: {}", refusal.reason)).hint(refusal.hint)
            }),
            None => Ok(()),
        }
    }
}
