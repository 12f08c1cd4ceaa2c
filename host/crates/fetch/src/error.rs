//! The reasons why a fetch gives no document.

use std::io;
use std::time::Duration;

use super::archive::ArchiveError;
use super::epm::words::find_code;
use super::spool;
use base::ErrorKind;
use base::counted::counted;
use remote::{Remote, RemoteError};

/// The request that makes a job, in messages.
pub(super) const SUBMISSION: &str = "the submission";

/// The question for a job's status, in messages.
pub(super) const STATUS: &str = "the job's status";

/// The reason why a fetch gave no document.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// A request failed.
    #[error(transparent)]
    Remote(RemoteError),
    /// The answer in place of a job's status says nothing of the job.
    #[error(transparent)]
    NoStatus(RemoteError),
    /// The server's envelope says that access is refused.
    #[error("the server refused access: {text}")]
    Refused {
        /// The server's code, such as `EPMCSS-21192`.
        code: Option<String>,
        /// The server's words.
        text: String,
    },
    /// The job, or the call, ended with a status above 0.
    #[error("the server reports failure (status {status}): {text}")]
    JobFailed {
        /// The status in the envelope.
        status: i64,
        /// The server's code, such as `EPMCSS-20679`.
        code: Option<String>,
        /// The server's words.
        text: String,
    },
    /// The job was still running when the time was up.
    #[error("the job was still running after {} s and {}", .after.as_secs(), counted(.polls, "poll", "polls"))]
    JobTimeout {
        /// The time that the host waited.
        after: Duration,
        /// The number of times that the host asked.
        polls: u64,
    },
    /// An answer is not what the interface promises.
    #[error("the server's answer to {what} cannot be used: {why}")]
    Malformed {
        /// The request.
        what: &'static str,
        /// The fault of the answer.
        why: String,
    },
    /// A web page came instead of an answer.
    #[error("{connection} answered {what} with a web page instead of data{}", title_text(title))]
    WebPage {
        /// The connection's name.
        connection: String,
        /// The request.
        what: &'static str,
        /// The page's title.
        title: Option<String>,
        /// The remedy, for the user.
        hint: String,
    },
    /// The server answered with something other than the file.
    #[error("the server did not send the file {file}: {why}")]
    NoFile {
        /// The name asked for.
        file: String,
        /// The server's words, or the kind of thing that it sent instead.
        why: String,
        /// True if the file may be there a little later.
        later: bool,
    },
    /// The archive cannot be opened safely.
    #[error("the archive {file} is refused: {source}")]
    Archive {
        /// The name asked for.
        file: String,
        /// The fault of the archive.
        #[source]
        source: ArchiveError,
    },
    /// Something is larger than allowed.
    #[error("{what} exceeds the limit of {limit} bytes")]
    TooLarge {
        /// The thing that is too large.
        what: &'static str,
        /// The limit in bytes.
        limit: u64,
    },
    /// A list changed while it was read, or the server miscounts: records are missing.
    #[error("the list is incomplete: {got} of {} could be read", counted(.total, "record", "records"))]
    Incomplete {
        /// Records that were read.
        got: u64,
        /// Records that the server says there are.
        total: u64,
    },
    /// A paged query does not end.
    #[error("the query has more than {limit} pages")]
    TooManyPages {
        /// The limit.
        limit: u64,
    },
    /// The plugin planned a request that is not allowed.
    #[error("the plugin planned a request that is refused: {0}")]
    Plan(String),
    /// The progress of the fetch could not be kept.
    #[error("cannot save progress")]
    Checkpoint(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The spool cannot be written or read.
    #[error("cannot use the spool folder: {0}")]
    Spool(#[from] io::Error),
}

/// True if the spool failed for its own limit.
fn is_full(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|error| error.is::<spool::Full>())
}

fn title_text(title: &Option<String>) -> String {
    title.as_deref().map(|title| format!(": {title}")).unwrap_or_default()
}

