//! The trait of what every kind of sink makes of its keys.

use super::context::{BuildContext, SinkContext};
use crate::Sink;
use base::SetupError;
use connection::Connection;
use event::Encoding;
use remote::Settings;

/// The keys of one kind of sink, and what is made of them.
pub trait SinkConfig {
    /// The encoding of the sink's events.
    fn encoding(&self) -> Encoding;

    /// The encoding that the paths under `drop` are of. Blocks where a plugin has to be asked.
    ///
    /// # Errors
    ///
    /// Where the plugin cannot be asked.
    fn encoding_of_drop(&self, _context: &SinkContext<'_>) -> Result<Encoding, SetupError> {
        Ok(self.encoding())
    }

    /// The endpoint to which the sink's requests go, where it sends any.
    fn endpoint(&self) -> Option<&Connection> {
        None
    }

    /// The servers whose names must not lead to forbidden addresses, without secrets.
    ///
    /// # Errors
    ///
    /// Where a server would never be asked.
    fn servers(&self, context: &SinkContext<'_>) -> Result<Vec<Settings>, SetupError> {
        match self.endpoint() {
            Some(endpoint) => context.server(endpoint).asked(),
            None => Ok(Vec::new()),
        }
    }

    /// Checks what can be checked without a secret and without opening anything.
    ///
    /// # Errors
    ///
    /// What is wrong, with the place of the key where it is known.
    fn check(&self, context: &SinkContext<'_>) -> Result<(), SetupError>;

    /// Builds the sink; sends nothing. Blocks: it reads files and secrets, and may load a plugin. Nothing in it waits for a
    /// receiver, so whoever opens sinks does it as one piece of blocking work.
    ///
    /// # Errors
    ///
    /// Where the sink cannot be used as it is configured, or a secret cannot be had.
    fn build(&self, context: &BuildContext<'_>) -> Result<Box<dyn Sink>, SetupError>;

    /// Remarks on settings that are no mistake, and yet hardly meant: each with the place of its key.
    fn remarks(&self, _context: &SinkContext<'_>) -> Vec<String> {
        Vec::new()
    }

    /// The finding of a probe of the sink, for people.
    fn probed(&self, found: String) -> String {
        found
    }

    /// The sink's kind and where it delivers to, on a line: `nats nats://127.0.0.1:4222`.
    fn about(&self, context: &SinkContext<'_>) -> String;

    /// The sink's destination, in a short text without secrets that tells receivers apart.
    fn destination(&self, context: &SinkContext<'_>) -> String;
}
