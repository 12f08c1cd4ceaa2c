//! A run with a ledger: first the windows that an earlier run did not end, then those that are due. Several are fetched at
//! once and delivered in order; each is committed once every required sink has answered for its events.

use std::collections::{BTreeSet, VecDeque};
use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::ahead::{Ahead, Underway};
use super::book::Book;
use super::durable::DurableChange;
use super::errand::Gate;
use super::fan_out::{FanOut, Standing};
use super::overlap::{Late, Overlap};
use super::schedule::{Planned, Rules, Schedule};
use super::window::{Window, WindowError, day_of, start_of};
use super::{Counts, Run, RunError};
use base::counted::counted;
use fetch::{Cleanup, FetchError};
use ledger::{FetchState, InFlight, Interval, LedgerError, Recent, Record, Tier, WindowEnd, merged, without};
use remote::Class;
use sandbox::{Blame, PluginError};
use sink::in_one_line;

/// After so long, a job that does not end is given up.
const PATIENCE: SignedDuration = SignedDuration::from_hours(24);
/// Windows that are taken up again and named one by one.
const RESUMED_TOLD: usize = 10;

/// How a run keeps its progress.
pub struct Keeping {
    /// The stream's record.
    pub book: Arc<Book>,
    /// How long after an event it may still be missing at the source.
    pub lag: Duration,
    /// How far runs look back for events that are stored late.
    pub look_back: Vec<Tier>,
    /// How long the server is known to keep events.
    pub kept: Option<Duration>,
    /// Windows that are begun and not delivered, at most; those in flight before the run come on top.
    pub windows_ahead: usize,
    /// What is asked for besides the windows in flight.
    pub wanted: Wanted,
}

/// What a run with a ledger asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// What is due since the watermark.
    Due,
    /// The period of the run, whatever was committed of it.
    Period,
    /// What of the period of the run was never committed, in windows of at most so many days.
    Missing {
        /// Days.
        days: u32,
    },
}

/// What a run did with the ledger.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) windows: u64,
    pub(super) resumed: u64,
    pub(super) unsure: u64,
    pub(super) lost: Vec<Interval>,
    pub(super) late: Late,
    /// The time of the earliest event that the server still had.
    pub(super) earliest: Option<Timestamp>,
    /// From the first to the last window.
    pub(super) hull: Option<Window>,
}

/// A window whose events are all delivered, but not all safely before the sinks are closed.
pub(super) struct Done {
    end: WindowEnd,
    ids: Recent,
    cleanups: Vec<Cleanup>,
}

/// What became of a window.
enum Step {
    Committed,
    AtClose(Done),
    /// A sink did not take all of it: the run ends.
    Over,
}

/// A window under way.
pub(super) struct Course<'a> {
    book: &'a Book,
    window: &'a InFlight,
    begun: bool,
    pub(super) overlap: Overlap,
}

impl Course<'_> {
    /// The first document is here: from now on sinks may have events of this window.
    pub(super) async fn begin(&mut self) -> Result<(), RunError> {
        let record = self.book.record();
        let marked = (record.window(&self.window.name)).is_some_and(|window| window.delivering);
        if !self.begun && !marked {
            let name = self.window.name.clone();
            let change = move |record: &mut Record| {
                if let Some(window) = record.window_mut(&name) {
                    window.delivering = true;
                }
            };
            self.book.change(DurableChange::Delivering, change).await?;
        }
        self.begun = true;
        Ok(())
    }
}

/// Says why a window stays open where the run ends with something else.
pub(super) fn say_held(held: Option<RunError>) {
    if let Some(error) = held {
        tracing::error!("{}", in_one_line(&error));
    }
}

impl Run {
    /// Carries out all windows: fetched ahead, delivered one after another. Those it answers with are to be committed once
    /// the sinks are closed well; beside them, why a window stays open that the others did not wait for.
    pub(super) async fn deliver_windows(
        &self,
        keeping: &Keeping,
        gate: &Arc<Gate>,
        counts: &mut Counts,
        sinks: &mut FanOut,
    ) -> Result<(Vec<Done>, Option<RunError>), RunError> {
        let mut held = None;
        let delivered = self.deliver_each(keeping, gate, counts, sinks, &mut held).await;
        if delivered.is_err() {
            say_held(held.take());
        }
        Ok((delivered?, held))
    }

