//! The form of a store's file, and how an older one becomes today's.

use rusqlite::{Connection, Transaction, TransactionBehavior};

/// The work that SQL alone cannot do.
type Work = fn(&Transaction<'_>) -> Result<(), rusqlite::Error>;

/// The step to the next version.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// The part of the work that SQL does.
    pub sql: &'static str,
    /// The work that SQL alone cannot do.
    pub then: Option<Work>,
}

/// A kind of store.
#[derive(Debug)]
pub struct Form {
    /// The things that it holds, in the plural, for messages.
    pub what: &'static str,
    /// The section of the configuration that is about it.
    pub section: &'static str,
    /// `PRAGMA application_id`: tells the file from any other database.
    pub application: i32,
    /// Steps, of which each leads to the version after its place.
    pub steps: &'static [Step],
}

impl Form {
    /// Brings a new or older database to today's version.
    ///
    /// # Errors
    ///
    /// A sentence where the file is something else or newer; otherwise what SQLite says.
    pub fn prepare(&self, connection: &mut Connection) -> Result<Result<(), String>, rusqlite::Error> {
        // Before anything is written: another program's file stays as it is. Tables first: where another process makes them just
        // now, the mark comes with them.
        let tables: u32 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
        if application != self.application && tables > 0 {
            return Ok(Err("it is another program's database".into()));
        }
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        // What is dropped is overwritten: it names people.
        connection.pragma_update(None, "secure_delete", true)?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let known = usize::try_from(version)
            .ok()
            .and_then(|version| self.steps.get(version..));
        let Some(missing) = known else {
            return Ok(Err(format!(
                "it has version {version}, this program knows {}",
                self.steps.len()
            )));
        };
        if !missing.is_empty() {
            for step in missing {
                transaction.execute_batch(step.sql)?;
                if let Some(then) = step.then {
                    then(&transaction)?;
                }
            }
            transaction.pragma_update(None, "application_id", self.application)?;
            transaction.pragma_update(None, "user_version", self.steps.len() as i64)?;
        }
        transaction.commit()?;
        Ok(Ok(()))
    }
}
