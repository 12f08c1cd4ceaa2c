//! A sink plugin: it says what to send and how to read the answer, and the host does the rest.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::StatusCode;

use crate::answer::{self, in_one_line};
use crate::state::SinkState;
use crate::{BatchLimits, ByteTransport, Guarantee, Rejection, Sink, SinkError, Verdict, idempotency_key, probe};
use event::{Event, Provenance, Rendering};
use fetch::build_request;
use remote::{Answer, Remote};
use sandbox::{Encoder, Input, Item, JsonItem, Payload, PluginError, Settlement, SinkPlugin};

/// Everything that a [`PluginSink`] is allowed, and told.
pub struct PluginOptions {
    /// A JSON text that fits the plugin's schema.
    pub config: String,
    /// The one endpoint that its requests go to.
    pub endpoint: Option<Arc<Remote>>,
    /// The transport of the plugin's bytes.
    pub transport: Box<dyn ByteTransport>,
    /// The encoding of documents, where the plugin wants documents.
    pub encoding: Rendering,
}

/// Delivers through a component. The component never sees a credential, an address or another batch's memory of a crash:
/// after a failure a fresh instance takes over, and only the batch that it failed on is refused.
pub struct PluginSink {
    name: String,
    plugin: Arc<SinkPlugin>,
    options: PluginOptions,
    provenance: Arc<Provenance>,
    guarantee: Guarantee,
    encoder: Option<Encoder>,
    /// A batch of which some deliveries were already accepted.
    pending: Option<Pending>,
    life: SinkState,
}

/// The deliveries that the plugin made of a batch.
struct Pending {
    key: String,
    deliveries: Vec<sandbox::Delivery>,
    /// The first that was not accepted yet.
    next: usize,
    /// The question about that delivery, where it was sent.
    question: Option<sandbox::HttpRequest>,
    rejections: Vec<Rejection>,
    again: Again,
}

/// The events of a batch that may be taken later, though the deliveries that held it are settled.
#[derive(Default)]
struct Again {
    places: Vec<usize>,
    after: Option<Duration>,
    reason: String,
}

impl Again {
    fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    fn add(&mut self, other: Again) {
        if other.is_empty() {
            return;
        }
        if self.is_empty() {
            self.reason = other.reason;
        }
        self.after = self.after.max(other.after);
        self.places.extend(other.places);
    }
}

/// The outcome of one delivery.
enum SendOutcome {
    Done(Vec<Rejection>, Again),
    /// The receiver has it, and is to be asked whether it keeps it.
    Ask(sandbox::HttpRequest, Option<Duration>),
    Stop(Verdict),
}

/// The message about events that the receiver has not acknowledged yet.
const UNACKNOWLEDGED: &str = "the receiver took the events in and has not acknowledged them";

impl PluginSink {
    /// Opens the plugin with its configuration.
    ///
    /// # Errors
    ///
    /// Where the plugin refuses the configuration or fails.
    pub fn open(
        name: impl Into<String>,
        plugin: SinkPlugin,
        options: PluginOptions,
        provenance: Arc<Provenance>,
    ) -> Result<Self, SinkError> {
        let name = name.into();
        let failed = |source| SinkError::Plugin {
            sink: name.clone(),
            source: Box::new(source),
        };
        let mut encoder = plugin.open(&options.config).map_err(failed)?;
        let guarantee = match encoder.guarantee().map_err(failed)? {
            Some(sandbox::Guarantee::IdempotentById) => Guarantee::IdempotentById,
            // Where it does not say, what its receiver does with a repeated batch only its author knows.
            Some(sandbox::Guarantee::AtLeastOnce) | None => Guarantee::AtLeastOnce,
        };
        Ok(PluginSink {
            name,
            plugin: Arc::new(plugin),
            options,
            provenance,
            guarantee,
            encoder: Some(encoder),
            pending: None,
            life: SinkState::default(),
        })
    }

    fn payload(&self, events: &[Event]) -> Payload {
        match self.plugin.describe().input {
            Input::Events => Payload::Events(events.iter().map(|event| self.item(event)).collect()),
            Input::Documents => Payload::Documents(events.iter().map(|event| self.document(event)).collect()),
        }
    }

    /// An event for the plugin. The receiver is to know it by `id`; the event itself keeps the id of its source.
    fn item(&self, event: &Event) -> Item {
        Item {
            id: self.identity(event),
            ..Item::of(self.options.encoding.trim(event).as_ref(), &self.provenance.product)
        }
    }