    /// Carries out all windows, and says in `held` why the first one stays open that the others did not wait for.
    async fn deliver_each(
        &self,
        keeping: &Keeping,
        gate: &Arc<Gate>,
        counts: &mut Counts,
        sinks: &mut FanOut,
        held: &mut Option<RunError>,
    ) -> Result<Vec<Done>, RunError> {
        let mut ahead = Ahead::new(&self.fetcher, &keeping.book, gate);
        let adopted = self.adopt(keeping, counts, &mut ahead).await?;
        let schedule = after_adoption(
            &self.rules(keeping),
            keeping.wanted,
            self.window,
            Record::clone(&keeping.book.record()),
            &adopted,
        )?;
        for lost in schedule.lost {
            keeping
                .book
                .change(DurableChange::Lost, move |record| record.lose(lost))
                .await?;
            counts.ledger.lost.push(lost);
        }
        if let Some(begin) = schedule.begin {
            let begin = move |record: &mut Record| record.watermark = record.watermark.or(Some(begin));
            keeping.book.change(DurableChange::Begun, begin).await?;
        }
        let fresh = |planned: &Planned| !adopted.contains(&Interval::new(planned.window.from, planned.window.to));
        let mut todo: VecDeque<_> = schedule.windows.into_iter().filter(fresh).enumerate().collect();
        let (begun, mut all, mut done) = (Instant::now(), ahead.len() + todo.len(), 0);
        let mut taken_up = ahead.len();
        let (mut pending, mut refused) = (Vec::new(), Refused::default());
        loop {
            // What is due is asked for anew by each run, so while a window waits for its sinks nothing is begun behind it.
            let free = taken_up == 0 || keeping.wanted != Wanted::Due;
            while free
                && ahead.len() < keeping.windows_ahead
                && !ahead.has_failed()
                && let Some((number, planned)) = todo.pop_front()
            {
                let again = keeping.wanted == Wanted::Period;
                self.begin(keeping, self.in_flight(number, planned, again), &mut ahead);
            }
            self.observer.under_way(ahead.len());
            let Some(mut underway) = ahead.next() else { break };
            taken_up = taken_up.saturating_sub(1);
            let next = ahead.peek();
            let step = self.window(keeping, &mut underway, next, &pending, counts, sinks).await;
            counts.ledger.unsure = ahead.gate.unsure.load(Ordering::Relaxed);
            // What an earlier run fetched says nothing of what the server accepts now.
            if step.is_ok() && underway.window.clock == self.clock() {
                counts.ledger.lost.extend(refused.lose(keeping).await?);
            }
            match step {
                Ok(Step::Committed) => {}
                Ok(Step::AtClose(done)) => pending.push(done),
                Ok(Step::Over) => {
                    give_up_failed(keeping, ahead).await;
                    break;
                }
                Err(error) if refused_dates(&error) => {
                    keeping.book.give_up(&underway.window.name, in_one_line(&error)).await?;
                    ahead.forgive();
                    if let Some(rest) = refused.put(&underway.window, error) {
                        let window = self.in_flight(all, rest, underway.window.again);
                        self.begin(keeping, window, &mut ahead);
                        all += 1;
                    }
                }
                // Its document waits for a plugin that can read it, and the others need not.
                Err(error @ RunError::TooManyRejected(_)) => {
                    match held {
                        None => *held = Some(error),
                        Some(_) => tracing::error!("{}", in_one_line(&error)),
                    }
                    // What there was before it in its window is not to be taken for the next one's.
                    if sinks.settle().await == Standing::Failed || sinks.is_over() {
                        give_up_failed(keeping, ahead).await;
                        break;
                    }
                }
                Err(error) => {
                    give_up_failed(keeping, ahead).await;
                    return Err(error);
                }
            }
            done += 1;
            self.observer.windows(done, all, begun.elapsed());
        }
        if let Some(error) = refused.error {
            // Nothing was accepted after it, so it is not the dates that the server minds.
            match held {
                None if pending.is_empty() => return Err(error),
                None => *held = Some(error),
                Some(_) => tracing::error!("{}", in_one_line(&error)),
            }
        }
        Ok(pending)
    }

