//! The meaning of OCI's refusals of a request, and the advice against each.

use http::header::AGE;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde_json::Value;
use url::Url;

use crate::clock::date_of;

/// Seconds by which a signed date may differ from the server's clock.
const SKEW: i64 = 300;

/// The code of an answer that tells nobody whether a thing exists which they may not see.
const HIDDEN: &str = "NotAuthorizedOrNotFound";

/// The part of a path that tells a request to an identity domain, where roles decide.
const DOMAIN: &str = "/admin/v1/";

/// To whom a policy grants something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grantee {
    /// A group, of users.
    Group,
    /// A dynamic group, of instances and other resources.
    DynamicGroup,
    /// A service account of a cluster.
    Workload,
}

/// Advice for a principal that OCI refuses.
#[derive(Debug, Clone)]
pub(crate) struct Remedy {
    grantee: Grantee,
    /// The advice where the signature is not accepted.
    unknown: String,
}

impl Remedy {
    pub(super) fn new(grantee: Grantee, unknown: impl Into<String>) -> Remedy {
        Remedy {
            grantee,
            unknown: unknown.into(),
        }
    }

    /// The advice against an answer of that status to a request to that URL; none where it is not OCI's policies that decide. A skew is
    /// the one of [`skew_of`].
    pub(crate) fn hint(&self, status: StatusCode, url: &Url, skew: Option<i64>) -> Option<String> {
        if status == StatusCode::FORBIDDEN && url.path().contains(DOMAIN) {
            return None;
        }
        Some(match (status, skew) {
            (StatusCode::UNAUTHORIZED, Some(skew)) => skew_hint(skew),
            (StatusCode::UNAUTHORIZED, None) => self.unknown.clone(),
            (StatusCode::NOT_FOUND, _) => format!(
                "OCI does not say which of three things is wrong: no policy allows it (write {}), an OCID in the request is not the one that \
                 is meant, or what it names is in another region than {}",
                self.policy(url),
                url.host_str().unwrap_or_default()
            ),
            _ => format!("no policy allows it: write {}", self.policy(url)),
        })
    }

    /// The statements of a policy that allow a request to that URL.
    fn policy(&self, url: &Url) -> String {
        let host = url.host_str().unwrap_or_default();
        let resources: &[&str] = match url.path() {
            path if path.ends_with("/search") => &["audit-events", "log-content"],
            path if path.ends_with("/auditEvents") || host.starts_with("audit.") => &["audit-events"],
            _ => &["RESOURCES"],
        };
        let statement = |resources: &&str| match self.grantee {
            Grantee::Group => format!("`Allow group GROUP to read {resources} in tenancy`"),
            Grantee::DynamicGroup => format!("`Allow dynamic-group GROUP to read {resources} in tenancy`"),
            Grantee::Workload => format!(
                "`Allow any-user to read {resources} in tenancy where all {{ request.principal.type = 'workload', \
                 request.principal.namespace = 'NAMESPACE', request.principal.service_account = 'ACCOUNT', \
                 request.principal.cluster_id = 'CLUSTER' }}`"
            ),
        };
        let statements: Vec<String> = resources.iter().map(statement).collect();
        statements.join(" and ")
    }
}

/// True of an answer by which OCI says that the principal may not do it, or that there is no such thing.
pub(crate) fn is_hidden(status: StatusCode, body: &[u8]) -> bool {
    let code = || {
        serde_json::from_slice::<Value>(body)
            .ok()?
            .get("code")?
            .as_str()
            .map(str::to_owned)
    };
    status == StatusCode::NOT_FOUND && code().as_deref() == Some(HIDDEN)
}

/// By how many seconds the server's clock is ahead, where no signature of now could be good.
pub(crate) fn skew_of(headers: &HeaderMap, now: Timestamp) -> Option<i64> {
    // What comes from a cache has a date of the past (RFC 9111 section 5.1).
    if headers.contains_key(AGE) {
        return None;
    }
    let server = Timestamp::try_from(date_of(headers)?).ok()?;
    let skew = server.as_second().saturating_sub(now.as_second());
    (skew.abs() > SKEW).then_some(skew)
}

