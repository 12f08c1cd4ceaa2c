//! From events to a sink's verdicts, until each event is delivered or a dead letter.
//!
//! A [`Delivery`] is a sink with its retry policy. It cuts and gathers events into the batches that the sink takes,
//! repeats what may succeed later, halves what is too large, and sets aside what is refused for good. After a batch was
//! given up, or where the sink is unusable as it is, it counts as down: what follows becomes dead letters at once, but for an attempt now and then. A
//! delivery whose events are kept elsewhere [waits](Delivery::wait_when_down) instead: it ends there.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::time::Instant;

use super::dead_letters::{DeadLetters, Undelivered};
use super::{BatchLimits, IntentLog, Rejection, Sink, SinkError, Verdict};
use base::duration::DurationText;
use event::{Event, Provenance};

/// When to deliver again; what is left out keeps its default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "SinkRetry")]
pub struct DeliveryPolicy {
    /// The shortest wait before another attempt.
    #[serde(with = "base::duration")]
    #[schemars(with = "DurationText")]
    pub min_delay: Duration,
    // Also how often a sink that is down is tried.
    /// The longest wait of our own choosing.
    #[serde(with = "base::duration")]
    #[schemars(with = "DurationText")]
    pub max_delay: Duration,
    // From the first attempt of a batch to the start of the last; a longer wait that the receiver asks for ends the attempts.
    /// How long a batch is tried; after that the sink counts as down. An attempt under way is not cut short, and one over
    /// HTTP has the repetitions of `endpoint.retry` within it.
    #[serde(with = "base::duration")]
    #[schemars(with = "DurationText")]
    pub max_elapsed: Duration,
}

impl Default for DeliveryPolicy {
    fn default() -> Self {
        DeliveryPolicy {
            min_delay: Duration::from_millis(200),
            max_delay: Duration::from_secs(10),
            max_elapsed: Duration::from_secs(60),
        }
    }
}

/// What came of a sink's events; readable while they are under way.
#[derive(Debug, Default)]
pub struct DeliveryCounters {
    delivered: AtomicU64,
    retries: AtomicU64,
    dead_lettered: AtomicU64,
    undelivered: AtomicU64,
    closed: AtomicBool,
}

impl DeliveryCounters {
    /// Events that the receiver has taken.
    pub fn delivered(&self) -> u64 {
        self.delivered.load(Ordering::Relaxed)
    }

    /// Deliveries that were repeated.
    pub fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    /// Events set aside.
    pub fn dead_lettered(&self) -> u64 {
        self.dead_lettered.load(Ordering::Relaxed)
    }

    /// Events neither taken nor set aside.
    pub fn undelivered(&self) -> u64 {
        self.undelivered.load(Ordering::Relaxed)
    }

    /// Whether the reader of the output has gone, as `head` does.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    fn add(counter: &AtomicU64, count: usize) {
        counter.fetch_add(count as u64, Ordering::Relaxed);
    }
}

/// Where events go that cannot be delivered.
#[derive(Debug, Clone)]
pub struct DeadLetterContext {
    /// The store.
    pub dead_letters: Arc<DeadLetters>,
    /// What the sink leads to, in a text without secrets; none where nobody configured it.
    pub destination: Option<String>,
    /// The run that the events come from.
    pub run_id: String,
    /// What is true of all its events.
    pub provenance: Arc<Provenance>,
}

/// A sink, its batches, its retries, and what came of them.
pub struct Delivery {
    sink: Box<dyn Sink>,
    policy: DeliveryPolicy,
    remains: DeadLetterContext,
    limits: BatchLimits,
    gathered: Vec<Event>,
    gathered_bytes: usize,
    /// Events answered for in one way or another, from the first on.
    answered: u64,
    /// When the sink was found to be down or last tried since, and why.
    down: Option<(Instant, String)>,
    /// Whether a sink that is down ends the delivery.
    waits: bool,
    tally: Arc<DeliveryCounters>,
    /// The first thing that kept an event from being a dead letter.
    trouble: Option<String>,
}

/// What became of a batch after all attempts.
enum Outcome {
    /// What is left was taken.
    Accepted,
    /// What is left was refused for good, or given up.
    Refused(String),
    /// What is left is too much at once.
    TooLarge(String),
}

