//! Where events go.
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
//! let provenance = Arc::new(Provenance::new("user-login", "epm", "epm.example.com", Product::EpmCloud));
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
mod compression;
mod csv;
pub mod dead_letters;
mod delivery;
mod error;
mod file;
mod format;
mod http;
mod key;
mod nats;
mod object_store;
mod otlp;
mod parquet;
mod plugin;
mod postgres;
mod probe;
mod receiver_error;
mod renderer;
mod spec;
mod state;
mod stdout;
mod stream;
mod syslog;
mod table;
mod template;
pub mod terminal;
mod transport;
mod verdict;
mod write_intent;

pub use answer::in_one_line;
pub use compression::Compression;
pub use dead_letters::DeadLetters;
pub use delivery::{DeadLetterContext, Delivery, DeliveryCounters, DeliveryPolicy};
pub use error::SinkError;
pub use file::{Completed, Existing, FileMode, FileOptions, FileSink, Rotation, UselessRotation};
pub use format::{Format, UnknownFormat};
pub use http::{HttpBody, HttpOptions, HttpSink};
pub use key::idempotency_key;
pub use nats::{BadSubject, NatsAuth, NatsOptions, NatsSink, NatsUrl, SubjectTemplate};
pub use object_store::{
    Bucket, Credentials, METADATA, ObjectStoreOptions, ObjectStoreSink, UploadTarget, instance_url,
};
pub use otlp::{OtlpCompression, OtlpOptions, OtlpProtocol, OtlpSink};
pub use parquet::Pages;
pub use plugin::{PluginOptions, PluginSink};
pub use postgres::{
    BadConflict, BadTableName, Conflict, PostgresOptions, PostgresSink, PostgresTls, PostgresUrl, TableName,
};
pub use renderer::Renderer;
pub use spec::SinkSpec;
pub use stdout::StdoutSink;
pub use stream::StreamTransport;
pub use syslog::{Carrier, Facility, Framing, SyslogHeader, SyslogOptions, SyslogSink, SyslogTransport};
pub use template::{PathTemplate, Placeholders};
pub use transport::Transport;
pub use verdict::{BatchLimits, Guarantee, Rejection, Verdict};
pub use write_intent::hex;
pub use write_intent::{IntentLog, WriteIntent};

use std::sync::Arc;

use async_trait::async_trait;

use event::Event;

/// A receiver of events.
///
/// Calls come one at a time. After an error a sink takes no more events; they may be delivered again to a new sink. The
/// rules, and the tests that hold every sink to them, are in `README.md` beside this file.
#[async_trait]
pub trait Sink: Send {
    /// The name in the configuration, or the specification that was typed.
    fn name(&self) -> &str;

    /// How many events, and how much of them, it takes at once.
    fn limits(&self) -> BatchLimits {
        BatchLimits::default()
    }

    /// What happens where a batch is delivered twice.
    fn guarantee(&self) -> Guarantee {
        Guarantee::AtLeastOnce
    }

    /// Whether events outlive a crash as soon as their delivery is answered, and not only once the sink is closed.
    /// Where they do, a run that was cut short goes on after them instead of delivering them again.
    fn is_durable(&self) -> bool {
        false
    }

    /// Where its output appears under a name, in one step or in several: tells the journal of each step before and after,
    /// from the first event on. What is sealed so outlives a crash, whether the sink is closed or not. Says whether it
    /// is such a sink.
    fn seal_with(&mut self, _journal: Arc<dyn IntentLog>) -> bool {
        false
    }

    /// Whether it could take events now: reached, signed in, allowed. Delivers nothing and leaves nothing behind. Says
    /// in a few words what was found.
    async fn probe(&mut self) -> Result<String, SinkError>;

    /// Delivers events in order, and says what the receiver made of them. Taken events are written or acknowledged, but
    /// may not outlive a crash before [`close`](Sink::close).
    ///
    /// A receiver that cannot be reached, is busy or refuses is a [`Verdict`]; an error means that this sink is at its end.
    async fn deliver(&mut self, events: &[Event]) -> Result<Verdict, SinkError>;

    /// Makes everything delivered permanent and visible. No delivery may follow; a second call does nothing. After a
    /// failed, given up or aborted delivery this fails as well: what was delivered is not complete.
    async fn close(&mut self) -> Result<(), SinkError>;

    /// Gives up: what only [`close`](Sink::close) would have made visible never appears. Dropping a sink does the same.
    async fn abort(&mut self) {}
}
