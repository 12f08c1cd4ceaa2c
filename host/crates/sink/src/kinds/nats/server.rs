//! The connection to a NATS server, and what its errors mean.

use std::time::Duration;

use async_nats::jetstream::context::{
    Context, ContextBuilder, CreateStreamErrorKind, GetStreamByNameErrorKind, GetStreamErrorKind,
};
use async_nats::jetstream::{ErrorCode, stream};
use async_nats::{ConnectErrorKind, ConnectOptions, Event, ServerAddr, ServerError};
use rustls::ClientConfig;
use secrecy::ExposeSecret;
use tokio::sync::watch;

use super::credential::NatsCredential;
use super::url::NatsUrl;
use crate::receiver_error::ReceiverError;

/// The longest time that TCP, TLS and sign-in may take together, for each of the server's addresses.
const CONNECT: Duration = Duration::from_secs(10);
/// The longest time that the server may take to answer one question or acknowledge one message.
const ANSWER: Duration = Duration::from_secs(15);
/// The time for which a stream that we create remembers ids: a day's run that is repeated the next morning leaves nothing twice.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(24 * 3600);

/// An open connection.
#[derive(Clone)]
pub(super) struct JetStreamConnection {
    pub(super) context: Context,
    /// The reason why no answer will come: the connection broke, or the server says that we may not ask.
    silenced: watch::Receiver<Option<ReceiverError>>,
}

impl JetStreamConnection {
    /// The outcome of the work, unless it would wait in vain for an answer.
    pub(super) async fn unless_silenced<T>(
        &self,
        work: impl Future<Output = Result<T, ReceiverError>>,
    ) -> Result<T, ReceiverError> {
        let mut silenced = self.silenced.clone();
        let why = async {
            let told = silenced.wait_for(Option::is_some).await;
            told.ok().and_then(|told| told.clone())
        };
        tokio::select! {
            biased;
            done = work => done,
            why = why => Err(why.unwrap_or_else(|| ReceiverError::transient(BROKE))),
        }
    }
}

/// The message about a connection that ended.
const BROKE: &str = "not acknowledged: the connection broke";

/// Connects and signs in, once.
pub(super) async fn connect(
    url: &NatsUrl,
    auth: &NatsCredential,
    tls: ClientConfig,
) -> Result<JetStreamConnection, ReceiverError> {
    let (told, silenced) = watch::channel(None);
    let address: ServerAddr = url
        .as_str()
        .parse()
        .map_err(|_| ReceiverError::permanent("the url is not the address of a NATS server"))?;
    let options = ConnectOptions::new()
        .name(concat!("host/", env!("CARGO_PKG_VERSION")))
        .connection_timeout(CONNECT)
        .request_timeout(Some(ANSWER))
        .tls_client_config(tls)
        // What a server says of others is no reason to send them the credential.
        .ignore_discovered_servers()
        // Whoever delivers decides when to try again.
        .max_reconnects(1)
        .event_callback(move |event| {
            let why = match event {
                Event::ServerError(ServerError::Other(said))
                    if said.to_ascii_lowercase().starts_with("permissions violation") =>
                {
                    Some(ReceiverError::permanent(format!(
                        "the server forbids what is needed: {said}"
                    )))
                }
                Event::Disconnected | Event::Closed => Some(ReceiverError::transient(BROKE)),
                _ => None,
            };
            told.send_if_modified(|told| told.is_none() && why.is_some() && std::mem::replace(told, why).is_none());
            std::future::ready(())
        })
        // A password travels readable without TLS, and whoever sits between could ask for none.
        .require_tls(auth.readable() && !url.is_local());
    let options = match auth {
        NatsCredential::None => options,
        NatsCredential::User { username, password } => {
            options.user_and_password(username.clone(), password.expose_secret().to_owned())
        }
        NatsCredential::Token(token) => options.token(token.expose_secret().to_owned()),
        NatsCredential::NKey(seed) => options.nkey(seed.expose_secret().to_owned()),
        NatsCredential::Credentials(content) => options
            .credentials(content.expose_secret())
            .map_err(|_| ReceiverError::permanent("the credentials file is not a NATS credentials file"))?,
    };
    let client = options.connect(address).await.map_err(|error| match error.kind() {
        ConnectErrorKind::AuthorizationViolation => {
            ReceiverError::permanent("the server refuses the credential (authorization violation)")
        }
        ConnectErrorKind::Authentication => ReceiverError::permanent("the key or its credentials file cannot be used"),
        _ => {
            let reason = format!("cannot connect: {}", crate::answer::in_one_line(&error));
            // The library knows only one of the words for it.
            let lower = reason.to_ascii_lowercase();
            match ["authentication expired", "authentication revoked"]
                .iter()
                .any(|words| lower.contains(words))
            {
                true => ReceiverError::permanent(reason),
                false => ReceiverError::transient(reason),
            }
        }
    });
    let client = client.map_err(|trouble| trouble.at(url))?;
    Ok(JetStreamConnection {
        context: ContextBuilder::new().timeout(ANSWER).build(client),
        silenced,
    })
}

