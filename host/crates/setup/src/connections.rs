//! From a configured connection, or the URL and the authentication that were typed, to the settings of [`remote`].

use crate::SetupError;
use crate::ad_hoc::{self, TypedServer};
use crate::config::{Config, nearest};
use connection::{CompartmentId, ConfiguredServer, Connection, ConnectionKind};
use remote::{Settings, oci_service_of, oci_service_url};

pub use connection::{Owner, client_credentials};

/// The server that was asked for, as it was typed.
#[derive(Debug, Clone, Copy, Default)]
pub struct ServerChoice<'a> {
    /// A connection of the configuration; may be left out where only one of the plugin's kind exists.
    pub connection: Option<&'a str>,
    /// The server to use instead of a configured connection.
    pub url: Option<&'a str>,
    /// Whoever asks the server at `url`: `basic:USER`, `bearer`, `oauth2:CLIENT_ID`, `none`, or a kind that signs for OCI.
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
        return ad_hoc::name(url, kind_of(kind));
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
    let settings = match choice.url {
        Some(url) => {
            let typed = TypedServer {
                url,
                auth: choice.auth,
                allow_private_addresses: choice.allow_private_addresses,
            };
            ad_hoc::settings(typed, kind_of(kind))?
        }
        None => configured_for(config, choice, kind_of(kind))
            .map_err(|failure| failure.read_from(config.file.path.as_deref()))?,
    };
    match choice.service {
        Some(service) => leads_to(service, &settings).map(|()| settings),
        None => Ok(settings),
    }
}

/// Refuses the address of another service of OCI than the plugin asks, where the address tells: that service would know nothing of
/// what is asked.
fn leads_to(service: &str, settings: &Settings) -> Result<(), SetupError> {
    match oci_service_of(&settings.base) {
        Some((other, region)) if other != service => {
            let place = oci_service_url(service, region).map_or_else(|_| String::new(), |url| format!(", {url}"));
            Err(SetupError::usage(format!(
                "the plugin asks the service {service} of OCI, and {} is that of {other}",
                settings.base
            ))
            .hint(format!(
                "give the address of {service}{place}; a connection with a `region` leads to each service. oci-audit asks \
                 logging, and with --param via=list-events audit"
            )))
        }
        _ => Ok(()),
    }
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

/// The connection that stands in for parameters of a report which are not given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParameterSource {
    /// The configured one of this name.
    Named(String),
    /// The only one of the plugin's kind.
    Only,
    /// No connection: the server was typed.
    Nothing,
}

/// The compartment that a connection to OCI is for.
pub fn compartment<'a>(config: &'a Config, source: &ParameterSource) -> Option<&'a CompartmentId> {
    let connection = match source {
        ParameterSource::Named(name) => config.connections.get(name)?,
        ParameterSource::Only => only_of_kind(config, ConnectionKind::Oci).ok()?.1,
        ParameterSource::Nothing => return None,
    };
    connection.compartment.as_ref()
}

/// The one connection to OCI that says which compartment it is for, by its name; none where there are several.
pub fn of_audit_log(config: &Config) -> Option<(&str, &CompartmentId)> {
    let of_oci = |connection: &Connection| connection.kind == Some(ConnectionKind::Oci);
    let mut named = (config.connections.iter())
        .filter(|(_, connection)| of_oci(connection))
        .filter_map(|(name, connection)| Some((name.as_str(), connection.compartment.as_ref()?)));
    let first = named.next()?;
    named.next().is_none().then_some(first)
}

/// True where more than one connection of that kind is configured, so that none is meant where none is named.
pub(crate) fn are_several(config: &Config, kind: ConnectionKind) -> bool {
    let fitting = |connection: &&Connection| connection.kind == Some(kind);
    config.connections.values().filter(fitting).nth(1).is_some()
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

pub(crate) fn named<'a>(config: &'a Config, name: &'a str) -> Result<(&'a str, &'a Connection), SetupError> {
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
                kind.example()
            )),
        ),
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
        sandbox::ConnectionKind::Http => ConnectionKind::Http,
        sandbox::ConnectionKind::Oci => ConnectionKind::Oci,
    }
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
            let typed = TypedServer {
                url: "https://a.example",
                auth: Some("none"),
                allow_private_addresses: false,
            };
            let typed = ad_hoc::settings(typed, kind).unwrap();
            assert_eq!(typed.mask_answers, is_oci, "{kind}");
        }
    }

    #[test]
    fn the_line_that_whoever_has_no_connection_is_told_to_write_is_one() {
        for kind in ConnectionKind::ALL {
            let config = Config::parse(kind.example()).unwrap();
            let connection = config.connections.values().next().unwrap();
            assert_eq!(connection.kind, Some(kind));
            check(Owner::Connection("x"), connection, &config).unwrap();
        }
    }

    #[test]
    fn a_service_is_not_asked_at_the_address_of_another() {
        let settings = |url: &str| Settings::new("oci", url.parse().unwrap());
        let audit = settings("https://audit.eu-frankfurt-1.oraclecloud.com");
        leads_to("audit", &audit).unwrap();
        leads_to("logging", &settings("https://gateway.example")).unwrap();
        let error = leads_to("logging", &audit).unwrap_err();
        assert!(error.message.contains("is that of audit"), "{}", error.message);
        let hint = error.hint.unwrap();
        assert!(
            hint.contains("https://logging.eu-frankfurt-1.oci.oraclecloud.com/"),
            "{hint}"
        );
    }

    #[test]
    fn the_compartment_of_a_report_is_that_of_its_connection() {
        let text = "[connections.a]\nkind = \"oci\"\nregion = \"fra\"\ncompartment = \"ocid1.tenancy.oc1..a\"\n";
        let other = "[connections.b]\nkind = \"oci\"\nregion = \"fra\"\n";
        let (one, two) = (
            Config::parse(text).unwrap(),
            Config::parse(&format!("{text}{other}")).unwrap(),
        );
        let of = |config, source| compartment(config, &source).map(CompartmentId::as_str);
        let named = |name: &str| ParameterSource::Named(name.to_owned());
        assert_eq!(of(&one, ParameterSource::Only), Some("ocid1.tenancy.oc1..a"));
        assert_eq!(of(&two, named("a")), Some("ocid1.tenancy.oc1..a"));
        for source in [ParameterSource::Only, named("b"), named("c"), ParameterSource::Nothing] {
            assert_eq!(of(&two, source), None);
        }
        // The second connection names none; a third that does leaves open which of them has the events of a domain.
        let third = text.replace("connections.a", "connections.c");
        let three = Config::parse(&format!("{text}{other}{third}")).unwrap();
        let of_log = |config| of_audit_log(config).map(|(name, compartment)| (name, compartment.as_str()));
        assert_eq!(of_log(&two), Some(("a", "ocid1.tenancy.oc1..a")));
        assert_eq!(of_log(&three), None);
    }
}
