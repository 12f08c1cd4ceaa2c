//! Bytes over TCP, with or without TLS: [`TcpLink`], one connection that is opened when it is needed.
//!
//! TCP acknowledges nothing to the sender's program: what was written may be lost with the connection. A link looks
//! whether the peer has gone before it writes and after, and at the end waits until the peer has closed as well.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use remote::{ByteStream, Dialer, RemoteError};

/// The longest time that the peer may take to accept one piece.
const WRITE: Duration = Duration::from_secs(30);

/// The longest time that the peer may take to close after us.
const GOODBYE: Duration = Duration::from_secs(3);

/// The time to look for a sign that the peer has gone; the system needs a moment to pass it on.
const GLANCE: Duration = Duration::from_millis(1);

/// Bytes in one piece, about.
pub(crate) const PIECE: usize = 64 * 1024;

/// One connection at a time to one place.
#[derive(Debug)]
pub(crate) struct TcpLink {
    dialer: Dialer,
    open: Option<Open>,
}

struct Open(ByteStream);

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Open")
    }
}

impl TcpLink {
    pub(crate) fn new(dialer: Dialer) -> TcpLink {
        TcpLink { dialer, open: None }
    }

    /// Writes the pieces over one connection. After a failure, or when this future is dropped, the connection is gone,
    /// and with it the rest of a piece that was begun.
    pub(crate) async fn send(&mut self, pieces: impl Iterator<Item = Vec<u8>> + Send) -> Result<(), RemoteError> {
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
    pub(crate) async fn probe(&mut self) -> Result<String, RemoteError> {
        self.open = Some(Open(self.ready().await?));
        self.finish().await.map_err(|error| RemoteError::interrupted(&error))?;
        Ok(format!("connected to {}", self.dialer.place()))
    }

    /// Closes the sending side, and waits for the peer to close.
    pub(crate) async fn finish(&mut self) -> io::Result<()> {
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
    pub(crate) fn drop_connection(&mut self) {
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
