//! Whether a connection can be used, and what can be seen of it: the harmless requests behind `host check`.
//!
//! One read shows that the name resolves, TLS holds and the credential is taken; a second one shows rights. Of a service that nobody
//! here knows, its base address is asked: what it answers says no more than that it is there, unless it refuses the credential. What their
//! answers tell besides, and that of one more, are the facts ([`Fact`]). Which roles the reports need is on their
//! pages of the EPM Cloud REST guide; the identity domain's role is that of the `AuditEvents` page.

mod facts;
mod questions;

use jiff::{Timestamp, tz::TimeZone};

use remote::Remote;
use sandbox::ConnectionKind;

pub use facts::Fact;
pub use questions::ProbeFailure;

/// The findings about a connection that can be used.
#[derive(Debug)]
pub struct ProbeReport {
    /// The steps that went well.
    pub steps: Vec<&'static str>,
    /// The facts that could be seen, and that could not.
    pub facts: Vec<Fact>,
}

/// Tries a connection at the time `now`.
///
/// # Errors
///
/// The first step that did not go well. A fact that cannot be seen is none.
pub async fn probe(remote: &Remote, kind: ConnectionKind, now: Timestamp) -> Result<ProbeReport, ProbeFailure> {
    match kind {
        ConnectionKind::Epm => {
            let files = questions::files(remote).await?;
            let today = now.to_zoned(TimeZone::UTC).date();
            let logins = questions::sign_ins(remote, today).await?;
            let facts = facts::of_epm(remote, today, [&files, &logins]).await;
            Ok(ProbeReport {
                steps: vec!["reached", "signed in", "may list files", "may read logins"],
                facts,
            })
        }
        // What could be asked there depends on the compartment, which the report is told.
        ConnectionKind::Oci => {
            remote.authenticate().await.map_err(questions::no_credential)?;
            Ok(ProbeReport {
                steps: vec!["the credential is there; the first run is the first to ask the server"],
                facts: Vec::new(),
            })
        }
        ConnectionKind::Http => {
            let answered = questions::base(remote).await?;
            Ok(ProbeReport {
                steps: vec!["reached", answered],
                facts: Vec::new(),
            })
        }
        ConnectionKind::IdentityDomain => {
            let filter = format!("timestamp ge \"{now:.3}\"");
            let query = [("count", "1"), ("filter", filter.as_str())];
            let none = questions::audit_events(remote, &query).await?;
            let facts = facts::of_domain(remote, now, &none).await;
            Ok(ProbeReport {
                steps: vec!["reached", "signed in", "may read audit events"],
                facts,
            })
        }
    }
}