/// EPM Cloud says under HTTP 400, too, that access is refused.
impl From<RemoteError> for FetchError {
    fn from(error: RemoteError) -> FetchError {
        if let RemoteError::Status { detail: Some(text), .. } = &error
            && let Some(code) = find_code(text).filter(|code| REFUSALS.contains(code))
        {
            return FetchError::Refused {
                code: Some(code.to_owned()),
                text: text.clone(),
            };
        }
        FetchError::Remote(error)
    }
}

/// Codes with which EPM Cloud refuses access under HTTP 200 or 400.
const REFUSALS: [&str; 2] = ["EPMCSS-21192", "EPMCSS-21193"];

/// The remedy where the server refuses the parameters of a report.
const REFUSED_PARAMETERS: &str = "its first day may lie further back than the server keeps events: say with `retention` \
     of the connection how long it keeps them";

impl FetchError {
    /// The error fit to be shown: what an answer says about a failure may hold anything.
    pub(super) fn presentable(self, remote: &Remote) -> FetchError {
        match self {
            FetchError::Malformed { what, why } => FetchError::Malformed {
                what,
                why: remote.presentable(&why, 300),
            },
            FetchError::JobFailed { status, code, text } => FetchError::JobFailed {
                status,
                code,
                text: remote.presentable(&text, 300),
            },
            FetchError::Refused { code, text } => FetchError::Refused {
                code,
                text: remote.presentable(&text, 300),
            },
            other => other,
        }
    }

    /// A failure told by an envelope, sorted by its code.
    pub(super) fn told(status: i64, code: Option<String>, text: String) -> FetchError {
        match code {
            Some(code) if REFUSALS.contains(&code.as_str()) => FetchError::Refused { code: Some(code), text },
            code => FetchError::JobFailed { status, code, text },
        }
    }

    /// The party whose move is next.
    pub fn kind(&self) -> ErrorKind {
        match self {
            FetchError::Remote(error) | FetchError::NoStatus(error) => error.kind(),
            FetchError::Refused { .. } => ErrorKind::Refused,
            FetchError::JobTimeout { .. } => ErrorKind::Unavailable,
            FetchError::JobFailed { .. }
            | FetchError::Malformed { .. }
            | FetchError::WebPage { .. }
            | FetchError::NoFile { .. }
            | FetchError::Archive { .. }
            | FetchError::Incomplete { .. }
            | FetchError::TooManyPages { .. }
            | FetchError::TooLarge { .. } => ErrorKind::Failed,
            FetchError::Plan(_) => ErrorKind::Plugin,
            FetchError::Checkpoint(_) | FetchError::Spool(_) => ErrorKind::Internal,
        }
    }

    /// The message in this program's own words: what a server or a document says, and names that they give, may hold anything.
    pub fn own_words(&self) -> String {
        // Of a code only what has the form of one.
        let known = |code: &Option<String>| {
            let code = code
                .as_deref()
                .and_then(find_code)
                .filter(|code| code.starts_with("EPM"));
            code.map(|code| format!(" ({code})")).unwrap_or_default()
        };
        match self {
            FetchError::Remote(error) | FetchError::NoStatus(error) => error.own_words(),
            FetchError::Refused { code, .. } => format!("the server refused access{}", known(code)),
            FetchError::JobFailed { status, code, .. } => {
                format!("the server reports failure, status {status}{}", known(code))
            }
            FetchError::Malformed { what, .. } => format!("the server's answer to {what} cannot be used"),
            FetchError::WebPage { connection, what, .. } => {
                format!("{connection} answered {what} with a web page instead of data")
            }
            FetchError::NoFile { .. } => "the server did not send the file".to_owned(),
            FetchError::Archive { .. } => "the archive is refused".to_owned(),
            FetchError::Plan(_) => "the plugin planned a request that is refused".to_owned(),
            FetchError::Spool(error) => format!("cannot use the spool folder: {}", error.kind()),
            FetchError::Checkpoint(_)
            | FetchError::JobTimeout { .. }
            | FetchError::TooLarge { .. }
            | FetchError::Incomplete { .. }
            | FetchError::TooManyPages { .. } => self.to_string(),
        }
    }

