//! The end of a run in one line for people: what is new, how far the stream is complete, and whatever was not plainly
//! delivered.

use std::io::IsTerminal as _;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::args::OutputOptions;
use crate::error::{CliError, Exit};
use crate::log::{self, LogLine};
use crate::render::took;
use base::counted::counted;
use base::visible::line as visible;
use ledger::{Interval, Stream, without};
use run::{GapSummary, RunMode, Summary};

/// The facts that the line needs besides the summary, where progress is kept.
#[derive(Debug, Clone, Copy)]
pub struct ClosingContext {
    /// The periods that were asked for.
    pub wanted: RunMode,
    /// The time after an event for which it may still be missing at the source.
    pub lag: Duration,
}

/// Something that is not an event plainly delivered.
struct ClosingPart {
    /// The count of it.
    of: fn(&Summary) -> u64,
    /// One of it.
    one: &'static str,
    /// Several of it.
    more: &'static str,
    /// True where somebody should look.
    warns: bool,
}

/// Said where there is any, in this order.
const PARTS: &[ClosingPart] = &[
    ClosingPart {
        of: |summary| summary.rejected,
        one: "row rejected",
        more: "rows rejected",
        warns: true,
    },
    ClosingPart {
        of: |summary| summary.unrouted,
        one: "event matched no route",
        more: "events matched no route",
        warns: true,
    },
    ClosingPart {
        of: |summary| summary.sinks.iter().map(|sink| sink.dead_lettered).sum(),
        one: "event kept as a dead letter",
        more: "events kept as dead letters",
        warns: true,
    },
    ClosingPart {
        of: |summary| summary.sinks.iter().map(|sink| sink.undelivered).sum(),
        one: "event not delivered",
        more: "events not delivered",
        warns: true,
    },
    ClosingPart {
        of: periods_lost,
        one: "period lost",
        more: "periods lost",
        warns: true,
    },
    ClosingPart {
        of: |summary| summary.ledger.as_ref().map_or(0, |ledger| ledger.unsure),
        one: "job that may exist twice",
        more: "jobs that may exist twice",
        warns: true,
    },
    ClosingPart {
        of: |summary| summary.mended,
        one: "record repaired",
        more: "records repaired",
        warns: true,
    },
    ClosingPart {
        of: |summary| summary.ledger.as_ref().map_or(0, |ledger| ledger.late),
        one: "event that the server stored late",
        more: "events that the server stored late",
        warns: false,
    },
];

/// Prints how a run ended: on a terminal, with `-v`, where a backfill had nothing to do, and wherever not all was plainly
/// delivered.
pub fn tell(summary: &Summary, kept: Option<ClosingContext>, talk: &OutputOptions) {
    let parts = parts(summary);
    // Who asked for a period and gets nothing wonders why.
    let idle = nothing_was_asked(summary, kept) && kept.is_some_and(|kept| kept.wanted != RunMode::Incremental);
    let asked_for = std::io::stderr().is_terminal() || talk.verbose > 0 || idle;
    let warns = !lost(summary).is_empty() || PARTS.iter().any(|part| part.warns && (part.of)(summary) > 0);
    if talk.quiet || (!asked_for && !warns) {
        return;
    }
    let text = line(summary, kept, &parts);
    let level = if warns { "warn" } else { "info" };
    let json = LogLine::new(level, &text)
        .with("code", "closing")
        .with("events", summary.events)
        .with("duplicates", summary.duplicates)
        .with("rejected", summary.rejected)
        .with("duration_ms", summary.duration_ms)
        .with("exit", summary.exit);
    log::say(talk.log_format, &(visible(&text) + "\n"), &json);
}

/// Prints how one of several runs ended that are carried out side by side: its stream, its exit in words, what is new, up to when the stream
/// is complete, and what is wrong. Where nothing but errors is said, it is said of a run that failed.
pub fn tell_of_one(name: &str, summary: &Summary, result: &Result<(), CliError>, talk: &OutputOptions) {
    let failure = result.as_ref().err();
    let exit = failure.map_or(Exit::Done, |failure| failure.exit);
    if talk.quiet && exit == Exit::Done {
        return;
    }
    let text = of_one(name, summary, failure);
    let level = match exit {
        Exit::Done if PARTS.iter().any(|part| part.warns && (part.of)(summary) > 0) => "warn",
        Exit::Done => "info",
        _ => "error",
    };
    let mut json = LogLine::new(level, &text)
        .with("code", failure.map_or("closing", |failure| failure.code))
        .with("stream", name)
        .with("events", summary.events)
        .with("duplicates", summary.duplicates)
        .with("rejected", summary.rejected)
        .with("duration_ms", summary.duration_ms)
        .with("exit", exit.code());
    if let Some(hint) = failure.and_then(|failure| failure.hint.as_deref()) {
        json = json.with("hint", hint);
    }
    log::say(talk.log_format, &(visible(&text) + "\n"), &json);
}

