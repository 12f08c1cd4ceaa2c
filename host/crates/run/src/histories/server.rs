//! The server of a history, as a connection sees it: the steps of a job with what each writes down, played by the oracle. An
//! answer that an earlier process waited for may come between two of them.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::SignedDuration;
use sha2::{Digest as _, Sha256};

use super::faulty_ledger::FaultyLife;
use super::script::Process;
use super::world::{JobStatus, MINUTE, Shared, at, lock};
use crate::fetching::Fetch;
use crate::stream_ledger::StreamLedger;
use crate::windows::FetchTask;
use fetch::{Cleanup, FetchCheckpoint, FetchError, FetchStage, Fetched};
use ledger::{InFlight, LedgerError};
use remote::{Counters, RemoteError};

/// How long an answer takes.
const LATENCY: Duration = Duration::from_millis(1);

/// A change that an earlier process was about to write down about a job when it was thought dead.
pub(super) struct LateAnswer {
    book: Arc<StreamLedger>,
    life: FaultyLife,
    window: Arc<InFlight>,
    place: usize,
    point: FetchStage,
}

/// The server, and the way to it.
pub(super) struct Server {
    pub(super) jobs: bool,
    pub(super) process: Process,
    pub(super) life: FaultyLife,
    pub(super) world: Shared,
    pub(super) book: Arc<StreamLedger>,
    /// For documents on their way.
    pub(super) folder: PathBuf,
    /// Comes between two steps of this process.
    pub(super) late: Mutex<Option<LateAnswer>>,
    pub(super) last: Mutex<Option<LateAnswer>>,
    /// The files that were asked for.
    pub(super) asked: Mutex<BTreeSet<String>>,
}

#[async_trait]
impl Fetch for Server {
    async fn fetch_from(
        &self,
        fetch: &sandbox::Fetch,
        from: FetchStage,
        journal: &dyn FetchCheckpoint,
    ) -> Result<Fetched, FetchError> {
        let (window, place) = self.asked_for(fetch)?;
        self.asked.lock().unwrap().insert(file(&window.name, place));
        let fetched = match self.jobs {
            true => self.job(&window, place, from, journal).await,
            false => {
                self.step()?;
                tokio::time::sleep(LATENCY).await;
                let rows = lock(&self.world).rows(&window, place);
                self.document(&rows)
            }
        }?;
        self.step()?;
        Ok(fetched)
    }

    async fn clean_up(&self, cleanup: &Cleanup) {
        if self.step().is_ok() {
            lock(&self.world).delete(&cleanup.file);
        }
    }

    fn clock_offset(&self) -> Option<SignedDuration> {
        None
    }

    fn counters(&self) -> Counters {
        Counters::default()
    }
}

impl Server {
    /// Which fetch of which window it is.
    fn asked_for(&self, fetch: &sandbox::Fetch) -> Result<(Arc<InFlight>, usize), FetchError> {
        let sandbox::Fetch::Call(call) = fetch else {
            return Err(FetchError::Plan("no call".into()));
        };
        let [name, place] = call.request.path.as_slice() else {
            return Err(FetchError::Plan("another path".into()));
        };
        let record = self.book.record();
        let window = record.window(name).zip(place.parse().ok());
        let (window, place) = window.ok_or_else(|| FetchError::Plan(format!("{name} is not written down")))?;
        Ok((Arc::clone(window), place))
    }

    fn step(&self) -> Result<(), FetchError> {
        self.life
            .step()
            .map_err(|error| FetchError::Checkpoint(Box::new(error)))
    }

