//! The questions of report plugins, for a service that nobody else here knows.

use base::ErrorKind;
use fetch::FetchError;
use remote::{Answer, Remote};
use sandbox::HttpRequest;

use super::questions::{self, BODY, ProbeFailure};

/// The form of an answer that a report's plan expects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerForm {
    /// Whatever the plugin reads.
    Document,
    /// JSON with a list of records at the end of this path of members; none where it is the list itself.
    Records(Option<Vec<String>>),
}

/// The first request of a report's plan for the last minute: one that only reads.
#[derive(Debug, Clone)]
pub struct ReportQuestion {
    /// The report's name.
    pub report: String,
    /// The request, below the connection's base address.
    pub request: HttpRequest,
    /// The form of the answer.
    pub form: AnswerForm,
}

impl ReportQuestion {
    /// The path that is asked for, for people.
    pub(super) fn path(&self) -> String {
        format!("/{}", self.request.path.join("/"))
    }

    /// The answer of the service; one that holds no data is a failure.
    pub(super) async fn ask(&self, remote: &Remote) -> Result<Answer, ProbeFailure> {
        let hint = format!(
            "ask whoever runs the service for a credential that may read {}",
            self.path()
        );
        let failed = |error| questions::failed(error, "report", &hint);
        let request = fetch::build_request(remote, &self.request).map_err(|error| ProbeFailure {
            step: "report",
            message: error.to_string(),
            hint: error.hint(),
            class: ErrorKind::Plugin,
        })?;
        let answer = remote.exchange(request.limit(BODY)).await.map_err(failed)?;
        let checked = match &self.form {
            AnswerForm::Document => fetch::check_document(remote, &answer.body),
            AnswerForm::Records(path) => fetch::check_page(remote, &answer.body, path.as_deref()),
        };
        checked.map_err(|error: FetchError| ProbeFailure {
            step: match error.kind() {
                ErrorKind::Refused => "sign-in",
                _ => "report",
            },
            message: error.to_string(),
            hint: error.hint(),
            class: error.kind(),
        })?;
        Ok(answer)
    }
}
