//! Whether a connection can be used, and what can be seen of it: the harmless requests behind `host check`.
//!
//! One read shows that the name resolves, TLS holds and the credential is taken; a second one shows rights. What their
//! answers tell besides, and that of one more, are the [`facts`]. Which roles the reports need is on their
//! pages of the EPM Cloud REST guide; the identity domain's role is that of the `AuditEvents` page.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde::Deserialize;

use super::facts::{self, Fact};
use base::ErrorKind;
use remote::{Answer, Remote, RemoteError, Request};
use sandbox::ConnectionKind;

const EPM_LOGINS: &str = "ask the administrator for the role Service Administrator, or any predefined role with the \
     application role Access Control - View; Invalid Login needs Identity Domain Administrator with any predefined role";
const EPM_FILES: &str = "ask the administrator for the role Service Administrator, or any predefined role with the \
     application role Migrations - Administer: reports are downloaded as files";
const DOMAIN_EVENTS: &str =
    "ask the administrator of the identity domain to give the client the application role Audit Administrator";

/// Bytes of an answer: half a million sign-ins, so that a busy day is no failure.
const BODY: u64 = 64 << 20;

/// What a connection lacks.
#[derive(Debug)]
pub struct ProbeFailure {
    /// At which step: `connect`, `tls`, `token`, `sign-in`, `files`, `logins`, `events`.
    pub step: &'static str,
    /// What happened.
    pub message: String,
    /// Whom to ask for what.
    pub hint: Option<String>,
    /// Whose move is next.
    pub class: ErrorKind,
}

/// What there is to say of a connection that can be used.
#[derive(Debug)]
pub struct Found {
    /// The steps that went well.
    pub steps: Vec<&'static str>,
    /// What could be seen, and what could not.
    pub facts: Vec<Fact>,
}

/// Tries a connection at the time `now`.
///
/// # Errors
///
/// The first step that did not go well. A fact that cannot be seen is none.
pub async fn probe(remote: &Remote, kind: ConnectionKind, now: Timestamp) -> Result<Found, ProbeFailure> {
    match kind {
        ConnectionKind::Epm => {
            let files = ask(
                remote,
                "files",
                &["interop", "rest", "v2", "files", "list"],
                &[],
                EPM_FILES,
            )
            .await?;
            let today = now.to_zoned(TimeZone::UTC).date();
            let logins = sign_ins(remote, today).await?;
            let facts = facts::of_epm(remote, today, [&files, &logins]).await;
            Ok(Found {
                steps: vec!["reached", "signed in", "may list files", "may read logins"],
                facts,
            })
        }
        ConnectionKind::IdentityDomain => {
            let filter = format!("timestamp ge \"{now:.3}\"");
            let query = [("count", "1"), ("filter", filter.as_str())];
            let none = audit_events(remote, &query).await?;
            let facts = facts::of_domain(remote, now, &none).await;
            Ok(Found {
                steps: vec!["reached", "signed in", "may read audit events"],
                facts,
            })
        }
    }
}

/// The sign-ins of one day, in the answer: no job, and no file.
pub(super) async fn sign_ins(remote: &Remote, day: Date) -> Result<Answer, ProbeFailure> {
    let day = day.to_string();
    let path = ["interop", "rest", "security", "v1", "report", "userloginreport"];
    let query = [("from_date", day.as_str()), ("to_date", day.as_str())];
    ask(remote, "logins", &path, &query, EPM_LOGINS).await
}

/// Audit events of an identity domain.
pub(super) async fn audit_events(remote: &Remote, query: &[(&str, &str)]) -> Result<Answer, ProbeFailure> {
    ask(remote, "events", &["admin", "v1", "AuditEvents"], query, DOMAIN_EVENTS).await
}

/// What tells a failure that comes with HTTP 200.
#[derive(Deserialize)]
struct Envelope {
    #[serde(default)]
    status: serde_json::Value,
    #[serde(default)]
    details: serde_json::Value,
    #[serde(default)]
    error: serde_json::Value,
}

async fn ask(
    remote: &Remote,
    step: &'static str,
    path: &[&str],
    query: &[(&str, &str)],
    hint: &str,
) -> Result<Answer, ProbeFailure> {
    let failed = |error: RemoteError| ProbeFailure {
        step: match error.code() {
            "connect-failed" => "connect",
            "tls-failed" => "tls",
            "access-refused" => "sign-in",
            code if code.starts_with("token") => "token",
            _ => step,
        },
        message: error.to_string(),
        hint: if error.status().is_some_and(|status| status.as_u16() == 403) {
            Some(hint.into())
        } else {
            error.hint()
        },
        class: error.kind(),
    };
    let mut url = remote.base().join(path.iter().copied()).map_err(failed)?;
    url.query_pairs_mut().extend_pairs(query).finish();
    if query.is_empty() {
        url.set_query(None);
    }
    let request = Request::get(url).limit(BODY);
    let answer = remote.exchange(request).await.map_err(failed)?;
    let malformed = |message: String| ProbeFailure {
        step,
        message,
        hint: None,
        class: ErrorKind::Failed,
    };
    let envelope: Envelope =
        serde_json::from_slice(&answer.body).map_err(|_| malformed("the server's answer is no JSON object".into()))?;
    // `AuditEvents` has no status; EPM writes it as a number or as text, and 0 means success.
    match envelope
        .status
        .as_str()
        .map(str::to_owned)
        .unwrap_or_else(|| envelope.status.to_string())
        .as_str()
    {
        "0" | "null" => Ok(answer),
        status => {
            let text = format!("{} {}", envelope.error, envelope.details);
            let refused = text.contains("EPMCSS-21192");
            Err(ProbeFailure {
                step,
                message: format!(
                    "the server answered with status {status}: {}",
                    remote.presentable(&text, 200)
                ),
                hint: refused.then(|| hint.into()),
                class: if refused { ErrorKind::Refused } else { ErrorKind::Failed },
            })
        }
    }
}