/// A batch on its way, of which some events may have been dealt with. Nothing of that is kept or counted before the batch
/// is at its end: one that is given back to whoever has its events comes again as a whole.
struct Part<'a> {
    left: Cow<'a, [Event]>,
    taken: usize,
    refused: Vec<(Event, String)>,
}

impl<'a> Part<'a> {
    fn new(batch: impl Into<Cow<'a, [Event]>>) -> Self {
        Part {
            left: batch.into(),
            taken: 0,
            refused: Vec::new(),
        }
    }

    /// Takes note of what became of some of what is left; the events at the places `retried` stay. Says whether there
    /// was any progress.
    fn narrow(&mut self, rejected: Vec<Rejection>, retried: &[usize]) -> bool {
        let before = self.left.len();
        let rejected = rejected
            .into_iter()
            .filter_map(|rejection| Some((self.left.get(rejection.index)?.clone(), rejection.reason)));
        let rejected: Vec<_> = rejected.collect();
        let left: Vec<Event> = retried
            .iter()
            .filter_map(|place| self.left.get(*place).cloned())
            .collect();
        self.taken += before.saturating_sub(rejected.len() + left.len());
        self.refused.extend(rejected);
        let progress = left.len() < before;
        self.left = Cow::Owned(left);
        progress
    }

    /// What is left, in halves.
    fn halves(self) -> (Cow<'a, [Event]>, Cow<'a, [Event]>) {
        let half = self.left.len() / 2;
        match self.left {
            Cow::Borrowed(left) => {
                let (first, second) = left.split_at(half);
                (first.into(), second.into())
            }
            Cow::Owned(mut first) => {
                let second = first.split_off(half);
                (first.into(), second.into())
            }
        }
    }
}

/// The attempts of one batch.
struct Attempts {
    count: u32,
    first: Timestamp,
    last: Timestamp,
}

impl Delivery {
    /// Deliveries to `sink`.
    pub fn new(sink: Box<dyn Sink>, policy: DeliveryPolicy, remains: DeadLetterContext) -> Self {
        let limits = sink.limits();
        Delivery {
            sink,
            policy,
            remains,
            limits,
            gathered: Vec::new(),
            gathered_bytes: 0,
            answered: 0,
            down: None,
            waits: false,
            tally: Arc::default(),
            trouble: None,
        }
    }

    /// From now on a receiver that is down ends the delivery with [`SinkError::Down`], one that is unusable with
    /// [`SinkError::Shut`], and its events become no dead letters: whoever has them delivers them another time.
    pub fn wait_when_down(&mut self) {
        self.waits = true;
    }

    /// The sink's name.
    pub fn name(&self) -> &str {
        self.sink.name()
    }

    /// What the sink promises.
    pub fn guarantee(&self) -> super::Guarantee {
        self.sink.guarantee()
    }

    /// Whether answered events outlive a crash before the sink is closed.
    pub fn is_durable(&self) -> bool {
        self.sink.is_durable()
    }

    /// Has the sink keep what it seals in the journal; says whether it seals anything. To be asked before any delivery.
    pub fn seal_with(&mut self, journal: Arc<dyn IntentLog>) -> bool {
        self.sink.seal_with(journal)
    }

    /// How many of the events taken are answered for: delivered, set aside, or counted as undelivered. What is gathered
    /// for a batch is not.
    pub fn answered(&self) -> u64 {
        self.answered
    }

    /// What has come of the events so far.
    pub fn tally(&self) -> Arc<DeliveryCounters> {
        Arc::clone(&self.tally)
    }

    /// Takes events, in order. Those of a sink that gathers may wait for more.
    ///
    /// # Errors
    ///
    /// Where the sink is at its end. Events taken and not in the [`DeliveryCounters`] then are undelivered.
    pub async fn deliver(&mut self, events: &[Event]) -> Result<(), SinkError> {
        let mut rest = events;
        while !rest.is_empty() {
            let taken = self.take(rest).await?;
            rest = rest.get(taken..).unwrap_or_default();
        }
        Ok(())
    }

