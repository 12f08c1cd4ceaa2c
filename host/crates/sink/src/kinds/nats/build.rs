//! A stream of NATS JetStream as it is configured.

use super::config::{NatsAuth, NatsConfig};
use super::credential::NatsCredential;
use super::sink::{NatsOptions, NatsSink};
use super::subject::{BadSubject, SubjectTemplate};
use super::url::NatsUrl;
use crate::Sink;
use crate::kinds::{BuildContext, SinkConfig, SinkContext};
use base::SetupError;
use connection::{SecretSource, TlsFiles};
use event::Encoding;

impl SinkConfig for NatsConfig {
    fn encoding(&self) -> Encoding {
        self.encoding
    }

    fn check(&self, context: &SinkContext<'_>) -> Result<(), SetupError> {
        self.place(context).map(drop)
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<Box<dyn Sink>, SetupError> {
        let (url, subject) = self.place(&context.sink)?;
        let options = NatsOptions {
            url,
            credential: self.credential(&context.sink)?,
            tls: self.files(&context.sink).client()?,
            subject,
            stream: self.stream.clone(),
            create_stream: self.create_stream,
            encoding: context.rendering.clone(),
            batch_events: self.batch_events.get(),
        };
        Ok(Box::new(NatsSink::new(context.name(), options, context.provenance())))
    }

    fn about(&self, context: &SinkContext<'_>) -> String {
        match self.place(context) {
            Ok((url, _)) => format!("nats {url}"),
            // A URL that does not pass may hold a password.
            Err(_) => "nats".into(),
        }
    }

    fn destination(&self, context: &SinkContext<'_>) -> String {
        match self.place(context) {
            Ok((url, _)) => {
                let stream = self.stream.iter().map(|stream| format!(", stream {stream}"));
                let subject = self.subject.iter().map(|subject| format!(", subject {subject}"));
                format!("nats {url}{}", stream.chain(subject).collect::<String>())
            }
            Err(_) => "nats".into(),
        }
    }
}

impl NatsConfig {
    /// The server and subject to which events go, checked without a secret.
    fn place(&self, context: &SinkContext<'_>) -> Result<(NatsUrl, SubjectTemplate), SetupError> {
        let url = NatsUrl::parse(&self.url)
            .map_err(|problem| context.usage(problem).hint("write nats://HOST:PORT or tls://HOST:PORT"))?;
        let subject = match &self.subject {
            Some(subject) => subject.parse().map_err(|problem: BadSubject| context.usage(problem))?,
            None => SubjectTemplate::default(),
        };
        let forbidden = |c: char| c.is_whitespace() || c.is_control() || ".*>/\\".contains(c);
        if self
            .stream
            .as_ref()
            .is_some_and(|stream| stream.is_empty() || stream.contains(forbidden))
        {
            return Err(context
                .usage("`stream` is not a valid stream name")
                .hint("a stream's name has no dots, wildcards, slashes or spaces"));
        }
        if self.create_stream && self.stream.is_none() {
            return Err(context
                .usage("`create-stream` needs a `stream`")
                .hint("name the stream to create"));
        }
        self.files(context).check()?;
        Ok((url, subject))
    }

    fn files<'a>(&'a self, context: &SinkContext<'a>) -> TlsFiles<'a> {
        context.tls_files(
            &self.ca_file,
            self.system_authorities,
            &self.client_certificate,
            &self.client_key,
        )
    }

    /// Reads the secrets.
    fn credential(&self, context: &SinkContext<'_>) -> Result<NatsCredential, SetupError> {
        Ok(match &self.auth {
            NatsAuth::None => NatsCredential::None,
            NatsAuth::User { username, password } => NatsCredential::User {
                username: username.clone(),
                password: context.secret(password, "password")?,
            },
            NatsAuth::Token { token } => NatsCredential::Token(context.secret(token, "token")?),
            NatsAuth::Credentials { file } => {
                let source = SecretSource::File { path: file.clone() };
                NatsCredential::Credentials(context.secret(&source, "credentials file")?)
            }
            NatsAuth::Nkey { seed } => NatsCredential::NKey(context.secret(seed, "seed")?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::context::with_test_context;

    fn problem(settings: &str) -> Option<String> {
        let config: NatsConfig = toml::from_str(settings).unwrap();
        with_test_context(|context| config.check(context).err().map(|failure| format!("{failure:?}")))
    }

    #[test]
    fn what_cannot_work_is_found_without_a_secret() {
        assert_eq!(
            problem(
                "url = \"nats://bus:4222\"\nsubject = \"a.{report}\"\nauth = { kind = \"token\", token = { env = \"NOT_SET\" } }"
            ),
            None
        );
        for (settings, words) in [
            ("url = \"nats://u:hunter2@bus\"", "user information"),
            ("url = \"bus:4222\"", "nats://"),
            ("url = \"tls://bus\"\nsubject = \"a.*\"", "wildcard"),
            ("url = \"tls://bus\"\nstream = \"a.b\"", "not a valid stream name"),
            ("url = \"tls://bus\"\ncreate-stream = true", "needs a `stream`"),
            ("url = \"tls://bus\"\nca-file = \"absent.pem\"", "there is no file"),
            ("url = \"tls://bus\"\nclient-key = \"k.pem\"", "only one of"),
        ] {
            let problem = problem(settings).unwrap();
            assert!(problem.contains(words), "{settings}: {problem}");
            assert!(!problem.contains("hunter2"), "{problem}");
        }
    }
}
