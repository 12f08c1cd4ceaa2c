//! The one form of a harmless question: a read that is a step of a check, and says what is lacking where it fails.

use serde::Deserialize;
use serde_json::Value;

use super::failure::{self, ProbeFailure};
use base::ErrorKind;
use remote::{Answer, Remote, RemoteError, Request};

/// The code with which EPM Cloud refuses an account without the role.
const NO_ROLE: &str = "EPMCSS-21192";

/// Bytes of an answer: half a million sign-ins, so that a busy day is no failure.
pub(crate) const BODY: u64 = 64 << 20;

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

/// The answer to a read of `path` below the base address, where it is a JSON object that tells no failure; `hint` says whom to ask for
/// the rights.
pub(crate) async fn ask(
    remote: &Remote,
    step: &'static str,
    path: &[&str],
    query: &[(&str, &str)],
    hint: &str,
) -> Result<Answer, ProbeFailure> {
    let failed = |error: RemoteError| failure::failed(error, step, hint);
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
