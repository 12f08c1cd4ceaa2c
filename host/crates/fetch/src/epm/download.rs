//! Brings the file that a job wrote to the spool.
//!
//! "Download (11.1.2.3.600)" of the EPM Cloud REST interface answers HTTP 200 either way: bytes are the file, JSON is
//! an error. Where it does not know the file, List Files may tell its name; where it is refused, "Download (v2)" may
//! not be: that one prepares the file in a job and offers a link to it. A server may call a job done a while before it
//! serves the job's file, so "Invalid file" is believed only when it has been said for [`FetchLimits::file_wait`].

use std::time::Instant;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use http::Method;
use tracing::debug;

use super::envelope::{Envelope, Status};
use super::poll_pacer::PollPacer;
use super::{files, job, nothing};
use crate::error::FetchError;
use crate::limits::FetchLimits;
use crate::progress::FetchProgress;
use crate::receive::{Received, receive};
use crate::received_document::AnsweredRequest;
use crate::spool::{Spool, Spooled};
use crate::web_page;
use base::ErrorKind;
use remote::{Remote, RemoteError, Request};

/// JSON that is longer than this is a file, not an error.
const LONGEST_ERROR: u64 = 64 * 1024;

const DOWNLOAD_LINK: &str = "Download link";

/// A downloaded file.
#[derive(Debug)]
pub(crate) struct Downloaded {
    pub(crate) file: Spooled,
    /// The file's name on the server.
    pub(crate) name: String,
    /// The kind of file, as the server says: `zip`, `csv`, …
    pub(crate) extension: Option<String>,
    /// True if there is nothing in it.
    pub(crate) empty: bool,
    /// The request that brought it.
    pub(crate) answered: AnsweredRequest,
}

/// A download of the file that a job wrote, with all that it needs.
#[derive(Clone, Copy)]
pub(crate) struct Download<'a> {
    pub(crate) remote: &'a Remote,
    pub(crate) spool: &'a Spool,
    pub(crate) limits: &'a FetchLimits,
    pub(crate) progress: &'a dyn FetchProgress,
    pub(crate) pacer: &'a PollPacer,
}

impl Download<'_> {
    /// Downloads the file that a job was asked to write, whatever it is called now. `told` is what the job said; `patient`
    /// says whether a file that is not there may yet come.
    pub(crate) async fn run(self, told: &[String], asked: &str, patient: bool) -> Result<Downloaded, FetchError> {
        let mut waits = ExponentialBuilder::default()
            .with_min_delay(self.limits.first_poll)
            .with_max_delay(self.limits.longest_poll)
            .with_factor(1.5)
            .with_jitter()
            .without_max_times()
            .build();
        let (started, mut told_so) = (Instant::now(), false);
        loop {
            let error = match self.anywhere(told, asked).await {
                Err(error @ FetchError::NoFile { later: true, .. }) => error,
                outcome => return outcome,
            };
            let left = self.limits.file_wait.saturating_sub(started.elapsed());
            if left.is_zero() || !patient {
                return Err(error);
            }
            if !std::mem::replace(&mut told_so, true) {
                let most = self.limits.file_wait.as_secs();
                self.progress.warned(&format!(
                    "{error}; the job is done, so this is tried again for up to {most} s"
                ));
            }
            tokio::time::sleep(waits.next().unwrap_or(self.limits.longest_poll).min(left)).await;
        }
    }

    /// Tries each way to the file once.
    async fn anywhere(self, told: &[String], asked: &str) -> Result<Downloaded, FetchError> {
        let candidates = files::candidates(told, asked);
        let first = candidates.first().map_or(asked, String::as_str);
        let refusal = match self.v1(first).await {
            Err(error) if may_be_elsewhere(&error) => error,
            outcome => return outcome,
        };
        debug!(connection = self.remote.name(), "{refusal}; looking for another way");
        let listed = match files::list(self.remote, self.limits).await {
            Ok(listed) => Some(listed),
            Err(error @ FetchError::Remote(RemoteError::SignIn { .. })) => return Err(error),
            Err(error) if matches!(error.kind(), ErrorKind::Failed | ErrorKind::Refused) => None,
            Err(error) => return Err(error),
        };
        let name = match &listed {
            Some(listed) => match files::find(listed, &candidates, asked) {
                Some(name) => name,
                None => return Err(refusal),
            },
            None => first.to_owned(),
        };
        // The interface works; it was the name that did not.
        if matches!(refusal, FetchError::NoFile { .. } | FetchError::WebPage { .. }) {
            let others: Vec<&String> = match &listed {
                Some(_) => vec![&name],
                None => candidates.iter().collect(),
            };
            for other in others.into_iter().filter(|other| *other != first) {
                match self.v1(other).await {
                    Err(error) if may_be_elsewhere(&error) => {}
                    outcome => return outcome,
                }
            }
        }
        match self.v2(&name).await {
            // It may come yet, which says more than why the older interface refused.
            Err(error @ FetchError::NoFile { later: true, .. }) => Err(error),
            // That the newer interface is not there either says less than why the older one refused.
            Err(error) if matches!(error.kind(), ErrorKind::Failed | ErrorKind::Refused) => {
                debug!(connection = self.remote.name(), "{error}");
                Err(refusal)
            }
            outcome => outcome,
        }
    }

    async fn v1(self, name: &str) -> Result<Downloaded, FetchError> {
        let url = self
            .remote
            .base()
            .join([
                "interop",
                "rest",
                "11.1.2.3.600",
                "applicationsnapshots",
                name,
                "contents",
            ])
            .map_err(|error| FetchError::Malformed {
                // The plugin's own name is a plain one: this one came from the server.
                what: "the job",
                why: format!("it names its file wrongly: {error}"),
            })?;
        self.receive(Request::get(url), name).await
    }

    async fn v2(self, name: &str) -> Result<Downloaded, FetchError> {
        let url = self
            .remote
            .base()
            .join(["interop", "rest", "v2", "files", "download"])?;
        let body = serde_json::json!({ "fileName": name }).to_string();
        let request = Request::new(Method::POST, url)
            .body("application/json", body)?
            .limit(self.limits.control_bytes)
            // Preparing a file twice does no harm.
            .repeatable(true);
        let answer = self.remote.exchange(request).await?;
        let submitted = match Envelope::read(self.remote, "the download", &answer.body)?.check() {
            // As the older interface says of a file that is not there yet.
            Err(FetchError::JobFailed { text, .. }) => {
                return Err(FetchError::NoFile {
                    file: self.remote.presentable(name, 100),
                    why: text,
                    later: true,
                });
            }
            checked => checked?,
        };
        let preparation = job::RunningJob {
            remote: self.remote,
            limits: self.limits,
            progress: &(),
            checkpoint: &(),
            pacer: self.pacer,
        };
        let finished = preparation.wait(submitted).await?;
        let Some(link) = finished.envelope.link(DOWNLOAD_LINK) else {
            return Err(FetchError::Malformed {
                what: "the download",
                why: format!("the file is ready, but there is no link `{DOWNLOAD_LINK}`"),
            });
        };
        let link = self.remote.resolve(link)?;
        let outcome = self.receive(Request::get(link.clone()), name).await;
        let delete = Request::new(Method::DELETE, link).limit(self.limits.control_bytes);
        if let Err(error) = self.remote.exchange(delete).await {
            self.progress
                .warned(&format!("the prepared download stays on the server: {error}"));
        }
        outcome
    }

    async fn receive(self, request: Request, name: &str) -> Result<Downloaded, FetchError> {
        let request = request.limit(self.limits.document_bytes);
        let received = receive(self.remote, &request, self.spool, self.limits.restarts, self.progress).await?;
        let empty = check_content(self.remote, name, &received)? == Content::Nothing;
        if empty {
            self.check_size(name).await?;
        }
        Ok(Downloaded {
            file: received.file,
            name: name.to_owned(),
            extension: received.extension,
            empty,
            answered: received.answered,
        })
    }

    /// A file that came without content has none, unless the server's list knows better.
    async fn check_size(self, name: &str) -> Result<(), FetchError> {
        /// A byte order mark and a line break are no content.
        const NO_CONTENT: u64 = 5;
        let listed = files::list_all(self.remote, self.limits).await.unwrap_or_default();
        let size = listed.iter().find(|file| file.name == name).and_then(|file| file.size);
        match size.filter(|size| *size > NO_CONTENT) {
            None => Ok(()),
            Some(size) => Err(FetchError::NoFile {
                file: self.remote.presentable(name, 100),
                why: format!("it came empty, and the server lists it with {size} bytes"),
                later: true,
            }),
        }
    }
}

