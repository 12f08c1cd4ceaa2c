//! The repetition of a batch's delivery.

use std::time::Duration;

use base::duration::DurationText;
use schemars::JsonSchema;
use serde::Deserialize;

/// The repetition of deliveries; what is left out keeps its default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "SinkRetry")]
pub struct DeliveryPolicy {
    /// The shortest wait before another attempt.
    #[serde(with = "base::duration")]
    #[schemars(with = "DurationText")]
    pub min_delay: Duration,
    // Also how often a sink that is down is tried.
    /// The longest wait of our own choosing.
    #[serde(with = "base::duration")]
    #[schemars(with = "DurationText")]
    pub max_delay: Duration,
    // From the first attempt of a batch to the start of the last; a longer wait that the receiver asks for ends the attempts.
    /// The time for which a batch is tried; after that the sink counts as down. An attempt in progress is not cut short, and one over
    /// HTTP has the repetitions of `endpoint.retry` within it.
    #[serde(with = "base::duration")]
    #[schemars(with = "DurationText")]
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