    /// Takes up all windows that an earlier run did not end, at once. Answers with their periods.
    async fn adopt(
        &self,
        keeping: &Keeping,
        counts: &mut Counts,
        ahead: &mut Ahead,
    ) -> Result<Vec<Interval>, RunError> {
        let mut adopted = Vec::new();
        let (record, rules) = (keeping.book.record(), self.rules(keeping));
        for (number, window) in record.windows.iter().enumerate() {
            let reached = rules.reaches(window.period)?;
            if !reached && is_to_be_asked(window) {
                keeping.book.give_up(&window.name, GONE.into()).await?;
                continue;
            }
            if number < RESUMED_TOLD || record.windows.len() == RESUMED_TOLD + 1 {
                self.observer.resuming(&resumed(window));
            } else if number == RESUMED_TOLD {
                let more = record.windows.len() - RESUMED_TOLD;
                let more = counted(more, "more window", "more windows");
                self.observer.resuming(&format!("resuming {more}"));
            }
            counts.ledger.resumed += 1;
            match self.report.plan(&self.request_for(window)) {
                Ok(plan) if !window.fetches.is_empty() && window.fetches.len() != plan.len() => {
                    let reason = "the plugin plans this window differently than when it was begun";
                    tracing::warn!(window = %window.name, "{reason}: it is given up, and its period asked for anew");
                    keeping.book.give_up(&window.name, reason.into()).await?;
                    continue;
                }
                Ok(plan) => begin_fetches(keeping, Arc::clone(window), plan, reached, ready(Ok(())), ahead),
                Err(error) => ahead.refuse(Arc::clone(window), RunError::Plan(error)),
            }
            adopted.push(window.period);
        }
        Ok(adopted)
    }

    fn rules(&self, keeping: &Keeping) -> Rules {
        Rules {
            now: self.clock(),
            lag: keeping.lag,
            granularity: self.description.granularity,
            retention_days: self.description.retention_days,
            kept: keeping.kept,
            window_days: self.description.window_days,
            look_back: keeping.look_back.clone(),
        }
    }

    pub(super) fn clock(&self) -> Timestamp {
        Timestamp::from_millisecond(self.request.now).unwrap_or_else(|_| Timestamp::now())
    }

    /// A window to begin.
    fn in_flight(&self, number: usize, planned: Planned, again: bool) -> InFlight {
        let name = match number {
            0 => self.request.unique_name.clone(),
            number => format!("{}-{number}", self.request.unique_name),
        };
        InFlight {
            name,
            period: Interval::new(planned.window.from, planned.window.to),
            settled: planned.settled,
            clock: self.clock(),
            plugin: self.plugin_sha256.clone(),
            again,
            asked_until: planned.asked_until,
            doubtful_until: planned.doubtful_until,
            looks_back: planned.looks_back,
            fetches: Vec::new(),
            delivering: false,
        }
    }

    /// Begins a window: writes it down, then begins its fetches.
    fn begin(&self, keeping: &Keeping, window: InFlight, ahead: &mut Ahead) {
        let window = Arc::new(window);
        let begun = Arc::clone(&window);
        let written = keeping
            .book
            .change(DurableChange::Planned, move |record| record.windows.push(begun));
        match self.report.plan(&self.request_for(&window)) {
            Ok(plan) => begin_fetches(keeping, window, plan, true, written, ahead),
            Err(error) => ahead.refuse(window, RunError::Plan(error)),
        }
    }

    /// What the plugin is asked for a window.
    fn request_for(&self, window: &InFlight) -> sandbox::Request {
        sandbox::Request {
            window: sandbox::Window {
                from: window.period.from.as_millisecond(),
                to: window.period.to.as_millisecond(),
            },
            now: window.clock.as_millisecond(),
            parameters: self.request.parameters.clone(),
            unique_name: window.name.clone(),
        }
    }

