//! The memory of an instance's inert WASI: its output, capped, and how often it was asked for the time and for numbers.

use std::sync::Arc;

use super::call_context::TrapCause;
use super::error::plain;
use super::limits::PluginLimits;

/// The number of standard output among the output streams.
pub(super) const STDOUT: u32 = 1;
/// The number of standard error.
pub(super) const STDERR: u32 = 2;

/// The most of a line that is logged: it is masked as a whole, and waits for its end.
const LINE_BYTES: usize = 64 << 10;
/// Longer lines are broken.
const PART_BYTES: usize = 1000;

/// The WASI of one instance: what it may still write, and what it has written of a line.
pub(super) struct WasiStub {
    label: Arc<str>,
    bytes: Allowance,
    lines: Allowance,
    partial: [Vec<u8>; 2],
    readings: u64,
    seed: u64,
}

struct Allowance {
    limit: &'static str,
    unit: &'static str,
    used: usize,
    allowed: usize,
}

impl Allowance {
    fn take(&mut self) -> Result<(), TrapCause> {
        self.used = self.used.saturating_add(1);
        if self.used > self.allowed {
            return Err(TrapCause::Limit {
                limit: self.limit,
                allowed: self.allowed,
                unit: self.unit,
            });
        }
        Ok(())
    }
}

impl WasiStub {
    pub(super) fn new(label: Arc<str>, limits: &PluginLimits) -> Self {
        WasiStub {
            label,
            bytes: Allowance {
                limit: "log",
                unit: "bytes",
                used: 0,
                allowed: limits.log,
            },
            lines: Allowance {
                limit: "log-lines",
                unit: "lines",
                used: 0,
                allowed: limits.log_lines,
            },
            partial: [Vec::new(), Vec::new()],
            readings: 0,
            seed: 0,
        }
    }

    /// Takes bytes that the guest writes to standard output or error, and logs whole lines.
    pub(super) fn write(&mut self, stream: u32, bytes: impl Iterator<Item = u8>) -> Result<(), TrapCause> {
        let [stdout, stderr] = &mut self.partial;
        let partial = if stream == STDERR { stderr } else { stdout };
        for byte in bytes {
            self.bytes.take()?;
            if byte != b'\n' {
                if partial.len() < LINE_BYTES {
                    partial.push(byte);
                }
                continue;
            }
            let line = std::mem::take(partial);
            for part in parts(&line) {
                self.lines.take()?;
                log(&self.label, &part);
            }
        }
        Ok(())
    }

    /// A reading of the clock. Each is later than the one before, as some run times insist.
    pub(super) fn reading(&mut self) -> u64 {
        self.readings = self.readings.saturating_add(1);
        self.readings
    }

    /// The next number of SplitMix64, the same in every instance.
    pub(super) fn random(&mut self) -> u64 {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.seed ^ (self.seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Drop for WasiStub {
    fn drop(&mut self) {
        for partial in &self.partial {
            if !partial.is_empty() {
                parts(partial).iter().for_each(|part| log(&self.label, part));
            }
        }
    }
}

/// A line as it is logged: without the secrets of records that a plugin may print, and broken where it is long.
fn parts(line: &[u8]) -> Vec<String> {
    let line = secret_mask::document_bytes(line);
    let line = String::from_utf8_lossy(&line);
    let (mut parts, mut rest) = (Vec::new(), &*line);
    loop {
        let (part, after) = rest.split_at(rest.floor_char_boundary(PART_BYTES));
        parts.push(plain(part));
        rest = after;
        if rest.is_empty() {
            return parts;
        }
    }
}

fn log(label: &str, part: &str) {
    tracing::info!(target: "plugin", plugin = label, "{part}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inert(log: usize, log_lines: usize) -> WasiStub {
        WasiStub::new(
            "p".into(),
            &PluginLimits {
                log,
                log_lines,
                ..PluginLimits::default()
            },
        )
    }

    fn limit(result: Result<(), TrapCause>) -> Option<&'static str> {
        match result {
            Ok(()) => None,
            Err(TrapCause::Limit { limit, .. }) => Some(limit),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn output_is_capped_by_bytes_and_by_lines_over_all_calls() {
        let mut few_bytes = inert(10, 100);
        assert_eq!(limit(few_bytes.write(STDOUT, b"12345\n".iter().copied())), None);
        assert_eq!(limit(few_bytes.write(STDERR, b"12345".iter().copied())), Some("log"));
        let mut few_lines = inert(100, 2);
        assert_eq!(limit(few_lines.write(STDOUT, b"\n\n".iter().copied())), None);
        assert_eq!(limit(few_lines.write(STDOUT, b"\n".iter().copied())), Some("log-lines"));
    }

    #[test]
    fn a_line_without_end_takes_no_more_than_a_line_of_memory() {
        let mut inert = inert(1 << 20, 1000);
        inert.write(STDOUT, std::iter::repeat_n(b'x', 100_000)).unwrap();
        assert!(inert.partial[0].len() <= LINE_BYTES);
        inert.write(STDOUT, b"\n".iter().copied()).unwrap();
        assert_eq!(inert.lines.used, LINE_BYTES.div_ceil(PART_BYTES));
    }

    #[test]
    fn a_record_that_a_plugin_prints_shows_no_secret_wherever_its_line_is_broken() {
        for before in [0, 900, 990, 995, 1000, 5000] {
            let line = format!(
                r#"{{"a":"{}","\u0041uthorization":["{}"],"n":1}}"#,
                "x".repeat(before),
                "hunter2-".repeat(300)
            );
            let said = parts(line.as_bytes()).concat();
            assert!(
                !said.contains("hunter2") && said.ends_with(r#"":"***","n":1}"#),
                "{said}"
            );
        }
        assert_eq!(parts(b""), [""]);
        assert_eq!(
            parts("\u{e9}".repeat(501).as_bytes()),
            ["\u{e9}".repeat(500), "\u{e9}".to_owned()]
        );
    }
}
