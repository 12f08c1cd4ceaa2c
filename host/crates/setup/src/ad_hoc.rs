//! The settings of a server that is typed, `--url`, and of who asks it, `--auth`.

use secrecy::SecretString;
use url::Url;

use crate::SetupError;
use crate::console::console;
use connection::web_address::parse_url;
use connection::{AuthMethod, ConfigSource, ConfiguredServer, Connection, ConnectionKind, Owner, client_credentials};
use remote::{Auth, Remote, Settings};

/// The variable that holds the secret of such a server.
const SECRET_VARIABLE: &str = "HOST_SECRET";

/// The forms of `--auth`.
const FORMS: &str = "--auth basic:USER, --auth bearer, --auth oauth2:CLIENT_ID, --auth oci-config[:PROFILE], \
     --auth oci-instance-principal, --auth oci-resource-principal or --auth none";

/// A server as it was typed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TypedServer<'a> {
    /// The server's address.
    pub(crate) url: &'a str,
    /// Whoever asks it.
    pub(crate) auth: Option<&'a str>,
    /// Permits loopback and private addresses.
    pub(crate) allow_private_addresses: bool,
}

/// The settings of a server, for which the secret is read, or asked for.
///
/// # Errors
///
/// Where the server would never be asked, or nothing says who asks.
pub(crate) fn settings(typed: TypedServer<'_>, kind: ConnectionKind) -> Result<Settings, SetupError> {
    let url = parsed(typed.url, kind)?;
    let name = host_of(&url);
    let mut settings = Settings::new(&name, url.clone());
    settings.mask_answers = kind.holds_secrets_of_others();
    settings.allow_private_addresses = typed.allow_private_addresses;
    Remote::check(&settings)?;
    settings.auth = match typed.auth.and_then(signing) {
        Some(method) => {
            let mut connection = Connection::new(url);
            connection.kind = Some(kind);
            connection.allow_private_addresses = typed.allow_private_addresses;
            connection.auth = method;
            signed(&name, &connection)?
        }
        None => secret_auth(typed.auth, kind)?,
    };
    Ok(settings)
}

/// The name of the connection to such a server: its host.
///
/// # Errors
///
/// Where the URL is none.
pub(crate) fn name(url: &str, kind: ConnectionKind) -> Result<String, SetupError> {
    Ok(host_of(&parsed(url, kind)?))
}

fn parsed(url: &str, kind: ConnectionKind) -> Result<Url, SetupError> {
    parse_url(url).map_err(|reason| {
        SetupError::usage(format!("--url: {reason}")).hint(format!("for example {}", example_url(kind)))
    })
}

fn host_of(url: &Url) -> String {
    url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned()
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

/// The forms that sign requests for OCI.
fn signing(auth: &str) -> Option<AuthMethod> {
    let profile = |profile: Option<&str>| AuthMethod::OciConfig {
        file: None,
        profile: profile.map(str::to_owned),
    };
    match auth.split_once(':') {
        None if auth == "oci-config" => Some(profile(None)),
        Some(("oci-config", name)) if !name.is_empty() => Some(profile(Some(name))),
        None if auth == "oci-instance-principal" => Some(AuthMethod::OciInstancePrincipal {}),
        None if auth == "oci-resource-principal" => Some(AuthMethod::OciResourcePrincipal {}),
        _ => None,
    }
}

/// The signer of requests, as a connection with such an `auth` has it.
fn signed(name: &str, connection: &Connection) -> Result<Auth, SetupError> {
    let server = ConfiguredServer {
        owner: Owner::CommandLine(name),
        connection,
        file: &ConfigSource::default(),
    };
    server.settings().map(|settings| settings.auth)
}

/// The other forms, with their secret.
fn secret_auth(auth: Option<&str>, kind: ConnectionKind) -> Result<Auth, SetupError> {
    let known = || format!("give {FORMS}");
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
            _ => Err(SetupError::usage("--auth has an unknown form").hint(known())),
        },
        None => Err(SetupError::usage("--url needs --auth").hint(known())),
    }
}

/// The secret of such a server: from the environment, else from the terminal.
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
    fn the_forms_that_sign_are_told_from_those_with_a_secret() {
        let profile = |auth: &str| match signing(auth) {
            Some(AuthMethod::OciConfig { file: None, profile }) => Some(profile),
            _ => None,
        };
        assert_eq!(profile("oci-config"), Some(None));
        assert_eq!(profile("oci-config:AUDIT"), Some(Some("AUDIT".to_owned())));
        assert!(matches!(
            signing("oci-instance-principal"),
            Some(AuthMethod::OciInstancePrincipal {})
        ));
        assert!(matches!(
            signing("oci-resource-principal"),
            Some(AuthMethod::OciResourcePrincipal {})
        ));
        for other in [
            "oci-config:",
            "oci-instance-principal:x",
            "oci-api-key",
            "basic:oci-config",
            "none",
        ] {
            assert!(signing(other).is_none(), "{other}");
        }
    }
}