    #[allow(clippy::too_many_arguments)]
    async fn window(
        &self,
        keeping: &Keeping,
        underway: &mut Underway,
        next: Option<Arc<InFlight>>,
        pending: &[Done],
        counts: &mut Counts,
        sinks: &mut FanOut,
    ) -> Result<Step, RunError> {
        counts.ledger.windows += 1;
        let Interval { from, to } = underway.window.period;
        counts.ledger.hull = Some(match counts.ledger.hull {
            Some(hull) => Window {
                from: hull.from.min(from),
                to: hull.to.max(to),
            },
            None => Window { from, to },
        });
        let step = self.deliver(keeping, underway, next, pending, counts, sinks).await;
        if let Err(error) = &step
            && is_final(error, &underway.window)
            && !refused_dates(error)
        {
            let reason = in_one_line(error);
            keeping.book.give_up(&underway.window.name, reason).await?;
        }
        step
    }

    #[allow(clippy::too_many_arguments)]
    async fn deliver(
        &self,
        keeping: &Keeping,
        underway: &mut Underway,
        next: Option<Arc<InFlight>>,
        pending: &[Done],
        counts: &mut Counts,
        sinks: &mut FanOut,
    ) -> Result<Step, RunError> {
        let (book, window) = (&*keeping.book, Arc::clone(&underway.window));
        let record = book.record();
        // Only windows whose events are on their way can have progress at a sink.
        let delivering = record.windows.iter().filter(|window| window.delivering);
        let mut in_flight: BTreeSet<String> = delivering.map(|window| window.name.clone()).collect();
        in_flight.insert(window.name.clone());
        sinks.begin(&window.name, in_flight).await;
        let mut known = book.known().await;
        // Those will have been committed before this one is.
        pending.iter().for_each(|done| known.extend(&done.ids));
        let mut course = Course {
            book,
            window: &window,
            begun: false,
            overlap: Overlap::new(&window, self.description.granularity, record.look_back.depth, known),
        };
        let request = self.request_for(&window);
        let documents = underway.documents(book);
        let delivered = self
            .deliver_documents(&request, documents, Some(&mut course), counts, sinks)
            .await;
        counts.duplicates += course.overlap.duplicates;
        counts.ledger.late.add(course.overlap.late);
        let cleanups = delivered?;
        let end = self.end_of(keeping, &window, course.overlap.times, counts)?;
        let done = Done {
            end,
            ids: std::mem::take(&mut course.overlap.new).collect(),
            cleanups,
        };
        base::failpoint!("settle.before");
        let standing = sinks.settle().await;
        base::failpoint!("settle.after");
        Ok(match standing {
            Standing::Safe => {
                self.commit(keeping, vec![done], next).await?;
                Step::Committed
            }
            Standing::AtClose if !sinks.is_over() => Step::AtClose(done),
            Standing::AtClose | Standing::Failed => Step::Over,
        })
    }

    /// What is known of a window whose documents are all read; the earliest and the latest of their events have these times.
    fn end_of(
        &self,
        keeping: &Keeping,
        window: &InFlight,
        times: Option<(i64, i64)>,
        counts: &mut Counts,
    ) -> Result<WindowEnd, RunError> {
        let record = keeping.book.record();
        let time = |ms: i64| Timestamp::from_millisecond(ms).ok();
        let (earliest, latest) = times.map_or((None, None), |(earliest, latest)| (time(earliest), time(latest)));
        // What was fetched before this run says nothing of what the server has now.
        let lost = if window.clock == self.clock() {
            counts.ledger.earliest = [counts.ledger.earliest, earliest].into_iter().flatten().min();
            gone(window, counts.ledger.earliest)
        } else {
            gone(window, earliest)
        };
        let known = [record.covered.as_slice(), record.lost.as_slice()].concat();
        counts
            .ledger
            .lost
            .extend(lost.iter().flat_map(|lost| without(*lost, &known)));
        let fetches = record.window(&window.name).map(|window| window.fetches.as_slice());
        let served = fetches.unwrap_or_default().iter().filter_map(|fetch| match fetch {
            FetchState::Spooled(kept) => kept.served,
            _ => None,
        });
        let served = served.min();
        let rules = |now: Timestamp| Rules {
            now,
            ..self.rules(keeping)
        };
        Ok(WindowEnd {
            name: window.name.clone(),
            served,
            // A clock that was fast when the window was planned says nothing of what has happened by now.
            happened_until: Some(rules(served.unwrap_or(self.clock()).min(self.clock())).settled()?),
            lost,
            last_event: latest.map(|latest| latest.min(window.period.to)),
        })
    }

