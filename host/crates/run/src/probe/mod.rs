//! Whether a connection can be used, and what can be seen of it: the harmless requests behind `host check`.
//!
//! One read shows that the name resolves, TLS holds and the credential is taken; a second one shows rights. A service that nobody
//! here knows is asked what its report plugins would ask it ([`ReportQuestion`]); without one, its base address is: what that answers
//! says no more than that it is there, unless it refuses the credential. What their answers tell besides, and those of two more, are
//! the facts ([`Fact`]): how far back the source goes, and when its newest event was. The
//! audit log of OCI is asked by each of its interfaces ([`AuditLog`]), so that it can be told which of the two sources a domain still
//! feeds. Which roles the reports need is on their pages of the EPM Cloud REST guide; the identity domain's role is that of the
//! `AuditEvents` page.

mod audit_log;
mod domain;
mod facts;
mod newest;
mod probe_report;
mod questions;
mod reports;

use jiff::{Timestamp, tz::TimeZone};

use remote::Remote;
use sandbox::ConnectionKind;

pub use audit_log::AuditLog;
pub use domain::{DomainId, newest_audit_event};
pub use facts::Fact;
pub use newest::NewestEvent;
pub use probe_report::ProbeReport;
pub use questions::ProbeFailure;
pub use reports::{AnswerForm, ReportQuestion};

/// Tries a connection at the time `now`. `reports` are the questions for a service that only their plugins know.
///
/// # Errors
///
/// The first step that did not go well. A fact that cannot be seen is none.
pub async fn probe(
    remote: &Remote,
    kind: ConnectionKind,
    now: Timestamp,
    reports: &[ReportQuestion],
) -> Result<ProbeReport, ProbeFailure> {
    match kind {
        ConnectionKind::Epm => {
            let files = questions::files(remote).await?;
            let today = now.to_zoned(TimeZone::UTC).date();
            let logins = questions::sign_ins(remote, today).await?;
            let facts = facts::of_epm(remote, today, [&files, &logins]).await;
            Ok(ProbeReport {
                facts,
                ..ProbeReport::of_steps(["reached", "signed in", "may list files", "may read logins"])
            })
        }
        // Of another service than those of the audit log, or without a compartment, nobody here knows what to ask.
        ConnectionKind::Oci => {
            remote.authenticate().await.map_err(questions::no_credential)?;
            let step = "the credential is there; the first run is the first to ask the server";
            Ok(ProbeReport {
                asked_nobody: true,
                ..ProbeReport::of_steps([step])
            })
        }
        ConnectionKind::Http if reports.is_empty() => {
            questions::base(remote).await?;
            Ok(ProbeReport::of_steps([
                "reached",
                "the credential is looked at by the first run",
            ]))
        }
        ConnectionKind::Http => {
            let (mut steps, mut answers) = (vec!["reached".to_owned()], Vec::new());
            for question in reports {
                answers.push(question.ask(remote).await?);
                steps.push(format!("{} may read {}", question.report, question.path()));
            }
            Ok(ProbeReport {
                steps,
                facts: facts::of_reports(remote, &answers),
                ..ProbeReport::default()
            })
        }
        ConnectionKind::IdentityDomain => {
            let filter = format!("timestamp ge \"{now:.3}\"");
            let query = [("count", "1"), ("filter", filter.as_str())];
            let none = questions::audit_events(remote, &query).await?;
            let (newest, domain) = newest_audit_event(remote, now).await;
            let mut facts = vec![Fact::new("last event", newest.told(now))];
            facts.extend(facts::of_domain(remote, now, &none).await);
            Ok(ProbeReport {
                facts,
                newest: Some(newest),
                domain: Some(domain),
                ..ProbeReport::of_steps(["reached", "signed in", "may read audit events"])
            })
        }
    }
}