    /// As `fetch/job.rs` does it.
    async fn job(
        &self,
        window: &Arc<InFlight>,
        place: usize,
        from: FetchStage,
        journal: &dyn FetchCheckpoint,
    ) -> Result<Fetched, FetchError> {
        let reached = |point| self.reached(window, place, journal, point);
        let name = file(&window.name, place);
        let link = format!("/jobs/{name}");
        let (mut polls, mut there) = (0, false);
        match &from {
            FetchStage::Start => {
                reached(FetchStage::Submitting).await?;
                self.submit(&name, window, place).await?;
                reached(FetchStage::Submitted { link: link.clone() }).await?;
            }
            FetchStage::Submitting => {
                self.step()?;
                there = lock(&self.world).file(&name).is_some();
                if !there {
                    journal.unsure();
                    {
                        let mut world = lock(&self.world);
                        *world.unsure.entry(name.clone()).or_default() += 1;
                        world.seen.note("job submitted again, unsure");
                    }
                    self.submit(&name, window, place).await?;
                    reached(FetchStage::Submitted { link: link.clone() }).await?;
                }
            }
            FetchStage::Waiting { polls: before, .. } => polls = *before,
            FetchStage::Submitted { .. } | FetchStage::Ready { .. } => {}
        }
        if !matches!(from, FetchStage::Ready { .. }) {
            let mut asked = 0;
            while !there {
                self.step()?;
                tokio::time::sleep(LATENCY).await;
                let status = lock(&self.world).poll(&name);
                self.step()?;
                polls += 1;
                asked += 1;
                match status {
                    Some(JobStatus::Done) => there = true,
                    Some(JobStatus::Running) if asked > self.process.patience => {
                        let reason = "the network failed".into();
                        return Err(RemoteError::Interrupted { reason }.into());
                    }
                    Some(JobStatus::Running) => {
                        let next = at(lock(&self.world).clock + MINUTE);
                        let link = link.clone();
                        reached(FetchStage::Waiting { link, polls, next }).await?;
                    }
                    Some(JobStatus::Failed) => return Err(failed(&name, "the job failed")),
                    None => return Err(failed(&name, "there is no such job")),
                }
            }
            let ready = FetchStage::Ready {
                job: Some(name.clone()),
                polls,
                files: vec![name.clone()],
            };
            reached(ready.clone()).await?;
            // The same answer twice is one.
            reached(ready).await?;
        }
        self.step()?;
        tokio::time::sleep(LATENCY).await;
        let rows = lock(&self.world).file(&name);
        let rows = rows.ok_or_else(|| failed(&name, "there is no such file"))?;
        let mut fetched = self.document(&rows)?;
        fetched.cleanup = Some(Cleanup { file: name.clone() });
        fetched.file_name = Some(name.clone());
        fetched.job = Some(name);
        fetched.polls = polls;
        Ok(fetched)
    }

    /// Creates a job. The answer is on its way when the process may end.
    async fn submit(&self, name: &str, window: &InFlight, place: usize) -> Result<(), FetchError> {
        self.step()?;
        {
            let mut world = lock(&self.world);
            let rows = world.rows(window, place);
            world.submit(name, rows);
        }
        tokio::time::sleep(LATENCY).await;
        self.step()
    }

    async fn reached(
        &self,
        window: &Arc<InFlight>,
        place: usize,
        journal: &dyn FetchCheckpoint,
        point: FetchStage,
    ) -> Result<(), FetchError> {
        let late = self.late.lock().unwrap().take();
        if let Some(late) = late {
            let errand = FetchTask::new(&late.book, &Arc::default(), &late.window, late.place, true);
            late.life.revive();
            let said = errand.reached(late.point).await;
            late.life.end();
            lock(&self.world).seen.note(match said {
                Ok(()) => "late answer taken",
                Err(_) => "late answer refused",
            });
        }
        *self.last.lock().unwrap() = Some(LateAnswer {
            book: Arc::clone(&self.book),
            life: self.life.clone(),
            window: Arc::clone(window),
            place,
            point: point.clone(),
        });
        let said = journal.reached(point).await;
        said.map_err(|error| FetchError::Checkpoint(Box::new(LedgerError::Internal(error.to_string()))))
    }

    /// A document as it comes from the network.
    fn document(&self, rows: &[usize]) -> Result<Fetched, FetchError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let mut text = String::new();
        {
            let world = lock(&self.world);
            for row in rows {
                text += &format!("{row} {}\n", world.events[*row].time);
            }
        }
        let sha256: String = Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = self.folder.join(format!("incoming-{number}"));
        std::fs::File::create(&path)?.write_all(text.as_bytes())?;
        let fetched = Fetched::reopen(&path, text.len() as u64, Some(&sha256))?;
        // One that has no name is copied to the spool, and another gets one there.
        if number.is_multiple_of(2) {
            std::fs::remove_file(&path)?;
        }
        fetched.ok_or_else(|| std::io::Error::other("a document that is none").into())
    }
}

/// The file that a job writes.
pub(super) fn file(window: &str, place: usize) -> String {
    format!("{window}-{place}.csv")
}

fn failed(file: &str, why: &str) -> FetchError {
    FetchError::NoFile {
        file: file.into(),
        why: why.into(),
        later: false,
    }
}
