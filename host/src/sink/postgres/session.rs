//! One connection to a database.

use std::time::Duration;

use rustls::ClientConfig;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use tokio_postgres::config::SslMode;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::task::AbortOnDropHandle;

use super::address::{Host, PostgresUrl};
use super::meaning::{self, Failure};
use super::rows::Rows;
use super::table::{Key, TableName};
use crate::sink::trouble::Trouble;

/// How long name resolution, TCP, TLS and sign-in may take together.
const CONNECT: Duration = Duration::from_secs(15);
/// How long the server may work on one statement: it gives up before we do.
const STATEMENT: Duration = Duration::from_secs(45);

/// Whether a connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PostgresTls {
    /// Never.
    Disable,
    /// Where the server can.
    Prefer,
    /// Always, with a certificate that is checked.
    Require,
}

/// A connection, with the task that moves its bytes.
pub(super) struct Session {
    client: Client,
    _moving: AbortOnDropHandle<()>,
}

impl Session {
    /// Connects and signs in, once.
    pub(super) async fn open(
        url: &PostgresUrl,
        password: Option<&SecretString>,
        encryption: PostgresTls,
        tls: ClientConfig,
    ) -> Result<Session, Trouble> {
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
            .map_err(|_| Trouble::passing("the database did not answer in time"))?
            .map_err(|error| trouble(&error))?;
        let moving = AbortOnDropHandle::new(tokio::spawn(async move {
            // Whoever waits for an answer is told as well.
            let _ = connection.await;
        }));
        Ok(Session {
            client,
            _moving: moving,
        })
    }

    /// Whether the connection has ended.
    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Whether the table is there.
    pub(super) async fn has(&self, table: &TableName) -> Result<bool, Trouble> {
        let row = self
            .client
            .query_typed_one(
                "select pg_catalog.to_regclass($1) is not null",
                &[(&table.quoted(), Type::TEXT)],
            )
            .await;
        row.and_then(|row| row.try_get(0)).map_err(|error| trouble(&error))
    }

    /// Whether the user may insert into the table, which is there.
    pub(super) async fn may_insert(&self, table: &TableName) -> Result<bool, Trouble> {
        let row = self
            .client
            .query_typed_one(
                "select pg_catalog.has_table_privilege($1, 'INSERT') and pg_catalog.has_table_privilege($1, 'SELECT')",
                &[(&table.quoted(), Type::TEXT)],
            )
            .await;
        row.and_then(|row| row.try_get(0)).map_err(|error| trouble(&error))
    }

    /// By what the table, which is there, knows a row again.
    pub(super) async fn key(&self, table: &TableName) -> Result<Key, Trouble> {
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
        Key::choose(indexes.iter().map(String::as_str)).ok_or_else(|| {
            Trouble::lasting(format!(
                "table {table} has no unique index by which an event is known again; alter table {} add primary key \
                 (connection, report, id), with time where it is partitioned by time",
                table.quoted()
            ))
        })
    }

    /// Creates the table.
    pub(super) async fn create(&self, table: &TableName) -> Result<(), Trouble> {
        match self.client.batch_execute(&table.creation()).await {
            Ok(()) => Ok(()),
            Err(error) => match meaning::of(&error) {
                Failure::Trouble(trouble) => Err(trouble),
                // Two that create the same table at once collide in the catalogue.
                Failure::Data(reason) => Err(Trouble::passing(reason)),
            },
        }
    }

    /// Inserts the rows, all or none.
    pub(super) async fn insert(&mut self, table: &TableName, key: Key, rows: &Rows<'_>) -> Result<(), Failure> {
        let failure = |error: tokio_postgres::Error| meaning::of(&error);
        let transaction = self.client.transaction().await.map_err(failure)?;
        let limit = format!("set local statement_timeout = {}", STATEMENT.as_millis());
        transaction.batch_execute(&limit).await.map_err(failure)?;
        for statement in table.insertions(key) {
            transaction
                .execute_typed(&statement, &rows.parameters())
                .await
                .map_err(failure)?;
        }
        transaction.commit().await.map_err(failure)
    }
}

/// What concerns no event.
fn trouble(error: &tokio_postgres::Error) -> Trouble {
    match meaning::of(error) {
        Failure::Trouble(trouble) => trouble,
        Failure::Data(reason) => Trouble::lasting(reason),
    }
}