/// The advice where the clocks differ too much.
pub(super) fn skew_hint(skew: i64) -> String {
    let (seconds, side) = (skew.unsigned_abs(), if skew < 0 { "ahead of" } else { "behind" });
    format!(
        "this machine's clock is {seconds} s {side} the server's, and OCI takes no request that is dated more than {SKEW} s off: \
         set this machine's clock right (NTP)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn who_is_not_allowed_is_told_the_policy_to_write() {
        let audit = url("https://audit.eu-frankfurt-1.oraclecloud.com/20190901/auditEvents?compartmentId=x");
        let search = url("https://logging.eu-frankfurt-1.oci.oraclecloud.com/20190909/search");
        let other = url("https://datasafe.eu-frankfurt-1.oci.oraclecloud.com/20181201/auditEventAnalytics");
        for (grantee, url, policy) in [
            (
                Grantee::Group,
                &audit,
                "`Allow group GROUP to read audit-events in tenancy`",
            ),
            (
                Grantee::Group,
                &search,
                "`Allow group GROUP to read audit-events in tenancy` and `Allow group GROUP to read log-content in tenancy`",
            ),
            (
                Grantee::DynamicGroup,
                &audit,
                "`Allow dynamic-group GROUP to read audit-events in tenancy`",
            ),
            (Grantee::Workload, &audit, "request.principal.type = 'workload'"),
            (Grantee::Group, &other, "to read RESOURCES in tenancy"),
        ] {
            let remedy = Remedy::new(grantee, "check the key");
            for status in [StatusCode::FORBIDDEN, StatusCode::NOT_FOUND] {
                let hint = remedy.hint(status, url, None).unwrap();
                assert!(hint.contains(policy), "{hint}");
            }
            let hint = remedy.hint(StatusCode::NOT_FOUND, url, None).unwrap();
            assert!(hint.contains("OCID") && hint.contains("region"), "{hint}");
            let unknown = remedy.hint(StatusCode::UNAUTHORIZED, url, None);
            assert_eq!(unknown.as_deref(), Some("check the key"));
        }
    }

    #[test]
    fn in_an_identity_domain_it_is_roles_that_decide() {
        let remedy = Remedy::new(Grantee::Group, "check the key");
        let domain = url("https://idcs-1.identity.oraclecloud.com/admin/v1/AuditEvents?count=1");
        assert_eq!(remedy.hint(StatusCode::FORBIDDEN, &domain, None), None);
        assert!(remedy.hint(StatusCode::UNAUTHORIZED, &domain, Some(900)).is_some());
    }

    #[test]
    fn a_clock_that_makes_every_signature_worthless_is_named_in_seconds() {
        let now = "2026-11-12T11:00:00Z".parse().unwrap();
        let dated = |date: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(http::header::DATE, date.parse().unwrap());
            skew_of(&headers, now)
        };
        assert_eq!(dated("Thu, 12 Nov 2026 11:05:00 GMT"), None);
        assert_eq!(dated("Thu, 12 Nov 2026 11:05:01 GMT"), Some(301));
        assert_eq!(dated("Thu, 12 Nov 2026 09:00:00 GMT"), Some(-7200));
        assert_eq!(dated("Thu, 01 Jan 1970 00:00:00 GMT"), None);
        assert!(skew_hint(301).contains("301 s behind the server's"));
        assert!(skew_hint(-7200).contains("7200 s ahead of the server's"));
    }

    #[test]
    fn only_the_code_of_oci_tells_that_something_may_be_hidden() {
        let hidden =
            br#"{"code":"NotAuthorizedOrNotFound","message":"Authorization failed or requested resource not found."}"#;
        assert!(is_hidden(StatusCode::NOT_FOUND, hidden));
        assert!(!is_hidden(StatusCode::BAD_REQUEST, hidden));
        for other in [
            &b""[..],
            b"<html>",
            b"[]",
            br#"{"code":404}"#,
            br#"{"code":"InvalidParameter"}"#,
        ] {
            assert!(!is_hidden(StatusCode::NOT_FOUND, other));
        }
    }
}
