//! From a configured connection, or the URL and the authentication that were typed, to the settings of [`remote`].

use std::path::PathBuf;

use secrecy::SecretString;

use crate::console::console;
use crate::{SetupError, auth};

pub use crate::auth::client_credentials;
use crate::config::{self, Config, Connection, ConnectionKind};
use base::secret_file;
use remote::{Auth, CaFile, ClientCertificate, Proxy, Remote, RetryPolicy, Settings};

/// The variable that holds the secret of an ad-hoc connection.
const SECRET_VARIABLE: &str = "HOST_SECRET";

/// Which server was asked for, as it was typed.
#[derive(Debug, Clone, Copy, Default)]
pub struct ServerChoice<'a> {
    /// A connection of the configuration; may be left out where only one of the plugin's kind exists.
    pub connection: Option<&'a str>,
    /// This server instead of a configured connection.
    pub url: Option<&'a str>,
    /// `basic:USER`, `bearer`, `oauth2:CLIENT_ID`, or `none`: whoever asks the server at `url`.
    pub auth: Option<&'a str>,
    /// Permits loopback and private addresses for `url`.
    pub allow_private_addresses: bool,
}

/// Whose remote service it is, in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner<'a> {
    /// `[connections.NAME]`.
    Connection(&'a str),
    /// The endpoint of `[sinks.NAME]`.
    Sink(&'a str),
}

impl<'a> Owner<'a> {
    /// The name, which is the remote service's as well.
    pub fn name(self) -> &'a str {
        match self {
            Owner::Connection(name) | Owner::Sink(name) => name,
        }
    }

    /// Where the key stands, as `host.toml line 7: sinks.siem.endpoint.url`.
    fn place(self, key: &str, config: &Config) -> String {
        match self {
            Owner::Connection(name) => config.place(&["connections", name, key]),
            Owner::Sink(name) => config.place(&["sinks", name, "endpoint", key]),
        }
    }
}

impl std::fmt::Display for Owner<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Owner::Connection(name) => write!(f, "connection {name}"),
            Owner::Sink(name) => write!(f, "sink {name}"),
        }
    }
}

/// Decides which server is asked, and gets the secret for it.
pub fn settings(
    config: &Config,
    choice: ServerChoice<'_>,
    kind: sandbox::ConnectionKind,
) -> Result<Settings, SetupError> {
    if let Some(url) = choice.url {
        return ad_hoc(url, choice, kind_of(kind));
    }
    configured_for(config, choice, kind_of(kind)).map_err(|failure| failure.read_from(config))
}

fn configured_for(config: &Config, choice: ServerChoice<'_>, kind: ConnectionKind) -> Result<Settings, SetupError> {
    let (name, connection) = match choice.connection {
        Some(name) => named(config, name)?,
        None => only_of_kind(config, kind)?,
    };
    if let Some(other) = connection.kind.filter(|other| *other != kind) {
        return Err(
            SetupError::usage(format!("connection {name} is of kind {other}, the plugin needs {kind}"))
                .hint(format!("choose a connection of kind {kind}")),
        );
    }
    assemble(Owner::Connection(name), connection, config)
}

/// The settings of a configured connection, whatever its kind.
pub fn of_name(config: &Config, name: &str) -> Result<Settings, SetupError> {
    let settings =
        named(config, name).and_then(|(name, connection)| assemble(Owner::Connection(name), connection, config));
    settings.map_err(|failure| failure.read_from(config))
}

/// The settings of a sink's endpoint; `name` is the sink's.
pub fn of_endpoint(name: &str, endpoint: &Connection, config: &Config) -> Result<Settings, SetupError> {
    assemble(Owner::Sink(name), endpoint, config).map_err(|failure| failure.read_from(config))
}

/// Where requests of a sink's endpoint go, without secrets: itself, and where its tokens are issued. With a proxy it is the
/// proxy that resolves names.
pub fn asked(name: &str, endpoint: &Connection, config: &Config) -> Result<Vec<Settings>, SetupError> {
    if endpoint.proxy.is_some() {
        return Ok(Vec::new());
    }
    let mut endpoint = endpoint.clone();
    endpoint.url.set_query(None);
    let settings = configured(Owner::Sink(name), &endpoint, Auth::None, config)?;
    let issuer = endpoint.token_url.clone().map(|url| {
        let mut settings = settings.clone();
        settings.base = url;
        settings
    });
    Ok([settings].into_iter().chain(issuer).collect())
}