    fn identity(&self, event: &Event) -> String {
        event.identity(&self.provenance).unwrap_or_default().into_owned()
    }

    fn document(&self, event: &Event) -> JsonItem {
        let mut json = Vec::new();
        self.options.encoding.write(event, &self.provenance, &mut json);
        JsonItem {
            id: self.identity(event),
            json: String::from_utf8_lossy(&json).into_owned(),
        }
    }

    /// Calls the plugin, in an instance that is opened anew where there is none, where it does no harm that it takes its time. After a failure the instance is gone.
    async fn call<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Encoder) -> Result<T, PluginError> + Send + 'static,
    ) -> Result<T, PluginError> {
        let (encoder, plugin, config) = (
            self.encoder.take(),
            Arc::clone(&self.plugin),
            self.options.config.clone(),
        );
        let called = base::blocking(move || -> Result<_, PluginError> {
            let mut encoder = match encoder {
                Some(encoder) => encoder,
                None => plugin.open(&config)?,
            };
            let result = work(&mut encoder);
            Ok((encoder, result))
        });
        let (encoder, result) = called.await.map_err(|_| PluginError::Closed {
            label: self.name.clone(),
        })??;
        if matches!(result, Ok(_) | Err(PluginError::Fault(_))) {
            self.encoder = Some(encoder);
        }
        result
    }

    /// The deliveries to be sent for a batch: what is left of it, where it came before.
    async fn prepare(&mut self, events: &[Event]) -> Result<Pending, PluginError> {
        let key = idempotency_key(events, &self.provenance);
        // A fresh instance knows nothing of an earlier one's deliveries, so it encodes again.
        if let Some(pending) = self.pending.take().filter(|pending| pending.key == key)
            && self.encoder.is_some()
        {
            return Ok(pending);
        }
        let payload = self.payload(events);
        let deliveries = self.call(move |encoder| encoder.encode(&payload)).await?;
        Ok(Pending {
            key,
            deliveries,
            next: 0,
            question: None,
            rejections: Vec::new(),
            again: Again::default(),
        })
    }

    async fn carry_out(&mut self, pending: &mut Pending, items: usize) -> Result<Verdict, SinkError> {
        while let Some(delivery) = pending.deliveries.get(pending.next) {
            let step = match delivery {
                sandbox::Delivery::Http(request) => match pending.question.take() {
                    Some(question) => self.ask(question, pending.next, items).await,
                    None => self.send(request, pending.next, items).await,
                },
                sandbox::Delivery::Bytes(bytes) => match self.options.transport.write(bytes).await? {
                    Verdict::Accepted => SendOutcome::Done(Vec::new(), Again::default()),
                    verdict => SendOutcome::Stop(verdict),
                },
            };
            match step {
                SendOutcome::Done(rejections, again) => {
                    pending.rejections.extend(rejections);
                    pending.again.add(again);
                }
                SendOutcome::Ask(question, after) => {
                    pending.question = Some(question);
                    return Ok(Verdict::Unacknowledged {
                        after,
                        reason: UNACKNOWLEDGED.into(),
                    });
                }
                SendOutcome::Stop(verdict) if pending.next == 0 => return Ok(verdict),
                SendOutcome::Stop(verdict) => return Ok(self.in_the_middle(pending, items, verdict)),
            }
            pending.next += 1;
        }
        let mut rejections = std::mem::take(&mut pending.rejections);
        rejections.sort_by_key(|rejection| rejection.index);
        rejections.dedup_by_key(|rejection| rejection.index);
        let mut again = std::mem::take(&mut pending.again);
        again.places.sort_unstable();
        again.places.dedup();
        // One delivery may refuse what another has put off.
        again.places.retain(|place| {
            rejections
                .binary_search_by_key(place, |rejection| rejection.index)
                .is_err()
        });
        Ok(match (rejections.is_empty(), again.is_empty()) {
            (true, true) => Verdict::Accepted,
            (false, true) => Verdict::Rejected(rejections),
            (_, false) => Verdict::Partial {
                rejected: rejections,
                retried: again.places,
                after: again.after,
                reason: again.reason,
            },
        })
    }

    /// The meaning of a verdict after earlier deliveries of the batch were taken. Which events those held, only the plugin
    /// knows; so nothing is said to be delivered, and whoever looks at what is left is told that some of it may be.
    fn in_the_middle(&self, pending: &mut Pending, items: usize, verdict: Verdict) -> Verdict {
        let (taken, all) = (pending.next, pending.deliveries.len());
        let told = |reason: String| {
            format!(
                "{reason} (after {taken} of {all} deliveries of the batch were taken: this event may be in one of them)"
            )
        };
        match verdict {
            Verdict::Refused { reason } => {
                let reason = told(reason);
                let mut known = std::mem::take(&mut pending.rejections);
                known.sort_by_key(|rejection| rejection.index);
                known.dedup_by_key(|rejection| rejection.index);
                let mut known = known.into_iter().peekable();
                let rejections = (0..items).map(|index| match known.next_if(|known| known.index == index) {
                    Some(known) => known,
                    None => Rejection {
                        index,
                        reason: reason.clone(),
                    },
                });
                Verdict::Rejected(rejections.collect())
            }
            Verdict::Retry { after, reason } => Verdict::Retry {
                after,
                reason: told(reason),
            },
            Verdict::Unusable { reason } => Verdict::Unusable { reason: told(reason) },
            Verdict::TooLarge { reason } => {
                tracing::warn!(
                    sink = %self.name,
                    "{taken} of {all} deliveries of a batch were taken, and the next one is too large: the batch is sent again \
                     in halves, so that some events come twice, with the same ids"
                );
                Verdict::TooLarge { reason: told(reason) }
            }
            verdict => verdict,
        }
    }

    async fn send(&mut self, described: &sandbox::HttpRequest, number: usize, items: usize) -> SendOutcome {
        let Some(remote) = &self.options.endpoint else {
            return SendOutcome::Stop(no_endpoint());
        };
        let answer = match exchange(remote, described).await {
            Ok(answer) => answer,
            Err(verdict) => return SendOutcome::Stop(verdict),
        };
        let told = answer::verdict(remote, &answer);
        // Splitting is the host's: the plugin sees one batch at a time.
        if answer.status == StatusCode::PAYLOAD_TOO_LARGE {
            return SendOutcome::Stop(told);
        }
        let response = response(remote, answer);
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        let settlement = self.call(move |encoder| encoder.settle(number, items, response)).await;
        step(settlement, told)
    }

    /// Asks what became of a delivery that was sent.
    async fn ask(&mut self, question: sandbox::HttpRequest, number: usize, items: usize) -> SendOutcome {
        let Some(remote) = &self.options.endpoint else {
            return SendOutcome::Stop(no_endpoint());
        };
        let answer = match exchange(remote, &question).await {
            Ok(answer) => answer,
            // The events are there all the same: only the question is worth another try.
            Err(Verdict::Retry { after, .. }) => return SendOutcome::Ask(question, after),
            Err(verdict) => return SendOutcome::Stop(verdict),
        };
        let told = answer::verdict(remote, &answer);
        if let Verdict::Retry { after, .. } = told {
            return SendOutcome::Ask(question, after);
        }
        let response = response(remote, answer);
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        let settlement = self
            .call(move |encoder| encoder.answered(number, items, response))
            .await;
        step(settlement, told)
    }
}