    /// Takes events from the front, up to where a batch is full and delivered; says how many. Where batches end depends
    /// on the events alone, from the first or from the end of any batch on, and never on time.
    ///
    /// # Errors
    ///
    /// As [`deliver`](Delivery::deliver).
    pub async fn take(&mut self, events: &[Event]) -> Result<usize, SinkError> {
        if !self.limits.gather {
            let (batch, _) = events.split_at(fitting(events, self.limits, 0, 0));
            self.settle(batch).await?;
            self.answered += batch.len() as u64;
            return Ok(batch.len());
        }
        let fit = fitting(events, self.limits, self.gathered.len(), self.gathered_bytes);
        let (now, after) = events.split_at(fit);
        self.gathered_bytes += now.iter().map(Event::bytes).sum::<usize>();
        self.gathered.extend_from_slice(now);
        if !after.is_empty() || self.gathered.len() >= self.limits.events {
            self.flush().await?;
        }
        Ok(fit)
    }

    /// Delivers what was gathered, and completes the sink.
    ///
    /// # Errors
    ///
    /// Where the sink is at its end. What it had taken may then be incomplete.
    pub async fn close(&mut self) -> Result<(), SinkError> {
        self.flush().await?;
        self.sink.close().await
    }

    /// Gives the sink up.
    pub async fn abort(&mut self) {
        self.sink.abort().await;
    }

    /// Why events could not even be set aside, where that happened.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Delivers what was gathered.
    ///
    /// # Errors
    ///
    /// As [`deliver`](Delivery::deliver).
    pub async fn flush(&mut self) -> Result<(), SinkError> {
        let batch = std::mem::take(&mut self.gathered);
        self.gathered_bytes = 0;
        let settled = self.settle(&batch).await;
        if settled.is_ok() {
            self.answered += batch.len() as u64;
        }
        // The room is used again.
        self.gathered = batch;
        self.gathered.clear();
        settled
    }

    /// Delivers one batch, in halves where it is too large.
    async fn settle(&mut self, batch: &[Event]) -> Result<(), SinkError> {
        let mut parts = vec![Cow::Borrowed(batch)];
        while let Some(events) = parts.pop() {
            if events.is_empty() {
                continue;
            }
            let mut attempts = Attempts {
                count: 0,
                first: Timestamp::now(),
                last: Timestamp::now(),
            };
            let mut part = Part::new(events);
            let outcome = self.attempt(&mut part, &mut attempts).await?;
            DeliveryCounters::add(&self.tally.delivered, part.taken);
            let refused = part.refused.iter().map(|(event, reason)| (event, reason.as_str()));
            self.set_aside(refused.collect(), &attempts);
            match outcome {
                Outcome::Accepted => DeliveryCounters::add(&self.tally.delivered, part.left.len()),
                Outcome::TooLarge(_) if part.left.len() > 1 => {
                    let (first, second) = part.halves();
                    parts.push(second);
                    parts.push(first);
                }
                Outcome::Refused(reason) | Outcome::TooLarge(reason) => {
                    let refused = part.left.iter().map(|event| (event, reason.as_str()));
                    self.set_aside(refused.collect(), &attempts);
                }
            }
        }
        Ok(())
    }

