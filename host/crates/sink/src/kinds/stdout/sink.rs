//! The process's own output, or any other stream of bytes.

use std::io::{self, IsTerminal, Write};

use async_trait::async_trait;

use crate::{Renderer, Sink, SinkError, Verdict, terminal};
use event::Event;

/// Rendered bytes that make a write worth a system call.
const WRITE: usize = 256 * 1024;

/// Events rendered between two looks at how much there is to write.
const STEP: usize = 64;

/// Writes events to a stream, and flushes after each batch.
///
/// Once the reader closes the stream, every delivery answers [`SinkError::Closed`].
pub struct StdoutSink {
    name: String,
    renderer: Renderer,
    buffer: Vec<u8>,
    /// A terminal reads it, which obeys control characters.
    terminal: bool,
    state: StreamState,
}

enum StreamState {
    Open(Box<dyn Write + Send>),
    /// A write is under way, failed or was given up half way, or the sink was aborted: nobody knows what was written.
    Ended,
    ClosedByReader,
    Closed,
}

impl StdoutSink {
    /// For the process's standard output.
    pub fn new(renderer: Renderer) -> Self {
        Self::through(|stdout| Box::new(stdout), renderer)
    }

    /// For the process's standard output; where that is a terminal, `share` stands between, as whoever else writes there
    /// must know.
    pub fn through(share: impl FnOnce(io::Stdout) -> Box<dyn Write + Send>, renderer: Renderer) -> Self {
        let stdout = io::stdout();
        let terminal = stdout.is_terminal();
        let stream = if terminal { share(stdout) } else { Box::new(stdout) };
        StdoutSink {
            terminal,
            ..Self::to("stdout", stream, renderer)
        }
    }

    /// For another stream.
    pub fn to(name: impl Into<String>, stream: Box<dyn Write + Send>, renderer: Renderer) -> Self {
        StdoutSink {
            name: name.into(),
            renderer,
            buffer: Vec::new(),
            terminal: false,
            state: StreamState::Open(stream),
        }
    }

    async fn write(&mut self, flush: bool) -> Result<(), SinkError> {
        let ended = || SinkError::Ended {
            sink: self.name.clone(),
        };
        let mut stream = match std::mem::replace(&mut self.state, StreamState::Ended) {
            StreamState::Open(stream) => stream,
            state => {
                let closed_by_reader = matches!(state, StreamState::ClosedByReader);
                self.state = state;
                return Err(if closed_by_reader { SinkError::Closed } else { ended() });
            }
        };
        let mut buffer = std::mem::take(&mut self.buffer);
        if self.terminal {
            terminal::defuse(&mut buffer, self.renderer.is_json());
        }
        // A full pipe blocks; that must not stop the other tasks.
        let task = base::blocking(move || {
            let result = stream
                .write_all(&buffer)
                .and_then(|()| if flush { stream.flush() } else { Ok(()) });
            (stream, buffer, result)
        });
        let (stream, mut buffer, result) = task.await.map_err(|_| ended())?;
        if let Err(error) = result {
            let error = SinkError::write(&self.name, error);
            if matches!(error, SinkError::Closed) {
                self.state = StreamState::ClosedByReader;
            }
            return Err(error);
        }
        buffer.clear();
        self.state = StreamState::Open(stream);
        self.buffer = buffer;
        Ok(())
    }
}

#[async_trait]
impl Sink for StdoutSink {
    fn name(&self) -> &str {
        &self.name
    }

    /// Whoever reads has it; but what has a header begins anew in every process.
    fn is_durable(&self) -> bool {
        !self.renderer.has_header()
    }

    async fn probe(&mut self) -> Result<String, SinkError> {
        Ok("standard output".into())
    }

    async fn deliver(&mut self, events: &[Event]) -> Result<Verdict, SinkError> {
        for step in events.chunks(STEP) {
            let rendered = self.renderer.render(step, &mut self.buffer);
            rendered.map_err(|error| SinkError::write(&self.name, error))?;
            if self.buffer.len() >= WRITE {
                self.write(false).await?;
            }
        }
        self.write(true).await?;
        Ok(Verdict::Accepted)
    }

