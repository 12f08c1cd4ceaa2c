//! The harmless requests: each is one step of a check, and says what is lacking where it fails.

use std::time::Duration;

use jiff::civil::Date;
use serde::Deserialize;
use serde_json::Value;

use base::ErrorKind;
use remote::{Answer, Remote, RemoteError, Request};

const EPM_LOGINS: &str = "ask the administrator for the role Service Administrator, or any predefined role with the \
     application role Access Control - View; Invalid Login needs Identity Domain Administrator with any predefined role";
const EPM_FILES: &str = "ask the administrator for the role Service Administrator, or any predefined role with the \
     application role Migrations - Administer: reports are downloaded as files";
const DOMAIN_EVENTS: &str =
    "ask the administrator of the identity domain to give the client the application role Audit Administrator";

/// The code with which EPM Cloud refuses an account without the role.
const NO_ROLE: &str = "EPMCSS-21192";

/// The word for an access that the server does not grant.
pub(super) const REFUSED: &str = "refused";

/// How long a question is asked, repetitions included, that the check does not depend on.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Bytes of an answer: half a million sign-ins, so that a busy day is no failure.
pub(super) const BODY: u64 = 64 << 20;

/// The first step of a check that did not go well.
#[derive(Debug)]
pub struct ProbeFailure {
    /// At which step: `connect`, `tls`, `token`, `sign-in`, `files`, `logins`, `events`, `report`, `search`, `list events`.
    pub step: &'static str,
    /// The event that made it fail, in words.
    pub message: String,
    /// Whom to ask for what.
    pub hint: Option<String>,
    /// Whose move is next.
    pub class: ErrorKind,
}

impl ProbeFailure {
    /// The step and what happened there, in one line: `sign-in refused (401 Unauthorized)`.
    pub fn told(&self) -> String {
        match self.message.starts_with(REFUSED) {
            true => format!("{} {}", self.step, self.message),
            false => format!("{}: {}", self.step, self.message),
        }
    }
}

/// The files of the environment, in the answer.
pub(super) async fn files(remote: &Remote) -> Result<Answer, ProbeFailure> {
    let path = ["interop", "rest", "v2", "files", "list"];
    ask(remote, "files", &path, &[], EPM_FILES).await
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

/// Asks for the base address of a service that nobody here knows. Any answer shows that it is there; one that refuses the credential is
/// a failure, and so is one that the service itself calls its own fault.
pub(super) async fn base(remote: &Remote) -> Result<(), ProbeFailure> {
    let request = Request::get(remote.base().url().clone()).limit(BODY);
    match remote.exchange(request).await {
        // Many a service shows its front page to everybody.
        Ok(_) => Ok(()),
        // Nothing is at the base address of most APIs.
        Err(error)
            if error
                .status()
                .is_some_and(|status| matches!(status.as_u16(), 400 | 404..=406 | 415)) =>
        {
            Ok(())
        }
        Err(error) => Err(failed(error, "sign-in", "the account may not read there")),
    }
}

/// The failure to get a credential.
pub(super) fn no_credential(error: RemoteError) -> ProbeFailure {
    failed(error, "sign-in", "")
}

/// The members that tell a failure that comes with HTTP 200.
#[derive(Deserialize)]
struct FailureMembers {
    #[serde(default)]
    status: Value,
    #[serde(default)]
    details: Value,
    #[serde(default)]
    error: Value,
}

pub(super) fn failed(error: RemoteError, step: &'static str, hint: &str) -> ProbeFailure {
    ProbeFailure {
        step: match error.code() {
            "connect-failed" => "connect",
            "tls-failed" => "tls",
            "access-refused" => "sign-in",
            code if code.starts_with("token") => "token",
            _ => step,
        },
        message: match error.status() {
            Some(status) if error.code() == "access-refused" => format!("{REFUSED} ({status})"),
            _ => error.to_string(),
        },
        hint: if error.status().is_some_and(|status| status.as_u16() == 403) {
            Some(hint.into())
        } else {
            error.hint()
        },
        class: error.kind(),
    }
}

async fn ask(
    remote: &Remote,
    step: &'static str,
    path: &[&str],
    query: &[(&str, &str)],
    hint: &str,
) -> Result<Answer, ProbeFailure> {
    let failed = |error: RemoteError| failed(error, step, hint);
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
    let envelope: FailureMembers = serde_json::from_slice(&answer.body).map_err(|_| {
        malformed(match answer.body.trim_ascii_start().starts_with(b"<") {
            true => {
                "the server answered with a web page instead of data (is the URL the environment's base address? a \
                     sign-in page?)"
                    .into()
            }
            false => "the server's answer is not a JSON object".into(),
        })
    })?;
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
            let texts = [&envelope.error, &envelope.details].map(Value::to_string);
            let said = texts.iter().filter(|text| *text != "null").map(String::as_str);
            let text = said.collect::<Vec<_>>().join(" ");
            let refused = text.contains(NO_ROLE);
            let message = match refused {
                true => format!("the account may not read {step} ({NO_ROLE})"),
                false => format!(
                    "the server reports failure (status {status}): {}",
                    remote.presentable(&text, 200)
                ),
            };
            Err(ProbeFailure {
                step,
                message,
                hint: refused.then(|| hint.into()),
                class: if refused { ErrorKind::Refused } else { ErrorKind::Failed },
            })
        }
    }
}
