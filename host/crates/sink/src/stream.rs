//! Bytes over TCP, with or without TLS: [`Link`], one connection that is opened when it is needed, and
//! [`StreamTransport`], the bytes of a plugin as they are.
//!
//! TCP acknowledges nothing to the sender's program: what was written may be lost with the connection. A link looks
//! whether the peer has gone before it writes and after, and at the end waits until the peer has closed as well.

use std::io;
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use super::{SinkError, Transport, Verdict, answer};
use remote::{ByteStream, Dialer, RemoteError};

/// How long the peer may take to accept one piece.
const WRITE: Duration = Duration::from_secs(30);

/// How long the peer may take to close after us.
const GOODBYE: Duration = Duration::from_secs(3);

/// How long to look for a sign that the peer has gone; the system needs a moment to pass it on.
const GLANCE: Duration = Duration::from_millis(1);

/// Bytes in one piece, about.
pub(super) const PIECE: usize = 64 * 1024;

/// One connection at a time to one place.
#[derive(Debug)]
pub(super) struct Link {
    dialer: Dialer,
    open: Option<Open>,
}

struct Open(ByteStream);

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Open")
    }
}

impl Link {
    pub(super) fn new(dialer: Dialer) -> Link {
        Link { dialer, open: None }
    }

    /// Writes the pieces over one connection. After a failure, or when this future is dropped, the connection is gone,
    /// and with it the rest of a piece that was begun.
    pub(super) async fn send(&mut self, pieces: impl Iterator<Item = Vec<u8>> + Send) -> Result<(), RemoteError> {
        let mut stream = self.ready().await?;
        for piece in pieces {
            in_time(stream.write_all(&piece)).await?;
        }
        in_time(stream.flush()).await?;
        look(&mut stream)
            .await
            .map_err(|error| RemoteError::interrupted(&error))?;
        self.open = Some(Open(stream));
        Ok(())
    }

    /// The connection of before, unless the peer has closed it.
    async fn ready(&mut self) -> Result<ByteStream, RemoteError> {
        if let Some(Open(mut stream)) = self.open.take() {
            match look(&mut stream).await {
                Ok(()) => return Ok(stream),
                Err(error) => tracing::debug!(place = %self.dialer.place(), "connecting again: {error}"),
            }
        }
        self.dialer.connect().await
    }

    /// Connects, and takes leave at once.
    pub(super) async fn probe(&mut self) -> Result<String, RemoteError> {
        self.open = Some(Open(self.ready().await?));
        self.finish().await.map_err(|error| RemoteError::interrupted(&error))?;
        Ok(format!("connected to {}", self.dialer.place()))
    }

    /// Says that nothing more comes, and waits for the peer to close.
    pub(super) async fn finish(&mut self) -> io::Result<()> {
        let Some(Open(mut stream)) = self.open.take() else {
            return Ok(());
        };
        let ending = async {
            stream.shutdown().await?;
            drain(&mut stream).await
        };
        // A peer that keeps its side open has everything that the system can still give it.
        timeout(GOODBYE, ending).await.unwrap_or(Ok(()))
    }

    /// Lets the connection go as it is.
    pub(super) fn drop_connection(&mut self) {
        self.open = None;
    }
}

