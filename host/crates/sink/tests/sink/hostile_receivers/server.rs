//! A receiver that answers by a list of replies, and counts.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::replies::{Pace, Reply};

/// The counts of what a receiver saw.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) requests: AtomicU64,
    pub(super) sent: AtomicU64,
}

pub(super) async fn receiver(replies: Vec<Reply>) -> (SocketAddr, Arc<Seen>, tokio::task::JoinHandle<()>) {
    let seen = Arc::new(Seen::default());
    let (log, replies) = (Arc::clone(&seen), Arc::new(replies));
    let (address, task) = servers::raw(move |stream| serve(stream, Arc::clone(&log), Arc::clone(&replies))).await;
    (address, seen, task)
}

async fn serve(mut stream: TcpStream, seen: Arc<Seen>, replies: Arc<Vec<Reply>>) {
    while request(&mut stream).await {
        let number = seen.requests.fetch_add(1, Ordering::SeqCst);
        let reply = &replies[usize::try_from(number).unwrap() % replies.len()];
        let send = async |stream: &mut TcpStream, bytes: &[u8]| {
            seen.sent.fetch_add(bytes.len() as u64, Ordering::SeqCst);
            stream.write_all(bytes).await.is_ok()
        };
        let mut goes_on = send(&mut stream, &reply.bytes).await;
        match reply.pace {
            Pace::Whole => {}
            Pace::Closed => {
                let _ = stream.shutdown().await;
                return;
            }
            Pace::Drip => {
                while goes_on {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    goes_on = send(&mut stream, b"x").await;
                }
            }
            Pace::Flood => {
                let end = reply.bytes.windows(4).position(|part| part == b"\r\n\r\n");
                let again = &reply.bytes[end.map_or(16, |end| end + 4)..];
                while goes_on {
                    goes_on = send(&mut stream, again).await;
                }
            }
            Pace::Silent => {
                // Until the other side has had enough.
                let _ = stream.read(&mut [0]).await;
                return;
            }
        }
        if !goes_on {
            return;
        }
    }
}

/// Reads a request to its end; false where there is none.
async fn request(stream: &mut TcpStream) -> bool {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return false,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
        }
        let Some(end) = bytes.windows(4).position(|part| part == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
        if bytes.len() >= end + 4 + length {
            return true;
        }
    }
}
