//! Runs a job on the server: submit, then follow the `Job Status` link until it is done.

use std::time::{Duration, Instant};

use backon::{BackoffBuilder as _, ExponentialBuilder};
use http::StatusCode;
use jiff::Timestamp;
use url::Url;

use super::envelope::{Envelope, Status};
use super::files;
use super::poll_pacer::PollPacer;
use crate::checkpoint::{FetchCheckpoint, FetchStage};
use crate::error::{FetchError, STATUS, SUBMISSION};
use crate::limits::FetchLimits;
use crate::progress::FetchProgress;
use crate::request;
use base::ErrorKind;
use base::visible;
use remote::{Remote, RemoteError, Request};

const JOB_STATUS: &str = "Job Status";

/// The code with which EPM Cloud refuses to write over a file.
const FILE_EXISTS: &str = "EPMCSS-20685";

/// A status that is not there yet although its job was just created: how often to look again.
const MISSING: u32 = 3;

/// A job that ended well.
#[derive(Debug)]
pub(crate) struct Finished {
    /// The job's id, where there was a job to poll.
    pub(crate) id: Option<String>,
    pub(crate) polls: u64,
    /// The files that the last answer names.
    pub(crate) told: Vec<String>,
    /// The last answer.
    pub(crate) envelope: Envelope,
}

/// A job on the server, with all that it takes to run it.
#[derive(Clone, Copy)]
pub(crate) struct RunningJob<'a> {
    pub(crate) remote: &'a Remote,
    pub(crate) limits: &'a FetchLimits,
    pub(crate) progress: &'a dyn FetchProgress,
    pub(crate) checkpoint: &'a dyn FetchCheckpoint,
    /// The jobs that are waited for besides.
    pub(crate) pacer: &'a PollPacer,
}

