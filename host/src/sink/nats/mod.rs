//! NATS JetStream: one message an event, each acknowledged by the stream that keeps it.
//!
//! [`NatsSink`] publishes a batch without waiting between messages and then waits for every acknowledgement. A message
//! carries its event's identity in `Nats-Msg-Id`, by which the stream drops what comes again within its duplicate window.

mod server;
mod subject;

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{Context, PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_trait::async_trait;
use rustls::ClientConfig;
use sha2::{Digest, Sha256};

use super::life::Life;
use super::trouble::Trouble;
use super::{BatchLimits, Guarantee, Rejection, Sink, SinkError, Verdict};
use crate::event::{Encoding, Event, Provenance};
use server::Stream;

pub use server::{NatsAuth, NatsUrl};
pub use subject::{BadSubject, SubjectTemplate};

/// How long one delivery may take, connecting included.
const PATIENCE: Duration = Duration::from_secs(60);
/// The longest id that is sent as it is.
const ID_BYTES: usize = 256;

/// How a [`NatsSink`] connects and publishes.
#[derive(Debug, Clone)]
pub struct NatsOptions {
    /// Where the server is.
    pub url: NatsUrl,
    /// Who connects.
    pub auth: NatsAuth,
    /// Whom to trust, for a server that speaks TLS.
    pub tls: ClientConfig,
    /// Where events are published.
    pub subject: SubjectTemplate,
    /// The stream that must take them; without one any stream that listens to the subject.
    pub stream: Option<String>,
    /// Create that stream where it is missing.
    pub create_stream: bool,
    /// What an event looks like.
    pub encoding: Encoding,
    /// Messages under way at once.
    pub batch_events: usize,
}

/// Publishes events to a JetStream stream.
pub struct NatsSink {
    name: String,
    options: NatsOptions,
    subject: String,
    provenance: Arc<Provenance>,
    context: Option<Context>,
    life: Life,
}

impl NatsSink {
    /// A sink that connects when it is first given events.
    pub fn new(name: impl Into<String>, options: NatsOptions, provenance: Arc<Provenance>) -> NatsSink {
        NatsSink {
            name: name.into(),
            subject: options.subject.expand(&provenance),
            options,
            provenance,
            context: None,
            life: Life::default(),
        }
    }

    /// Connects; what is there already is used.
    async fn context(&mut self) -> Result<Context, Trouble> {
        if let Some(context) = &self.context {
            return Ok(context.clone());
        }
        let options = &self.options;
        let context = server::connect(&options.url, &options.auth, options.tls.clone()).await?;
        if let Some(stream) = &options.stream
            && server::by_name(&context, stream).await? == Stream::Missing
        {
            if !options.create_stream {
                return Err(missing(stream));
            }
            server::create(&context, stream, options.subject.wildcard()).await?;
            tracing::info!(sink = self.name, stream, "created the stream");
        }
        self.context = Some(context.clone());
        Ok(context)
    }

    async fn publish(&mut self, events: &[Event]) -> Result<Vec<Rejection>, Trouble> {
        let context = self.context().await?;
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

    async fn look(&self) -> Result<String, Trouble> {
        let options = &self.options;
        let context = server::connect(&options.url, &options.auth, options.tls.clone()).await?;
        let found = match &options.stream {
            Some(stream) => server::by_name(&context, stream).await?,
            None => server::by_subject(&context, &self.subject).await?,
        };
        match (found, &options.stream) {
            (Stream::Found(name), _) => Ok(format!("reached, stream {name} is there")),
            (Stream::Missing, Some(name)) if options.create_stream => {
                Ok(format!("reached, stream {name} will be created"))
            }
            (Stream::Missing, Some(name)) => Err(missing(name)),
            (Stream::Missing, None) => Err(nobody_listens()),
        }
    }
}

fn missing(stream: &str) -> Trouble {
    Trouble::lasting(format!(
        "there is no stream {stream:?}; create it, or set `create-stream = true`"
    ))
}

fn nobody_listens() -> Trouble {
    Trouble::lasting("no stream listens to the subject; create one, or name it in `stream` with `create-stream = true`")
}

/// The id as a header can carry it: what is too long or not plain becomes its digest, which is as good a name.
fn message_id(id: &str) -> String {
    if id.len() <= ID_BYTES && !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_graphic()) {
        return id.to_owned();
    }
    let digest = Sha256::digest(id.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a message that was not acknowledged means: a reason that concerns it for good, or trouble for all.
fn meaning(error: &PublishError) -> Result<String, Trouble> {
    match error.kind() {
        PublishErrorKind::MaxPayloadExceeded => Ok("the message is larger than the server takes".into()),
        PublishErrorKind::StreamNotFound => Err(nobody_listens()),
        _ => {
            let source = std::error::Error::source(error);
            match source.and_then(|source| source.downcast_ref::<async_nats::jetstream::Error>()) {
                Some(error) if error.error_code() == ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM => {
                    Ok("the message is larger than the stream takes".into())
                }
                Some(error) if error.error_code() == ErrorCode::STREAM_NOT_MATCH => Err(Trouble::lasting(
                    "another stream than the configured one listens to the subject",
                )),
                Some(error) => Err(server::refused("the stream refuses the message", error)),
                None => Err(Trouble::passing(format!("not acknowledged: {error}"))),
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
            .unwrap_or_else(|_| Err(Trouble::passing("no answer in time")))
            .map_err(|trouble| trouble.unusable(&self.name))
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
                self.context = None;
                let trouble = match failed {
                    Ok(Err(trouble)) => trouble,
                    _ => Trouble::passing("the server did not acknowledge the events in time"),
                };
                return Ok(trouble.verdict());
            }
        };
        Ok(match rejections.is_empty() {
            true => Verdict::Accepted,
            false => Verdict::Rejected(rejections),
        })
    }

    async fn close(&mut self) -> Result<(), SinkError> {
        self.life.close(&self.name)?;
        self.context = None;
        Ok(())
    }

    async fn abort(&mut self) {
        self.life.give_up();
        self.context = None;
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::event::samples;
    use crate::event::{Activity, Outcome};

    fn sink(url: &str, stream: Option<&str>) -> NatsSink {
        let options = NatsOptions {
            url: NatsUrl::parse(url).unwrap(),
            auth: NatsAuth::None,
            tls: crate::remote::client_tls(None, None).unwrap(),
            subject: SubjectTemplate::default(),
            stream: stream.map(str::to_owned),
            create_stream: false,
            encoding: Encoding::Event,
            batch_events: 10,
        };
        NatsSink::new("bus", options, Arc::new(samples::epm()))
    }

    fn event() -> Event {
        samples::sparse(Activity::Logon, Outcome::Success)
    }

    #[test]
    fn an_id_that_no_header_can_carry_becomes_its_digest() {
        assert_eq!(message_id("evt-1"), "evt-1");
        for id in ["", "a b", "x\r\nNats-Rollup: all", "\u{fc}", &"x".repeat(257)] {
            let safe = message_id(id);
            assert_eq!(safe.len(), 64);
            assert!(safe.bytes().all(|byte| byte.is_ascii_hexdigit()));
        }
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_tried_again() {
        let port = TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut sink = sink(&format!("nats://127.0.0.1:{port}"), None);
        match sink.deliver(&[event()]).await.unwrap() {
            Verdict::Retry { reason, .. } => assert!(
                reason.starts_with(&format!("nats://127.0.0.1:{port}: cannot connect")),
                "{reason}"
            ),
            other => panic!("{other:?}"),
        }
        assert!(sink.probe().await.is_err());
        sink.close().await.unwrap();
        assert!(matches!(sink.deliver(&[event()]).await, Err(SinkError::Ended { .. })));
    }

    /// A server that greets, refuses whoever comes, and hangs up.
    async fn refusing() -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let info = r#"{"server_id":"x","server_name":"x","version":"2.9.10","proto":1,"go":"x","host":"0","port":1,"headers":true,"max_payload":1048576,"auth_required":true}"#;
                let _ = stream.write_all(format!("INFO {info}\r\n").as_bytes()).await;
                let mut read = [0; 1024];
                let _ = stream.read(&mut read).await;
                let _ = stream.write_all(b"-ERR 'Authorization Violation'\r\n").await;
            }
        });
        port
    }

    #[tokio::test]
    async fn a_wrong_credential_makes_the_sink_unusable() {
        let port = refusing().await;
        match sink(&format!("nats://127.0.0.1:{port}"), None)
            .deliver(&[event()])
            .await
            .unwrap()
        {
            Verdict::Unusable { reason } => assert!(reason.contains("refuses the credential"), "{reason}"),
            other => panic!("{other:?}"),
        }
    }
}
