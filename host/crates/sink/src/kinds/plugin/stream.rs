//! The bytes of a plugin over TCP, with or without TLS.

use async_trait::async_trait;

use crate::tcp_link::{PIECE, TcpLink};
use crate::{ByteTransport, SinkError, Verdict, answer};
use remote::Dialer;

/// The bytes of a plugin as they are, over TCP or TLS.
#[derive(Debug)]
pub struct StreamTransport {
    sink: String,
    link: TcpLink,
}

impl StreamTransport {
    /// A transport for the sink of that name. Connects when there is something to write.
    pub fn new(sink: impl Into<String>, dialer: Dialer) -> StreamTransport {
        StreamTransport {
            sink: sink.into(),
            link: TcpLink::new(dialer),
        }
    }
}

#[async_trait]
impl ByteTransport for StreamTransport {
    async fn probe(&mut self) -> Result<String, SinkError> {
        let probed = self.link.probe().await;
        probed.map_err(|error| SinkError::remote(&self.sink, error))
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

    use tokio::io::AsyncReadExt as _;
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
