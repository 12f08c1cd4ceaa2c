//! The files that an encrypted connection of a sink needs.

use std::path::{Path, PathBuf};

use rustls::ClientConfig;

use crate::config::{self, Config};
use crate::{SetupError, connections};
use base::secret_file;
use remote::{CaFile, ClientCertificate, client_tls};

/// The files of a connection with TLS, as configured for the sink of that name.
#[derive(Clone, Copy)]
pub(super) struct TlsFiles<'a> {
    pub(super) config: &'a Config,
    pub(super) sink: &'a str,
    pub(super) ca_file: Option<&'a PathBuf>,
    pub(super) system_authorities: bool,
    pub(super) client_certificate: Option<&'a PathBuf>,
    pub(super) client_key: Option<&'a PathBuf>,
}

/// The files that a kind of sink names, each under the same keys.
macro_rules! files_of {
    ($config:expr, $sink:expr, $set:expr) => {
        $crate::sinks::tls::TlsFiles {
            config: $config,
            sink: $sink,
            ca_file: $set.ca_file.as_ref(),
            system_authorities: $set.system_authorities,
            client_certificate: $set.client_certificate.as_ref(),
            client_key: $set.client_key.as_ref(),
        }
    };
}
pub(super) use files_of;

impl<'a> TlsFiles<'a> {
    /// Those of an archive, which shows no certificate.
    pub(super) fn of_store(config: &'a Config, sink: &'a str, set: &'a config::ObjectStoreSink) -> TlsFiles<'a> {
        TlsFiles {
            config,
            sink,
            ca_file: set.ca_file.as_ref(),
            system_authorities: set.system_authorities,
            client_certificate: None,
            client_key: None,
        }
    }

    /// Whether anything is said about TLS.
    pub(super) fn any(&self) -> bool {
        self.system_authorities || self.all().next().is_some()
    }

    fn all(&self) -> impl Iterator<Item = &'a PathBuf> + use<'a> {
        [self.ca_file, self.client_certificate, self.client_key]
            .into_iter()
            .flatten()
    }

    /// The authorities to trust.
    pub(super) fn authorities(&self) -> Result<Option<CaFile>, SetupError> {
        connections::ca_file(self.ca_file, self.system_authorities, self.config)
            .map_err(|problem| SetupError::usage(format!("sink {} {problem}", self.sink)).hint(connections::NO_CA_FILE))
    }

    /// Reads the files.
    pub(super) fn client(&self) -> Result<ClientConfig, SetupError> {
        let absolute = |path: &PathBuf| self.config.folder.join(path);
        let certificate = match (self.client_certificate, self.client_key) {
            (Some(certificate), Some(key)) => Some(ClientCertificate {
                certificate: absolute(certificate),
                key: absolute(key),
            }),
            _ => None,
        };
        Ok(client_tls(self.authorities()?.as_ref(), certificate.as_ref())?)
    }

    /// Whether the files are there, and what belongs together comes together.
    pub(super) fn check(&self) -> Result<(), SetupError> {
        let name = self.sink;
        if self.client_certificate.is_some() != self.client_key.is_some() {
            return Err(
                SetupError::usage(format!("sink {name} has only one of client-certificate and client-key"))
                    .hint("both are PEM files, and may be the same one"),
            );
        }
        self.authorities()?;
        let mut files = self.all().map(|path| self.config.folder.join(path));
        if let Some(missing) = files.find(|path| !path.is_file()) {
            return Err(absent(name, &missing));
        }
        match self.client_key {
            Some(key) => secret_file::admitted(&self.config.folder.join(key)).map_err(|refusal| {
                SetupError::usage(format!("client-key of sink {name}: {}", refusal.reason)).hint(refusal.hint)
            }),
            None => Ok(()),
        }
    }
}

fn absent(name: &str, path: &Path) -> SetupError {
    SetupError::usage(format!("sink {name}: there is no file {}", path.display()))
        .hint("paths start from the configuration's folder")
}