    async fn close(&mut self) -> Result<(), SinkError> {
        if matches!(self.state, StreamState::Closed) {
            return Ok(());
        }
        let rendered = self.renderer.finish(&mut self.buffer);
        rendered.map_err(|error| SinkError::write(&self.name, error))?;
        self.write(true).await?;
        self.state = StreamState::Closed;
        Ok(())
    }

    async fn abort(&mut self) {
        self.state = StreamState::Ended;
    }
}

#[async_trait]
impl crate::ByteTransport for StdoutSink {
    async fn probe(&mut self) -> Result<String, SinkError> {
        Sink::probe(self).await
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<Verdict, SinkError> {
        self.buffer.extend_from_slice(bytes);
        StdoutSink::write(self, true).await?;
        Ok(Verdict::Accepted)
    }

    async fn close(&mut self) -> Result<(), SinkError> {
        Sink::close(self).await
    }

    async fn abort(&mut self) {
        Sink::abort(self).await;
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{PipeReader, Read},
        sync::Arc,
    };

    use super::*;
    use crate::Format;
    use event::{Activity, Encoding, Outcome, samples};

    fn sink(format: Format) -> (PipeReader, StdoutSink) {
        let (reader, writer) = io::pipe().unwrap();
        let renderer = Renderer::new(format, Encoding::Event, Arc::new(samples::epm()));
        (reader, StdoutSink::to("pipe", Box::new(writer), renderer))
    }

    fn events(count: i64) -> Vec<Event> {
        let event = |time| Event {
            time,
            ..samples::full(Activity::Logon, Outcome::Failure)
        };
        (0..count).map(event).collect()
    }

    #[tokio::test]
    async fn what_is_delivered_can_be_read_at_once() {
        let (mut reader, mut sink) = sink(Format::Ndjson);
        sink.deliver(&events(1)).await.unwrap();
        let mut first = [0; 8];
        reader.read_exact(&mut first).unwrap();
        assert_eq!(&first, b"{\"id\":\"e");
    }

    #[tokio::test]
    async fn a_reader_slower_than_the_pipe_gets_every_line() {
        let (reader, mut sink) = sink(Format::Ndjson);
        let read = std::thread::spawn(move || io::read_to_string(reader).unwrap());
        sink.deliver(&events(5000)).await.unwrap();
        sink.close().await.unwrap();
        sink.close().await.unwrap();
        assert!(matches!(sink.deliver(&events(1)).await, Err(SinkError::Ended { .. })));
        drop(sink);
        let text = read.join().unwrap();
        let times = text
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["time"].clone());
        let expected = events(5000)
            .into_iter()
            .map(|event| event::Rfc3339(event.time).to_string());
        assert!(times.eq(expected));
    }

    #[tokio::test]
    async fn a_reader_that_went_away_is_no_failure() {
        let (reader, mut sink) = sink(Format::Csv);
        drop(reader);
        for _ in 0..2 {
            let error = sink.deliver(&events(1)).await.unwrap_err();
            assert!(matches!(error, SinkError::Closed));
            assert_eq!(error.kind(), base::ErrorKind::Closed);
        }
        assert!(matches!(sink.close().await, Err(SinkError::Closed)));
    }

    #[tokio::test]
    async fn a_write_that_fails_names_the_sink() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let renderer = Renderer::new(Format::Ndjson, Encoding::Event, Arc::new(samples::epm()));
        let mut sink = StdoutSink::to("pipe", Box::new(Full), renderer);
        let error = sink.deliver(&events(1)).await.unwrap_err();
        assert_eq!(error.to_string(), "cannot write to sink pipe");
        assert_eq!(error.hint().unwrap(), "free space on the device");
        assert_eq!(error.kind(), base::ErrorKind::Delivery);
        assert!(matches!(sink.deliver(&events(1)).await, Err(SinkError::Ended { .. })));
        assert!(matches!(sink.close().await, Err(SinkError::Ended { .. })));
    }
}
