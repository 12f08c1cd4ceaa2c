//! From the keys of a connection to the settings of [`remote`].

use super::config_source::ConfigSource;
use super::credentials;
use super::endpoint::{Connection, ConnectionKind, ProxyServer};
use super::oci;
use super::owner::Owner;
use super::tls_files::TlsFiles;
use base::SetupError;
use remote::{Auth, Proxy, Remote, Settings};

/// A server as the configuration has it, and what its settings are made of.
#[derive(Debug, Clone, Copy)]
pub struct ConfiguredServer<'a> {
    /// The owner of the server.
    pub owner: Owner<'a>,
    /// The keys by which the server is reached.
    pub connection: &'a Connection,
    /// The file that says so.
    pub file: &'a ConfigSource,
}

impl ConfiguredServer<'_> {
    /// Checks what can be checked without a secret.
    ///
    /// # Errors
    ///
    /// Where the server would never be asked.
    pub fn check(&self) -> Result<(), SetupError> {
        let told = |failure: SetupError| match self.owner {
            // No file says anything of it.
            Owner::CommandLine(_) => failure,
            _ => failure.read_from(self.file.path.as_deref()),
        };
        oci::check(self.owner, self.connection, self.file).map_err(told)?;
        let settings = self.without_secrets().map_err(told)?;
        let checked = Remote::check(&settings).map_err(SetupError::from);
        checked.map_err(|failure| failure.at(&self.owner.place("url", self.file)))
    }

    /// The settings, for which the secrets are read. Blocks.
    ///
    /// # Errors
    ///
    /// Where the server would never be asked, or a secret cannot be had.
    pub fn settings(&self) -> Result<Settings, SetupError> {
        // A URL that would never be asked must not cost a secret.
        self.check()?;
        let mut settings = self.without_secrets()?;
        settings.auth = credentials::resolve(self.owner, self.connection, self.file)?;
        let proxy = self.connection.proxy.as_ref();
        settings.proxy = proxy.map(|proxy| self.proxy(proxy)).transpose()?;
        Ok(settings)
    }

    /// The servers to which requests go, without secrets: to the server itself, and to where its tokens are issued. With a proxy it is the
    /// proxy that resolves names, so nothing is said.
    ///
    /// # Errors
    ///
    /// As for [`ConfiguredServer::check`].
    pub fn asked(&self) -> Result<Vec<Settings>, SetupError> {
        if self.connection.proxy.is_some() {
            return Ok(Vec::new());
        }
        let mut settings = self.without_secrets()?;
        settings.base.set_query(None);
        let issuer = self.connection.token_url.clone().map(|url| {
            let mut settings = settings.clone();
            settings.base = url;
            settings
        });
        Ok([settings].into_iter().chain(issuer).collect())
    }

    fn without_secrets(&self) -> Result<Settings, SetupError> {
        let ConfiguredServer {
            owner,
            connection,
            file,
        } = *self;
        let mut settings = Settings::new(owner.name(), connection.url.clone());
        settings.tenant.clone_from(&connection.tenant);
        settings.auth = Auth::None;
        settings.allow_http = connection.allow_http;
        settings.allow_private_addresses = connection.allow_private_addresses;
        if let Some(proxy) = &connection.proxy
            && (!proxy.url.username().is_empty() || proxy.url.password().is_some())
        {
            return Err(
                SetupError::usage(format!("the proxy's URL of {owner} contains user information"))
                    .hint("give username and password beside the url"),
            );
        }
        settings.rate_limit = connection.rate_limit;
        settings.parallel = connection.parallel_requests.unwrap_or_default();
        let files = TlsFiles {
            owner,
            file,
            ca_file: connection.ca_file.as_deref(),
            system_authorities: connection.system_authorities,
            client_certificate: connection.client_certificate.as_deref(),
            client_key: connection.client_key.as_deref(),
        };
        files.check()?;
        settings.ca_file = files.authorities()?;
        settings.client_certificate = files.certificate()?;
        if let Some(timeout) = connection.timeout {
            settings.timeouts.total = timeout;
            settings.timeouts.head = settings.timeouts.head.min(timeout);
            settings.timeouts.connect = settings.timeouts.connect.min(timeout);
        }
        settings.mask_answers = connection.kind.is_some_and(ConnectionKind::holds_secrets_of_others);
        settings.retry = connection.retry;
        // None would be no request at all.
        settings.retry.attempts = settings.retry.attempts.max(1);
        Ok(settings)
    }

    /// The proxy with its password.
    fn proxy(&self, proxy: &ProxyServer) -> Result<Proxy, SetupError> {
        let owner = self.owner;
        let credentials = match (&proxy.username, &proxy.password) {
            (Some(username), Some(password)) => {
                let password = password.resolve(&format!("{owner} needs its proxy's password"), &self.file.folder)?;
                Some((username.clone(), password))
            }
            (None, None) => None,
            _ => {
                return Err(
                    SetupError::usage(format!("the proxy of {owner} has only one of username and password"))
                        .hint("give both or neither"),
                );
            }
        };
        Ok(Proxy {
            url: proxy.url.clone(),
            credentials,
        })
    }
}
