//! NATS JetStream: one message an event, each acknowledged by the stream that keeps it.
//!
//! [`NatsSink`] publishes a batch without waiting between messages and then waits for every acknowledgement. A message
//! carries its event's identity in `Nats-Msg-Id`, by which the stream drops what comes again within its duplicate window.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_trait::async_trait;
use rustls::ClientConfig;
use sha2::{Digest, Sha256};

use super::credential::NatsCredential;
use super::server::{self, JetStreamConnection, StreamLookup};
use super::subject::SubjectTemplate;
use super::url::NatsUrl;
use crate::receiver_error::{ReceiverError, presentable};
use crate::state::SinkState;
use crate::{BatchLimits, Guarantee, Rejection, Sink, SinkError, Verdict};
use event::{Event, Provenance, Rendering};
use remote::Redactor;

/// The longest time that one delivery may take, connecting included.
const PATIENCE: Duration = Duration::from_secs(60);
/// The longest id that is sent as it is.
const ID_BYTES: usize = 256;

/// The options of a [`NatsSink`]: what is configured, read and checked.
#[derive(Debug, Clone)]
pub struct NatsOptions {
    /// The address of the server.
    pub url: NatsUrl,
    /// The identity of the client.
    pub credential: NatsCredential,
    /// The authorities to trust, for a server that speaks TLS.
    pub tls: ClientConfig,
    /// The subject to which events are published.
    pub subject: SubjectTemplate,
    /// The stream that must take them; without one any stream that listens to the subject.
    pub stream: Option<String>,
    /// Create that stream where it is missing.
    pub create_stream: bool,
    /// The encoding of an event.
    pub encoding: Rendering,
    /// Messages under way at once.
    pub batch_events: usize,
}

/// Publishes events to a JetStream stream.
pub struct NatsSink {
    name: String,
    options: NatsOptions,
    subject: String,
    provenance: Arc<Provenance>,
    connection: Option<JetStreamConnection>,
    /// The stream was there: where it is missing later, it may come back.
    seen: bool,
    secrets: Redactor,
    life: SinkState,
}

impl NatsSink {
    /// A sink that connects when it is first given events.
    pub fn new(name: impl Into<String>, options: NatsOptions, provenance: Arc<Provenance>) -> NatsSink {
        NatsSink {
            name: name.into(),
            subject: options.subject.expand(&provenance),
            secrets: options.credential.secrets(),
            options,
            provenance,
            connection: None,
            seen: false,
            life: SinkState::default(),
        }
    }

    /// Connects; what is there already is used.
    async fn connected(&mut self) -> Result<JetStreamConnection, ReceiverError> {
        if let Some(connection) = &self.connection {
            return Ok(connection.clone());
        }
        let options = &self.options;
        let connection = server::connect(&options.url, &options.credential, options.tls.clone()).await?;
        connection.unless_silenced(self.find_stream(&connection)).await?;
        self.seen = options.stream.is_some();
        self.connection = Some(connection.clone());
        Ok(connection)
    }

    /// Looks for the stream that must take the events, and creates it where that is wanted.
    async fn find_stream(&self, connection: &JetStreamConnection) -> Result<(), ReceiverError> {
        let (options, context) = (&self.options, &connection.context);
        let Some(stream) = &options.stream else { return Ok(()) };
        if server::by_name(context, stream).await? != StreamLookup::Missing {
            return Ok(());
        }
        if !options.create_stream {
            return Err(missing(stream, self.seen));
        }
        server::create(context, stream, options.subject.wildcard()).await?;
        tracing::info!(sink = self.name, stream, "created the stream");
        Ok(())
    }

    async fn publish(&mut self, events: &[Event]) -> Result<Vec<Rejection>, ReceiverError> {
        let connection = self.connected().await?;
        connection.unless_silenced(self.publish_over(&connection, events)).await
    }

    async fn publish_over(
        &self,
        connection: &JetStreamConnection,
        events: &[Event],
    ) -> Result<Vec<Rejection>, ReceiverError> {
        let context = &connection.context;
        let mut rejections = Vec::new();
        let most = self.options.batch_events.max(1);
        for (number, part) in events.chunks(most).enumerate() {
            let mut sent = Vec::with_capacity(part.len());
            for event in part {
                sent.push(context.send_publish(self.subject.clone(), self.message(event)).await);
            }
            for (place, sent) in sent.into_iter().enumerate() {
                let answered = match sent {
                    Ok(acknowledgement) => acknowledgement.await,
                    Err(error) => Err(error),
                };
                if let Err(error) = answered {
                    rejections.push(Rejection {
                        index: number * most + place,
                        reason: meaning(&error)?,
                    });
                }
            }
        }
        Ok(rejections)
    }

