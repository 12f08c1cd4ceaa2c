//! A run's entry in the history of its stream: written once it begins, and again when it ends.
//!
//! The history is for whoever looks, and no promise stands on it: where it cannot be written a run says so and goes on.

use ledger::{
    Interval, LedgerError, PastRun, RunEnd, RunFacts, RunHistory, RunPlugin, SinkTotals, SqliteLedger, Stream,
};

use crate::run_mode::RunMode;
use crate::{Summary, WindowSummary};
use base::{ErrorKind, SetupError};

/// Characters of a message that are kept.
const MESSAGE: usize = 500;

/// A run's entry in the history of its stream. Writing it blocks.
#[derive(Debug)]
pub struct HistoryEntry {
    history: RunHistory,
    stream: Stream,
    mode: RunMode,
    place: Option<i64>,
    /// One warning is enough.
    warned: bool,
}

impl HistoryEntry {
    /// The entry of a run of a stream, of which nothing is written yet; none, and a warning, where the history cannot be opened.
    /// Blocks.
    pub fn open(ledger: &SqliteLedger, stream: Stream, mode: RunMode) -> Option<HistoryEntry> {
        match ledger.history() {
            Ok(history) => Some(HistoryEntry {
                history,
                stream,
                mode,
                place: None,
                warned: false,
            }),
            Err(error) => {
                warn(&error);
                None
            }
        }
    }

    /// Writes that the run has begun.
    pub fn begin(&mut self, summary: &Summary) {
        // The period that is due shows only when it is asked for.
        let window = summary.window.filter(|_| self.mode != RunMode::Incremental);
        self.write(summary, window, None);
    }

    /// Writes how the run ended, whether it had begun or not. `message` is what the error says of its own accord.
    pub fn end(&mut self, summary: &Summary, message: Option<&str>) {
        let ledger = summary.ledger.as_ref();
        let end = RunEnd {
            ended: summary.ended,
            exit: summary.exit,
            code: summary.code.clone(),
            message: message.map(bounded),
            events: summary.events,
            duplicates: summary.duplicates,
            rejected: summary.rejected,
            late: ledger.map_or(0, |ledger| ledger.late),
            windows: ledger.map_or(0, |ledger| ledger.windows),
            sinks: (summary.sinks.iter())
                .map(|sink| SinkTotals {
                    name: sink.name.clone(),
                    delivered: sink.delivered,
                    dead_lettered: sink.dead_lettered,
                    undelivered: sink.undelivered,
                })
                .collect(),
        };
        self.write(summary, summary.window, Some(end));
    }

    fn write(&mut self, summary: &Summary, window: Option<WindowSummary>, end: Option<RunEnd>) {
        let run = PastRun {
            stream: self.stream.clone(),
            run_id: summary.run_id.clone(),
            facts: RunFacts {
                mode: word(self.mode).to_owned(),
                pid: std::process::id(),
                started: summary.started,
                plugin: RunPlugin {
                    name: summary.plugin.name.clone(),
                    version: summary.plugin.version.clone(),
                    sha256: summary.plugin.sha256.clone(),
                },
                window: window.map(|window| Interval::new(window.from, window.to)),
                end,
                stream: self.stream.name.clone(),
            },
        };
        match self.history.put(self.place, &run) {
            Ok(place) => self.place = Some(place),
            Err(error) if !self.warned => {
                warn(&error);
                self.warned = true;
            }
            Err(_) => {}
        }
    }
}

fn warn(error: &LedgerError) {
    let told = SetupError::told(ErrorKind::Internal, error, None);
    tracing::warn!("this run cannot be added to the history of runs, and goes on without: {told}");
}

/// For programs; these words stay.
fn word(mode: RunMode) -> &'static str {
    match mode {
        RunMode::Incremental => "incremental",
        RunMode::Period => "period",
        RunMode::Backfill { .. } => "backfill",
    }
}

fn bounded(message: &str) -> String {
    let mut kept: String = message.chars().take(MESSAGE).collect();
    if kept.len() < message.len() {
        kept.push('…');
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::{RunSelection, RunState};

    #[test]
    fn an_entry_is_one_row_whether_the_run_began_or_was_refused_before() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = SqliteLedger::open(folder.path().join("ledger.db")).unwrap();
        let stream = Stream::new("epm", "user-login", &[]);
        let at = |text: &str| text.parse().unwrap();
        let (from, to) = (at("2026-03-05T00:00:00Z"), at("2026-03-05T22:00:00Z"));
        let mut summary = Summary {
            window: Some(WindowSummary { from, to }),
            ..Summary::default()
        };
        for (mode, begins, due) in [
            (RunMode::Incremental, true, None),
            (RunMode::Backfill { days: 1 }, true, Some(Interval::new(from, to))),
            (RunMode::Period, false, None),
        ] {
            summary.run_id = word(mode).to_owned();
            let mut entry = HistoryEntry::open(&ledger, stream.clone(), mode).unwrap();
            let last = || {
                let selection = RunSelection {
                    last: 1,
                    ..RunSelection::default()
                };
                ledger.history().unwrap().list(&selection).unwrap().remove(0)
            };
            if begins {
                entry.begin(&summary);
                let listed = last();
                assert_eq!((listed.state, listed.run.facts.window), (RunState::Unfinished, due));
            }
            (summary.exit, summary.code) = (2, "usage".into());
            entry.end(&summary, Some(&"ä".repeat(MESSAGE + 1)));
            let listed = last();
            assert_eq!((&*listed.run.run_id, listed.state), (word(mode), RunState::Ended));
            assert_eq!(listed.run.facts.window, Some(Interval::new(from, to)));
            let end = listed.run.facts.end.unwrap();
            assert_eq!((end.exit, &*end.code), (2, "usage"));
            assert_eq!(end.message, Some("ä".repeat(MESSAGE) + "…"));
        }
        let all = RunSelection {
            last: 10,
            ..RunSelection::default()
        };
        assert_eq!(ledger.history().unwrap().list(&all).unwrap().len(), 3);
    }
}