/// Sends a request to the endpoint; what it was answered, or what it means that it was not.
async fn exchange(remote: &Remote, described: &sandbox::HttpRequest) -> Result<Answer, Verdict> {
    let request = build_request(remote, described).map_err(|error| Verdict::Refused {
        reason: in_one_line(&error),
    })?;
    // What a success means that nobody can read, the plugin says: that it was sent is certain.
    let answer = remote.exchange(request.any_body()).await;
    answer.map_err(|error| answer::unanswered(&error))
}

fn no_endpoint() -> Verdict {
    Verdict::Unusable {
        reason: "the plugin sends a request, and the sink has no `endpoint`".into(),
    }
}

/// The outcome that the plugin makes of an answer whose status by itself means what was `told`.
fn step(settlement: Result<Settlement, PluginError>, told: Verdict) -> SendOutcome {
    let refused = |reason: String| SendOutcome::Stop(Verdict::Refused { reason });
    let unusable = |reason: String| SendOutcome::Stop(Verdict::Unusable { reason });
    let place = |index: u32| usize::try_from(index).unwrap_or(usize::MAX);
    // Words for a wait that the plugin has none for.
    let retry = |after: Option<u64>, reason: String| {
        let (told_after, told_reason) = match told.clone() {
            Verdict::Retry { after, reason } => (after, reason),
            _ => (None, "the plugin asks for another attempt".into()),
        };
        let after = after.map(Duration::from_millis).or(told_after);
        let reason = if reason.is_empty() { told_reason } else { reason };
        (after, reason)
    };
    match settlement {
        Err(error @ PluginError::NotGranted { .. }) => unusable(in_one_line(&error)),
        Err(error) => refused(in_one_line(&error)),
        Ok(Settlement::Settled(parts)) => {
            let rejections = parts.rejected.into_iter().map(|rejection| Rejection {
                index: place(rejection.index),
                reason: rejection.reason,
            });
            let places = parts.retried.into_iter().map(place).collect();
            let (after, reason) = retry(parts.after, parts.reason);
            SendOutcome::Done(rejections.collect(), Again { places, after, reason })
        }
        Ok(Settlement::Ask(question)) => SendOutcome::Ask(question.request, question.after.map(Duration::from_millis)),
        Ok(Settlement::Unusable(reason)) => unusable(reason),
        // A plugin that settles nothing has no word for a receiver that refuses everybody; the status has.
        Ok(Settlement::Refused(reason)) => match told {
            Verdict::Unusable { .. } => unusable(reason),
            _ => refused(reason),
        },
        Ok(Settlement::Retry(again)) => {
            let (after, reason) = retry(again.after, again.reason);
            SendOutcome::Stop(Verdict::Retry { after, reason })
        }
    }
}

