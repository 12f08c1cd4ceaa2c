//! When a batch is delivered again.

use std::time::Duration;

/// The waits between the attempts of a batch, and their end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryPolicy {
    /// The shortest wait before another attempt. Default 200 ms.
    pub min_delay: Duration,
    /// The longest wait of our own choosing; also how often a sink that is down is tried. Default 10 s.
    pub max_delay: Duration,
    /// From the first attempt of a batch to the start of the last. Default 60 s; a longer wait that the receiver asks for
    /// ends the attempts.
    pub max_elapsed: Duration,
}

impl Default for DeliveryPolicy {
    fn default() -> Self {
        DeliveryPolicy {
            min_delay: Duration::from_millis(200),
            max_delay: Duration::from_secs(10),
            max_elapsed: Duration::from_secs(60),
        }
    }
}
