//! A table in PostgreSQL: one row an event, known by its connection, report and id.
//!
//! [`PostgresSink`] inserts a batch with one statement in one transaction, so that it is there as a whole or not at all.
//! A row that is there already is left alone. Tables of before know a row by its id alone; there a row whose id another
//! stream has taken gets the event's identity for an id.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rustls::ClientConfig;
use secrecy::{ExposeSecret, SecretString};

use super::address::PostgresUrl;
use super::config::PostgresTls;
use super::meaning::{self, InsertError};
use super::rows::Rows;
use super::session::{self, PostgresSession};
use super::table::{Conflict, Layout, TableName};
use crate::receiver_error::{ReceiverError, presentable};
use crate::state::SinkState;
use crate::{BatchLimits, Guarantee, Sink, SinkError, Verdict};
use event::{Event, Provenance, Rendering};
use remote::Redactor;

/// The longest time that one delivery may take, connecting included.
const PATIENCE: Duration = Duration::from_secs(75);

/// The options of a [`PostgresSink`]: what is configured, read and checked.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// The address of the database, and who asks.
    pub url: PostgresUrl,
    /// The user's password, where the server asks for one.
    pub password: Option<SecretString>,
    /// The wanted encryption of the connection; unless set it is encrypted, but for a server on this machine that is sent no password.
    pub encryption: Option<PostgresTls>,
    /// The authorities to trust, for an encrypted connection.
    pub tls: ClientConfig,
    /// The table to which rows go.
    pub table: TableName,
    /// Create the table where it is missing.
    pub create_table: bool,
    /// The columns by which a row is known again; by default those of a unique index of the table.
    pub conflict: Option<Conflict>,
    /// The encoding of the column `event`.
    pub encoding: Rendering,
    /// Rows in one statement, at most.
    pub batch_events: usize,
}

/// Inserts events into a table.
pub struct PostgresSink {
    name: String,
    options: PostgresOptions,
    provenance: Arc<Provenance>,
    session: Option<(PostgresSession, Layout)>,
    secrets: Redactor,
    life: SinkState,
}

impl PostgresSink {
    /// A sink that connects when it is first given events.
    pub fn new(name: impl Into<String>, options: PostgresOptions, provenance: Arc<Provenance>) -> PostgresSink {
        let secrets = Redactor::default();
        if let Some(password) = &options.password {
            secrets.add(password.expose_secret());
        }
        PostgresSink {
            name: name.into(),
            options,
            provenance,
            session: None,
            secrets,
            life: SinkState::default(),
        }
    }

    async fn open(&self) -> Result<PostgresSession, ReceiverError> {
        let options = &self.options;
        let (local, password) = (options.url.is_local(), options.password.as_ref());
        let encryption = session::encryption(options.encryption, password.is_some(), local)?;
        let opened = PostgresSession::open(&options.url, password, encryption, options.tls.clone()).await;
        opened.map_err(|trouble| match trouble {
            ReceiverError::Permanent(reason)
                if local && options.encryption.is_none() && reason.ends_with(meaning::NO_TLS) =>
            {
                let hint =
                    "set `tls = \"disable\"` to send it the password unencrypted, which does not leave this machine";
                ReceiverError::permanent(format!("{}: {reason}; {hint}", options.url))
            }
            trouble => trouble.at(&options.url),
        })
    }

    async fn insert(&mut self, events: &[Event]) -> Result<(), InsertError> {
        let (mut session, layout) = match self.session.take().filter(|(session, _)| !session.is_closed()) {
            Some(open) => open,
            None => {
                let session = self.open().await.map_err(InsertError::Trouble)?;
                if self.options.create_table {
                    self.create(&session).await.map_err(InsertError::Trouble)?;
                }
                let layout = self.layout(&session).await.map_err(InsertError::Trouble)?;
                (session, layout)
            }
        };
        let rows = Rows::of(events, &self.options.encoding, &self.provenance, layout.addresses);
        let inserted = session.insert(&self.options.table, layout, &rows).await;
        // What the server refused of these events says nothing against the session; one that failed is not used again.
        if matches!(inserted, Ok(()) | Err(InsertError::Data(_))) {
            self.session = Some((session, layout));
        }
        inserted
    }

    async fn create(&self, session: &PostgresSession) -> Result<(), ReceiverError> {
        let table = &self.options.table;
        if session.has(table).await? {
            return Ok(());
        }
        session.create(table, self.options.conflict.unwrap_or_default()).await?;
        tracing::info!(sink = self.name, %table, "created the table");
        Ok(())
    }

    /// The way the table keeps a row, and knows it again.
    async fn layout(&self, session: &PostgresSession) -> Result<Layout, ReceiverError> {
        let table = &self.options.table;
        match session.has(table).await? {
            true => session.layout(table, self.options.conflict).await,
            false => Err(self.missing()),
        }
    }

    fn missing(&self) -> ReceiverError {
        ReceiverError::permanent(format!(
            "there is no table {}; create it, or set `create-table = true`",
            self.options.table
        ))
    }

    async fn look(&self) -> Result<String, ReceiverError> {
        let table = &self.options.table;
        let session = self.open().await?;
        if !session.has(table).await? {
            return match self.options.create_table {
                true => Ok(format!("reached, table {table} will be created")),
                false => Err(self.missing()),
            };
        }
        session.layout(table, self.options.conflict).await?;
        match session.may_insert(table).await? {
            true => Ok(format!("reached, table {table} exists")),
            false => Err(ReceiverError::permanent(format!(
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
            .unwrap_or_else(|_| Err(ReceiverError::transient("no answer in time")))
            .map_err(|trouble| trouble.unusable(&self.name, &self.secrets))
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
            Ok(Err(InsertError::Trouble(trouble))) => trouble.verdict(&self.secrets),
            Ok(Err(InsertError::Data(reason))) => {
                let reason = presentable(&self.secrets, &reason);
                // Nothing of the batch is there, and nobody says which row it was: halves will show.
                match events.len() > 1 {
                    true => Verdict::TooLarge { reason },
                    false => Verdict::Refused { reason },
                }
            }
            Err(_) => ReceiverError::transient("the database did not accept the events in time").verdict(&self.secrets),
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
