//! A watermark that lies in the future: a clock was ahead when it was written, or is behind now.
//!
//! Until the clock has caught up nothing would be due, and every run would end well without a word.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::RunError;
use crate::pipeline::Pipeline;
use crate::run_mode::RunMode;

/// How far clocks may differ between runs, where the lag is less.
const SKEW: Duration = Duration::from_secs(5 * 60);

impl Pipeline {
    /// Refuses to go on from a watermark in the future; a period that was named is asked for all the same.
    pub(crate) fn check_clock(&self) -> Result<(), RunError> {
        let Some(watermark) = self.keeping.book.record().fetched().watermark else {
            return Ok(());
        };
        let now = self.clock();
        if !is_ahead(watermark, now, self.keeping.lag) {
            return Ok(());
        }
        let error = RunError::Ahead {
            stream: self.keeping.book.stream().to_string(),
            arguments: self.keeping.book.stream().arguments(),
            watermark,
            now,
        };
        if self.keeping.wanted == RunMode::Incremental {
            return Err(error);
        }
        tracing::warn!("{error}; runs without a period are refused until then");
        Ok(())
    }
}

fn is_ahead(watermark: Timestamp, now: Timestamp, lag: Duration) -> bool {
    let skew = SignedDuration::try_from(lag.max(SKEW)).unwrap_or(SignedDuration::MAX);
    watermark.duration_since(now) > skew
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watermark_is_ahead_of_the_clock_by_more_than_the_lag_or_five_minutes() {
        let now: Timestamp = "2025-03-31T12:00:00Z".parse().unwrap();
        let cases = [
            ("2025-03-30T00:00:00Z", 0, false),
            ("2025-03-31T12:05:00Z", 0, false),
            ("2025-03-31T12:05:01Z", 0, true),
            ("2025-03-31T12:15:00Z", 900, false),
            ("2025-03-31T12:15:01Z", 900, true),
            ("9999-12-30T00:00:00Z", u64::MAX, false),
        ];
        for (watermark, lag, ahead) in cases {
            let found = is_ahead(watermark.parse().unwrap(), now, Duration::from_secs(lag));
            assert_eq!(found, ahead, "{watermark} with a lag of {lag} s");
        }
    }
}
