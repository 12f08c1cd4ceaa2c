//! From `kind = "postgres"` to a sink.

use std::sync::Arc;

use super::open::SinkFactory;
use super::tls::files_of;
use crate::SetupError;
use crate::config::{self, Config};
use event::Rendering;
use sink::{BadTableName, Conflict, PostgresOptions, PostgresSink, PostgresTls, PostgresUrl, TableName};

/// Rows in one statement, where the configuration does not say.
const BATCH: usize = 1000;

impl SinkFactory<'_> {
    /// A table of PostgreSQL.
    pub(super) fn postgres(
        &self,
        name: &str,
        postgres: &config::PostgresSink,
        encoding: Rendering,
    ) -> Result<PostgresSink, SetupError> {
        let (url, table) = check(self.config, name, postgres)?;
        let password = match &postgres.password {
            Some(source) => Some(source.resolve(&format!("sink {name} needs its password"), &self.config.folder)?),
            None => None,
        };
        let options = PostgresOptions {
            url,
            password,
            encryption: postgres.tls,
            tls: files_of!(self.config, name, postgres).client()?,
            table,
            create_table: postgres.create_table,
            conflict: conflict(name, postgres)?,
            encoding,
            batch_events: postgres.batch_events.map_or(BATCH, usize::from),
        };
        Ok(PostgresSink::new(name, options, Arc::clone(self.provenance)))
    }
}

/// What can be checked without a secret.
pub(super) fn check(
    config: &Config,
    name: &str,
    postgres: &config::PostgresSink,
) -> Result<(PostgresUrl, TableName), SetupError> {
    let usage = |problem: String| SetupError::usage(format!("sink {name}: {problem}"));
    let url = PostgresUrl::parse(&postgres.url)
        .map_err(|problem| usage(problem.into()).hint("write postgres://USER@HOST:PORT/DATABASE"))?;
    let table = match &postgres.table {
        Some(table) => table
            .parse()
            .map_err(|problem: BadTableName| usage(problem.to_string()))?,
        None => TableName::default(),
    };
    conflict(name, postgres)?;
    if postgres.tls == Some(PostgresTls::Disable) && postgres.password.is_some() && !url.is_local() {
        return Err(usage("`tls = \"disable\"` would send the password unencrypted".into())
            .hint("a password goes over TLS only: leave out `tls`, or connect as a user who needs no password"));
    }
    files_of!(config, name, postgres).check()?;
    Ok((url, table))
}

/// The columns by which a row is known again, where they are chosen.
fn conflict(name: &str, postgres: &config::PostgresSink) -> Result<Option<Conflict>, SetupError> {
    let chosen = postgres.conflict.as_deref().map(Conflict::of).transpose();
    chosen.map_err(|problem| {
        SetupError::usage(format!("sink {name}: {problem}"))
            .hint("for a table that is partitioned by time, [\"id\", \"time\"]")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SinkKind;

    fn problem(settings: &str) -> Option<String> {
        let config: Config = toml::from_str(&format!("[sinks.x]\nkind = \"postgres\"\n{settings}")).unwrap();
        let SinkKind::Postgres(set) = &config.sinks["x"].kind else {
            panic!("another kind");
        };
        check(&config, "x", set).err().map(|failure| format!("{failure:?}"))
    }

    #[test]
    fn what_cannot_work_is_found_without_a_secret() {
        assert_eq!(
            problem("url = \"postgres://audit@db/siem\"\ntls = \"prefer\"\npassword = { env = \"NOT_SET\" }"),
            None
        );
        for local in ["localhost", "127.0.0.1", "[::1]", "%2Frun%2Fpostgresql"] {
            let settings = format!(
                "url = \"postgres://audit@{local}/siem\"\ntls = \"disable\"\npassword = {{ env = \"NOT_SET\" }}\n\
                 conflict = [\"id\", \"time\"]"
            );
            assert_eq!(problem(&settings), None);
        }
        for (settings, words) in [
            ("url = \"postgres://audit:hunter2@db/siem\"", "contains a password"),
            ("url = \"postgres://audit@db/siem?password=hunter2\"", "parameters"),
            ("url = \"postgres://audit@db/siem\"\ntable = \"a b\"", "names no table"),
            (
                "url = \"postgres://audit@db/siem\"\nconflict = [\"time\"]",
                "must name `id`",
            ),
            (
                "url = \"postgres://audit@db/siem\"\ntls = \"disable\"\npassword = { env = \"NOT_SET\" }",
                "unencrypted",
            ),
            (
                "url = \"postgres://audit@db/siem\"\nca-file = \"absent.pem\"",
                "there is no file",
            ),
        ] {
            let problem = problem(settings).unwrap();
            assert!(problem.contains(words), "{settings}: {problem}");
            assert!(!problem.contains("hunter2"), "{problem}");
        }
    }
}