impl RunningJob<'_> {
    /// Submits a job. With `again`, an earlier process may have done so and not lived to tell.
    ///
    /// A request whose answer was lost may have created a job all the same, and a job goes on whether anybody asks for it
    /// or not. So it is not simply sent again: first its file is looked for, as long as a job may take. Where the
    /// server does not tell, the failure is final; but for a lost process there is nobody to tell, so the job is submitted
    /// again under the same name, and that is counted.
    pub(crate) async fn submit(self, job: &sandbox::Job, again: bool) -> Result<Envelope, FetchError> {
        let RunningJob { remote, limits, .. } = self;
        // It becomes a segment of the download's path: one that cannot be must not cost a job first.
        (remote.base().join([&job.file])).map_err(|error| FetchError::Plan(error.to_string()))?;
        let request = request::build(remote, &job.submit)?
            .header("accept", "application/json")
            .map_err(|error| FetchError::Plan(error.to_string()))?
            .limit(limits.control_bytes)
            .repeatable(false);
        // Whether there may be a job of which nobody knows: not where its file was looked for long enough.
        let mut open = false;
        if again {
            match self.search(job, limits.job_search).await? {
                Some(true) => return Ok(Envelope::done()),
                Some(false) => {}
                None => open = true,
            }
            self.unsure(job);
        } else {
            self.reached(FetchStage::Submitting).await?;
        }
        let mut retry = remote.retry();
        let mut repeated = again;
        loop {
            base::failpoint!("post.before");
            let answer = remote.exchange(request.clone()).await;
            base::failpoint!("post.after");
            let error = match answer {
                Ok(answer) => {
                    let read = Envelope::read(remote, SUBMISSION, &answer.body);
                    return match read.and_then(Envelope::check) {
                        // So the lost answer was to a job that ran, and has ended since.
                        Err(error) if repeated && error.remote_code() == Some(FILE_EXISTS) => Ok(Envelope::done()),
                        Err(error) if says_no_job(&error) => self.not_made(error, open).await,
                        outcome => outcome,
                    };
                }
                Err(error) if error.is_transient() && !error.nothing_done() => error,
                Err(error) => {
                    let (never_sent, error) = (error.nothing_done(), FetchError::from(error));
                    if repeated && error.remote_code() == Some(FILE_EXISTS) {
                        return Ok(Envelope::done());
                    }
                    return match never_sent && !repeated || says_no_job(&error) {
                        true => self.not_made(error, open).await,
                        false => Err(error),
                    };
                }
            };
            if !retry.wait(&error, true).await {
                let error = FetchError::from(error);
                return match says_no_job(&error) {
                    true => self.not_made(error, open).await,
                    false => Err(error),
                };
            }
            let turned_away = matches!(
                error.status(),
                Some(StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
            );
            let longest = if turned_away { Duration::ZERO } else { limits.job_search };
            match self.search(job, longest).await {
                Ok(Some(true)) => return Ok(Envelope::done()),
                Ok(Some(false)) if turned_away => open |= !is_too_early(&error),
                Ok(Some(false)) => self.unsure(job),
                Ok(None) | Err(_) => return Err(error.into()),
            }
            repeated = true;
        }
    }

    /// The submission made no job, so the next run may ask anew without looking for a file; unless an earlier submission is
    /// still `open`.
    async fn not_made<T>(self, error: FetchError, open: bool) -> Result<T, FetchError> {
        if !open {
            self.reached(FetchStage::Start).await?;
        }
        Err(error)
    }

    /// Looks for the job's file on the server until it appears or the time is up; none where the server does not tell.
    async fn search(self, job: &sandbox::Job, longest: Duration) -> Result<Option<bool>, FetchError> {
        let names = files::candidates(&[], &job.file);
        let (started, mut waits, mut told) = (Instant::now(), self.waits(), false);
        loop {
            match files::list(self.remote, self.limits).await {
                Ok(listed) if files::find(&listed, &names, &job.file).is_some() => return Ok(Some(true)),
                Ok(_) => {}
                Err(error) if matches!(error.kind(), ErrorKind::Failed | ErrorKind::Refused) => return Ok(None),
                Err(error) => return Err(error),
            }
            let left = longest.saturating_sub(started.elapsed());
            if left.is_zero() {
                return Ok(Some(false));
            }
            if !std::mem::replace(&mut told, true) {
                self.progress.searching(&self.shown(job), longest);
            }
            let wait = jittered(waits.next().unwrap_or(self.limits.longest_poll));
            tokio::time::sleep(wait.min(left)).await;
        }
    }

    fn unsure(self, job: &sandbox::Job) {
        self.checkpoint.unsure();
        self.progress.warned(&format!(
            "an earlier submission got no reply, and its file {} did not appear; requesting the report again",
            self.shown(job)
        ));
    }

    fn shown(self, job: &sandbox::Job) -> String {
        self.remote.presentable(&job.file, 100)
    }

    /// The waits between two questions.
    fn waits(self) -> impl Iterator<Item = Duration> {
        ExponentialBuilder::default()
            .with_min_delay(self.limits.first_poll)
            .with_max_delay(self.limits.longest_poll)
            .with_factor(1.5)
            .without_max_times()
            .build()
    }

    /// Waits for a submitted job.
    pub(crate) async fn wait(self, submitted: Envelope) -> Result<Finished, FetchError> {
        if submitted.status == Status::Done {
            return self.finished(None, 0, submitted).await;
        }
        let Some(link) = submitted.link(JOB_STATUS) else {
            return Err(FetchError::Malformed {
                what: SUBMISSION,
                why: format!("the job is in progress, but there is no link `{JOB_STATUS}`"),
            });
        };
        let link = self.remote.resolve(link)?;
        self.reached(FetchStage::Submitted { link: relative(&link) }).await?;
        self.progress.submitted(&relative(&link));
        self.poll(link, 0, None).await
    }

    /// Polls a job until it ends: one that was asked so many times before, and shall not be asked again before `next`.
    pub(crate) async fn poll(
        self,
        mut link: Url,
        before: u64,
        next: Option<Timestamp>,
    ) -> Result<Finished, FetchError> {
        let RunningJob { remote, limits, .. } = self;
        let started = Instant::now();
        let id = id(&link);
        let mut waits = self.waits();
        let (mut polls, mut missing) = (before, 0);
        let longest = limits.longest_poll;
        let member = self.pacer.join();
        let mut appointed = Some(match next.map(until) {
            // Whoever takes up many jobs at once does not ask for all of them at once.
            Some(Duration::ZERO) => member.stagger(longest),
            Some(wait) => wait.min(longest),
            None => jittered(waits.next().unwrap_or(longest)).saturating_add(member.stagger(longest)),
        });
        loop {
            let wait = match appointed.take() {
                Some(wait) => wait,
                None => jittered(member.paced(waits.next().unwrap_or(longest), longest)),
            };
            let timeout = FetchError::JobTimeout {
                after: limits.job_timeout,
                polls,
            };
            if started.elapsed().saturating_add(wait) > limits.job_timeout {
                return Err(timeout);
            }
            if polls > before {
                let now = Timestamp::now();
                let next = now.checked_add(wait).unwrap_or(now);
                let link = relative(&link);
                self.reached(FetchStage::Waiting { link, polls, next }).await?;
            }
            tokio::time::sleep(wait).await;
            polls += 1;
            self.progress.polled(polls);
            let request = Request::get(link.clone())
                .header("accept", "application/json")
                .map_err(|error| FetchError::Plan(error.to_string()))?
                .limit(limits.control_bytes);
            base::failpoint!("poll.before");
            // In memory while it is under way, not while thousands of jobs are only waited for.
            let answer = Box::pin(remote.exchange(request)).await;
            base::failpoint!("poll.after");
            let answer = match answer {
                Err(RemoteError::Status {
                    status: StatusCode::NOT_FOUND,
                    ..
                }) if polls <= u64::from(MISSING) && missing < MISSING => {
                    missing += 1;
                    continue;
                }
                // Whoever sends the question elsewhere knows nothing of the job.
                Err(
                    error @ (RemoteError::OriginEscape { .. }
                    | RemoteError::Redirect { .. }
                    | RemoteError::Malformed { .. }),
                ) => return Err(FetchError::NoStatus(error)),
                answer => answer?,
            };
            missing = MISSING;
            let envelope = match Envelope::read(remote, STATUS, &answer.body)?.check() {
                // The job has ended so, and asking for it again would tell the same for ever: the next run asks anew.
                Err(error @ FetchError::Refused { .. }) => return self.not_made(error, false).await,
                envelope => envelope?,
            };
            // Thousands may wait for their turn to download.
            drop(answer);
            if envelope.status == Status::Done {
                return self.finished(id, polls, envelope).await;
            }
            if let Some(next) = envelope.link(JOB_STATUS) {
                link = remote.resolve(next)?;
            }
        }
    }

    async fn finished(self, id: Option<String>, polls: u64, envelope: Envelope) -> Result<Finished, FetchError> {
        let told = files::told(&envelope);
        let ready = FetchStage::Ready {
            job: id.clone(),
            polls,
            files: told.clone(),
        };
        self.reached(ready).await?;
        Ok(Finished {
            id,
            polls,
            told,
            envelope,
        })
    }

    async fn reached(self, point: FetchStage) -> Result<(), FetchError> {
        self.checkpoint.reached(point).await.map_err(FetchError::Checkpoint)
    }
}

