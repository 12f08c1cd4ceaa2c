//! Sinks: the receivers of events, and their delivery.
//!
//! A [`Sink`] takes events in batches, in order, and answers each batch with a [`Verdict`] once its events are safe with
//! the receiver, or cannot be.
//! [`SinkSpec`] is what the user typed; [`StdoutSink`] and [`FileSink`] are the sinks for bytes. Both render through a
//! [`Renderer`], which knows the formats of [`Format`] and the encodings of [`Encoding`](event::Encoding).
//!
//! ```
//! use std::sync::Arc;
//! use event::{Activity, Encoding, Event, Outcome, Principal, Product, Provenance};
//! use sink::{FileOptions, FileSink, Format, Renderer, Sink};
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let provenance = Arc::new(Provenance::new("user-login", "epm", "epm.example.com", Product::epm_cloud()));
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("logins.ndjson");
//!
//! let renderer = Renderer::new(Format::Ndjson, Encoding::Event, provenance);
//! let mut sink = FileSink::create("archive", &path, renderer, FileOptions::default())?;
//! sink.deliver(&[Event::new(0, Activity::Logon, Outcome::Success, Principal::named("jdoe"))]).await?;
//! assert!(!path.exists(), "a file has its name only once it is complete");
//! sink.close().await?;
//! assert!(std::fs::read_to_string(&path)?.starts_with(r#"{"id":null,"time":"1970-01-01T00:00:00.000Z","#));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answer;
mod byte_transport;
mod compression;
mod csv;
pub mod dead_letters;
mod delivery;
mod error;
mod format;
mod key;
pub mod kinds;
mod pages;
#[cfg(feature = "parquet")]
mod parquet;
mod probe;
#[cfg(any(feature = "nats", feature = "object-store", feature = "postgres"))]
mod receiver_error;
mod renderer;
mod sink;
mod spec;
mod state;
mod table;
mod tcp_link;
mod template;
pub mod terminal;
mod verdict;
mod write_intent;

pub use answer::in_one_line;
pub use byte_transport::ByteTransport;
pub use compression::Compression;
pub use dead_letters::DeadLetters;
pub use delivery::{DeadLetterContext, Delivery, DeliveryCounters, DeliveryPolicy};
pub use error::SinkError;
pub use format::{Format, UnknownFormat};
pub use key::idempotency_key;
pub use kinds::file::{Completed, Existing, FileMode, FileOptions, FileSink, Rotation, UselessRotation};
pub use kinds::http::{HttpBody, HttpConfig, HttpSink};
#[cfg(feature = "nats")]
pub use kinds::nats::{BadSubject, NatsAuth, NatsCredential, NatsOptions, NatsSink, NatsUrl, SubjectTemplate};
#[cfg(feature = "object-store")]
pub use kinds::object_store::{
    Bucket, Credentials, LockedBucket, METADATA, ObjectLockHeaders, ObjectStoreOptions, ObjectStoreSink, UploadTarget,
    instance_url,
};
#[cfg(feature = "otlp")]
pub use kinds::otlp::{OtlpCompression, OtlpConfig, OtlpProtocol, OtlpSink};
pub use kinds::plugin::{PluginOptions, PluginSink, StreamTransport};
#[cfg(feature = "postgres")]
pub use kinds::postgres::{
    BadConflict, BadTableName, Conflict, PostgresOptions, PostgresSink, PostgresTls, PostgresUrl, TableName,
};
pub use kinds::stdout::StdoutSink;
pub use kinds::syslog::{Carrier, Facility, Framing, SyslogConfig, SyslogHeader, SyslogSink, SyslogTransport};
pub use pages::Pages;
pub use renderer::Renderer;
pub use sink::Sink;
pub use spec::SinkSpec;
pub use template::{PathTemplate, Placeholders};
pub use verdict::{BatchLimits, Guarantee, Rejection, Verdict};
pub use write_intent::{IntentLog, WriteIntent};
