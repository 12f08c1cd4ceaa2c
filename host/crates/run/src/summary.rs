//! What a run did, as one JSON object that scripts can rely on.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::memory;
use crate::pipeline::Pipeline;
use crate::run_mode::RunMode;
use crate::window::Window;
use ledger::{Interval, Record, without};
use sink::Guarantee;

/// The summary of a run. `docs/scripting.md` explains each field.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Summary {
    /// Unique for this run.
    pub run_id: String,
    /// When the run began, by its own clock.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// The report plugin.
    pub plugin: PluginSummary,
    /// The stream's name; absent where it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// The connection's name; absent where the run ended before it was known.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub connection: String,
    /// The plugin's parameters, by name.
    pub parameters: Vec<(String, String)>,
    /// The period that was asked for, half open, UTC; absent where the run ended before it was known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<WindowSummary>,
    /// Events that came out of the parser.
    pub events: u64,
    /// Rows that were no events.
    pub rejected: u64,
    /// Of these, rows that are kept.
    pub rejected_kept: u64,
    /// Records of a JSON answer that were mended before they were read.
    pub mended: u64,
    /// Events dropped because they were delivered before.
    pub duplicates: u64,
    /// Events that no route took.
    pub unrouted: u64,
    /// Each sink.
    pub sinks: Vec<SinkSummary>,
    /// The exchange with the server.
    pub remote: RemoteSummary,
    /// The ledger's part; absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ledger: Option<LedgerSummary>,
    /// The plugin's use of time and memory.
    pub usage: UsageSummary,
    /// From start to end, in ms.
    pub duration_ms: u64,
    /// The process's exit code.
    pub exit: u8,
    /// A stable word for how the run ended: `done`, or the `code` of its error.
    pub code: String,
    /// The error's text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The advice for the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// The plugin that ran.
#[derive(Debug, Clone, Default, Serialize)]
pub struct PluginSummary {
    /// The plugin's name; where it could not be loaded, the name that was typed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The plugin's version; absent where it could not be loaded.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// SHA-256 of the component, hexadecimal; absent where it could not be loaded.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sha256: String,
}

/// A half-open period in UTC.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct WindowSummary {
    /// The first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub to: Timestamp,
}

/// The counts of one sink.
#[derive(Debug, Clone, Serialize)]
pub struct SinkSummary {
    /// The sink's name.
    pub name: String,
    /// True where the run is done only once the sink has answered for every event; events that another leaves `undelivered` are lost.
    pub required: bool,
    /// Events it has acknowledged.
    pub delivered: u64,
    /// Events that it had acknowledged in a run that was cut short, and that were not delivered again.
    pub delivered_before: u64,
    /// Deliveries that were repeated.
    pub retries: u64,
    /// Events set aside as dead letters.
    pub dead_lettered: u64,
    /// Events neither acknowledged nor set aside.
    pub undelivered: u64,
    /// The sink's promise for a batch that is delivered twice.
    pub guarantee: Guarantee,
}

/// The exchange with the server.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RemoteSummary {
    /// Requests sent, repeated ones included.
    pub requests: u64,
    /// Of these, repetitions.
    pub retries: u64,
    /// Job status requests.
    pub polls: u64,
    /// Bytes of documents received.
    pub bytes: u64,
    /// The job on the server, where there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
}

/// The windows and the progress of a run with a ledger.
#[derive(Debug, Clone, Serialize)]
pub struct LedgerSummary {
    /// Windows worked on.
    pub windows: u64,
    /// Of these, windows that an earlier run had begun.
    pub resumed: u64,
    /// Jobs that may exist twice on the server, because it does not tell what became of the first.
    pub unsure: u64,
    /// Windows that the next run takes up.
    pub in_flight: u64,
    /// When the oldest of these was begun: since then its events wait.
    pub in_flight_since: Option<Timestamp>,
    /// Everything before is committed or lost.
    pub watermark: Option<Timestamp>,
    /// The time of the latest event of the stream, of all its runs.
    pub last_event: Option<Timestamp>,
    /// Events that the server stored after the period of their time had been asked for; they are among `events`.
    pub late: u64,
    /// The longest that one of them may have taken to appear, in seconds.
    pub largest_lateness_s: u64,
    /// Sinks that windows wait for: others have them.
    pub behind: Vec<BehindSummary>,
    /// Periods found to be lost: the server no longer has them.
    pub gaps: Vec<GapSummary>,
    /// Periods of a backfill that are lost, those that were known before included.
    #[serde(skip)]
    pub lost: Vec<GapSummary>,
}

/// A sink that has not got what others have.
#[derive(Debug, Clone, Serialize)]
pub struct BehindSummary {
    /// The sink's name.
    pub sink: String,
    /// Everything before was given to it, or is lost.
    pub place: Option<Timestamp>,
    /// Windows that wait for it.
    pub windows: u64,
    /// The clock of the run that began the oldest of them.
    pub since: Option<Timestamp>,
}

