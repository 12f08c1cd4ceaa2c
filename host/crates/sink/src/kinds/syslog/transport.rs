//! The lines of a sink plugin as syslog messages.

use std::time::SystemTime;

use async_trait::async_trait;

use super::config::SyslogConfig;
use super::sender::Sender;
use crate::{ByteTransport, SinkError, Verdict, answer};
use event::Provenance;
use remote::Dialer;

/// Sends each line as one message, its time that of sending and its MSGID the report's name. A line ends in LF or CR LF,
/// the last one of a piece with the piece; empty ones are left out.
#[derive(Debug)]
pub struct SyslogTransport {
    sink: String,
    sender: Sender,
    msgid: String,
}

impl SyslogTransport {
    /// A transport for the sink of that name. Connects when there is something to send.
    pub fn new(
        sink: impl Into<String>,
        dialer: Dialer,
        config: &SyslogConfig,
        provenance: &Provenance,
    ) -> SyslogTransport {
        SyslogTransport {
            sink: sink.into(),
            sender: Sender::new(dialer, config, provenance),
            msgid: provenance.report.clone(),
        }
    }
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .filter(|line| !line.is_empty())
}

#[async_trait]
impl ByteTransport for SyslogTransport {
    async fn probe(&mut self) -> Result<String, SinkError> {
        let probed = self.sender.wire.probe().await;
        probed.map_err(|error| SinkError::remote(&self.sink, error))
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<Verdict, SinkError> {
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let now = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
        let msgid = self.msgid.as_str();
        let Sender { wire, header, most } = &mut self.sender;
        let (header, most) = (&*header, *most);
        let message = move |line: &[u8]| header.line(now, msgid, line);
        // A piece is taken as a whole or not at all, so this is found out before anything is sent.
        if let Some(length) = lines(bytes)
            .map(|line| message(line).len())
            .find(|length| *length > most)
        {
            return Ok(Verdict::Refused {
                reason: format!("a message of {length} bytes is longer than {most} bytes"),
            });
        }
        Ok(match wire.send(lines(bytes).map(message), most).await {
            Ok(rejections) => match rejections.into_iter().next() {
                None => Verdict::Accepted,
                Some(rejection) => Verdict::Refused {
                    reason: rejection.reason,
                },
            },
            Err(error) => answer::unanswered(&error),
        })
    }

    async fn close(&mut self) -> Result<(), SinkError> {
        self.sender.wire.finish().await.map_err(|source| SinkError::Write {
            sink: self.sink.clone(),
            source,
        })
    }

    async fn abort(&mut self) {
        self.sender.wire.drop_connection();
    }
}
