//! The windows under way, in the order in which they are delivered. Each is fetched by a task of its own, so that jobs are
//! waited for and documents come while an earlier window is delivered; what it takes meanwhile is small.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::{Stream, StreamExt, stream};
use tokio::sync::oneshot;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;

use super::fetch_task::{FetchTask, SpooledDocument, of_fetch};
use crate::RunError;
use crate::fetching::Fetch;
use crate::stream_ledger::StreamLedger;
use crate::submission_gate::{FETCH_AHEAD, SubmissionGate};
use fetch::Fetched;
use ledger::{InFlight, LedgerError};
use remote::TOLERATED_SKEW;

/// How long a run that ends early waits for requests that create jobs.
const LETTING_GO: Duration = Duration::from_secs(30);

/// A window whose fetches are under way, or done.
pub(crate) struct PrefetchedWindow {
    pub(crate) window: Arc<InFlight>,
    /// Each comes by a channel of its own: one that takes more has room for dozens from the start, and windows may be
    /// thousands. Where none is to come there is one for what may fail.
    documents: VecDeque<oneshot::Receiver<Result<SpooledDocument, RunError>>>,
    /// Documents that are still to come.
    left: usize,
    task: Option<AbortOnDropHandle<()>>,
}

impl PrefetchedWindow {
    /// The documents as they come, in the plan's order.
    pub(crate) fn documents<'a>(
        &'a mut self,
        book: &'a StreamLedger,
    ) -> impl Stream<Item = Result<Fetched, RunError>> + 'a {
        stream::unfold(self, move |underway| async move {
            let Some(document) = underway.documents.pop_front() else {
                underway.end().await;
                return None;
            };
            let brought = match document.await {
                Ok(brought) => brought,
                Err(_) if underway.left == 0 => {
                    underway.end().await;
                    return None;
                }
                // It has nobody else to tell.
                Err(_) => Err(RunError::Internal("a fetch broke off".into())),
            };
            let fetched = match brought {
                Ok(brought) => {
                    underway.left = underway.left.saturating_sub(1);
                    brought.open(book).await
                }
                Err(error) => {
                    underway.documents.clear();
                    Err(error)
                }
            };
            Some((fetched, underway))
        })
    }

    /// Waits for the task that has brought the last document: it holds the ledger, which whoever ends the process wants closed.
    async fn end(&mut self) {
        if let Some(task) = self.task.take() {
            let _ = task.await;
        }
    }

    /// The failure that its fetches have ended with by now.
    fn failure(&mut self) -> Option<RunError> {
        let mut brought = self.documents.iter_mut().map_while(|document| document.try_recv().ok());
        brought.find_map(Result::err)
    }
}

/// The windows under way.
pub(crate) struct Prefetcher {
    fetcher: Arc<dyn Fetch>,
    book: Arc<StreamLedger>,
    pub(crate) gate: Arc<SubmissionGate>,
    failed: Arc<AtomicBool>,
    queue: VecDeque<PrefetchedWindow>,
}

impl Prefetcher {
    pub(crate) fn new(fetcher: &Arc<dyn Fetch>, book: &Arc<StreamLedger>, gate: &Arc<SubmissionGate>) -> Prefetcher {
        Prefetcher {
            fetcher: Arc::clone(fetcher),
            book: Arc::clone(book),
            gate: Arc::clone(gate),
            failed: Arc::default(),
            queue: VecDeque::new(),
        }
    }

    /// How many windows there are.
    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    /// True where a window has failed: then the run ends with it, and begins no others.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// Goes on although a window has failed: what it failed of is seen to.
    pub(crate) fn forgive(&self) {
        self.failed.store(false, Ordering::Relaxed);
    }

    /// Begins a window's fetches, once it is `written` down. Where the server no longer has all of its period, it is not
    /// `reached`.
    pub(crate) fn begin(
        &mut self,
        window: Arc<InFlight>,
        plan: Vec<sandbox::Fetch>,
        reached: bool,
        written: impl Future<Output = Result<(), LedgerError>> + Send + 'static,
    ) {
        let whole = reached || window.again;
        let left = plan.len();
        let channels = std::iter::repeat_with(oneshot::channel).take(left.max(1));
        let (mut senders, documents): (VecDeque<_>, _) = channels.unzip();
        let (fetcher, book, gate) = (
            Arc::clone(&self.fetcher),
            Arc::clone(&self.book),
            Arc::clone(&self.gate),
        );
        let (failed, of) = (Arc::clone(&self.failed), Arc::clone(&window));
        let fetched = async move {
            if let Err(error) = written.await {
                failed.store(true, Ordering::Relaxed);
                if let Some(sender) = senders.pop_front() {
                    let _ = sender.send(Err(error.into()));
                }
                return;
            }
            let (fetcher, book, gate, of) = (&fetcher, &book, &gate, &of);
            let mut documents = stream::iter(plan.into_iter().enumerate())
                .map(|(place, fetch)| async move {
                    let errand = FetchTask::new(book, gate, of, place, whole);
                    let from = async |point| {
                        let fetched = fetcher.fetch_from(&fetch, point, &errand).await.map_err(of_fetch)?;
                        let behind = fetcher.clock_offset().filter(|offset| *offset <= -TOLERATED_SKEW);
                        let served = behind.and_then(|offset| of.clock.checked_add(offset).ok());
                        Ok((fetched, served))
                    };
                    errand.carry_out(from).await
                })
                .buffered(FETCH_AHEAD);
            while let Some(brought) = documents.next().await {
                let over = brought.is_err();
                failed.fetch_or(over, Ordering::Relaxed);
                let taken = senders.pop_front().is_some_and(|sender| sender.send(brought).is_ok());
                if over || !taken {
                    return;
                }
            }
        };
        let task = tokio::spawn(fetched.in_current_span());
        self.queue.push_back(PrefetchedWindow {
            window,
            documents,
            left,
            task: Some(AbortOnDropHandle::new(task)),
        });
    }

    /// Takes up a window that fails when its turn comes.
    pub(crate) fn refuse(&mut self, window: Arc<InFlight>, error: RunError) {
        let (sender, document) = oneshot::channel();
        let _ = sender.send(Err(error));
        self.failed.store(true, Ordering::Relaxed);
        self.queue.push_back(PrefetchedWindow {
            window,
            documents: VecDeque::from([document]),
            left: 1,
            task: None,
        });
    }

    /// The window whose turn comes next.
    pub(crate) fn peek(&self) -> Option<Arc<InFlight>> {
        self.queue.front().map(|underway| Arc::clone(&underway.window))
    }

    /// The window whose turn it is.
    pub(crate) fn next(&mut self) -> Option<PrefetchedWindow> {
        self.queue.pop_front()
    }

    /// Lets go of the windows that are left: they stay in flight, and the next run takes them up. A request that creates a
    /// job is not broken off, so that nobody has to wonder whether there is one. Answers with those that have failed.
    pub(crate) async fn let_go(&mut self) -> Vec<(Arc<InFlight>, RunError)> {
        let closed = tokio::time::timeout(LETTING_GO, self.gate.close()).await;
        let failed = self.queue.iter_mut().filter_map(|underway| {
            let error = underway.failure()?;
            Some((Arc::clone(&underway.window), error))
        });
        let failed = failed.collect();
        self.queue.clear();
        drop(closed);
        failed
    }
}
