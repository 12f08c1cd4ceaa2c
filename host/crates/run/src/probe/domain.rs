//! The newest event in the `AuditEvents` of an identity domain, and which domain it is.

use jiff::Timestamp;
use serde_json::Value;

use super::newest::NewestEvent;
use super::questions::{self, ProbeFailure};
use crate::silence::SUSPICIOUS;
use remote::{Answer, Remote};

/// Older than any audit event.
pub(super) const EARLIEST: &str = "timestamp ge \"2000-01-01T00:00:00.000Z\"";

/// An identity domain, by the names that it has in OCI.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DomainId {
    /// Its OCID, where its events tell.
    pub ocid: Option<String>,
    /// The name of its host, as `idcs-0123…`.
    pub name: Option<String>,
    /// The OCID of the compartment that holds it, where its events tell.
    pub compartment: Option<String>,
}

impl DomainId {
    /// The domain of a connection, by the address alone. A gateway's tells nothing.
    fn of_address(remote: &Remote) -> DomainId {
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

    /// The same with what an event of it says.
    fn told_by(mut self, event: &Value) -> DomainId {
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

/// Asks for the newest audit event of a domain: one record. A domain that refuses to sort is asked for one of the last two days.
pub async fn newest_audit_event(remote: &Remote, now: Timestamp) -> (NewestEvent, DomainId) {
    let domain = DomainId::of_address(remote);
    let sorted = [
        ("filter", EARLIEST),
        ("sortBy", "timestamp"),
        ("sortOrder", "descending"),
        ("count", "1"),
    ];
    let answer = match patiently(questions::audit_events(remote, &sorted)).await {
        Ok(answer) => answer,
        Err(refused) => {
            let since = now.saturating_sub(SUSPICIOUS).unwrap_or(Timestamp::MIN);
            let filter = format!("timestamp ge \"{since:.3}\"");
            let recent = [("filter", filter.as_str()), ("count", "1")];
            return match patiently(questions::audit_events(remote, &recent)).await {
                Ok(answer) => read(&answer, domain, NewestEvent::NoneSince(since)),
                // The first question was the better one.
                Err(_) => (NewestEvent::Unknown(remote.presentable(&refused, 160)), domain),
            };
        }
    };
    read(&answer, domain, NewestEvent::Never)
}

/// The time of the one record of a list, or what it means that there is none.
fn read(answer: &Answer, domain: DomainId, nothing: NewestEvent) -> (NewestEvent, DomainId) {
    let list: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let Some(event) = list.get("Resources").and_then(|resources| resources.get(0)) else {
        return (nothing, domain);
    };
    let time = event.get("timestamp").and_then(Value::as_str);
    let newest = match time.map(str::parse::<Timestamp>) {
        Some(Ok(time)) => NewestEvent::At(time),
        _ => NewestEvent::Unknown("the time of the newest audit event cannot be read".to_owned()),
    };
    (newest, domain.told_by(event))
}

/// The answer to a question beyond what the check is about, or why there is none: nobody waits long for it.
pub(super) async fn patiently<T>(asking: impl Future<Output = Result<T, ProbeFailure>>) -> Result<T, String> {
    match tokio::time::timeout(questions::PATIENCE, asking).await {
        Ok(answer) => answer.map_err(|lack| lack.message),
        Err(_) => Err(format!(
            "no answer came within {} seconds",
            questions::PATIENCE.as_secs()
        )),
    }
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
