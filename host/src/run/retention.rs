//! How long a server keeps what a report is made of, where that is less than the report can be asked back for.
//!
//! Oracle's identity domains keep audit events for 30 days unless an administrator sets more, 90 at most
//! (`auditEventRetentionPeriod` of the domain's settings: "overrides default of 30 days"), and the Invalid Login Report of
//! EPM Cloud is made of them. What lies further back and comes back empty may have been deleted.

use std::time::Duration;

use crate::plugin::ConnectionKind;

/// The default of an identity domain.
const DOMAIN: Duration = Duration::from_secs(30 * 86_400);

/// How long the server of a report keeps its events: what the connection says, else Oracle's default. None where it is as
/// long as the report can be asked back for.
pub fn kept(report: &str, kind: ConnectionKind, configured: Option<Duration>) -> Option<Duration> {
    configured.or(match kind {
        ConnectionKind::IdentityDomain => Some(DOMAIN),
        ConnectionKind::Epm if report == "invalid-login" => Some(DOMAIN),
        ConnectionKind::Epm => None,
    })
}
