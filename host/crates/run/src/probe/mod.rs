//! Whether a connection can be used, and what can be seen of it: the harmless requests behind `host check`.
//!
//! One read shows that the name resolves, TLS holds and the credential is taken; a second one shows rights. A service that nobody
//! here knows is asked what its report plugins would ask it ([`ReportQuestion`]); without one, its base address is: what that answers
//! says no more than that it is there, unless it refuses the credential. What their answers tell besides, and that of one more, are
//! the facts ([`Fact`]). Which roles the reports need is on their pages of the EPM Cloud REST guide; the identity domain's role is
//! that of the `AuditEvents` page.

mod facts;
mod questions;
mod reports;

use jiff::{Timestamp, tz::TimeZone};

use remote::Remote;
use sandbox::ConnectionKind;

pub use facts::Fact;
pub use questions::ProbeFailure;
pub use reports::ReportQuestion;

/// The findings about a connection that can be used.
#[derive(Debug)]
pub struct ProbeReport {
    /// The steps that went well.
    pub steps: Vec<String>,
    /// The facts that could be seen, and that could not.
    pub facts: Vec<Fact>,
}

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
                steps: steps(["reached", "signed in", "may list files", "may read logins"]),
                facts,
            })
        }
        // What could be asked there depends on the compartment, which the report is told.
        ConnectionKind::Oci => {
            remote.authenticate().await.map_err(questions::no_credential)?;
            Ok(ProbeReport {
                steps: steps(["the credential is there; the first run is the first to ask the server"]),
                facts: Vec::new(),
            })
        }
        ConnectionKind::Http if reports.is_empty() => {
            questions::base(remote).await?;
            Ok(ProbeReport {
                steps: steps(["reached", "the credential is looked at by the first run"]),
                facts: Vec::new(),
            })
        }
        ConnectionKind::Http => {
            let (mut steps, mut answers) = (steps(["reached"]), Vec::new());
            for question in reports {
                answers.push(question.ask(remote).await?);
                steps.push(format!("{} may read {}", question.report, question.path()));
            }
            let facts = facts::of_reports(remote, &answers);
            Ok(ProbeReport { steps, facts })
        }
        ConnectionKind::IdentityDomain => {
            let filter = format!("timestamp ge \"{now:.3}\"");
            let query = [("count", "1"), ("filter", filter.as_str())];
            let none = questions::audit_events(remote, &query).await?;
            let facts = facts::of_domain(remote, now, &none).await;
            Ok(ProbeReport {
                steps: steps(["reached", "signed in", "may read audit events"]),
                facts,
            })
        }
    }
}

fn steps<const N: usize>(steps: [&str; N]) -> Vec<String> {
    steps.map(str::to_owned).into()
}
