//! An identity domain by the names that it has in OCI, as its address and its events tell them.

use remote::Remote;
use serde_json::Value;

/// An identity domain, by the names that it has in OCI.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DomainId {
    /// The OCID of the domain, where its events tell.
    pub ocid: Option<String>,
    /// The name of its host, as `idcs-0123…`.
    pub name: Option<String>,
    /// The OCID of the compartment that holds it, where its events tell.
    pub compartment: Option<String>,
}

impl DomainId {
    /// The domain of a connection, by the address alone. A gateway's tells nothing.
    pub(crate) fn of_address(remote: &Remote) -> DomainId {
        let name = remote
            .base()
            .url()
            .host_str()
            .and_then(|host| host.split_once(".identity."));
        DomainId {
            name: name.and_then(|(name, _)| plain(name)),
            ..DomainId::default()
        }
    }

    /// The domain, with what an event of it says.
    pub(crate) fn told_by(mut self, event: &Value) -> DomainId {
        let said = |name: &str| event.get(name).and_then(Value::as_str).and_then(plain);
        self.ocid = said("domainOcid");
        self.compartment = said("compartmentOcid").or_else(|| said("tenancyOcid"));
        self
    }
}

/// A name that may stand in a query: nothing in it ends a text there.
fn plain(text: &str) -> Option<String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    (!text.is_empty() && text.len() <= 255 && text.bytes().all(is_plain)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use remote::Settings;

    #[test]
    fn a_domain_is_known_by_its_host_and_by_its_events() {
        let remote = |url: &str| Remote::new(Settings::new("domain", url.parse().unwrap())).unwrap();
        let domain = DomainId::of_address(&remote("https://idcs-0123.identity.oraclecloud.com"));
        assert_eq!(domain.name.as_deref(), Some("idcs-0123"));
        let gateway = DomainId::of_address(&remote("https://gateway.example/idcs"));
        assert_eq!(gateway, DomainId::default());
        let event = serde_json::json!({
            "domainOcid": "ocid1.domain.oc1..a", "compartmentOcid": null, "tenancyOcid": "ocid1.tenancy.oc1..a",
        });
        let told = domain.told_by(&event);
        assert_eq!(told.ocid.as_deref(), Some("ocid1.domain.oc1..a"));
        assert_eq!(told.compartment.as_deref(), Some("ocid1.tenancy.oc1..a"));
        let hostile = DomainId::default().told_by(&serde_json::json!({"domainOcid": "x' or 1 = 1"}));
        assert_eq!(hostile.ocid, None);
    }
}
