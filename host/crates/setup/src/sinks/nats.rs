//! From `kind = "nats"` to a sink.

use std::sync::Arc;

use super::open::SinkFactory;
use super::tls::files_of;
use crate::SetupError;
use crate::config::{self, Config, SecretSource};
use event::Rendering;
use sink::{NatsAuth, NatsOptions, NatsSink, NatsUrl, SubjectTemplate};

/// Messages under way at once, where the configuration does not say.
const BATCH: usize = 500;

impl SinkFactory<'_> {
    /// A stream of NATS JetStream.
    pub(super) fn nats(
        &self,
        name: &str,
        nats: &config::NatsSink,
        encoding: Rendering,
    ) -> Result<NatsSink, SetupError> {
        let (url, subject) = check(self.config, name, nats)?;
        let options = NatsOptions {
            url,
            auth: auth(self.config, name, &nats.auth)?,
            tls: files_of!(self.config, name, nats).client()?,
            subject,
            stream: nats.stream.clone(),
            create_stream: nats.create_stream,
            encoding,
            batch_events: nats.batch_events.map_or(BATCH, usize::from),
        };
        Ok(NatsSink::new(name, options, Arc::clone(self.provenance)))
    }
}

/// What can be checked without a secret.
pub(super) fn check(
    config: &Config,
    name: &str,
    nats: &config::NatsSink,
) -> Result<(NatsUrl, SubjectTemplate), SetupError> {
    let usage = |problem: String| SetupError::usage(format!("sink {name}: {problem}"));
    let url = NatsUrl::parse(&nats.url)
        .map_err(|problem| usage(problem.into()).hint("write nats://HOST:PORT or tls://HOST:PORT"))?;
    let subject = match &nats.subject {
        Some(subject) => subject
            .parse()
            .map_err(|problem: sink::BadSubject| usage(problem.to_string()))?,
        None => SubjectTemplate::default(),
    };
    let forbidden = |c: char| c.is_whitespace() || c.is_control() || ".*>/\\".contains(c);
    if nats
        .stream
        .as_ref()
        .is_some_and(|stream| stream.is_empty() || stream.contains(forbidden))
    {
        return Err(usage("`stream` is no name of a stream".into())
            .hint("a stream's name has no dots, wildcards, slashes or spaces"));
    }
    if nats.create_stream && nats.stream.is_none() {
        return Err(usage("`create-stream` needs a `stream`".into()).hint("name the stream to create"));
    }
    files_of!(config, name, nats).check()?;
    Ok((url, subject))
}

fn auth(config: &Config, name: &str, auth: &config::NatsAuth) -> Result<NatsAuth, SetupError> {
    let secret =
        |what: &str, source: &SecretSource| source.resolve(&format!("sink {name} needs its {what}"), &config.folder);
    Ok(match auth {
        config::NatsAuth::None => NatsAuth::None,
        config::NatsAuth::User { username, password } => NatsAuth::User {
            username: username.clone(),
            password: secret("password", password)?,
        },
        config::NatsAuth::Token { token } => NatsAuth::Token(secret("token", token)?),
        config::NatsAuth::Credentials { file } => {
            let source = SecretSource::File { path: file.clone() };
            NatsAuth::Credentials(secret("credentials file", &source)?)
        }
        config::NatsAuth::Nkey { seed } => NatsAuth::NKey(secret("seed", seed)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SinkKind;

    fn problem(settings: &str) -> Option<String> {
        let config: Config = toml::from_str(&format!("[sinks.x]\nkind = \"nats\"\n{settings}")).unwrap();
        let SinkKind::Nats(set) = &config.sinks["x"].kind else {
            panic!("another kind");
        };
        check(&config, "x", set).err().map(|failure| format!("{failure:?}"))
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
            ("url = \"tls://bus\"\nstream = \"a.b\"", "no name of a stream"),
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