fn assemble(owner: Owner<'_>, connection: &Connection, config: &Config) -> Result<Settings, SetupError> {
    // A URL that would never be asked must not cost a secret.
    check(owner, connection, config)?;
    let auth = auth::resolve(owner, connection, config)?;
    let mut settings = configured(owner, connection, auth, config)?;
    settings.proxy = connection
        .proxy
        .as_ref()
        .map(|set| proxy(owner, set, config))
        .transpose()?;
    Ok(settings)
}

/// Checks what can be checked of a connection without its secret.
pub fn check(owner: Owner<'_>, connection: &Connection, config: &Config) -> Result<(), SetupError> {
    let settings = configured(owner, connection, Auth::None, config).map_err(|failure| failure.read_from(config))?;
    check_url(&settings).map_err(|failure| failure.at(&owner.place("url", config)))
}

fn check_url(settings: &Settings) -> Result<(), SetupError> {
    Remote::check(settings).map_err(SetupError::from)
}

fn configured(owner: Owner<'_>, connection: &Connection, auth: Auth, config: &Config) -> Result<Settings, SetupError> {
    let mut settings = Settings::new(owner.name(), connection.url.clone());
    settings.tenant.clone_from(&connection.tenant);
    settings.auth = auth;
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
    settings.ca_file = ca_file(connection.ca_file.as_ref(), connection.system_authorities, config)
        .map_err(|problem| SetupError::usage(format!("{owner} {problem}")).hint(NO_CA_FILE))?;
    settings.client_certificate = match (&connection.client_certificate, &connection.client_key) {
        (Some(certificate), Some(key)) => Some(ClientCertificate {
            certificate: config.folder.join(certificate),
            key: config.folder.join(key),
        }),
        (None, None) => None,
        _ => {
            return Err(
                SetupError::usage(format!("{owner} has only one of client-certificate and client-key"))
                    .hint("both are PEM files, and may be the same one"),
            );
        }
    };
    let files = [
        &connection.ca_file,
        &connection.client_certificate,
        &connection.client_key,
    ];
    if let Some(missing) = files
        .into_iter()
        .flatten()
        .map(|path| config.folder.join(path))
        .find(|path| !path.is_file())
    {
        return Err(
            SetupError::usage(format!("{owner}: there is no file {}", missing.display()))
                .hint("paths start from the configuration's folder"),
        );
    }
    if let Some(key) = &settings.client_certificate {
        secret_file::admitted(&key.key).map_err(|refusal| {
            SetupError::usage(format!("client-key of {owner}: {}", refusal.reason)).hint(refusal.hint)
        })?;
    }
    if let Some(timeout) = connection.timeout {
        settings.timeouts.total = timeout;
        settings.timeouts.head = settings.timeouts.head.min(timeout);
        settings.timeouts.connect = settings.timeouts.connect.min(timeout);
    }
    let set = &connection.retry;
    let default = RetryPolicy::default();
    settings.retry = RetryPolicy {
        attempts: set.attempts.unwrap_or(default.attempts).max(1),
        min_delay: set.min_delay.unwrap_or(default.min_delay),
        max_delay: set.max_delay.unwrap_or(default.max_delay),
        max_elapsed: set.max_elapsed.unwrap_or(default.max_elapsed),
        budget: set.budget.unwrap_or(default.budget),
        max_throttled: set.max_throttled.unwrap_or(default.max_throttled),
    };
    Ok(settings)
}

/// The authorities that `ca-file` and `system-authorities` name.
///
/// # Errors
///
/// What is wrong with the two together.
pub fn ca_file(path: Option<&PathBuf>, system: bool, config: &Config) -> Result<Option<CaFile>, &'static str> {
    match (path, system) {
        (None, true) => Err("has `system-authorities` and no `ca-file`"),
        (path, with_system) => Ok(path.map(|path| CaFile {
            path: config.folder.join(path),
            with_system,
        })),
    }
}

/// What to do about [`ca_file`]'s error.
pub const NO_CA_FILE: &str = "without `ca-file` the system's authorities are trusted anyway: leave it out";