fn of_one(name: &str, summary: &Summary, failure: Option<&CliError>) -> String {
    let mut said = vec![match failure {
        None => format!("{name}: {}", Exit::Done.word()),
        Some(failure) => format!("{name}: {} ({})", failure.exit.word(), failure.exit.code()),
    }];
    if let Some(ledger) = &summary.ledger {
        let new = summary.events.saturating_sub(summary.duplicates);
        said.push(counted(new, "new event", "new events"));
        said.extend(parts(summary));
        said.extend((ledger.watermark).map(|watermark| format!("complete up to {} UTC", minute(watermark))));
    }
    said.extend(failure.and_then(|failure| failure.message.clone()));
    said.join("; ")
}

/// The periods of a backfill that are lost, whichever run found that out.
fn lost(summary: &Summary) -> &[GapSummary] {
    summary.ledger.as_ref().map_or(&[][..], |ledger| ledger.lost.as_slice())
}

/// The number of periods that this run found to be lost; where it collected nothing, the line says which ones instead.
fn periods_lost(summary: &Summary) -> u64 {
    let found = summary.ledger.as_ref();
    let found = found.filter(|ledger| ledger.windows > 0 || ledger.lost.is_empty());
    found.map_or(0, |ledger| ledger.gaps.len() as u64)
}

fn parts(summary: &Summary) -> Vec<String> {
    let some = PARTS.iter().map(|part| ((part.of)(summary), part));
    some.filter(|(count, _)| *count > 0)
        .map(|(count, part)| counted(count, part.one, part.more))
        .collect()
}

fn line(summary: &Summary, kept: Option<ClosingContext>, parts: &[String]) -> String {
    let (connection, report) = (&summary.connection, &summary.plugin.name);
    let stream = match &summary.stream {
        Some(name) => Stream::named(name, connection, report, &summary.parameters),
        None => Stream::new(connection, report, &summary.parameters),
    };
    let mut said = vec![done(summary, kept)];
    said.extend_from_slice(parts);
    if !nothing_was_asked(summary, kept) {
        said.extend(no_longer_there(lost(summary)));
    }
    said.extend(complete(summary, kept));
    if !nothing_was_asked(summary, kept) {
        said.push(took(summary.duration_ms));
    }
    format!("{stream}: {}", said.join("; "))
}

/// True if the ledger shows that there was nothing to ask for.
fn nothing_was_asked(summary: &Summary, kept: Option<ClosingContext>) -> bool {
    let windows = summary.ledger.as_ref().map(|ledger| ledger.windows);
    kept.is_some_and(|kept| kept.wanted != RunMode::Period) && windows == Some(0)
}

fn done(summary: &Summary, kept: Option<ClosingContext>) -> String {
    let period = || match summary.window {
        Some(window) => format!(" from {} to {} UTC", minute(window.from), minute(window.to)),
        None => String::new(),
    };
    let wanted = kept.map(|kept| kept.wanted);
    if nothing_was_asked(summary, kept) {
        return match wanted {
            Some(RunMode::Backfill { .. }) => nothing_missing(summary, &period()),
            _ => "nothing due".to_owned(),
        };
    }
    // A period that was named is delivered whole, whatever of it was delivered before.
    if matches!(wanted, None | Some(RunMode::Period)) {
        return counted(summary.events, "event", "events") + &period();
    }
    let new = summary.events.saturating_sub(summary.duplicates);
    let new = counted(new, "new event", "new events");
    match summary.duplicates {
        0 => new,
        known => format!("{new} ({known} already delivered)"),
    }
}