    /// True if the answer says nothing of a job that was submitted: then it is worth asking again, later.
    pub fn is_silent_on_the_job(&self) -> bool {
        match self {
            FetchError::NoStatus(_) => true,
            FetchError::WebPage { what, .. } => *what != SUBMISSION,
            FetchError::Malformed { what, .. } => *what == STATUS,
            _ => false,
        }
    }

    /// A stable name for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            FetchError::Remote(error) | FetchError::NoStatus(error) => error.code(),
            FetchError::Refused { .. } => "access-refused",
            FetchError::JobFailed { .. } => "remote-failed",
            FetchError::JobTimeout { .. } => "job-timeout",
            FetchError::Malformed { .. } | FetchError::WebPage { .. } => "malformed-response",
            FetchError::NoFile { .. } => "no-file",
            FetchError::Archive { .. } => "archive-refused",
            FetchError::Incomplete { .. } => "incomplete-list",
            FetchError::TooLarge { .. } | FetchError::TooManyPages { .. } => "fetch-limit",
            FetchError::Plan(_) => "plan-refused",
            FetchError::Checkpoint(_) => "ledger-failed",
            FetchError::Spool(error) if is_full(error) => "spool-full",
            FetchError::Spool(_) => "spool-failed",
        }
    }

    /// True where the server did not accept the credentials of the connection.
    pub fn is_sign_in(&self) -> bool {
        match self {
            FetchError::Remote(error) | FetchError::NoStatus(error) => error.is_sign_in(),
            _ => false,
        }
    }

    /// The server's own error code, where it gave one.
    pub fn remote_code(&self) -> Option<&str> {
        match self {
            FetchError::Refused { code, .. } | FetchError::JobFailed { code, .. } => code.as_deref(),
            // Under HTTP 400, too.
            FetchError::Remote(RemoteError::Status { detail, .. }) => detail.as_deref().and_then(find_code),
            _ => None,
        }
    }

    /// The remedy, for the user.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            FetchError::Remote(_) if self.remote_code() == Some("EPMCSS-20679") => REFUSED_PARAMETERS,
            FetchError::Remote(error) | FetchError::NoStatus(error) => return error.hint(),
            FetchError::WebPage { hint, .. } => return Some(hint.clone()),
            FetchError::Refused { .. } => {
                "ask the administrator for the roles that the report needs; `host check` lists them"
            }
            FetchError::JobFailed { code: Some(code), .. } if code == "EPMCSS-20685" => {
                "a file of that name exists on the server: delete it, or run again for a new name"
            }
            FetchError::JobFailed { code: Some(code), .. } if code == "EPMCSS-20679" => REFUSED_PARAMETERS,
            FetchError::JobFailed { .. } => {
                "what was asked for failed on the server; the next run asks for the period again"
            }
            FetchError::JobTimeout { .. } => "the job may still finish; run again later, or ask for a shorter window",
            FetchError::NoFile { .. } => {
                "the user may lack the right to download, which needs the role Service Administrator or Migrations - Administer"
            }
            FetchError::Incomplete { .. } => {
                "records may have been added or removed meanwhile, or the server gives no more of so long a list: run again, with \
                 an end of the window further back, or for a shorter window"
            }
            FetchError::TooLarge { .. } | FetchError::TooManyPages { .. } => "ask for a shorter window",
            FetchError::Spool(error) if is_full(error) => {
                "ask for a shorter window, have fewer windows in flight (`windows-ahead` under [ledger]), or raise `spool-bytes` \
                 under [fetch]"
            }
            FetchError::Spool(_) => "check the free space and the permissions of the spool folder",
            FetchError::Archive { source, .. } => {
                let key = match source {
                    ArchiveError::Entries { .. } => "archive-entries",
                    ArchiveError::TooLarge { .. } => "archive-bytes",
                    ArchiveError::Ratio { .. } => "archive-ratio",
                    ArchiveError::Slow { .. } => "archive-timeout",
                    _ => return None,
                };
                return Some(format!("if it is a report all the same, raise `{key}` under [fetch]"));
            }
            FetchError::Checkpoint(_) | FetchError::Malformed { .. } | FetchError::Plan(_) => return None,
        };
        Some(text.to_owned())
    }
}
