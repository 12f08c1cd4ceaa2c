//! The one of two sources that an identity domain still feeds, as `host check` finds out: its `AuditEvents`, or OCI Audit.
//!
//! Each connection of the other kind is asked for its newest event of the domain, with one small request. Where that cannot be done,
//! the check says so and fails nothing.

use std::sync::Arc;

use jiff::Timestamp;

use crate::error::CliError;
use fetch::probe::{AuditLog, DomainId, Fact, NewestEvent, newest_audit_event};
use remote::{Remote, Settings};
use run::instead_of_audit_events;
use setup::config::{Config, ConnectionKind};
use setup::{AuditLogSettings, audit_log, connections};

/// Connections of the other kind that are asked.
const MOST: usize = 8;

/// The names of the facts.
const FED: &str = "fed";
const COMPARTMENT: &str = "compartment";

/// An audit log, and how its compartment is known.
pub struct OpenedLog {
    pub log: AuditLog,
    /// The server that is asked first.
    pub remote: Arc<Remote>,
    is_configured: bool,
}

impl OpenedLog {
    /// The compartment that was asked, and where nobody named it, why that one.
    pub fn compartment(&self) -> Fact {
        let ocid = &self.log.compartment;
        let text = match self.is_configured {
            true => ocid.clone(),
            false => format!("{ocid}, the tenancy of the API key, since the connection names no `compartment`"),
        };
        Fact::new(COMPARTMENT, text)
    }
}

/// The fact about a connection of which no compartment is known.
pub fn without_compartment() -> Fact {
    Fact::new(
        COMPARTMENT,
        "not known: write `compartment = \"OCID\"` below the connection, and its audit log is asked for",
    )
}

/// The connection of that name.
pub async fn open(config: &Arc<Config>, name: &str, clock: Option<Timestamp>) -> Result<Remote, CliError> {
    let (config, named) = (Arc::clone(config), name.to_owned());
    // A secret may come of a command.
    let settings = base::blocking(move || connections::of_name(&config, &named)).await??;
    remote(settings, clock)
}

/// The audit log of the connection of that name; none where it leads to no service that has one, or no compartment is known.
pub async fn open_log(
    config: &Arc<Config>,
    name: &str,
    clock: Option<Timestamp>,
) -> Result<Option<OpenedLog>, CliError> {
    let (config, named) = (Arc::clone(config), name.to_owned());
    let AuditLogSettings {
        search,
        list,
        compartment,
        is_configured,
    } = base::blocking(move || audit_log(&config, &named)).await??;
    let open = |settings: Option<Settings>| -> Result<_, CliError> {
        settings
            .map(|settings| remote(settings, clock).map(Arc::new))
            .transpose()
    };
    let (search, list) = (open(search)?, open(list)?);
    let first = search.clone().or_else(|| list.clone());
    Ok(first.zip(compartment).map(|(remote, compartment)| OpenedLog {
        log: AuditLog {
            search,
            list,
            compartment,
        },
        remote,
        is_configured,
    }))
}

fn remote(mut settings: Settings, clock: Option<Timestamp>) -> Result<Remote, CliError> {
    settings.now = clock;
    Ok(Remote::new(settings)?)
}

/// The names of the connections of a kind.
fn of_kind(config: &Config, kind: ConnectionKind) -> Vec<String> {
    let fitting = config.connections.iter().filter(|(_, found)| found.kind == Some(kind));
    fitting.map(|(name, _)| name.clone()).take(MOST).collect()
}

/// The source that a domain feeds whose own newest event was seen.
pub async fn of_domain(
    config: &Arc<Config>,
    name: &str,
    newest: &NewestEvent,
    domain: &DomainId,
    clock: Option<Timestamp>,
    now: Timestamp,
) -> Fact {
    let logs = of_kind(config, ConnectionKind::Oci);
    if logs.is_empty() {
        return Fact::new(FED, alone(newest, domain, now));
    }
    let mut told = Vec::new();
    for log in &logs {
        let found = match open_log(config, log, clock).await {
            Ok(Some(opened)) => opened.log.newest_of(domain, now).await,
            Ok(None) => NewestEvent::Unknown("no compartment is known".to_owned()),
            Err(failure) => NewestEvent::Unknown(failure.message.unwrap_or_default()),
        };
        told.push(compared((name, newest), (log.as_str(), &found), now));
    }
    Fact::new(FED, told.join("; "))
}

