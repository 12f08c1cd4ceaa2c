//! `kind = "nats"`: a stream of NATS JetStream.

mod build;
mod config;
mod credential;
mod server;
mod sink;
mod subject;
mod url;

pub use config::{NatsAuth, NatsConfig};
pub use credential::NatsCredential;
pub use sink::{NatsOptions, NatsSink};
pub use subject::{BadSubject, SubjectTemplate};
pub use url::NatsUrl;
