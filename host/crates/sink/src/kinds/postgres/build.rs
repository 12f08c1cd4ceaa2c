//! A table of PostgreSQL as it is configured.

use super::address::PostgresUrl;
use super::config::{PostgresConfig, PostgresTls};
use super::sink::{PostgresOptions, PostgresSink};
use super::table::{BadTableName, Conflict, TableName};
use crate::Sink;
use crate::kinds::{BuildContext, SinkConfig, SinkContext};
use base::SetupError;
use connection::TlsFiles;
use event::Encoding;

impl SinkConfig for PostgresConfig {
    fn encoding(&self) -> Encoding {
        self.encoding
    }

    fn check(&self, context: &SinkContext<'_>) -> Result<(), SetupError> {
        self.place(context).map(drop)
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<Box<dyn Sink>, SetupError> {
        let sink = &context.sink;
        let (url, table) = self.place(sink)?;
        let password = self.password.as_ref();
        let options = PostgresOptions {
            url,
            password: password.map(|source| sink.secret(source, "password")).transpose()?,
            encryption: self.tls,
            tls: self.files(sink).client()?,
            table,
            create_table: self.create_table,
            conflict: self.conflict(sink)?,
            encoding: context.rendering.clone(),
            batch_events: self.batch_events.get(),
        };
        Ok(Box::new(PostgresSink::new(
            context.name(),
            options,
            context.provenance(),
        )))
    }

    fn about(&self, context: &SinkContext<'_>) -> String {
        self.destination(context)
    }

    /// The destination, as `postgres siem at db.example:5432, table audit_events`.
    fn destination(&self, context: &SinkContext<'_>) -> String {
        match self.place(context) {
            Ok((url, table)) => format!("postgres {url}, table {table}"),
            // A URL that does not pass may hold a password.
            Err(_) => "postgres".into(),
        }
    }
}

impl PostgresConfig {
    /// The database and table to which rows go, checked without a secret.
    fn place(&self, context: &SinkContext<'_>) -> Result<(PostgresUrl, TableName), SetupError> {
        let url = PostgresUrl::parse(&self.url)
            .map_err(|problem| context.usage(problem).hint("write postgres://USER@HOST:PORT/DATABASE"))?;
        let table = match &self.table {
            Some(table) => table.parse().map_err(|problem: BadTableName| context.usage(problem))?,
            None => TableName::default(),
        };
        self.conflict(context)?;
        if self.tls == Some(PostgresTls::Disable) && self.password.is_some() && !url.is_local() {
            return Err(context
                .usage("`tls = \"disable\"` would send the password unencrypted")
                .hint("a password goes over TLS only: leave out `tls`, or connect as a user who needs no password"));
        }
        self.files(context).check()?;
        Ok((url, table))
    }

    fn files<'a>(&'a self, context: &SinkContext<'a>) -> TlsFiles<'a> {
        context.tls_files(
            &self.ca_file,
            self.system_authorities,
            &self.client_certificate,
            &self.client_key,
        )
    }

    /// The columns by which a row is known again, where they are chosen.
    fn conflict(&self, context: &SinkContext<'_>) -> Result<Option<Conflict>, SetupError> {
        let chosen = self.conflict.as_deref().map(Conflict::of).transpose();
        chosen.map_err(|problem| {
            context
                .usage(problem)
                .hint("for a table that is partitioned by time, [\"id\", \"time\"]")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::context::with_test_context;

    fn problem(settings: &str) -> Option<String> {
        let config: PostgresConfig = toml::from_str(settings).unwrap();
        with_test_context(|context| config.check(context).err().map(|failure| format!("{failure:?}")))
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