/// A half-open period in UTC that was never committed.
#[derive(Debug, Clone, Serialize)]
pub struct GapSummary {
    /// The first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub to: Timestamp,
}

/// The plugin's use of time and memory.
#[derive(Debug, Clone, Default, Serialize)]
pub struct UsageSummary {
    /// Time inside the guest, in ms.
    pub guest_ms: f64,
    /// The most bytes its memories and tables had.
    pub guest_peak_bytes: u64,
    /// Calls into it.
    pub calls: u64,
    /// The most memory that the whole process held, in bytes; on Linux.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_bytes: Option<u64>,
}

impl Pipeline {
    /// The summary of the run, which took so long.
    pub(crate) fn summary(self, duration: Duration) -> Summary {
        let Pipeline {
            run,
            keeping,
            sinks,
            counts,
            ..
        } = self;
        let record = keeping.book.record();
        let watermark = record.watermark;
        let remote = run.fetcher.counters();
        let window = match counts.ledger.covered_span {
            Some(covered_span) => covered_span,
            // Nothing was due.
            None if keeping.wanted == RunMode::Incremental => {
                let at = watermark.unwrap_or(run.window.from);
                Window { from: at, to: at }
            }
            _ => run.window,
        };
        Summary {
            run_id: run.id,
            plugin: PluginSummary {
                name: run.description.name,
                version: run.description.version,
                sha256: run.plugin_sha256,
            },
            stream: (keeping.book.stream().name.clone()).or_else(|| run.provenance.stream.clone()),
            connection: run.provenance.connection.clone(),
            parameters: run.request.parameters,
            window: Some(WindowSummary {
                from: window.from,
                to: window.to,
            }),
            events: counts.events,
            rejected: counts.rejected,
            rejected_kept: counts.fate.kept,
            mended: counts.mended,
            duplicates: counts.duplicates,
            unrouted: sinks.unrouted(),
            sinks: (sinks.counts().into_iter())
                .map(|count| SinkSummary {
                    name: count.name,
                    required: count.required,
                    delivered: count.delivered,
                    delivered_before: count.before,
                    retries: count.retries,
                    dead_lettered: count.dead_lettered,
                    undelivered: count.undelivered,
                    guarantee: count.guarantee,
                })
                .collect(),
            remote: RemoteSummary {
                requests: remote.requests,
                retries: remote.retries,
                polls: counts.polls,
                bytes: counts.bytes,
                job: counts.job,
            },
            usage: UsageSummary {
                guest_ms: (counts.usage.guest.as_secs_f64() * 1e6).round() / 1e3,
                guest_peak_bytes: counts.usage.peak_bytes,
                calls: counts.usage.calls,
                peak_bytes: memory::peak_bytes(),
            },
            ledger: keeping.book.outlives().then(|| LedgerSummary {
                windows: counts.ledger.windows,
                resumed: counts.ledger.resumed,
                unsure: counts.ledger.unsure,
                in_flight: record.windows.len() as u64,
                in_flight_since: record.in_flight_since(),
                watermark,
                last_event: record.last_event,
                late: counts.ledger.late.events,
                largest_lateness_s: counts.ledger.late.largest.as_secs().try_into().unwrap_or(0),
                behind: (record.sink_status().into_iter())
                    .filter(|sink| sink.waiting > 0)
                    .map(|sink| BehindSummary {
                        sink: sink.name,
                        place: sink.place,
                        windows: sink.waiting as u64,
                        since: sink.waiting_since,
                    })
                    .collect(),
                gaps: (counts.ledger.lost.iter())
                    .map(|gap| GapSummary {
                        from: gap.from,
                        to: gap.to,
                    })
                    .collect(),
                lost: match keeping.wanted {
                    RunMode::Backfill { .. } => lost_within(&record, run.window),
                    RunMode::Incremental | RunMode::Period => Vec::new(),
                },
            }),
            duration_ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
            // How it began and ends is the caller's to know.
            ..Summary::default()
        }
    }
}

/// The parts of a period that are lost.
fn lost_within(record: &Record, window: Window) -> Vec<GapSummary> {
    let missing = record.missing(Interval::new(window.from, window.to));
    let lost = missing
        .into_iter()
        .flat_map(|gap| without(gap, &without(gap, &record.lost)));
    lost.map(|Interval { from, to }| GapSummary { from, to }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::Stream;

    #[test]
    fn lost_of_a_period_is_what_nobody_can_get_any_more_and_nobody_collected() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut record = Record::new(Stream::new("epm", "user-login", &[]));
        record.lost = vec![Interval::new(at(0), at(20)), Interval::new(at(90), at(99))];
        record.covered = vec![Interval::new(at(15), at(50))];
        let window = Window {
            from: at(10),
            to: at(60),
        };
        let lost = lost_within(&record, window);
        let lost: Vec<_> = lost.iter().map(|gap| (gap.from, gap.to)).collect();
        assert_eq!(lost, [(at(10), at(15))]);
    }
}
