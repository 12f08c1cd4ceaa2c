//! How a process gets a document: the steps of a job with what each writes down, the server played by the oracle. An answer
//! that an earlier process waited for may come between two of them.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest as _, Sha256};

use super::frail::FaultyLife;
use super::process::{Process, file};
use super::world::{MINUTE, Status, at, lock};
use crate::RunError;
use crate::book::StreamLedger;
use crate::errand::FetchTask;
use fetch::{FetchCheckpoint as _, FetchError, FetchStage, Fetched};
use ledger::{InFlight, LedgerError};

/// What an earlier process was about to write down about a job when it was thought dead.
pub(super) struct Late {
    book: Arc<StreamLedger>,
    life: FaultyLife,
    window: Arc<InFlight>,
    place: usize,
    point: FetchStage,
}

impl Process<'_> {
    /// As `fetch/job.rs` does it.
    pub(super) async fn fetch(&self, book: &Arc<StreamLedger>, errand: &FetchTask) -> Result<Fetched, RunError> {
        let (window, place) = (&*errand.window, errand.place);
        if !self.setting.jobs {
            self.life.step()?;
            let rows = lock(&self.world).rows(window, place);
            return self.document(&rows);
        }
        let name = file(&window.name, place);
        let link = format!("/jobs/{name}");
        let mut polls = 0;
        let again = match errand.point() {
            FetchStage::Start => {
                self.reached(book, errand, FetchStage::Submitting).await?;
                false
            }
            FetchStage::Submitting => true,
            FetchStage::Submitted { .. } => false,
            FetchStage::Waiting { polls: before, .. } => {
                polls = before;
                false
            }
            FetchStage::Ready { .. } => false,
        };
        self.life.step()?;
        let there = again && lock(&self.world).file(&name).is_some();
        if matches!(errand.point(), FetchStage::Start | FetchStage::Submitting) && !there {
            if again {
                errand.unsure();
                let mut world = lock(&self.world);
                *world.unsure.entry(name.clone()).or_default() += 1;
                world.seen.note("job submitted again, unsure");
            }
            {
                let mut world = lock(&self.world);
                let rows = world.rows(window, place);
                world.submit(&name, rows);
            }
            self.life.step()?;
            self.reached(book, errand, FetchStage::Submitted { link: link.clone() })
                .await?;
        }
        if !there && !matches!(errand.point(), FetchStage::Ready { .. }) {
            let mut asked = 0;
            loop {
                self.life.step()?;
                let status = lock(&self.world).poll(&name);
                self.life.step()?;
                polls += 1;
                asked += 1;
                match status {
                    Some(Status::Done) => break,
                    Some(Status::Running) if asked > self.run.patience => {
                        return Err(RunError::Internal("the network failed".into()));
                    }
                    Some(Status::Running) => {
                        let next = at(lock(&self.world).truth + self.run.skew + MINUTE);
                        let link = link.clone();
                        self.reached(book, errand, FetchStage::Waiting { link, polls, next })
                            .await?;
                    }
                    Some(Status::Failed) => return Err(failed(&name, "the job failed").into()),
                    None => return Err(failed(&name, "there is no such job").into()),
                }
            }
        }
        if !matches!(errand.point(), FetchStage::Ready { .. }) {
            let ready = FetchStage::Ready {
                job: Some(name.clone()),
                polls,
                files: vec![name.clone()],
            };
            self.reached(book, errand, ready.clone()).await?;
            // The same answer twice is one.
            self.reached(book, errand, ready).await?;
        }
        self.life.step()?;
        let rows = lock(&self.world).file(&name);
        let rows = rows.ok_or_else(|| failed(&name, "there is no such file"))?;
        self.document(&rows)
    }

    async fn reached(&self, book: &Arc<StreamLedger>, errand: &FetchTask, point: FetchStage) -> Result<(), RunError> {
        let late = self.late.lock().unwrap().take();
        if let Some(late) = late {
            let errand = FetchTask::new(&late.book, &Arc::default(), &late.window, late.place, true);
            late.life.revive();
            let said = errand.reached(late.point).await;
            lock(&self.world).seen.note(match said {
                Ok(()) => "late answer taken",
                Err(_) => "late answer refused",
            });
        }
        *self.last.lock().unwrap() = Some(Late {
            book: Arc::clone(book),
            life: self.life.clone(),
            window: Arc::clone(&errand.window),
            place: errand.place,
            point: point.clone(),
        });
        let said = errand.reached(point).await;
        said.map_err(|error| RunError::Ledger(LedgerError::Internal(error.to_string())))
    }

    /// A document as it comes from the network.
    fn document(&self, rows: &[usize]) -> Result<Fetched, RunError> {
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
        let path = self.spool.with_file_name(format!("incoming-{number}"));
        std::fs::File::create(&path)?.write_all(text.as_bytes())?;
        let fetched = Fetched::reopen(&path, text.len() as u64, Some(&sha256))?;
        std::fs::remove_file(&path)?;
        fetched.ok_or_else(|| RunError::Internal("a document that is none".into()))
    }
}

fn failed(file: &str, why: &str) -> FetchError {
    FetchError::NoFile {
        file: file.into(),
        why: why.into(),
        later: false,
    }
}
