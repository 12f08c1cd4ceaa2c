//! The questions of report plugins, for a service that nobody else here knows.

use base::ErrorKind;
use remote::{Answer, Remote};
use sandbox::HttpRequest;

use super::failure::{self, ProbeFailure};
use super::question::BODY;
use crate::error::FetchError;
use crate::pages::{check_document, check_page};
use crate::request;

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
    pub(crate) fn path(&self) -> String {
        format!("/{}", self.request.path.join("/"))
    }

    /// The answer of the service; one that holds no data is a failure.
    pub(crate) async fn ask(&self, remote: &Remote) -> Result<Answer, ProbeFailure> {
        let hint = format!(
            "ask whoever runs the service for a credential that may read {}",
            self.path()
        );
        let failed = |error| failure::failed(error, "report", &hint);
        let request = request::build(remote, &self.request).map_err(|error| ProbeFailure {
            step: "report",
            message: error.to_string(),
            hint: error.hint(),
            class: ErrorKind::Plugin,
        })?;
        let answer = remote.exchange(request.limit(BODY)).await.map_err(failed)?;
        let checked = match &self.form {
            AnswerForm::Document => check_document(remote, &answer.body),
            AnswerForm::Records(path) => check_page(remote, &answer.body, path.as_deref()),
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