/// The content of a download that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    Something,
    /// No byte but a byte order mark and white space.
    Nothing,
}

/// True if the file may be had under another name or by another interface.
fn may_be_elsewhere(error: &FetchError) -> bool {
    match error {
        FetchError::NoFile { .. } | FetchError::WebPage { .. } | FetchError::Refused { .. } => true,
        FetchError::Remote(error) => error
            .status()
            .is_some_and(|status| matches!(status.as_u16(), 400 | 403 | 404 | 405 | 410 | 501)),
        _ => false,
    }
}

/// Checks that the bytes that came are the file: not an error in JSON, not a sign-in page.
fn check_content(remote: &Remote, name: &str, received: &Received) -> Result<Content, FetchError> {
    const WHAT: &str = "the download";
    let no_file = |why: String, later: bool| FetchError::NoFile {
        file: remote.presentable(name, 100),
        why,
        later,
    };
    let kind = received.media_type.as_deref().unwrap_or_default();
    let is_json = kind == "application/json" || kind.ends_with("+json");
    let head = received.file.head(LONGEST_ERROR)?;
    let start = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&head).trim_ascii_start();
    let is_page = kind == "text/html";
    if start.is_empty() && received.file.len() <= head.len() as u64 && !is_json && !is_page {
        return Ok(Content::Nothing);
    }
    if matches!(start.first(), Some(b'{' | b'['))
        && received.file.len() <= nothing::LONGEST
        && nothing::said_by_document(start).is_some()
    {
        // It is the report, in words.
        return Ok(Content::Something);
    }
    if start.first() == Some(&b'{') && (is_json || received.file.len() < LONGEST_ERROR) {
        match Envelope::read(remote, WHAT, start) {
            Ok(envelope) => {
                let (status, text) = (envelope.status, envelope.text.clone());
                return Err(match (status, envelope.check()) {
                    (Status::Failed(_), Err(error @ FetchError::Refused { .. })) => error,
                    (status, _) => no_file(
                        text.unwrap_or_else(|| "it answered with JSON instead".into()),
                        status != Status::Done,
                    ),
                });
            }
            Err(_) if !is_json => {}
            Err(_) => return Err(no_file("it answered with JSON that says nothing".into(), false)),
        }
    }
    if is_json {
        return Err(no_file("it answered with JSON instead".into(), false));
    }
    let lower = start.get(..100).unwrap_or(start).to_ascii_lowercase();
    let beginnings: [&[u8]; 5] = [b"<!doctype html", b"<!--", b"<html", b"<head", b"<script"];
    if is_page || beginnings.iter().any(|beginning| lower.starts_with(beginning)) {
        return Err(web_page::instead_of(remote, WHAT, start));
    }
    Ok(Content::Something)
}
