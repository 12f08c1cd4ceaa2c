//! One connection to a database.

use std::time::Duration;

use rustls::ClientConfig;
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::config::SslMode;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::task::AbortOnDropHandle;

use super::address::{Host, PostgresUrl};
use super::config::PostgresTls;
use super::meaning::{self, InsertError};
use super::rows::Rows;
use super::table::{Conflict, Key, Layout, TableName};
use crate::receiver_error::ReceiverError;

/// The longest time that name resolution, TCP, TLS and sign-in may take together.
const CONNECT: Duration = Duration::from_secs(15);
/// The longest time that the server may work on one statement: it gives up before we do.
const STATEMENT: Duration = Duration::from_secs(45);

/// The encryption of a connection. Whoever answers at the address may ask for the password in plain text, so that it goes
/// over TLS only, or where somebody has said that this machine is to be trusted.
///
/// # Errors
///
/// Where a password would travel unencrypted.
pub(super) fn encryption(
    wanted: Option<PostgresTls>,
    has_password: bool,
    is_local: bool,
) -> Result<PostgresTls, ReceiverError> {
    match (wanted, has_password) {
        (Some(PostgresTls::Disable), true) if !is_local => Err(ReceiverError::permanent(UNENCRYPTED)),
        (Some(PostgresTls::Prefer), true) => Ok(PostgresTls::Require),
        (Some(wanted), _) => Ok(wanted),
        // What listens on this machine often has a certificate that nobody signed, and there is nothing to steal.
        (None, false) if is_local => Ok(PostgresTls::Disable),
        (None, _) => Ok(PostgresTls::Require),
    }
}

/// The problem with a password and `tls = "disable"`.
pub(super) const UNENCRYPTED: &str =
    "a password goes over TLS only: leave out `tls`, or connect as a user who needs no password";

/// A connection, with the task that moves its bytes.
pub struct PostgresSession {
    client: Client,
    _moving: AbortOnDropHandle<()>,
}

impl PostgresSession {
    /// Connects and signs in, once.
    pub(super) async fn open(
        url: &PostgresUrl,
        password: Option<&SecretString>,
        encryption: PostgresTls,
        tls: ClientConfig,
    ) -> Result<PostgresSession, ReceiverError> {
        let mut config = Config::new();
        config
            .user(&url.user)
            .dbname(&url.database)
            .port(url.port)
            .application_name("host")
            .connect_timeout(CONNECT)
            .ssl_mode(match encryption {
                PostgresTls::Disable => SslMode::Disable,
                PostgresTls::Prefer => SslMode::Prefer,
                PostgresTls::Require => SslMode::Require,
            });
        match &url.host {
            Host::Network(name) => config.host(name),
            Host::Socket(folder) => config.host_path(folder),
        };
        if let Some(password) = password {
            config.password(password.expose_secret());
        }
        let connected = tokio::time::timeout(CONNECT, config.connect(MakeRustlsConnect::new(tls))).await;
        let (client, connection) = connected
            .map_err(|_| ReceiverError::transient("the database did not answer in time"))?
            .map_err(|error| trouble(&error))?;
        let moving = AbortOnDropHandle::new(tokio::spawn(async move {
            // Whoever waits for an answer is told as well.
            let _ = connection.await;
        }));
        Ok(PostgresSession {
            client,
            _moving: moving,
        })
    }

    /// True if the connection has ended.
    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Finds out whether the table is there.
    pub(super) async fn has(&self, table: &TableName) -> Result<bool, ReceiverError> {
        let row = self
            .client
            .query_typed_one(
                "select pg_catalog.to_regclass($1) is not null",
                &[(&table.quoted(), Type::TEXT)],
            )
            .await;
        row.and_then(|row| row.try_get(0)).map_err(|error| trouble(&error))
    }

    /// Finds out whether the user may insert into the table, which is there.
    pub(super) async fn may_insert(&self, table: &TableName) -> Result<bool, ReceiverError> {
        let row = self
            .client
            .query_typed_one(
                "select pg_catalog.has_table_privilege($1, 'INSERT') and pg_catalog.has_table_privilege($1, 'SELECT')",
                &[(&table.quoted(), Type::TEXT)],
            )
            .await;
        row.and_then(|row| row.try_get(0)).map_err(|error| trouble(&error))
    }

    /// The way the table, which is there, keeps a row: known again by the columns that are wanted, or by what it has.
    pub(super) async fn layout(&self, table: &TableName, wanted: Option<Conflict>) -> Result<Layout, ReceiverError> {
        Ok(Layout {
            key: self.key(table, wanted).await?,
            addresses: self.has_addresses(table).await?,
        })
    }

    async fn has_addresses(&self, table: &TableName) -> Result<bool, ReceiverError> {
        let row = self
            .client
            .query_typed_one(TableName::ADDRESSES, &[(&table.quoted(), Type::TEXT)])
            .await;
        row.and_then(|row| row.try_get(0)).map_err(|error| trouble(&error))
    }

    async fn key(&self, table: &TableName, wanted: Option<Conflict>) -> Result<Key, ReceiverError> {
        let rows = self
            .client
            .query_typed(TableName::UNIQUE, &[(&table.quoted(), Type::TEXT)])
            .await;
        let indexes: Result<Vec<String>, _> = rows
            .map_err(|error| trouble(&error))?
            .iter()
            .map(|row| row.try_get(0).map_err(|error| trouble(&error)))
            .collect();
        let indexes = indexes?;
        let known = indexes.iter().map(String::as_str);
        let found = match wanted {
            Some(Conflict(wanted)) => known.clone().any(|index| index == wanted.index()).then_some(wanted),
            None => Key::choose(known),
        };
        found.ok_or_else(|| {
            let columns = match wanted {
                Some(Conflict(wanted)) => format!("({})", wanted.columns()),
                None => "(connection, report, id), with time where it is partitioned by time".into(),
            };
            ReceiverError::permanent(format!(
                "table {table} has no unique index by which an event is known again; alter table {} add primary key {columns}",
                table.quoted()
            ))
        })
    }

    /// Creates the table.
    pub(super) async fn create(&self, table: &TableName, conflict: Conflict) -> Result<(), ReceiverError> {
        match self.client.batch_execute(&table.creation(conflict)).await {
            Ok(()) => Ok(()),
            Err(error) => match meaning::of(&error) {
                InsertError::Trouble(trouble) => Err(trouble),
                // Two that create the same table at once collide in the catalogue.
                InsertError::Data(reason) => Err(ReceiverError::transient(reason)),
            },
        }
    }

    /// Inserts the rows, all or none.
    pub(super) async fn insert(
        &mut self,
        table: &TableName,
        layout: Layout,
        rows: &Rows<'_>,
    ) -> Result<(), InsertError> {
        let failure = |error: tokio_postgres::Error| meaning::of(&error);
        let transaction = self.client.transaction().await.map_err(failure)?;
        let limit = format!("set local statement_timeout = {}", STATEMENT.as_millis());
        transaction.batch_execute(&limit).await.map_err(failure)?;
        for statement in table.insertions(layout) {
            transaction
                .execute_typed(&statement, &rows.parameters())
                .await
                .map_err(failure)?;
        }
        transaction.commit().await.map_err(failure)
    }
}

/// The trouble behind an error that concerns no event.
fn trouble(error: &tokio_postgres::Error) -> ReceiverError {
    match meaning::of(error) {
        InsertError::Trouble(trouble) => trouble,
        InsertError::Data(reason) => ReceiverError::permanent(reason),
    }
}