/// The answer about the stream that events go to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum StreamLookup {
    /// The stream is there.
    Found(String),
    /// The stream is missing.
    Missing,
}

/// Looks a stream up by its name.
pub(super) async fn by_name(context: &Context, name: &str) -> Result<StreamLookup, ReceiverError> {
    match context.get_stream(name).await {
        Ok(_) => Ok(StreamLookup::Found(name.to_owned())),
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND => {
                Ok(StreamLookup::Missing)
            }
            GetStreamErrorKind::JetStream(error) => Err(refused("the stream cannot be looked up", &error)),
            GetStreamErrorKind::Request => Err(ReceiverError::transient(format!(
                "no answer about stream {name}: {error}"
            ))),
            _ => Err(ReceiverError::permanent(format!("{name:?} is not a valid stream name"))),
        },
    }
}

/// Looks a stream up by what it listens to.
pub(super) async fn by_subject(context: &Context, subject: &str) -> Result<StreamLookup, ReceiverError> {
    match context.stream_by_subject(subject).await {
        Ok(name) => Ok(StreamLookup::Found(name)),
        Err(error) => match error.kind() {
            GetStreamByNameErrorKind::NotFound => Ok(StreamLookup::Missing),
            GetStreamByNameErrorKind::JetStream(error) => Err(refused("the stream cannot be looked up", &error)),
            _ => Err(ReceiverError::transient(format!("no answer about streams: {error}"))),
        },
    }
}

/// Creates a stream that keeps everything.
pub(super) async fn create(context: &Context, name: &str, subject: String) -> Result<(), ReceiverError> {
    let config = stream::Config {
        name: name.to_owned(),
        subjects: vec![subject],
        duplicate_window: DUPLICATE_WINDOW,
        ..stream::Config::default()
    };
    match context.create_stream(config).await {
        Ok(_) => Ok(()),
        Err(error) => match error.kind() {
            CreateStreamErrorKind::JetStream(error) => Err(refused("the stream cannot be created", &error)),
            CreateStreamErrorKind::JetStreamUnavailable => Err(ReceiverError::permanent("the server has no JetStream")),
            CreateStreamErrorKind::EmptyStreamName | CreateStreamErrorKind::InvalidStreamName => {
                Err(ReceiverError::permanent(format!("{name:?} is not a valid stream name")))
            }
            _ => Err(ReceiverError::transient(format!("the stream was not created: {error}"))),
        },
    }
}

/// A refusal of JetStream, which numbers them as HTTP does. A conflict (409) is a message that still is on its way by
/// another connection.
pub(super) fn refused(what: &str, error: &async_nats::jetstream::Error) -> ReceiverError {
    let reason = format!("{what}: {error}");
    match error.code() {
        408 | 409 | 425 | 429 => ReceiverError::transient(reason),
        400..500 => ReceiverError::permanent(reason),
        _ => ReceiverError::transient(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for url in ["nats://127.0.0.1:4222", "tls://nats.example.com", "nats://[::1]:4222/"] {
            assert!(NatsUrl::parse(url).is_ok(), "{url}");
        }
        for url in [
            "nats.example.com:4222",
            "http://nats.example.com",
            "nats://user:secret@nats.example.com",
            "nats://token@nats.example.com",
            "nats://",
            "nats://host/path",
            "nats://host?x=y",
            "ws://host",
        ] {
            let problem = NatsUrl::parse(url).unwrap_err();
            assert!(!problem.contains("secret"));
        }
    }

    #[test]
    fn this_machine_is_told_from_others() {
        for (url, local) in [
            ("nats://localhost:4222", true),
            ("nats://127.0.0.2", true),
            ("nats://[::1]:4222", true),
            ("nats://10.0.0.1", false),
            ("nats://localhost.example.com", false),
        ] {
            assert_eq!(NatsUrl::parse(url).unwrap().is_local(), local, "{url}");
        }
    }
}