    /// Commits windows, in one step: a file that holds several is made anew from all of them or not at all. Only then are
    /// their files removed from the server. The `next` one is delivered after that.
    pub(super) async fn commit(
        &self,
        keeping: &Keeping,
        done: Vec<Done>,
        next: Option<Arc<InFlight>>,
    ) -> Result<(), RunError> {
        let (windows, cleanups): (Vec<_>, Vec<_>) = done
            .into_iter()
            .map(|done| ((done.end, done.ids), done.cleanups))
            .unzip();
        keeping.book.commit(windows, next.map(|next| next.name.clone())).await?;
        for cleanup in cleanups.iter().flatten() {
            base::failpoint!("cleanup.before");
            self.fetcher.clean_up(cleanup).await;
            base::failpoint!("cleanup.after");
        }
        Ok(())
    }
}

/// Begins the fetches of a window, once it is `written` down; what it consists of is written now where it is not yet.
fn begin_fetches(
    keeping: &Keeping,
    mut window: Arc<InFlight>,
    plan: Vec<sandbox::Fetch>,
    reached: bool,
    written: impl Future<Output = Result<(), LedgerError>> + Send + 'static,
    ahead: &mut Ahead,
) {
    tracing::info!(window = %window.name, fetches = plan.len(), "planned");
    let change = window.fetches.is_empty().then(|| {
        Arc::make_mut(&mut window).fetches = vec![FetchState::Planned; plan.len()];
        let (fetches, name) = (window.fetches.clone(), window.name.clone());
        keeping.book.change(DurableChange::Fetches, move |record: &mut Record| {
            if let Some(window) = record.window_mut(&name) {
                window.fetches = fetches;
            }
        })
    });
    ahead.begin(window, plan, reached, async move {
        written.await?;
        match change {
            Some(change) => change.await,
            None => Ok(()),
        }
    });
}

/// Ends what is under way because the run ends. A window that has failed for good is given up; all others stay in flight.
async fn give_up_failed(keeping: &Keeping, ahead: Ahead) {
    for (window, error) in ahead.let_go().await {
        let reason = in_one_line(&error);
        tracing::warn!(window = %window.name, "{reason}");
        if is_final(&error, &window)
            && let Err(error) = keeping.book.give_up(&window.name, reason).await
        {
            tracing::warn!(window = %window.name, "{}", in_one_line(&error));
        }
    }
}

/// What of a window's period the server had deleted when it was asked: from its beginning to the day of its first event, as
/// far as the server is not known to keep events.
fn gone(window: &InFlight, earliest: Option<Timestamp>) -> Option<Interval> {
    let doubtful = window.doubtful_until?;
    let first = earliest.and_then(|earliest| start_of(day_of(earliest)).ok());
    let gone = Interval::new(window.period.from, first.map_or(doubtful, |first| first.min(doubtful)));
    (!gone.is_empty()).then_some(gone)
}

/// How EPM Cloud refuses dates that lie further back than it keeps events, among other parameters.
const REFUSED_PARAMETERS: &str = "EPMCSS-20679";

/// Whether the server refused a window, perhaps because it begins before what the server keeps.
fn refused_dates(error: &RunError) -> bool {
    matches!(error, RunError::Fetch(error) if error.remote_code() == Some(REFUSED_PARAMETERS))
}

/// The days that the server refused. They are lost once it accepts a later one: until then, something else may be wrong with
/// what it is asked.
#[derive(Default)]
struct Refused {
    days: Vec<Interval>,
    error: Option<RunError>,
}

