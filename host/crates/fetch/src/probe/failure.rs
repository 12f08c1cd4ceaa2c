//! The first step of a check that did not go well, made of the error of the request.

use base::ErrorKind;
use remote::RemoteError;

/// The word for an access that the server does not grant.
pub(crate) const REFUSED: &str = "refused";

/// The first step of a check that did not go well.
#[derive(Debug)]
pub struct ProbeFailure {
    /// The step: `connect`, `tls`, `token`, `sign-in`, `files`, `logins`, `events`, `report`, `search`, `list events`.
    pub step: &'static str,
    /// The event that made it fail, in words.
    pub message: String,
    /// The advice: whom to ask for what.
    pub hint: Option<String>,
    /// The party whose move is next.
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

/// The failure to get a credential.
pub(crate) fn no_credential(error: RemoteError) -> ProbeFailure {
    failed(error, "sign-in", "")
}

/// The failure of a step; `hint` says whom to ask for what where the server refuses the rights.
pub(crate) fn failed(error: RemoteError, step: &'static str, hint: &str) -> ProbeFailure {
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
