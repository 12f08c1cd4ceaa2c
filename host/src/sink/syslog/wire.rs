//! How messages travel: [`Wire`], one datagram a message, or a stream of counted ones.

use std::io;

use tokio::net::UdpSocket;

use crate::remote::{Dialer, RemoteError};
use crate::sink::Rejection;
use crate::sink::stream::{Link, PIECE};

/// The most bytes that a UDP datagram over IPv4 can carry.
pub(super) const DATAGRAM: usize = 65_507;

/// A way to a receiver.
#[derive(Debug)]
pub(super) enum Wire {
    /// RFC 5426.
    Datagrams { dialer: Dialer, socket: Option<UdpSocket> },
    /// RFC 6587 section 3.4.1 and RFC 5425 section 4.3: each message after its length and a space.
    Stream(Link),
}

impl Wire {
    pub(super) fn datagrams(dialer: Dialer) -> Wire {
        Wire::Datagrams { dialer, socket: None }
    }

    pub(super) fn stream(dialer: Dialer) -> Wire {
        Wire::Stream(Link::new(dialer))
    }

    /// Sends the messages in order, and names those that are longer than `most` bytes, which it leaves out.
    pub(super) async fn send(
        &mut self,
        messages: impl Iterator<Item = Vec<u8>> + Send,
        most: usize,
    ) -> Result<Vec<Rejection>, RemoteError> {
        let mut rejections = Vec::new();
        match self {
            Wire::Stream(link) => {
                let fitting = messages.enumerate().filter_map(|(index, message)| {
                    if message.len() <= most {
                        return Some(message);
                    }
                    rejections.push(too_long(index, message.len(), most));
                    None
                });
                link.send(Counted(fitting)).await?;
            }
            Wire::Datagrams { dialer, socket } => {
                let open = match socket.take() {
                    Some(open) => open,
                    None => dialer.datagrams().await?,
                };
                for (index, message) in messages.enumerate() {
                    if message.len() > most {
                        rejections.push(too_long(index, message.len(), most));
                        continue;
                    }
                    match open.send(&message).await {
                        Ok(_) => {}
                        Err(error) if is_too_long(&error) => rejections.push(Rejection {
                            index,
                            reason: format!("a message of {} bytes fits no datagram", message.len()),
                        }),
                        Err(error) => return Err(RemoteError::interrupted(&error)),
                    }
                }
                // Where nobody listens the other machine may say so.
                if let Ok(Some(error)) | Err(error) = open.take_error() {
                    return Err(RemoteError::interrupted(&error));
                }
                *socket = Some(open);
            }
        }
        Ok(rejections)
    }

    /// Whether the receiver is there, as far as that can be told.
    pub(super) async fn probe(&mut self) -> Result<String, RemoteError> {
        match self {
            Wire::Stream(link) => link.probe().await,
            Wire::Datagrams { dialer, .. } => {
                dialer.datagrams().await?;
                Ok(format!(
                    "{} has an address; over UDP no receiver answers",
                    dialer.place()
                ))
            }
        }
    }

    /// Ends the connection in good order.
    pub(super) async fn finish(&mut self) -> io::Result<()> {
        match self {
            Wire::Stream(link) => link.finish().await,
            Wire::Datagrams { socket, .. } => {
                *socket = None;
                Ok(())
            }
        }
    }

    /// Lets the connection go as it is.
    pub(super) fn drop_connection(&mut self) {
        match self {
            Wire::Stream(link) => link.drop_connection(),
            Wire::Datagrams { socket, .. } => *socket = None,
        }
    }
}

fn too_long(index: usize, bytes: usize, most: usize) -> Rejection {
    Rejection {
        index,
        reason: format!("a message of {bytes} bytes is longer than `max-message`, {most} bytes"),
    }
}

fn is_too_long(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::MSGSIZE.raw_os_error())
}

/// Messages with their lengths, several to a piece.
struct Counted<I>(I);

impl<I: Iterator<Item = Vec<u8>>> Iterator for Counted<I> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut piece = Vec::new();
        while piece.len() < PIECE
            && let Some(message) = self.0.next()
        {
            piece.extend_from_slice(format!("{} ", message.len()).as_bytes());
            piece.extend_from_slice(&message);
        }
        (!piece.is_empty()).then_some(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_stands_behind_its_length() {
        let messages = vec![b"a\n2 b".to_vec(), Vec::new(), vec![b'x'; PIECE], b"end".to_vec()];
        let pieces: Vec<Vec<u8>> = Counted(messages.into_iter()).collect();
        assert_eq!(pieces.len(), 2, "several to a piece");
        let all = pieces.concat();
        assert!(all.starts_with(b"5 a\n2 b0 65536 xxx"));
        assert!(all.ends_with(b"x3 end"));
    }
}
