//! The wire over which messages travel: [`Wire`], one datagram a message, or a stream of counted ones.

use std::io;

use tokio::net::UdpSocket;

use super::config::Framing;
use crate::Rejection;
use crate::tcp_link::{PIECE, TcpLink};
use remote::{Dialer, RemoteError};

/// The most bytes that a UDP datagram over IPv4 can carry.
pub(super) const DATAGRAM: usize = 65_507;

/// A way to a receiver.
#[derive(Debug)]
pub(super) enum Wire {
    /// RFC 5426.
    Datagrams { dialer: Dialer, socket: Option<UdpSocket> },
    /// RFC 6587 and RFC 5425.
    Stream { link: TcpLink, framing: Framing },
}

impl Wire {
    pub(super) fn datagrams(dialer: Dialer) -> Wire {
        Wire::Datagrams { dialer, socket: None }
    }

    pub(super) fn stream(dialer: Dialer, framing: Framing) -> Wire {
        Wire::Stream {
            link: TcpLink::new(dialer),
            framing,
        }
    }

    /// Sends the messages in order, and names those that are longer than `most` bytes, which it leaves out.
    pub(super) async fn send(
        &mut self,
        messages: impl Iterator<Item = Vec<u8>> + Send,
        most: usize,
    ) -> Result<Vec<Rejection>, RemoteError> {
        let mut rejections = Vec::new();
        match self {
            Wire::Stream { link, framing } => {
                let framing = *framing;
                let messages = messages.map(|message| match framing {
                    Framing::OctetCounting => message,
                    Framing::Newline => in_one_line(message),
                });
                let fitting = messages.enumerate().filter_map(|(index, message)| {
                    if message.len() <= most {
                        return Some(message);
                    }
                    rejections.push(too_long(index, message.len(), most));
                    None
                });
                let framed = Framed {
                    messages: fitting,
                    framing,
                };
                link.send(framed).await?;
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
                            reason: format!("a message of {} bytes does not fit in a datagram", message.len()),
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

    /// Finds out whether the receiver is there, as far as that can be told.
    pub(super) async fn probe(&mut self) -> Result<String, RemoteError> {
        match self {
            Wire::Stream { link, .. } => link.probe().await,
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
            Wire::Stream { link, .. } => link.finish().await,
            Wire::Datagrams { socket, .. } => {
                *socket = None;
                Ok(())
            }
        }
    }

    /// Lets the connection go as it is.
    pub(super) fn drop_connection(&mut self) {
        match self {
            Wire::Stream { link, .. } => link.drop_connection(),
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

/// The message with whatever some receiver takes for its end escaped.
fn in_one_line(message: Vec<u8>) -> Vec<u8> {
    let ends = |byte: &u8| matches!(byte, b'\n' | b'\r' | 0);
    if !message.iter().any(ends) {
        return message;
    }
    let mut line = Vec::with_capacity(message.len() + 16);
    for byte in message {
        match byte {
            b'\n' => line.extend_from_slice(b"\\n"),
            b'\r' => line.extend_from_slice(b"\\r"),
            0 => line.extend_from_slice(b"\\0"),
            byte => line.push(byte),
        }
    }
    line
}

/// Messages as a receiver can tell them apart, several to a piece.
struct Framed<I> {
    messages: I,
    framing: Framing,
}

impl<I: Iterator<Item = Vec<u8>>> Iterator for Framed<I> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut piece = Vec::new();
        while piece.len() < PIECE
            && let Some(message) = self.messages.next()
        {
            if self.framing == Framing::OctetCounting {
                piece.extend_from_slice(format!("{} ", message.len()).as_bytes());
            }
            piece.extend_from_slice(&message);
            if self.framing == Framing::Newline {
                piece.push(b'\n');
            }
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
        let pieces: Vec<Vec<u8>> = Framed {
            messages: messages.into_iter(),
            framing: Framing::OctetCounting,
        }
        .collect();
        assert_eq!(pieces.len(), 2, "several to a piece");
        let all = pieces.concat();
        assert!(all.starts_with(b"5 a\n2 b0 65536 xxx"));
        assert!(all.ends_with(b"x3 end"));
    }

    #[test]
    fn a_message_that_ends_with_its_line_holds_no_other_end() {
        let messages = [&b"a"[..], b"b\nc\r\nd\0", b""].map(|message| in_one_line(message.to_vec()));
        let framed = Framed {
            messages: messages.into_iter(),
            framing: Framing::Newline,
        };
        let all: Vec<u8> = framed.flatten().collect();
        assert_eq!(all, b"a\nb\\nc\\r\\nd\\0\n\n");
    }
}