    /// Delivers a batch until there is an outcome for what is left of it.
    async fn attempt(&mut self, part: &mut Part<'_>, attempts: &mut Attempts) -> Result<Outcome, SinkError> {
        if let Some((tried, reason)) = &self.down
            && tried.elapsed() < self.policy.max_delay
        {
            return Ok(Outcome::Refused(format!("the sink is down: {reason}")));
        }
        let started = Instant::now();
        let mut waits = ExponentialBuilder::default()
            .with_min_delay(self.policy.min_delay)
            .with_max_delay(self.policy.max_delay)
            .with_jitter()
            .without_max_times()
            .build();
        let mut asking = false;
        loop {
            if !asking {
                attempts.count += 1;
                attempts.last = Timestamp::now();
            }
            base::failpoint!("send.before");
            let answer = self.sink.deliver(&part.left).await;
            base::failpoint!("send.after");
            let verdict = match answer {
                Err(SinkError::Closed) => {
                    self.tally.closed.store(true, Ordering::Relaxed);
                    return Err(SinkError::Closed);
                }
                result => result?,
            };
            asking = matches!(verdict, Verdict::Unacknowledged { .. });
            let (after, reason) = match verdict {
                Verdict::Retry { after, reason } | Verdict::Unacknowledged { after, reason } => (after, reason),
                Verdict::Accepted => {
                    self.down = None;
                    return Ok(Outcome::Accepted);
                }
                Verdict::Rejected(rejected) => {
                    self.down = None;
                    part.narrow(rejected, &[]);
                    return Ok(Outcome::Accepted);
                }
                Verdict::Partial {
                    rejected,
                    retried,
                    after,
                    reason,
                } => {
                    if part.narrow(rejected, &retried) {
                        self.down = None;
                    }
                    if part.left.is_empty() {
                        return Ok(Outcome::Accepted);
                    }
                    (after, reason)
                }
                Verdict::TooLarge { reason } => {
                    self.down = None;
                    return Ok(Outcome::TooLarge(reason));
                }
                Verdict::Refused { reason } => {
                    self.down = None;
                    return Ok(Outcome::Refused(reason));
                }
                // Asking again changes nothing, and a credential that is tried too often may be locked.
                Verdict::Unusable { reason } if self.waits => return Err(SinkError::Shut { reason }),
                Verdict::Unusable { reason } => {
                    if self.down.is_none() {
                        tracing::warn!(sink = %self.sink.name(), "the sink cannot be used: {reason}");
                    }
                    self.down = Some((Instant::now(), reason.clone()));
                    return Ok(Outcome::Refused(reason));
                }
            };
            let wait = waits.next().unwrap_or(self.policy.max_delay);
            let wait = match after {
                // Whoever asks for no wait at all would be stormed for as long as the budget lasts.
                Some(after) => after.max(wait),
                None => wait,
            };
            let was_down = self.down.is_some();
            if (was_down && !asking) || started.elapsed().saturating_add(wait) > self.policy.max_elapsed {
                if self.waits {
                    return Err(SinkError::Down { reason });
                }
                if !was_down {
                    tracing::warn!(sink = %self.sink.name(), attempts = attempts.count, "the sink is down: {reason}");
                }
                self.down = Some((Instant::now(), reason.clone()));
                return Ok(Outcome::Refused(format!("given up: {reason}")));
            }
            let wait_ms = wait.as_millis() as u64;
            if asking {
                tracing::debug!(sink = %self.sink.name(), wait_ms, "asking again: {reason}");
            } else {
                tracing::debug!(sink = %self.sink.name(), wait_ms, "delivering again: {reason}");
                self.tally.retries.fetch_add(1, Ordering::Relaxed);
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// Keeps events that were refused, each with its reason.
    fn set_aside(&mut self, refused: Vec<(&Event, &str)>, attempts: &Attempts) {
        if refused.is_empty() {
            return;
        }
        let letters: Vec<_> = refused
            .iter()
            .map(|&(event, reason)| Undelivered {
                event,
                reason,
                first_attempt: attempts.first,
                last_attempt: attempts.last,
                attempts: attempts.count,
            })
            .collect();
        let DeadLetterContext {
            dead_letters,
            destination,
            run_id,
            provenance,
        } = &self.remains;
        // This waits for the disk; the other sinks' tasks go on, on other threads.
        let kept = dead_letters.add((self.sink.name(), destination.as_deref()), run_id, provenance, &letters);
        match kept {
            Ok(()) => {
                if self.tally.dead_lettered() == 0 {
                    let reason = letters.first().map(|letter| letter.reason).unwrap_or_default();
                    tracing::warn!(sink = %self.sink.name(), "events are kept as dead letters: {reason}");
                }
                DeliveryCounters::add(&self.tally.dead_lettered, letters.len());
            }
            Err(error) => {
                // Whoever asks at the end says how many they were, and what can be done.
                let text = super::answer::in_one_line(&error);
                tracing::debug!(sink = %self.sink.name(), events = letters.len(), "not delivered and not kept: {text}");
                DeliveryCounters::add(&self.tally.undelivered, letters.len());
                self.trouble.get_or_insert(text);
            }
        }
    }
}

/// How many of the events fit into a batch that already holds so many; at least one where it is empty.
fn fitting(events: &[Event], limits: BatchLimits, held: usize, held_bytes: usize) -> usize {
    if limits.bytes == usize::MAX {
        return limits.events.max(1).saturating_sub(held).min(events.len());
    }
    let mut bytes = held_bytes;
    let mut count = 0;
    for event in events {
        bytes = bytes.saturating_add(event.bytes());
        let total = held + count;
        if total >= limits.events.max(1) || (total > 0 && bytes > limits.bytes) {
            break;
        }
        count += 1;
    }
    count
}

#[cfg(test)]
mod tests;