/// The part of an answer that a plugin sees: whatever the receiver repeats of a credential is not among it.
fn response(remote: &Remote, answer: Answer) -> sandbox::HttpResponse {
    let headers = answer.headers.iter().filter_map(|(name, value)| {
        let value = value.to_str().ok()?;
        Some((name.as_str().to_owned(), remote.without_secrets(value)))
    });
    sandbox::HttpResponse {
        status: answer.status.as_u16(),
        headers: headers.collect(),
        body: remote.bytes_without_secrets(&answer.body),
    }
}

#[async_trait]
impl Sink for PluginSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn limits(&self) -> BatchLimits {
        let about = self.plugin.describe();
        let default = BatchLimits::default();
        BatchLimits {
            events: about
                .batch_events
                .and_then(|events| usize::try_from(events).ok())
                .unwrap_or(1000),
            bytes: about
                .batch_bytes
                .and_then(|bytes| usize::try_from(bytes).ok())
                .unwrap_or(default.bytes),
            gather: self.options.endpoint.is_some(),
        }
    }

    fn guarantee(&self) -> Guarantee {
        self.guarantee
    }

    /// With an endpoint, what it answered for; bytes wait in their transport for its close.
    fn is_durable(&self) -> bool {
        self.options.endpoint.is_some()
    }

    async fn probe(&mut self) -> Result<String, SinkError> {
        match &self.options.endpoint {
            Some(remote) => {
                let base = remote.base().itself().clone();
                probe::options(&self.name, remote, base, probe::Url::Base).await
            }
            None => self.options.transport.probe().await,
        }
    }

    async fn deliver(&mut self, events: &[Event]) -> Result<Verdict, SinkError> {
        self.life.begin(&self.name)?;
        if events.is_empty() {
            self.life.answered();
            return Ok(Verdict::Accepted);
        }
        let mut pending = match self.prepare(events).await {
            Ok(pending) => pending,
            Err(error) => {
                self.life.answered();
                let reason = in_one_line(&error);
                return Ok(match error {
                    // The events are not at fault, and may be sent once that is granted.
                    PluginError::NotGranted { .. } => Verdict::Unusable { reason },
                    _ => Verdict::Refused { reason },
                });
            }
        };
        let verdict = self.carry_out(&mut pending, events.len()).await?;
        // A plugin may put together what it saw in pieces.
        let verdict = match &self.options.endpoint {
            Some(remote) => verdict.map_reasons(|reason| remote.without_secrets(reason)),
            None => verdict,
        };
        if matches!(verdict, Verdict::Retry { .. } | Verdict::Unacknowledged { .. }) {
            self.pending = Some(pending);
        }
        self.life.answered();
        Ok(verdict)
    }

    async fn close(&mut self) -> Result<(), SinkError> {
        self.life.close(&self.name)?;
        if let Some(mut encoder) = self.encoder.take() {
            // Everything was delivered before; that it cannot tidy up costs nothing.
            match base::blocking(move || encoder.close()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(sink = %self.name, "{}", in_one_line(&error)),
                Err(died) => tracing::warn!(sink = %self.name, "closing the plugin failed: {}", in_one_line(&died)),
            }
        }
        self.options.transport.close().await
    }

    async fn abort(&mut self) {
        self.life.give_up();
        self.options.transport.abort().await;
    }
}
