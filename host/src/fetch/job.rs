//! Runs a job on the server: submit, then follow the `Job Status` link until it is done.

use std::time::{Duration, Instant};

use backon::{BackoffBuilder as _, ExponentialBuilder};
use http::StatusCode;
use url::Url;

use super::envelope::{Envelope, Status};
use super::error::FetchError;
use super::limits::Limits;
use super::progress::Progress;
use super::{files, request};
use crate::plugin;
use crate::remote::{Remote, RemoteError, Request};

const JOB_STATUS: &str = "Job Status";

/// The code with which EPM Cloud refuses to write over a file.
const FILE_EXISTS: &str = "EPMCSS-20685";

/// A status that is not there yet although its job was just created: how often to look again.
const MISSING: u32 = 3;

/// A job that ended well.
#[derive(Debug)]
pub(super) struct Finished {
    /// The job's id, where there was a job to poll.
    pub(super) id: Option<String>,
    pub(super) polls: u64,
    /// The last answer: it may name the file.
    pub(super) envelope: Envelope,
}

/// Submits a job.
///
/// A request whose answer was lost may have created a job all the same. So it is not simply sent again: first the
/// server is asked whether the job's file is there. Where the server does not tell, the failure is final.
pub(super) async fn submit(remote: &Remote, job: &plugin::Job, limits: &Limits) -> Result<Envelope, FetchError> {
    let request = request::build(remote, &job.submit)?
        .header("accept", "application/json")
        .map_err(|error| FetchError::Plan(error.to_string()))?
        .limit(limits.control_bytes)
        .repeatable(false);
    let mut retry = remote.retry();
    let mut repeated = false;
    loop {
        let error = match remote.exchange(request.clone()).await {
            Ok(answer) => {
                return match Envelope::read(remote, "the submission", &answer.body)?.check() {
                    // So the lost answer was to a job that ran, and has ended since.
                    Err(error) if repeated && error.remote_code() == Some(FILE_EXISTS) => Ok(Envelope::done()),
                    outcome => outcome,
                };
            }
            Err(error) if error.is_transient() && !error.nothing_sent() => error,
            Err(error) => return Err(error.into()),
        };
        if !retry.wait(&error, true).await {
            return Err(error.into());
        }
        let Ok(listed) = files::list(remote, limits).await else {
            return Err(error.into());
        };
        if files::find(&listed, &files::candidates(&[], &job.file), &job.file).is_some() {
            return Ok(Envelope::done());
        }
        repeated = true;
    }
}

/// Waits for a submitted job.
pub(super) async fn wait(
    remote: &Remote,
    submitted: Envelope,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<Finished, FetchError> {
    if submitted.status == Status::Done {
        return Ok(Finished {
            id: None,
            polls: 0,
            envelope: submitted,
        });
    }
    let Some(link) = submitted.link(JOB_STATUS) else {
        return Err(FetchError::Malformed {
            what: "the submission",
            why: format!("the job is in progress, but there is no link `{JOB_STATUS}`"),
        });
    };
    let link = remote.resolve(link)?;
    progress.submitted(&relative(&link));
    poll(remote, link, limits, progress).await
}

/// Polls a job until it ends.
pub(super) async fn poll(
    remote: &Remote,
    mut link: Url,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<Finished, FetchError> {
    let started = Instant::now();
    let id = id(&link);
    let mut waits = ExponentialBuilder::default()
        .with_min_delay(limits.polling.first)
        .with_max_delay(limits.polling.longest)
        .with_factor(1.5)
        .without_max_times()
        .build();
    let (mut polls, mut missing) = (0, 0);
    loop {
        let wait = jittered(waits.next().unwrap_or(limits.polling.longest));
        let timeout = FetchError::JobTimeout {
            after: limits.polling.total,
            polls,
        };
        if started.elapsed().saturating_add(wait) > limits.polling.total {
            return Err(timeout);
        }
        tokio::time::sleep(wait).await;
        polls += 1;
        progress.polled(polls);
        let request = Request::get(link.clone())
            .header("accept", "application/json")
            .map_err(|error| FetchError::Plan(error.to_string()))?
            .limit(limits.control_bytes);
        let answer = match remote.exchange(request).await {
            Err(RemoteError::Status {
                status: StatusCode::NOT_FOUND,
                ..
            }) if polls <= u64::from(MISSING) && missing < MISSING => {
                missing += 1;
                continue;
            }
            answer => answer?,
        };
        missing = MISSING;
        let envelope = Envelope::read(remote, "the job's status", &answer.body)?.check()?;
        if envelope.status == Status::Done {
            return Ok(Finished { id, polls, envelope });
        }
        if let Some(next) = envelope.link(JOB_STATUS) {
            link = remote.resolve(next)?;
        }
    }
}

/// What identifies a job to people: the last part of its status link.
fn id(link: &Url) -> Option<String> {
    link.path_segments()?
        .rfind(|segment| !segment.is_empty())
        .map(|segment| {
            percent_encoding::percent_decode_str(segment)
                .decode_utf8_lossy()
                .chars()
                .filter(|c| !c.is_control())
                .take(100)
                .collect()
        })
}

fn relative(link: &Url) -> String {
    match link.query() {
        Some(query) => format!("{}?{query}", link.path()),
        None => link.path().to_owned(),
    }
}

/// Up to a quarter shorter, so that many hosts do not poll in step.
fn jittered(wait: Duration) -> Duration {
    wait.mul_f64(0.75 + 0.25 * fastrand::f64())
}