/// Reads to the end. What a receiver of logs has to say is nobody's concern.
async fn drain(stream: &mut ByteStream) -> io::Result<()> {
    let mut scratch = vec![0; 1024];
    loop {
        match stream.read(&mut scratch).await {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            // TLS without its goodbye: of data that nobody reads nothing can be cut off.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// Fails where the peer has closed or broken the connection.
async fn look(stream: &mut ByteStream) -> io::Result<()> {
    match timeout(GLANCE, drain(stream)).await {
        Err(_) => Ok(()),
        Ok(Ok(())) => Err(io::Error::new(
            io::ErrorKind::ConnectionAborted,
            "the receiver closed the connection",
        )),
        Ok(Err(error)) => Err(error),
    }
}

async fn in_time(write: impl Future<Output = io::Result<()>>) -> Result<(), RemoteError> {
    match timeout(WRITE, write).await {
        Ok(result) => result.map_err(|error| RemoteError::interrupted(&error)),
        Err(_) => Err(RemoteError::Timeout {
            what: "a write",
            after: WRITE,
        }),
    }
}

/// An error of the network as what ends a call to a sink.
pub(super) fn failed(sink: &str, source: RemoteError) -> SinkError {
    SinkError::Remote {
        sink: sink.to_owned(),
        source: Box::new(source),
    }
}

/// The bytes of a plugin as they are, over TCP or TLS.
#[derive(Debug)]
pub struct StreamTransport {
    sink: String,
    link: Link,
}

impl StreamTransport {
    /// A transport for the sink of that name. Connects when there is something to write.
    pub fn new(sink: impl Into<String>, dialer: Dialer) -> StreamTransport {
        StreamTransport {
            sink: sink.into(),
            link: Link::new(dialer),
        }
    }
}

#[async_trait]
impl Transport for StreamTransport {
    async fn probe(&mut self) -> Result<String, SinkError> {
        self.link.probe().await.map_err(|error| failed(&self.sink, error))
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<Verdict, SinkError> {
        let pieces = bytes.chunks(PIECE).map(<[u8]>::to_vec);
        Ok(match self.link.send(pieces).await {
            Ok(()) => Verdict::Accepted,
            Err(error) => answer::unanswered(&error),
        })
    }

    async fn close(&mut self) -> Result<(), SinkError> {
        self.link.finish().await.map_err(|source| SinkError::Write {
            sink: self.sink.clone(),
            source,
        })
    }

    async fn abort(&mut self) {
        self.link.drop_connection();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::net::TcpListener;

    use super::*;

    async fn listening() -> (TcpListener, StreamTransport) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let place = listener.local_addr().unwrap().to_string().parse().unwrap();
        let transport = StreamTransport::new("s", Dialer::new(place, None).unwrap());
        (listener, transport)
    }

    #[tokio::test]
    async fn everything_arrives_before_close_returns() {
        let (listener, mut transport) = listening().await;
        let reader = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).await.unwrap();
            bytes
        });
        let long = vec![b'x'; 3 * PIECE + 1];
        assert_eq!(transport.write(&long).await.unwrap(), Verdict::Accepted);
        assert_eq!(transport.write(b"end\n").await.unwrap(), Verdict::Accepted);
        transport.close().await.unwrap();
        let bytes = reader.await.unwrap();
        assert_eq!(bytes.len(), long.len() + 4);
        assert!(bytes.ends_with(b"xend\n"));
    }

    #[tokio::test]
    async fn a_peer_that_has_closed_gets_a_new_connection() {
        let (listener, mut transport) = listening().await;
        let (first, accepted) = tokio::join!(transport.write(b"a\n"), listener.accept());
        assert_eq!(first.unwrap(), Verdict::Accepted);
        drop(accepted);
        let (second, accepted) = tokio::join!(transport.write(b"b\n"), listener.accept());
        assert_eq!(second.unwrap(), Verdict::Accepted);
        let (mut stream, _) = accepted.unwrap();
        let mut got = [0; 2];
        stream.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"b\n");
    }

    #[tokio::test]
    async fn nobody_there_is_no_end() {
        let (listener, mut transport) = listening().await;
        drop(listener);
        let verdict = transport.write(b"a\n").await.unwrap();
        assert!(
            matches!(&verdict, Verdict::Retry { after: None, reason } if reason.starts_with("cannot connect to 127.0.0.1:")),
            "{verdict:?}"
        );
        let error = transport.probe().await.unwrap_err();
        assert!(error.hint().is_some(), "{error}");
        transport.close().await.unwrap();
    }

    #[tokio::test]
    async fn a_connection_that_breaks_at_the_end_is_no_success() {
        let (listener, mut transport) = listening().await;
        let (written, accepted) = tokio::join!(transport.write(b"unread\n"), listener.accept());
        assert_eq!(written.unwrap(), Verdict::Accepted);
        let (stream, _) = accepted.unwrap();
        // Closed with unread data, a connection is reset.
        drop(stream);
        let error = transport.close().await.unwrap_err();
        assert!(error.to_string().contains("cannot write to sink s"), "{error}");
        assert_ne!(error.kind(), base::ErrorKind::Closed);
    }

    /// A TLS server for `localhost`, and what trusts it.
    fn tls() -> (tokio_rustls::TlsAcceptor, Arc<rustls::ClientConfig>) {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let ca = folder.path().join("ca.pem");
        std::fs::write(&ca, certificate.pem()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = rustls::pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let server = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let client = remote::client_tls(Some(&remote::CaFile::only(&ca)), None).unwrap();
        (Arc::new(server).into(), Arc::new(client))
    }

    #[tokio::test]
    async fn tls_ends_with_a_goodbye_and_trusts_nobody_unknown() {
        let (acceptor, trusting) = tls();
        let (_, suspicious) = tls();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let place = format!("localhost:{}", listener.local_addr().unwrap().port());
        let server = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            assert!(acceptor.accept(stream).await.is_err());
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = acceptor.accept(stream).await.unwrap();
            let mut bytes = Vec::new();
            // Without the goodbye this would be an error.
            stream.read_to_end(&mut bytes).await.unwrap();
            bytes
        });
        let dialer = |tls| Dialer::new(place.parse().unwrap(), Some(tls)).unwrap();
        let refused = StreamTransport::new("s", dialer(suspicious)).write(b"secret\n").await;
        let verdict = refused.unwrap();
        assert!(
            matches!(&verdict, Verdict::Retry { reason, .. } if reason.contains("cannot establish TLS")),
            "{verdict:?}"
        );
        let mut transport = StreamTransport::new("s", dialer(trusting));
        assert_eq!(transport.write(b"a\n").await.unwrap(), Verdict::Accepted);
        assert_eq!(transport.write(b"b\n").await.unwrap(), Verdict::Accepted);
        transport.close().await.unwrap();
        assert_eq!(server.await.unwrap(), b"a\nb\n");
    }
}
