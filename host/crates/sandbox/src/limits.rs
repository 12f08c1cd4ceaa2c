//! The resources that a guest may use. [`PluginLimits`] says how much of each thing, [`Usage`] how much it took.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use super::error::PluginError;
use base::duration::{DurationText, in_words};

/// The stack of the thread that calls the guest holds the guest's frames; Rust gives threads 2 MiB.
const STACK_RANGE: std::ops::RangeInclusive<usize> = 16 << 10..=1 << 20;

/// The system counts processor time in seconds.
const COMPILE_TIME: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(86_400);

/// The limits of what a guest may use. Every limit is on; [`PluginLimits::default`] suits reports of any length, since a report passes
/// through in chunks. Going over one ends the guest with [`PluginError::Limit`], which names the limit by the field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(
    rename = "Limits",
    description = "Limits of the sandbox; each is explained by `host plugin inspect`."
)]
pub struct PluginLimits {
    // Instantiation included; kept to within 100 ms.
    /// Wall-clock time of one call into a plugin.
    #[serde(serialize_with = "milliseconds", deserialize_with = "base::duration::deserialize")]
    #[schemars(with = "DurationText", extend("x-range" = "more than 0, at most `24h`", "default" = in_words(PluginLimits::default().time)))]
    pub time: Duration,
    /// Bytes of all memories and tables of an instance.
    #[schemars(extend("x-unit" = "bytes"))]
    pub memory: usize,
    /// Bytes of the call stack.
    #[schemars(extend("x-range" = "16384 to 1048576", "x-unit" = "bytes"))]
    pub stack: usize,
    // Each reserves address space even while empty.
    /// Memories of an instance.
    #[schemars(extend("x-unit" = "memories"))]
    pub memories: u32,
    /// Tables of an instance.
    #[schemars(extend("x-unit" = "tables"))]
    pub tables: u32,
    // The host keeps the list of them.
    /// Live resources of an instance.
    #[schemars(extend("x-unit" = "handles"))]
    pub handles: usize,
    // What the host allocates for the strings and lists of one answer.
    /// Bytes that one answer may take.
    #[schemars(extend("x-unit" = "bytes"))]
    pub returned: usize,
    /// Events and rejected rows that one call may return.
    #[schemars(extend("x-unit" = "records"))]
    pub records: usize,
    /// Bytes in the strings of one event.
    #[schemars(extend("x-unit" = "bytes"))]
    pub event: usize,
    // A name is repeated in each event that has the attribute.
    /// Bytes of an attribute's name, or of a label.
    #[schemars(extend("x-unit" = "bytes"))]
    pub attribute_name: usize,
    /// Attributes of one event, and labels of one.
    #[schemars(extend("x-unit" = "attributes"))]
    pub attributes: usize,
    // Beyond those of `returned`. An event counts as its strings and 512 bytes; the shortest rows of a report reach 25.
    /// Bytes of events and rejected rows for each byte of a run's documents.
    #[schemars(extend("x-unit" = "bytes per byte"))]
    pub output: usize,
    /// Fetches in a plan, deliveries of a payload.
    #[schemars(extend("x-unit" = "fetches"))]
    pub fetches: usize,
    /// Bytes of one request or delivery that the plugin describes.
    #[schemars(extend("x-unit" = "bytes"))]
    pub request: usize,
    // To standard output and standard error.
    /// Bytes that an instance may log.
    #[schemars(extend("x-unit" = "bytes"))]
    pub log: usize,
    /// Lines that an instance may log.
    #[schemars(extend("x-unit" = "lines"))]
    pub log_lines: usize,
    /// Bytes of the component's file.
    #[schemars(extend("x-unit" = "bytes"))]
    pub component: usize,
    // For what did not come with the host; kept in whole seconds.
    /// Processor time that compiling a plugin may take; 5 s more for each MiB of its functions, 110 s more at most.
    #[serde(serialize_with = "milliseconds", deserialize_with = "base::duration::deserialize")]
    #[schemars(with = "DurationText", extend("x-range" = "`1s` to `24h`", "default" = in_words(PluginLimits::default().compile_time)))]
    pub compile_time: Duration,
    /// Bytes of memory that compiling a plugin may take.
    #[schemars(extend("x-unit" = "bytes"))]
    pub compile_memory: usize,
}

impl Default for PluginLimits {
    fn default() -> Self {
        PluginLimits {
            time: Duration::from_secs(10),
            memory: 256 << 20,
            stack: 512 << 10,
            memories: 16,
            tables: 64,
            handles: 10_000,
            returned: 64 << 20,
            records: 262_144,
            event: 1 << 20,
            attribute_name: 512,
            attributes: 2048,
            output: 64,
            fetches: 10_000,
            request: 32 << 20,
            log: 1 << 20,
            log_lines: 10_000,
            component: 64 << 20,
            compile_time: Duration::from_secs(10),
            compile_memory: 2 << 30,
        }
    }
}

impl PluginLimits {
    /// Refuses limits that nothing could run under, or that the engine cannot keep.
    pub(super) fn check(&self) -> Result<(), PluginError> {
        let reason = if !STACK_RANGE.contains(&self.stack) {
            format!(
                "`stack` must lie between {} and {} bytes",
                STACK_RANGE.start(),
                STACK_RANGE.end()
            )
        } else if self.time.is_zero() {
            "`time` must be more than nothing".to_owned()
        } else if self.time > Duration::from_secs(86_400) {
            "`time` must not exceed a day".to_owned()
        } else if !COMPILE_TIME.contains(&self.compile_time) {
            "`compile-time` must be a second to a day".to_owned()
        } else {
            return Ok(());
        };
        Err(PluginError::Settings { reason })
    }
}

fn milliseconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

/// Resources that a guest has used so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Calls into the guest, instantiations included.
    pub calls: u64,
    /// Time spent in those calls, with the conversion of arguments and answers.
    pub guest: Duration,
    /// The most bytes that the memories and tables of one instance took together.
    pub peak_bytes: u64,
}

impl Usage {
    /// Adds what another instance used; the peak is the greater of the two.
    pub fn add(&mut self, other: Usage) {
        self.calls = self.calls.saturating_add(other.calls);
        self.guest = self.guest.saturating_add(other.guest);
        self.peak_bytes = self.peak_bytes.max(other.peak_bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_that_the_engine_cannot_keep_are_refused() {
        assert!(PluginLimits::default().check().is_ok());
        for limits in [
            PluginLimits {
                stack: 0,
                ..PluginLimits::default()
            },
            PluginLimits {
                stack: 64 << 20,
                ..PluginLimits::default()
            },
            PluginLimits {
                time: Duration::ZERO,
                ..PluginLimits::default()
            },
            PluginLimits {
                time: Duration::MAX,
                ..PluginLimits::default()
            },
            PluginLimits {
                compile_time: Duration::from_millis(999),
                ..PluginLimits::default()
            },
            PluginLimits {
                compile_time: Duration::MAX,
                ..PluginLimits::default()
            },
        ] {
            assert!(
                matches!(limits.check(), Err(PluginError::Settings { .. })),
                "{limits:?}"
            );
        }
    }
}
