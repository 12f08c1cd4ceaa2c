//! From events to a sink's verdicts, until each event is delivered or a dead letter.
//!
//! A [`Delivery`] is a sink with its retry policy. It cuts and gathers events into the batches that the sink takes,
//! repeats what may succeed later, halves what is too large, and sets aside what is refused for good. After a batch was
//! given up, or where the sink is unusable as it is, it counts as down: what follows becomes dead letters at once, but for an attempt now and then. A
//! delivery whose events are kept elsewhere [waits](Delivery::wait_when_down) instead: it ends there.

mod batch;
mod counters;
mod dead_letter_context;
mod policy;

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use backon::{BackoffBuilder, ExponentialBuilder};
use jiff::Timestamp;
use tokio::time::Instant;

use crate::{BatchLimits, Guarantee, IntentLog, Sink, SinkError, Verdict};
use base::counted::counted;
use batch::{BatchOutcome, UnsettledBatch, fitting};
use dead_letter_context::Attempts;
use event::Event;

pub use counters::DeliveryCounters;
pub use dead_letter_context::DeadLetterContext;
pub use policy::DeliveryPolicy;

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
    /// The instant at which the sink was found to be down or last tried since, and the reason.
    down: Option<(Instant, String)>,
    /// True where a sink that is down ends the delivery.
    waits: bool,
    tally: Arc<DeliveryCounters>,
    /// The first thing that kept an event from being a dead letter.
    trouble: Option<String>,
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

    /// The sink's promise for a batch that comes twice.
    pub fn guarantee(&self) -> Guarantee {
        self.sink.guarantee()
    }

    /// True if answered events outlive a crash before the sink is closed.
    pub fn is_durable(&self) -> bool {
        self.sink.is_durable()
    }

    /// Has the sink keep what it seals in the journal; says whether it seals anything. To be asked before any delivery.
    pub fn seal_with(&mut self, journal: Arc<dyn IntentLog>) -> bool {
        self.sink.seal_with(journal)
    }

    /// The number of events taken that are answered for: delivered, set aside, or counted as undelivered. What is gathered
    /// for a batch is not.
    pub fn answered(&self) -> u64 {
        self.answered
    }

    /// The counts of the events so far.
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

    /// The reason why events could not even be set aside, where that happened.
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
            let mut attempts = Attempts::none_yet();
            let mut part = UnsettledBatch::new(events);
            let outcome = self.attempt(&mut part, &mut attempts).await?;
            DeliveryCounters::add(&self.tally.delivered, part.taken);
            self.set_aside(std::mem::take(&mut part.refused), &attempts).await;
            match outcome {
                BatchOutcome::Accepted => DeliveryCounters::add(&self.tally.delivered, part.left.len()),
                BatchOutcome::TooLarge(_) if part.left.len() > 1 => {
                    let (first, second) = part.halves();
                    parts.push(second);
                    parts.push(first);
                }
                BatchOutcome::Refused(reason) | BatchOutcome::TooLarge(reason) => {
                    let left = part.left.into_owned().into_iter();
                    let refused = left.map(|event| (event, reason.clone())).collect();
                    self.set_aside(refused, &attempts).await;
                }
            }
        }
        Ok(())
    }

    /// Delivers a batch until there is an outcome for what is left of it.
    async fn attempt(
        &mut self,
        part: &mut UnsettledBatch<'_>,
        attempts: &mut Attempts,
    ) -> Result<BatchOutcome, SinkError> {
        if let Some((tried, reason)) = &self.down
            && tried.elapsed() < self.policy.max_delay
        {
            return Ok(BatchOutcome::Refused(format!("the sink is down: {reason}")));
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
                    return Ok(BatchOutcome::Accepted);
                }
                Verdict::Rejected(rejected) => {
                    self.down = None;
                    part.narrow(rejected, &[]);
                    return Ok(BatchOutcome::Accepted);
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
                        return Ok(BatchOutcome::Accepted);
                    }
                    (after, reason)
                }
                Verdict::TooLarge { reason } => {
                    self.down = None;
                    return Ok(BatchOutcome::TooLarge(reason));
                }
                Verdict::Refused { reason } => {
                    self.down = None;
                    return Ok(BatchOutcome::Refused(reason));
                }
                // Asking again changes nothing, and a credential that is tried too often may be locked.
                Verdict::Unusable { reason } if self.waits => return Err(SinkError::Shut { reason }),
                Verdict::Unusable { reason } => {
                    if self.down.is_none() {
                        tracing::warn!(sink = %self.sink.name(), "the sink cannot be used: {reason}");
                    }
                    self.down = Some((Instant::now(), reason.clone()));
                    return Ok(BatchOutcome::Refused(reason));
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
                    return Err(SinkError::Down {
                        reason,
                        events: part.left.len(),
                    });
                }
                if !was_down {
                    let tried = counted(attempts.count, "delivery", "deliveries");
                    tracing::warn!(
                        sink = %self.sink.name(),
                        attempts = attempts.count,
                        "gave up after {tried}: {reason}"
                    );
                }
                self.down = Some((Instant::now(), reason.clone()));
                // How often it was tried stands beside it; so dead letters of one reason have one reason.
                return Ok(BatchOutcome::Refused(format!("gave up: {reason}")));
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
    async fn set_aside(&mut self, refused: Vec<(Event, String)>, attempts: &Attempts) {
        let count = refused.len();
        let Some((_, reason)) = refused.first() else { return };
        let reason = reason.clone();
        let is_first = self.tally.dead_lettered() == 0;
        match self
            .remains
            .keep(self.sink.name(), refused, attempts, &self.tally)
            .await
        {
            Ok(()) if is_first => {
                let events = counted(count, "event", "events");
                tracing::warn!(sink = %self.sink.name(), "keeping {events} as dead letters: {reason}");
            }
            Ok(()) => {}
            Err(text) => {
                // Whoever asks at the end says how many they were, and what can be done.
                tracing::debug!(sink = %self.sink.name(), events = count, "neither delivered nor stored: {text}");
                self.trouble.get_or_insert(text);
            }
        }
    }
}

#[cfg(test)]
mod tests;
