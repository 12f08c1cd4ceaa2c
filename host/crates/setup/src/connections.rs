//! From a configured connection, or the URL and the authentication that were typed, to the settings of [`remote`].

use secrecy::SecretString;
use url::Url;

use crate::SetupError;
use crate::config::{Config, nearest};
use crate::console::console;
use connection::web_address::parse_url;
use connection::{ConfiguredServer, Connection, ConnectionKind};
use remote::{Auth, Remote, Settings};

pub use connection::{Owner, client_credentials};

/// The variable that holds the secret of an ad-hoc connection.
const SECRET_VARIABLE: &str = "HOST_SECRET";

/// The server that was asked for, as it was typed.
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
    /// The service of OCI that the plugin speaks to, as `audit` or `logging`: the host of a connection that has a region.
    pub service: Option<&'a str>,
}

/// The name of the connection to the server that is asked: the configuration's, or the host of a URL. No secret is read.
///
/// # Errors
///
/// Where it cannot be told which server is meant.
pub fn name(config: &Config, choice: ServerChoice<'_>, kind: sandbox::ConnectionKind) -> Result<String, SetupError> {
    if let Some(url) = choice.url {
        return Ok(host_of(&ad_hoc_url(url, kind_of(kind))?));
    }
    let chosen = chosen(config, choice, kind_of(kind)).map(|(name, _)| name.to_owned());
    chosen.map_err(|failure| failure.read_from(config.file.path.as_deref()))
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
    configured_for(config, choice, kind_of(kind)).map_err(|failure| failure.read_from(config.file.path.as_deref()))
}

fn configured_for(config: &Config, choice: ServerChoice<'_>, kind: ConnectionKind) -> Result<Settings, SetupError> {
    let (name, connection) = chosen(config, choice, kind)?;
    match choice.service {
        Some(service) => {
            let connection = connection.for_service(service)?;
            server(Owner::Connection(name), &connection, config).settings()
        }
        None => server(Owner::Connection(name), connection, config).settings(),
    }
}

/// The configured connection that is asked for.
fn chosen<'a>(
    config: &'a Config,
    choice: ServerChoice<'a>,
    kind: ConnectionKind,
) -> Result<(&'a str, &'a Connection), SetupError> {
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
    Ok((name, connection))
}

/// The settings of a configured connection, whatever its kind; of one that has a region, those for OCI Audit there.
pub fn of_name(config: &Config, name: &str) -> Result<Settings, SetupError> {
    let settings = named(config, name)
        .and_then(|(name, connection)| server(Owner::Connection(name), connection, config).settings());
    settings.map_err(|failure| failure.read_from(config.file.path.as_deref()))
}

/// A server of the configuration, of which settings can be made.
pub fn server<'a>(owner: Owner<'a>, connection: &'a Connection, config: &'a Config) -> ConfiguredServer<'a> {
    ConfiguredServer {
        owner,
        connection,
        file: &config.file,
    }
}

/// Checks what can be checked of a connection without its secret.
pub fn check(owner: Owner<'_>, connection: &Connection, config: &Config) -> Result<(), SetupError> {
    let checked = server(owner, connection, config).check();
    checked.map_err(|failure| failure.read_from(config.file.path.as_deref()))
}

