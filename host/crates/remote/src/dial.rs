//! Connections for what is not HTTP: [`Dialer`] makes them, to the place that a [`HostPort`] names.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde::{Deserialize, Deserializer, de};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UdpSocket};
use tokio_rustls::TlsConnector;

use super::address::{AddressRefused, GuardedResolver, UnknownName};
use super::cause::{innermost, tls_error};
use super::error::RemoteError;
use super::one_line::one_line;
use super::settings::Timeouts;

/// A name or an address, and a port: `collector.example.com:6514`, `[2001:db8::1]:514`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPort {
    host: String,
    port: u16,
}

impl HostPort {
    /// A host, without brackets, and a port.
    pub(super) fn new(host: &str, port: u16) -> HostPort {
        HostPort {
            host: host.to_owned(),
            port,
        }
    }
}

impl FromStr for HostPort {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = "an address here is HOST:PORT, an IPv6 address in brackets";
        let (host, port) = text.rsplit_once(':').ok_or(form)?;
        let port = port.parse().ok().filter(|port| *port != 0).ok_or(form)?;
        let bare = match host.strip_prefix('[') {
            Some(inner) => {
                let inner = inner.strip_suffix(']').ok_or(form)?;
                inner.parse::<Ipv6Addr>().map_err(|_| form)?;
                inner
            }
            None => host,
        };
        // An IPv6 address without brackets could end anywhere.
        if host == bare && (host.contains(':') || ServerName::try_from(host).is_err()) {
            return Err(form.into());
        }
        Ok(HostPort::new(bare, port))
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl<'de> Deserialize<'de> for HostPort {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl schemars::JsonSchema for HostPort {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "HostPort".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "description": "`HOST:PORT`." })
    }
}

/// A stream of bytes in both directions.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// An open connection.
pub type ByteStream = Box<dyn Duplex>;

/// Connects to one place, each time anew.
#[derive(Clone)]
pub struct Dialer {
    place: HostPort,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    resolver: GuardedResolver,
    patience: Duration,
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dialer({})", self.place)
    }
}

impl Dialer {
    /// To a place that the operator named outright, wherever that is; with TLS where there is a configuration for it.
    ///
    /// # Errors
    ///
    /// Where no certificate can hold the host's name.
    pub fn new(place: HostPort, tls: Option<Arc<ClientConfig>>) -> Result<Dialer, RemoteError> {
        let resolver = GuardedResolver::new(true, Default::default());
        Dialer::guarded(place, tls, resolver, Timeouts::default().connect)
    }

    pub(super) fn guarded(
        place: HostPort,
        tls: Option<Arc<ClientConfig>>,
        resolver: GuardedResolver,
        patience: Duration,
    ) -> Result<Dialer, RemoteError> {
        let tls = match tls {
            None => None,
            Some(tls) => {
                let name = ServerName::try_from(place.host.clone())
                    .map_err(|_| RemoteError::settings(format!("{place}: no certificate can hold this name")))?;
                Some((TlsConnector::from(tls), name))
            }
        };
        Ok(Dialer {
            place,
            tls,
            resolver,
            patience,
        })
    }

    /// The host and port that the connection leads to.
    pub fn place(&self) -> &HostPort {
        &self.place
    }

    /// A TCP connection, TLS established.
    pub async fn connect(&self) -> Result<ByteStream, RemoteError> {
        self.in_time(async {
            let tcp = self.tcp().await?;
            let Some((connector, name)) = &self.tls else {
                return Ok(Box::new(tcp) as ByteStream);
            };
            match connector.connect(name.clone(), tcp).await {
                Ok(stream) => Ok(Box::new(stream) as ByteStream),
                Err(error) => Err(self.handshake(&error)),
            }
        })
        .await
    }

    /// A UDP socket whose datagrams go to the place, and which learns that nobody listens there.
    pub async fn datagrams(&self) -> Result<UdpSocket, RemoteError> {
        self.in_time(async {
            let mut failed = None;
            for address in self.addresses().await? {
                let local: SocketAddr = match address {
                    SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
                    SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
                };
                let opened = async {
                    let socket = UdpSocket::bind(local).await?;
                    socket.connect(address).await?;
                    Ok::<_, std::io::Error>(socket)
                };
                match opened.await {
                    Ok(socket) => return Ok(socket),
                    Err(error) => failed = Some(error),
                }
            }
            Err(self.unreachable(failed))
        })
        .await
    }

    async fn tcp(&self) -> Result<TcpStream, RemoteError> {
        let mut failed = None;
        for address in self.addresses().await? {
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    // Batches are written in large pieces; the last one must not wait for an acknowledgement.
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Err(error) => failed = Some(error),
            }
        }
        Err(self.unreachable(failed))
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T, RemoteError>>) -> Result<T, RemoteError> {
        match tokio::time::timeout(self.patience, work).await {
            Ok(result) => result,
            Err(_) => Err(RemoteError::Timeout {
                what: "connecting",
                after: self.patience,
            }),
        }
    }

    async fn addresses(&self) -> Result<Vec<SocketAddr>, RemoteError> {
        let found = self.resolver.lookup(&self.place.host, self.place.port).await;
        found.map_err(|error| {
            let host = self.place.to_string();
            if let Some(refused) = error.downcast_ref::<AddressRefused>() {
                return RemoteError::AddressRefused {
                    host,
                    address: refused.address,
                    kind: refused.kind,
                };
            }
            let reason = one_line(&error.to_string(), 200);
            match error.is::<UnknownName>() {
                true => RemoteError::UnknownHost { host, reason },
                false => RemoteError::Connect { host, reason },
            }
        })
    }

    fn unreachable(&self, error: Option<std::io::Error>) -> RemoteError {
        RemoteError::Connect {
            host: self.place.to_string(),
            reason: error.map_or_else(|| "it has no address".to_owned(), |error| innermost(&error)),
        }
    }

    fn handshake(&self, error: &std::io::Error) -> RemoteError {
        RemoteError::Tls {
            host: self.place.to_string(),
            reason: tls_error(error).unwrap_or_else(|| innermost(error)),
            connecting: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_host_and_a_port() {
        for text in [
            "a.example:514",
            "127.0.0.1:6514",
            "[::1]:1",
            "localhost:65535",
            "log_1:514",
        ] {
            let place: HostPort = text.parse().unwrap();
            assert_eq!(place.to_string(), text);
        }
        for text in [
            "",
            "a.example",
            "a.example:",
            ":514",
            "a.example:0",
            "a.example:65536",
            "::1:514",
            "[::1]",
            "[a]:514",
            "a b:514",
            "tcp://a:514",
            "a\n:514",
        ] {
            assert!(text.parse::<HostPort>().is_err(), "{text:?}");
        }
    }

    #[tokio::test]
    async fn a_port_that_nobody_listens_at_is_named() {
        let free = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let dialer = Dialer::new(free.to_string().parse().unwrap(), None).unwrap();
        let error = dialer.connect().await.err().unwrap();
        assert!(
            matches!(&error, RemoteError::Connect { host, .. } if *host == free.to_string()),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_guarded_dialer_does_not_reach_loopback() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let place = HostPort::new("127.0.0.1", listener.local_addr().unwrap().port());
        let resolver = GuardedResolver::new(false, Default::default());
        let dialer = Dialer::guarded(place, None, resolver, Duration::from_secs(5)).unwrap();
        let error = dialer.connect().await.err().unwrap();
        assert!(matches!(error, RemoteError::AddressRefused { .. }), "{error}");
    }
}
