//! The transport of a sink plugin's bytes.

use async_trait::async_trait;

use super::{SinkError, Verdict};

/// Takes bytes in order.
#[async_trait]
pub trait ByteTransport: Send {
    /// Finds out whether the transport could take bytes now. Leaves nothing behind.
    async fn probe(&mut self) -> Result<String, SinkError>;

    /// Takes one piece as a whole. The meaning of the answers is that of [`Sink::deliver`](super::Sink::deliver).
    async fn write(&mut self, bytes: &[u8]) -> Result<Verdict, SinkError>;

    /// Makes everything written permanent and visible.
    async fn close(&mut self) -> Result<(), SinkError>;

    /// Gives up.
    async fn abort(&mut self) {}
}