/// True if the answer to a submission says that it made no job: access was refused, the request was turned away or found
/// wrong, or the job failed on the spot.
fn says_no_job(error: &FetchError) -> bool {
    match error {
        FetchError::Refused { .. } | FetchError::JobFailed { .. } => true,
        FetchError::Remote(RemoteError::SignIn { .. } | RemoteError::Refused { .. } | RemoteError::Status { .. }) => {
            true
        }
        FetchError::Remote(error) => is_too_early(error),
        _ => false,
    }
}

/// True if the request itself, and nothing that it was redirected to, was answered with 429.
fn is_too_early(error: &RemoteError) -> bool {
    match error {
        RemoteError::Busy { status, .. } => *status == StatusCode::TOO_MANY_REQUESTS,
        RemoteError::GaveUp { last, .. } => is_too_early(last),
        _ => false,
    }
}

/// The time until an instant; nothing where it has passed.
fn until(instant: Timestamp) -> Duration {
    Duration::try_from(instant.duration_since(Timestamp::now())).unwrap_or_default()
}

/// The id of a job, for people: the last part of its status link.
fn id(link: &Url) -> Option<String> {
    link.path_segments()?
        .rfind(|segment| !segment.is_empty())
        .map(|segment| {
            percent_encoding::percent_decode_str(segment)
                .decode_utf8_lossy()
                .chars()
                .filter(|c| !c.is_control())
                .take(100)
                .collect::<String>()
        })
        .map(|id| visible::shown(&id).into_owned())
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