impl Refused {
    /// Takes the first day of a window that was refused; answers with what is left to ask for.
    fn put(&mut self, window: &InFlight, error: RunError) -> Option<Planned> {
        let Interval { from, to } = window.period;
        let next = from
            .checked_add(SignedDuration::from_hours(24))
            .map_or(to, |next| next.min(to));
        tracing::warn!(%from, to = %next, "{}: perhaps the server keeps no events of that day", in_one_line(&error));
        self.days.push(Interval::new(from, next));
        self.error.get_or_insert(error);
        (next < to).then(|| Planned {
            window: Window { from: next, to },
            settled: window.settled.clamp(next, to),
            asked_until: window.asked_until,
            doubtful_until: window.doubtful_until.filter(|doubtful| next < *doubtful),
            looks_back: window.looks_back.clone(),
        })
    }

    /// Writes down that the days are lost, as far as nothing is known of them; answers with what that is.
    async fn lose(&mut self, keeping: &Keeping) -> Result<Vec<Interval>, RunError> {
        if self.error.take().is_none() {
            return Ok(Vec::new());
        }
        let record = keeping.book.record();
        let known = [record.covered.as_slice(), record.lost.as_slice()].concat();
        let days = merged(std::mem::take(&mut self.days));
        let lost: Vec<_> = days.into_iter().flat_map(|days| without(days, &known)).collect();
        let all = lost.clone();
        let lose = move |record: &mut Record| all.into_iter().for_each(|lost| record.lose(lost));
        keeping.book.change(DurableChange::Lost, lose).await?;
        Ok(lost)
    }
}

/// Why a window is given up whose period the server no longer keeps.
pub(super) const GONE: &str = "the server no longer has all of its period";

/// Whether some of a window has yet to be asked for. A period that the user named is delivered as far as it is there.
pub(super) fn is_to_be_asked(window: &InFlight) -> bool {
    let open = |fetch: &FetchState| matches!(fetch, FetchState::Planned | FetchState::Submitting);
    !window.again && (window.fetches.is_empty() || window.fetches.iter().any(open))
}

/// What there is to ask for; the adopted windows are committed, or will be at the end of this run.
pub(super) fn after_adoption(
    rules: &Rules,
    wanted: Wanted,
    period: Window,
    mut record: Record,
    adopted: &[Interval],
) -> Result<Schedule, WindowError> {
    // Windows that are committed at the end of this run are due no more.
    let waiting = std::mem::take(&mut record.windows);
    for window in waiting.into_iter().filter(|window| adopted.contains(&window.period)) {
        let end = WindowEnd {
            name: window.name.clone(),
            ..WindowEnd::default()
        };
        record.windows.push(window);
        record.commit(&end);
    }
    match wanted {
        Wanted::Period => rules.period(period),
        Wanted::Missing { days } => rules.missing(&record, period, days),
        Wanted::Due => rules.due(&record),
    }
}

/// Whether another attempt with the same job and the same document would fail the same way.
pub(super) fn is_final(error: &RunError, window: &InFlight) -> bool {
    match error {
        // What is granted later goes on with the job that there is.
        RunError::Plan(PluginError::NotGranted { .. }) => false,
        RunError::Plan(_) | RunError::Gone => true,
        RunError::Plugin(error) => error.blame() == Blame::Remote,
        RunError::Fetch(FetchError::JobTimeout { .. }) => Timestamp::now().duration_since(window.clock) > PATIENCE,
        RunError::Fetch(error) if error.is_silent_on_the_job() => {
            Timestamp::now().duration_since(window.clock) > PATIENCE
        }
        RunError::Fetch(error) => matches!(error.class(), Class::Failed | Class::Plugin),
        _ => false,
    }
}

/// What is said of a window that is taken up again.
fn resumed(window: &InFlight) -> String {
    let Interval { from, to } = window.period;
    let job = window.fetches.iter().find_map(|fetch| match fetch {
        FetchState::Submitted { link } | FetchState::Waiting { link, .. } => {
            link.trim_end_matches('/').rsplit('/').next().map(str::to_owned)
        }
        FetchState::Ready { job, .. } => job.clone(),
        FetchState::Spooled(kept) => kept.job.clone(),
        FetchState::Planned | FetchState::Submitting => None,
    });
    let state = window.state();
    match job {
        Some(job) => format!("resuming job {job} of {from} to {to} ({state})"),
        None => format!("resuming the window {from} to {to} ({state})"),
    }
}
