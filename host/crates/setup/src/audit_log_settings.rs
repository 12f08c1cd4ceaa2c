//! The audit log of OCI that a connection leads to.

use crate::SetupError;
use crate::config::Config;
use crate::connections::{Owner, named, server};
use connection::ConnectionKind;
use remote::{Auth, Settings, oci_service_of};

/// The service of Logging Search, and that of ListEvents.
const SEARCH: &str = "logging";
const LIST: &str = "audit";

/// The settings of the services that an audit log is asked of, and of whose log it is.
#[derive(Debug, Clone)]
pub struct AuditLogSettings {
    /// Logging Search, where the connection leads to it.
    pub search: Option<Settings>,
    /// ListEvents of Audit, where it does.
    pub list: Option<Settings>,
    /// The OCID of the compartment; that of the tenancy where the credential tells and the connection does not.
    pub compartment: Option<String>,
    /// True where the connection says which compartment it is for.
    pub is_configured: bool,
}

/// The audit log of a configured connection of kind `oci`. One with a region leads to both services, one with the address of a service
/// to that, and one with any other address, a gateway's say, to both. Blocks.
///
/// # Errors
///
/// Where there is no such connection, or its settings cannot be had.
pub fn audit_log(config: &Config, name: &str) -> Result<AuditLogSettings, SetupError> {
    let found = named(config, name).and_then(|(name, connection)| {
        if connection.kind != Some(ConnectionKind::Oci) {
            return Err(SetupError::usage(format!("connection {name} is not of kind oci")));
        }
        let settings = server(Owner::Connection(name), connection, config).settings()?;
        let at = |service: &str| -> Result<Settings, SetupError> {
            let mut settings = settings.clone();
            settings.base = connection.for_service(service)?.url;
            Ok(settings)
        };
        let leads_to = |service: &str| {
            connection.region.is_some() || oci_service_of(&connection.url).is_none_or(|(of, _)| of == service)
        };
        let tenancy = match &settings.auth {
            Auth::Oci(signing) => signing.tenancy().map(str::to_owned),
            _ => None,
        };
        let configured = connection.compartment.as_ref().map(|id| id.as_str().to_owned());
        Ok(AuditLogSettings {
            search: leads_to(SEARCH).then(|| at(SEARCH)).transpose()?,
            list: leads_to(LIST).then(|| at(LIST)).transpose()?,
            is_configured: configured.is_some(),
            compartment: configured.or(tenancy),
        })
    });
    found.map_err(|failure| failure.read_from(config.file.path.as_deref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The hosts of Logging Search and of Audit, and the compartment.
    fn asked(place: &str) -> (Option<String>, Option<String>, Option<String>) {
        let text = format!("[connections.oci]\nkind = \"oci\"\n{place}\nauth = {{ kind = \"none\" }}\n");
        let log = audit_log(&Config::parse(&text).unwrap(), "oci").unwrap();
        let host = |settings: Option<Settings>| settings?.base.host_str().map(str::to_owned);
        assert_eq!(log.is_configured, log.compartment.is_some());
        (host(log.search), host(log.list), log.compartment)
    }

    #[test]
    fn a_connection_leads_to_the_services_that_its_address_tells() {
        let (audit, logging) = (
            "audit.eu-frankfurt-1.oraclecloud.com",
            "logging.eu-frankfurt-1.oci.oraclecloud.com",
        );
        let some = |text: &str| Some(text.to_owned());
        let region = "region = \"fra\"\ncompartment = \"ocid1.tenancy.oc1..a\"";
        assert_eq!(
            asked(region),
            (some(logging), some(audit), some("ocid1.tenancy.oc1..a"))
        );
        let at = |host: &str| format!("url = \"https://{host}\"");
        assert_eq!(asked(&at(audit)), (None, some(audit), None));
        assert_eq!(asked(&at(logging)), (some(logging), None, None));
        let gateway = some("gateway.example");
        assert_eq!(asked(&at("gateway.example")), (gateway.clone(), gateway, None));
        let identity = "identity.eu-frankfurt-1.oci.oraclecloud.com";
        assert_eq!(asked(&at(identity)), (None, None, None));
    }

    #[test]
    fn only_a_connection_to_oci_has_one() {
        let config = Config::parse("[connections.a]\nkind = \"epm\"\nurl = \"https://a.example\"\n").unwrap();
        assert!(audit_log(&config, "a").is_err() && audit_log(&config, "b").is_err());
    }
}
