//! A table in PostgreSQL: one row an event, known by its connection, report and id.
//!
//! [`PostgresSink`] inserts a batch with one statement in one transaction, so that it is there as a whole or not at all.
//! A row that is there already is left alone. Tables of before know a row by its id alone; there a row whose id another
//! stream has taken gets the event's identity for an id.

mod address;
mod meaning;
mod rows;
mod session;
mod table;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rustls::ClientConfig;
use secrecy::SecretString;

use super::life::Life;
use super::trouble::Trouble;
use super::{BatchLimits, Guarantee, Sink, SinkError, Verdict};
use crate::event::{Encoding, Event, Provenance};
use meaning::Failure;
use rows::Rows;
use session::Session;
use table::Key;

pub use address::PostgresUrl;
pub use session::PostgresTls;
pub use table::{BadTableName, TableName};

/// How long one delivery may take, connecting included.
const PATIENCE: Duration = Duration::from_secs(75);

/// How a [`PostgresSink`] connects and writes.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// Where the database is, and who asks.
    pub url: PostgresUrl,
    /// The user's password, where the server asks for one.
    pub password: Option<SecretString>,
    /// Whether the connection is encrypted; unless set it is, but for a server on this machine.
    pub encryption: Option<PostgresTls>,
    /// Whom to trust, for an encrypted connection.
    pub tls: ClientConfig,
    /// Where rows go.
    pub table: TableName,
    /// Create the table where it is missing.
    pub create_table: bool,
    /// What stands in the column `event`.
    pub encoding: Encoding,
    /// Rows in one statement, at most.
    pub batch_events: usize,
}

/// Inserts events into a table.
pub struct PostgresSink {
    name: String,
    options: PostgresOptions,
    provenance: Arc<Provenance>,
    session: Option<(Session, Key)>,
    life: Life,
}

impl PostgresSink {
    /// A sink that connects when it is first given events.
    pub fn new(name: impl Into<String>, options: PostgresOptions, provenance: Arc<Provenance>) -> PostgresSink {
        PostgresSink {
            name: name.into(),
            options,
            provenance,
            session: None,
            life: Life::default(),
        }
    }

    async fn open(&self) -> Result<Session, Trouble> {
        let options = &self.options;
        // What listens on this machine often has a certificate that nobody signed, and nothing leaves the machine.
        let encryption = options.encryption.unwrap_or(match options.url.is_local() {
            true => PostgresTls::Disable,
            false => PostgresTls::Require,
        });
        let opened = Session::open(&options.url, options.password.as_ref(), encryption, options.tls.clone()).await;
        opened.map_err(|trouble| trouble.at(&options.url))
    }

    async fn insert(&mut self, events: &[Event]) -> Result<(), Failure> {
        let (mut session, key) = match self.session.take().filter(|(session, _)| !session.is_closed()) {
            Some(open) => open,
            None => {
                let session = self.open().await.map_err(Failure::Trouble)?;
                if self.options.create_table {
                    self.create(&session).await.map_err(Failure::Trouble)?;
                }
                let key = self.key(&session).await.map_err(Failure::Trouble)?;
                (session, key)
            }
        };
        let rows = Rows::of(events, self.options.encoding, &self.provenance);
        session.insert(&self.options.table, key, &rows).await?;
        // One that failed is not used again.
        self.session = Some((session, key));
        Ok(())
    }

    async fn create(&self, session: &Session) -> Result<(), Trouble> {
        let table = &self.options.table;
        if session.has(table).await? {
            return Ok(());
        }
        session.create(table).await?;
        tracing::info!(sink = self.name, %table, "created the table");
        Ok(())
    }

    /// By what the table knows a row again.
    async fn key(&self, session: &Session) -> Result<Key, Trouble> {
        let table = &self.options.table;
        match session.has(table).await? {
            true => session.key(table).await,
            false => Err(self.missing()),
        }
    }

    fn missing(&self) -> Trouble {
        Trouble::lasting(format!(
            "there is no table {}; create it, or set `create-table = true`",
            self.options.table
        ))
    }

    async fn look(&self) -> Result<String, Trouble> {
        let table = &self.options.table;
        let session = self.open().await?;
        if !session.has(table).await? {
            return match self.options.create_table {
                true => Ok(format!("reached, table {table} will be created")),
                false => Err(self.missing()),
            };
        }
        session.key(table).await?;
        match session.may_insert(table).await? {
            true => Ok(format!("reached, table {table} is there")),
            false => Err(Trouble::lasting(format!(
                "the user may not insert into table {table}; grant INSERT and SELECT"
            ))),
        }
    }
}

#[async_trait]
impl Sink for PostgresSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn limits(&self) -> BatchLimits {
        BatchLimits {
            events: self.options.batch_events,
            gather: true,
            ..BatchLimits::default()
        }
    }

    fn is_durable(&self) -> bool {
        true
    }

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
        let inserted = tokio::time::timeout(PATIENCE, self.insert(events)).await;
        self.life.answered();
        Ok(match inserted {
            Ok(Ok(())) => Verdict::Accepted,
            Ok(Err(Failure::Trouble(trouble))) => trouble.verdict(),
            // Nothing of the batch is there, and nobody says which row it was: halves will show.
            Ok(Err(Failure::Data(reason))) if events.len() > 1 => Verdict::TooLarge { reason },
            Ok(Err(Failure::Data(reason))) => Verdict::Refused { reason },
            Err(_) => Trouble::passing("the database did not take the events in time").verdict(),
        })
    }

    async fn close(&mut self) -> Result<(), SinkError> {
        self.life.close(&self.name)?;
        self.session = None;
        Ok(())
    }

    async fn abort(&mut self) {
        self.life.give_up();
        self.session = None;
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::event::{Activity, Outcome, samples};

    fn sink(port: u16) -> PostgresSink {
        let options = PostgresOptions {
            url: PostgresUrl::parse(&format!("postgres://audit@127.0.0.1:{port}/siem")).unwrap(),
            password: None,
            encryption: None,
            tls: crate::remote::client_tls(None, None).unwrap(),
            table: TableName::default(),
            create_table: false,
            encoding: Encoding::Event,
            batch_events: 10,
        };
        PostgresSink::new("db", options, Arc::new(samples::epm()))
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_or_hangs_up_is_tried_again() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let hanging_up = tokio::spawn(async move { while listener.accept().await.is_ok() {} });
        let mut sink = sink(port);
        let event = samples::sparse(Activity::Logon, Outcome::Success);
        for _ in 0..2 {
            let verdict = sink.deliver(std::slice::from_ref(&event)).await.unwrap();
            let address = format!("siem at 127.0.0.1:{port}: ");
            assert!(
                matches!(&verdict, Verdict::Retry { reason, .. } if reason.starts_with(&address)),
                "{verdict:?}"
            );
            assert!(sink.probe().await.is_err());
            hanging_up.abort();
        }
        sink.close().await.unwrap();
        assert!(matches!(sink.deliver(&[event]).await, Err(SinkError::Ended { .. })));
    }
}