/// The reason why a backfill had nothing to ask for: the period was collected before, or is lost, or both of it in part.
fn nothing_missing(summary: &Summary, period: &str) -> String {
    let lost = lost(summary);
    let Some(gone) = no_longer_there(lost) else {
        return format!("nothing to collect{period}: all of it was collected before");
    };
    let lost: Vec<_> = lost.iter().map(|gap| Interval::new(gap.from, gap.to)).collect();
    let collected = match summary.window {
        Some(window) => without(Interval::new(window.from, window.to), &lost),
        None => Vec::new(),
    };
    if collected.is_empty() {
        return format!("nothing can be collected{period}: the server no longer has it (lost)");
    }
    let collected = collected.into_iter().map(|Interval { from, to }| (from, to));
    format!(
        "nothing to collect{period}: collected before: {}; {gone}",
        spans(collected)
    )
}

/// The periods that are lost, in words.
fn no_longer_there(lost: &[GapSummary]) -> Option<String> {
    let periods = lost.iter().map(|gap| (gap.from, gap.to));
    (!lost.is_empty()).then(|| format!("no longer on the server (lost): {}", spans(periods)))
}

fn spans(periods: impl Iterator<Item = (Timestamp, Timestamp)>) -> String {
    let periods = periods.map(|(from, to)| format!("{} to {} UTC", minute(from), minute(to)));
    periods.collect::<Vec<_>>().join(", ")
}

/// Up to when nothing is missing but what is known to be lost.
fn complete(summary: &Summary, kept: Option<ClosingContext>) -> Option<String> {
    let (kept, watermark) = (kept?, summary.ledger.as_ref()?.watermark?);
    let today = watermark.to_zoned(TimeZone::UTC).date() == summary.started.to_zoned(TimeZone::UTC).date();
    let up_to = match today && nothing_was_asked(summary, Some(kept)) {
        true => watermark.strftime("%H:%M").to_string(),
        false => minute(watermark),
    };
    let lag = match nothing_was_asked(summary, Some(kept)) && kept.wanted == RunMode::Incremental {
        true => format!(" (lag {})", span(kept.lag)),
        false => String::new(),
    };
    Some(format!("complete up to {up_to} UTC{lag}"))
}

/// Whole minutes, the seconds cut off: what is complete is complete up to there.
fn minute(instant: Timestamp) -> String {
    instant.strftime("%Y-%m-%d %H:%M").to_string()
}

fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, 0) => format!("{minutes} min"),
        (hours, 0, 0) => format!("{hours} h"),
        (hours, minutes, _) => format!("{} min", hours * 60 + minutes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use run::{LedgerSummary, WindowSummary};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn summary(windows: u64) -> Summary {
        let mut summary = Summary {
            connection: "prod".into(),
            started: at("2026-11-21T09:00:31Z"),
            window: Some(WindowSummary {
                from: at("2026-11-20T00:00:00Z"),
                to: at("2026-11-22T00:00:00Z"),
            }),
            duration_ms: 3598,
            ledger: Some(LedgerSummary {
                windows,
                resumed: 0,
                unsure: 0,
                in_flight: 0,
                in_flight_since: None,
                behind: Vec::new(),
                watermark: Some(at("2026-11-21T08:45:31Z")),
                last_event: None,
                late: 0,
                largest_lateness_s: 0,
                gaps: Vec::new(),
                lost: Vec::new(),
            }),
            ..Summary::default()
        };
        summary.plugin.name = "invalid-login".into();
        summary
    }

    fn said(summary: &Summary, wanted: Option<RunMode>) -> String {
        let lag = Duration::from_secs(900);
        line(
            summary,
            wanted.map(|wanted| ClosingContext { wanted, lag }),
            &parts(summary),
        )
    }

    #[test]
    fn what_is_new_is_counted_apart_from_what_was_delivered_before() {
        let mut summary = summary(1);
        (summary.events, summary.duplicates) = (48, 39);
        assert_eq!(
            said(&summary, Some(RunMode::Incremental)),
            "invalid-login @ prod: 9 new events (39 already delivered); complete up to 2026-11-21 08:45 UTC; 3.5 s"
        );
    }

    #[test]
    fn nothing_due_is_said_with_how_far_the_stream_is_and_why() {
        assert_eq!(
            said(&summary(0), Some(RunMode::Incremental)),
            "invalid-login @ prod: nothing due; complete up to 08:45 UTC (lag 15 min)"
        );
        assert_eq!(
            said(&summary(0), Some(RunMode::Backfill { days: 1 })),
            "invalid-login @ prod: nothing to collect from 2026-11-20 00:00 to 2026-11-22 00:00 UTC: all of it was \
             collected before; complete up to 08:45 UTC"
        );
    }

    #[test]
    fn what_a_backfill_cannot_get_any_more_is_not_said_to_be_collected() {
        let mut summary = summary(0);
        let mut lose = |from, to, windows| {
            let gap = GapSummary {
                from: at(from),
                to: at(to),
            };
            let ledger = summary.ledger.as_mut().unwrap();
            // Whether this run found it out or an earlier one.
            (ledger.gaps, ledger.lost, ledger.windows) = (vec![gap.clone()], vec![gap], windows);
            said(&summary, Some(RunMode::Backfill { days: 1 }))
        };
        assert_eq!(
            lose("2026-11-20T00:00:00Z", "2026-11-22T00:00:00Z", 0),
            "invalid-login @ prod: nothing can be collected from 2026-11-20 00:00 to 2026-11-22 00:00 UTC: the server no \
             longer has it (lost); complete up to 08:45 UTC"
        );
        assert_eq!(
            lose("2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z", 0),
            "invalid-login @ prod: nothing to collect from 2026-11-20 00:00 to 2026-11-22 00:00 UTC: collected before: \
             2026-11-21 00:00 to 2026-11-22 00:00 UTC; no longer on the server (lost): 2026-11-20 00:00 to 2026-11-21 00:00 \
             UTC; complete up to 08:45 UTC"
        );
        assert_eq!(
            lose("2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z", 1),
            "invalid-login @ prod: 0 new events; 1 period lost; no longer on the server (lost): 2026-11-20 00:00 to \
             2026-11-21 00:00 UTC; complete up to 2026-11-21 08:45 UTC; 3.5 s"
        );
    }

    #[test]
    fn a_run_without_progress_says_its_period() {
        let mut summary = summary(1);
        (summary.ledger, summary.events, summary.duration_ms) = (None, 1, 28);
        summary.parameters = vec![("api".into(), "v1".into())];
        assert_eq!(
            said(&summary, None),
            "invalid-login @ prod (api=v1): 1 event from 2026-11-20 00:00 to 2026-11-22 00:00 UTC; 28 ms"
        );
    }

    #[test]
    fn of_several_runs_each_is_told_in_a_line_with_its_stream_its_exit_and_what_is_wrong() {
        let mut summary = summary(1);
        (summary.events, summary.duplicates) = (48, 39);
        assert_eq!(
            of_one("logins", &summary, None),
            "logins: done; 9 new events; complete up to 2026-11-21 08:45 UTC"
        );
        let failure = CliError::new(Exit::DeliveryFailed, "sink siem: the receiver is down");
        assert_eq!(
            of_one("logins", &summary, Some(&failure)),
            "logins: delivery-failed (7); 9 new events; complete up to 2026-11-21 08:45 UTC; sink siem: the receiver is down"
        );
        summary.ledger = None;
        let failure = CliError::new(Exit::Busy, "it is busy");
        assert_eq!(
            of_one("logins", &summary, Some(&failure)),
            "logins: busy (9); it is busy"
        );
    }

    #[test]
    fn a_run_of_a_stream_that_has_a_name_is_told_by_it() {
        let mut summary = summary(0);
        summary.stream = Some("logins".into());
        assert_eq!(
            said(&summary, Some(RunMode::Incremental)),
            "logins (invalid-login @ prod): nothing due; complete up to 08:45 UTC (lag 15 min)"
        );
    }

    #[test]
    fn whatever_is_not_plainly_delivered_is_said() {
        let mut summary = summary(1);
        (summary.events, summary.rejected, summary.unrouted) = (2, 1, 2);
        if let Some(ledger) = &mut summary.ledger {
            let (from, to) = (at("2026-08-01T00:00:00Z"), at("2026-08-02T00:00:00Z"));
            ledger.gaps = vec![GapSummary { from, to }];
        }
        assert_eq!(
            said(&summary, Some(RunMode::Incremental)),
            "invalid-login @ prod: 2 new events; 1 row rejected; 2 events matched no route; 1 period lost; \
             complete up to 2026-11-21 08:45 UTC; 3.5 s"
        );
    }
}
