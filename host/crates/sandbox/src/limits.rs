//! What a guest may use. [`PluginLimits`] says how much of each thing, [`Usage`] how much it took.

use std::time::Duration;

use serde::{Serialize, Serializer};

use super::error::PluginError;

/// The stack of the thread that calls the guest holds the guest's frames; Rust gives threads 2 MiB.
const STACK_RANGE: std::ops::RangeInclusive<usize> = 16 << 10..=1 << 20;

/// The system counts processor time in seconds.
const COMPILE_TIME: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(86_400);

/// How much a guest may use. Every limit is on; [`PluginLimits::default`] suits reports of any length, since a report passes
/// through in chunks. Going over one ends the guest with [`PluginError::Limit`], which names the limit by the field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PluginLimits {
    /// Wall-clock time of one call, instantiation included; kept to within 100 ms. Default 10 s.
    #[serde(serialize_with = "milliseconds")]
    pub time: Duration,
    /// Bytes in all memories and tables of one instance taken together. Default 256 MiB.
    pub memory: usize,
    /// Bytes of the guest's call stack, between 16 KiB and 1 MiB. Default 512 KiB.
    pub stack: usize,
    /// Memories of one instance. Each reserves address space even while empty. Default 16.
    pub memories: u32,
    /// Tables of one instance. Default 64.
    pub tables: u32,
    /// Handles to resources that one instance holds at a time; the host keeps the list of them. Default 10,000.
    pub handles: usize,
    /// Bytes that the host allocates for the strings and lists of one answer. Default 64 MiB.
    pub returned: usize,
    /// Events and rejects in the answer to one call. Default 262,144.
    pub records: usize,
    /// Bytes in the strings of one event. Default 1 MiB.
    pub event: usize,
    /// Bytes of an attribute's name, or of a label. A name is repeated in each event that has the attribute. Default 512.
    pub attribute_name: usize,
    /// Attributes of one event, and labels of one. Default 2048.
    pub attributes: usize,
    /// Bytes that all events and rejects of a run may have for each byte of its documents, beyond those of `returned`. An
    /// event counts as its strings and 512 bytes. Default 64; the shortest rows of a report reach 25.
    pub output: usize,
    /// Fetches in one plan, and deliveries of one payload. Default 10,000.
    pub fetches: usize,
    /// Bytes of one HTTP request that the guest describes, or of one delivery. Default 32 MiB.
    pub request: usize,
    /// Bytes that one instance may write to standard output and standard error. Default 1 MiB.
    pub log: usize,
    /// Lines that one instance may write to standard output and standard error. Default 10,000.
    pub log_lines: usize,
    /// Bytes of the component's file. Default 64 MiB.
    pub component: usize,
    /// Processor time that compiling a file may take that did not come with the host, kept in whole seconds, and 5 s more
    /// for each MiB of its functions, 110 s more at most. Default 10 s.
    #[serde(serialize_with = "milliseconds")]
    pub compile_time: Duration,
    /// Bytes of memory that compiling such a file may take. Default 2 GiB.
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