    fn message(&self, event: &Event) -> PublishMessage {
        let mut payload = Vec::with_capacity(1024);
        self.options.encoding.write(event, &self.provenance, &mut payload);
        let mut message = PublishMessage::build().payload(payload.into());
        if let Some(identity) = event.identity(&self.provenance) {
            message = message.message_id(message_id(&identity));
        }
        if let Some(stream) = &self.options.stream {
            message = message.expected_stream(stream);
        }
        message
    }

    async fn look(&self) -> Result<String, ReceiverError> {
        let options = &self.options;
        let connection = server::connect(&options.url, &options.credential, options.tls.clone()).await?;
        let looking = async {
            match &options.stream {
                Some(stream) => server::by_name(&connection.context, stream).await,
                None => server::by_subject(&connection.context, &self.subject).await,
            }
        };
        match (connection.unless_silenced(looking).await?, &options.stream) {
            (StreamLookup::Found(name), _) => Ok(format!("reached, stream {name} exists")),
            (StreamLookup::Missing, Some(name)) if options.create_stream => {
                Ok(format!("reached, stream {name} will be created"))
            }
            (StreamLookup::Missing, Some(name)) => Err(missing(name, false)),
            (StreamLookup::Missing, None) => Err(ReceiverError::permanent(NOBODY_LISTENS)),
        }
    }
}

/// A stream that was there a moment ago may be on its way from one server to another, or back from a backup.
fn missing(stream: &str, seen: bool) -> ReceiverError {
    let reason = format!("there is no stream {stream:?}; create it, or set `create-stream = true`");
    match seen {
        true => ReceiverError::transient(reason),
        false => ReceiverError::permanent(reason),
    }
}

const NOBODY_LISTENS: &str =
    "no stream listens to the subject; create one, or name it in `stream` with `create-stream = true`";

/// The id as a header can carry it: what is too long or not plain becomes its digest, which is as good a name.
fn message_id(id: &str) -> String {
    if id.len() <= ID_BYTES && !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_graphic()) {
        return id.to_owned();
    }
    let digest = Sha256::digest(id.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The meaning of a message that was not acknowledged: a reason that concerns it for good, or trouble for all.
fn meaning(error: &PublishError) -> Result<String, ReceiverError> {
    match error.kind() {
        PublishErrorKind::MaxPayloadExceeded => Ok("the message is larger than the server accepts".into()),
        // 503 "no responders": so it is between two leaders as well. Whoever delivers knows how long to wait.
        PublishErrorKind::StreamNotFound => {
            Err(ReceiverError::transient(format!("not acknowledged: {NOBODY_LISTENS}")))
        }
        _ => {
            let source = std::error::Error::source(error);
            match source.and_then(|source| source.downcast_ref::<async_nats::jetstream::Error>()) {
                Some(error) if error.error_code() == ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM => {
                    Ok("the message is larger than the stream accepts".into())
                }
                Some(error) if error.error_code() == ErrorCode::STREAM_NOT_MATCH => Err(ReceiverError::permanent(
                    "another stream than the configured one listens to the subject",
                )),
                Some(error) => Err(server::refused("the stream refuses the message", error)),
                None => Err(ReceiverError::transient(format!("not acknowledged: {error}"))),
            }
        }
    }
}

#[async_trait]
impl Sink for NatsSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn limits(&self) -> BatchLimits {
        BatchLimits {
            events: self.options.batch_events,
            ..BatchLimits::default()
        }
    }

    fn is_durable(&self) -> bool {
        true
    }

    /// Within the stream's duplicate window.
    fn guarantee(&self) -> Guarantee {
        Guarantee::IdempotentById
    }

    async fn probe(&mut self) -> Result<String, SinkError> {
        let looked = tokio::time::timeout(PATIENCE, self.look()).await;
        looked
            .unwrap_or_else(|_| Err(ReceiverError::transient("no answer in time")))
            .map(|found| presentable(&self.secrets, &found))
            .map_err(|trouble| trouble.unusable(&self.name, &self.secrets))
    }

    async fn deliver(&mut self, events: &[Event]) -> Result<Verdict, SinkError> {
        self.life.begin(&self.name)?;
        if events.is_empty() {
            self.life.answered();
            return Ok(Verdict::Accepted);
        }
        let published = tokio::time::timeout(PATIENCE, self.publish(events)).await;
        self.life.answered();
        let rejections = match published {
            Ok(Ok(rejections)) => rejections,
            failed => {
                // The client would go on trying by itself, with messages that nobody waits for any more.
                self.connection = None;
                let trouble = match failed {
                    Ok(Err(trouble)) => trouble,
                    _ => ReceiverError::transient("the server did not acknowledge the events in time"),
                };
                return Ok(trouble.verdict(&self.secrets));
            }
        };
        Ok(match rejections.is_empty() {
            true => Verdict::Accepted,
            false => Verdict::Rejected(rejections),
        })
    }

    async fn close(&mut self) -> Result<(), SinkError> {
        self.life.close(&self.name)?;
        self.connection = None;
        Ok(())
    }

    async fn abort(&mut self) {
        self.life.give_up();
        self.connection = None;
    }
}