/// The source that the domains feed whose events an audit log may have; none where no domain is configured.
pub async fn of_log(
    config: &Arc<Config>,
    name: &str,
    log: &AuditLog,
    clock: Option<Timestamp>,
    now: Timestamp,
) -> Option<Fact> {
    let mut told = Vec::new();
    for domain in &of_kind(config, ConnectionKind::IdentityDomain) {
        told.push(match open(config, domain, clock).await {
            Ok(remote) => {
                let (newest, id) = newest_audit_event(&remote, now).await;
                compared((domain.as_str(), &newest), (name, &log.newest_of(&id, now).await), now)
            }
            Err(failure) => {
                let unknown = NewestEvent::Unknown(failure.message.unwrap_or_default());
                let newest = log.newest_of(&DomainId::default(), now).await;
                compared((domain.as_str(), &unknown), (name, &newest), now)
            }
        });
    }
    (!told.is_empty()).then(|| Fact::new(FED, told.join("; ")))
}

/// The source that a domain feeds, where no audit log is configured.
fn alone(newest: &NewestEvent, domain: &DomainId, now: Timestamp) -> String {
    match newest.is_fed(now) {
        Some(true) => "AuditEvents".to_owned(),
        Some(false) => format!(
            "AuditEvents no longer. {}",
            instead_of_audit_events(domain.compartment.as_deref(), None)
        ),
        None => newest.told(now),
    }
}

/// The one of the two that a domain feeds, each by the name of its connection and its newest event.
fn compared(domain: (&str, &NewestEvent), log: (&str, &NewestEvent), now: Timestamp) -> String {
    let (domain, events) = domain;
    let (log, logged) = log;
    let (event, entry) = (events.told(now), logged.told(now));
    match (events.is_fed(now), logged.is_fed(now)) {
        (Some(true), Some(true)) => {
            format!("AuditEvents ({domain}) and OCI Audit ({log}): collect one of them, or each event comes twice")
        }
        (Some(false), Some(true)) => format!(
            "OCI Audit ({log}: {entry}), AuditEvents ({domain}) no longer: collect with `host run oci-audit --connection {log}`"
        ),
        (Some(true), Some(false)) => format!(
            "AuditEvents ({domain}), OCI Audit ({log}: {entry}) not: is its compartment the one that holds the domain?"
        ),
        (Some(false), Some(false)) => format!(
            "neither AuditEvents ({domain}: {event}) nor OCI Audit ({log}: {entry}): is the compartment of {log} the one that holds the \
             domain?"
        ),
        (None, _) | (_, None) => format!("AuditEvents ({domain}: {event}); OCI Audit ({log}: {entry})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_of_the_two_is_fed_is_said_in_each_case() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let now = at("2026-03-05T12:00:00Z");
        let (new, old) = (
            NewestEvent::At(at("2026-03-05T11:59:00Z")),
            NewestEvent::At(at("2026-01-01T00:00:00Z")),
        );
        let unknown = NewestEvent::Unknown("no rights".to_owned());
        for (events, logged, begin) in [
            (&new, &new, "AuditEvents (d) and OCI Audit (o): collect one of them"),
            (
                &old,
                &new,
                "OCI Audit (o: 2026-03-05T11:59:00Z, 1 minute ago), AuditEvents (d) no longer",
            ),
            (
                &new,
                &old,
                "AuditEvents (d), OCI Audit (o: 2026-01-01T00:00:00Z, 63 days ago) not",
            ),
            (
                &old,
                &NewestEvent::Never,
                "neither AuditEvents (d: 2026-01-01T00:00:00Z, 63 days ago) nor OCI Audit (o: none",
            ),
            (
                &old,
                &unknown,
                "AuditEvents (d: 2026-01-01T00:00:00Z, 63 days ago); OCI Audit (o: not known: no rights)",
            ),
        ] {
            let told = compared(("d", events), ("o", logged), now);
            assert!(told.starts_with(begin), "{told}");
        }
        let domain = DomainId {
            compartment: Some("ocid1.compartment.oc1..acme".to_owned()),
            ..DomainId::default()
        };
        assert_eq!(alone(&new, &domain, now), "AuditEvents");
        let told = alone(&old, &domain, now);
        assert!(
            told.starts_with("AuditEvents no longer. ") && told.contains("oc1..acme"),
            "{told}"
        );
        assert_eq!(alone(&unknown, &domain, now), "not known: no rights");
    }
}