/// The proxy with its password.
fn proxy(owner: Owner<'_>, proxy: &config::Proxy, config: &Config) -> Result<Proxy, SetupError> {
    let credentials = match (&proxy.username, &proxy.password) {
        (Some(username), Some(password)) => {
            let password = password.resolve(&format!("{owner} needs its proxy's password"), &config.folder)?;
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

fn named<'a>(config: &'a Config, name: &'a str) -> Result<(&'a str, &'a Connection), SetupError> {
    match config.connections.get(name) {
        Some(connection) => Ok((name, connection)),
        None => Err(SetupError::usage(format!("there is no connection {name:?}")).hint(
            match config::nearest(name, config.connections.keys().map(String::as_str)) {
                Some(known) => format!("did you mean `{known}`?"),
                None => "add it under [connections] in host.toml, or use --url".to_string(),
            },
        )),
    }
}

fn only_of_kind(config: &Config, kind: ConnectionKind) -> Result<(&str, &Connection), SetupError> {
    let mut fitting = config
        .connections
        .iter()
        .filter(|(_, connection)| connection.kind == Some(kind));
    match (fitting.next(), fitting.next()) {
        (Some((name, connection)), None) => Ok((name, connection)),
        (None, _) => Err(SetupError::usage(format!("no connection of kind {kind} is configured"))
            .hint("add one to host.toml, or give --url and --auth")),
        (Some(_), Some(_)) => Err(
            SetupError::usage(format!("several connections of kind {kind} are configured"))
                .hint("choose one with --connection"),
        ),
    }
}

/// The configuration's word for the kind of server that a plugin asks for.
pub fn kind_of(kind: sandbox::ConnectionKind) -> ConnectionKind {
    match kind {
        sandbox::ConnectionKind::Epm => ConnectionKind::Epm,
        sandbox::ConnectionKind::IdentityDomain => ConnectionKind::IdentityDomain,
    }
}

fn ad_hoc(url: &str, choice: ServerChoice<'_>, kind: ConnectionKind) -> Result<Settings, SetupError> {
    let url = config::parse_url(url).map_err(|reason| {
        SetupError::usage(format!("--url: {reason}"))
            .hint("for example https://epm-acme.epm.us-phoenix-1.ocs.oraclecloud.com")
    })?;
    let name = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_string();
    let mut settings = Settings::new(&name, url);
    settings.allow_private_addresses = choice.allow_private_addresses;
    check_url(&settings)?;
    settings.auth = ad_hoc_auth(choice.auth, kind)?;
    Ok(settings)
}

fn ad_hoc_auth(auth: Option<&str>, kind: ConnectionKind) -> Result<Auth, SetupError> {
    let known = "give --auth basic:USER, --auth bearer, --auth oauth2:CLIENT_ID or --auth none";
    match auth {
        Some("none") => Ok(Auth::None),
        Some("bearer") => Ok(Auth::Bearer(secret_of("token")?)),
        Some(auth) => match auth.split_once(':') {
            Some(("basic", username)) if !username.is_empty() => Ok(Auth::Basic {
                username: username.to_string(),
                password: secret_of(&format!("password of {username}"))?,
            }),
            Some(("oauth2", client)) if !client.is_empty() => Ok(auth::client_credentials(
                client,
                secret_of(&format!("secret of client {client}"))?,
                kind,
            )),
            // What was typed may be a password in the wrong place.
            _ => Err(SetupError::usage("--auth is not of a known form").hint(known)),
        },
        None => Err(SetupError::usage("--url needs --auth").hint(known)),
    }
}

/// The secret of an ad-hoc connection: from the environment, else from the terminal.
fn secret_of(what: &str) -> Result<SecretString, SetupError> {
    if let Ok(secret) = std::env::var(SECRET_VARIABLE) {
        if secret.is_empty() {
            return Err(SetupError::usage(format!("${SECRET_VARIABLE} is empty")));
        }
        return Ok(SecretString::from(secret));
    }
    let missing = || {
        SetupError::usage(format!("the {what} is missing"))
            .hint(format!("set ${SECRET_VARIABLE}, or run on a terminal to be asked"))
    };
    (console().ask)(&format!("{what}: ")).ok_or_else(missing)
}
