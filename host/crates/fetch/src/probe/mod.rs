//! A look at a connection: the harmless requests behind `host check`, which tell that it can be used, and what can be seen of it.
//!
//! One read shows that the name resolves, TLS holds and the credential is taken; a second one shows rights. An EPM environment and an
//! identity domain are asked beside the code that reads from them. A service that nobody
//! here knows is asked what its report plugins would ask it ([`ReportQuestion`]); without one, its base address is: what that answers
//! says no more than that it is there, unless it refuses the credential. What their answers tell besides, and those of two more, are
//! the facts ([`Fact`]): how far back the source goes, and when its newest event was. The
//! audit log of OCI is asked by each of its interfaces ([`AuditLog`]), so that it can be told which of the two sources a domain still
//! feeds.

pub(crate) mod fact;
pub(crate) mod failure;
pub(crate) mod patience;
pub(crate) mod probe_report;
pub(crate) mod question;
pub(crate) mod report_question;
mod service;

use jiff::Timestamp;

use crate::epm;
use crate::identity_domain;
use remote::Remote;
use sandbox::ConnectionKind;

pub use crate::identity_domain::domain_id::DomainId;
pub use crate::identity_domain::newest_event::NewestEvent;
pub use crate::identity_domain::probe::newest_audit_event;
pub use crate::oci_audit::audit_log::AuditLog;
pub use fact::Fact;
pub use failure::ProbeFailure;
pub use probe_report::ProbeReport;
pub use report_question::{AnswerForm, ReportQuestion};

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
        ConnectionKind::Epm => epm::probe::probe(remote, now).await,
        ConnectionKind::IdentityDomain => identity_domain::probe::probe(remote, now).await,
        ConnectionKind::Http => service::probe(remote, reports).await,
        // Of another service than those of the audit log, or without a compartment, nobody here knows what to ask.
        ConnectionKind::Oci => {
            remote.authenticate().await.map_err(failure::no_credential)?;
            let step = "the credential is there; the first run is the first to ask the server";
            Ok(ProbeReport {
                asked_nobody: true,
                ..ProbeReport::of_steps([step])
            })
        }
    }
}