fn named<'a>(config: &'a Config, name: &'a str) -> Result<(&'a str, &'a Connection), SetupError> {
    match config.connections.get(name) {
        Some(connection) => Ok((name, connection)),
        None => Err(SetupError::usage(format!("there is no connection {name:?}")).hint(
            match nearest(name, config.connections.keys().map(String::as_str)) {
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
        (None, _) => Err(
            SetupError::usage(format!("no connection of kind {kind} is configured")).hint(format!(
                "give --url and --auth, or add a line such as this to the top of host.toml: {}",
                example(kind)
            )),
        ),
        (Some(_), Some(_)) => Err(
            SetupError::usage(format!("several connections of kind {kind} are configured"))
                .hint("choose one with --connection"),
        ),
    }
}

/// A connection of that kind as a line of `host.toml`, for whoever has none yet.
pub fn example(kind: ConnectionKind) -> &'static str {
    match kind {
        ConnectionKind::Epm => {
            "connections.epm = { kind = \"epm\", url = \"https://ENVIRONMENT.epm.REGION.ocs.oraclecloud.com\", \
             auth = { kind = \"basic\", username = \"USER\", password = { env = \"EPM_PASSWORD\" } } }"
        }
        ConnectionKind::IdentityDomain => {
            "connections.domain = { kind = \"identity-domain\", url = \"https://idcs-ID.identity.oraclecloud.com\", \
             auth = { kind = \"oauth2-client-credentials\", client-id = \"ID\", client-secret = { env = \"DOMAIN_SECRET\" } } }"
        }
        ConnectionKind::Oci => {
            "connections.oci = { kind = \"oci\", region = \"eu-frankfurt-1\", auth = { kind = \"oci-config\" } }"
        }
        ConnectionKind::Http => {
            "connections.api = { kind = \"http\", url = \"https://api.example.com\", \
             auth = { kind = \"bearer\", token = { env = \"API_TOKEN\" } } }"
        }
    }
}

/// The base address of such a server, as it might be.
fn example_url(kind: ConnectionKind) -> &'static str {
    match kind {
        ConnectionKind::Epm => "https://epm-acme.epm.us-phoenix-1.ocs.oraclecloud.com",
        ConnectionKind::IdentityDomain => "https://idcs-0123.identity.oraclecloud.com",
        ConnectionKind::Oci => "https://audit.eu-frankfurt-1.oraclecloud.com",
        ConnectionKind::Http => "https://api.example.com",
    }
}

/// The configuration's word for the kind of server that a plugin asks for.
pub fn kind_of(kind: sandbox::ConnectionKind) -> ConnectionKind {
    match kind {
        sandbox::ConnectionKind::Epm => ConnectionKind::Epm,
        sandbox::ConnectionKind::IdentityDomain => ConnectionKind::IdentityDomain,
        sandbox::ConnectionKind::Http => ConnectionKind::Http,
        sandbox::ConnectionKind::Oci => ConnectionKind::Oci,
    }
}

fn ad_hoc(url: &str, choice: ServerChoice<'_>, kind: ConnectionKind) -> Result<Settings, SetupError> {
    let url = ad_hoc_url(url, kind)?;
    let mut settings = Settings::new(&host_of(&url), url);
    settings.allow_private_addresses = choice.allow_private_addresses;
    settings.mask_answers = kind.holds_secrets_of_others();
    Remote::check(&settings)?;
    settings.auth = ad_hoc_auth(choice.auth, kind)?;
    Ok(settings)
}

fn ad_hoc_url(url: &str, kind: ConnectionKind) -> Result<Url, SetupError> {
    parse_url(url).map_err(|reason| {
        SetupError::usage(format!("--url: {reason}")).hint(format!("for example {}", example_url(kind)))
    })
}

fn host_of(url: &Url) -> String {
    url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned()
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
            Some(("oauth2", client)) if !client.is_empty() => Ok(client_credentials(
                client,
                secret_of(&format!("secret of client {client}"))?,
                kind,
            )),
            // What was typed may be a password in the wrong place.
            _ => Err(SetupError::usage("--auth has an unknown form").hint(known)),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_oci_are_masked_and_those_of_no_other_kind() {
        for kind in ConnectionKind::ALL {
            let (text, is_oci) = (
                format!("[connections.x]\nkind = \"{kind}\"\nurl = \"https://a.example\""),
                kind == ConnectionKind::Oci,
            );
            let config = Config::parse(&text).unwrap();
            assert_eq!(of_name(&config, "x").unwrap().mask_answers, is_oci, "{kind}");
            let choice = ServerChoice {
                auth: Some("none"),
                ..ServerChoice::default()
            };
            assert_eq!(
                ad_hoc("https://a.example", choice, kind).unwrap().mask_answers,
                is_oci,
                "{kind}"
            );
        }
    }

    #[test]
    fn the_line_that_whoever_has_no_connection_is_told_to_write_is_one() {
        for kind in ConnectionKind::ALL {
            let config = Config::parse(example(kind)).unwrap();
            let connection = config.connections.values().next().unwrap();
            assert_eq!(connection.kind, Some(kind));
            check(Owner::Connection("x"), connection, &config).unwrap();
        }
    }
}
