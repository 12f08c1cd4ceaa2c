//! `host gaps`: which periods were never committed, and which of them nobody can get any more.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::json;

use crate::args::GapsArgs;
use crate::commands::asked::bound;
use crate::commands::ledger::look;
use crate::error::CliError;
use crate::error::Exit;
use crate::render::{json_line, print, seconds};
use ::ledger::{Interval, Record, without};
use ::run::{WindowError, oldest};
use sandbox::Description;
use setup::config::Config;
use setup::plugins;

/// The reason why a period is missing, and whether it can still be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum GapState {
    /// The server no longer has it.
    Lost,
    /// The period can still be asked for.
    Open,
}

impl GapState {
    /// For programs; these words stay.
    fn word(self) -> &'static str {
        match self {
            GapState::Lost => "lost",
            GapState::Open => "open",
        }
    }

    /// For people.
    fn sentence(self) -> &'static str {
        match self {
            GapState::Lost => "lost (no longer on the server)",
            GapState::Open => "missing",
        }
    }
}

/// Lists the gaps of the streams that were named.
pub async fn gaps(args: &GapsArgs) -> Result<(), CliError> {
    let from = bound("--from", args.from.as_deref(), false)?;
    let to = bound("--to", args.to.as_deref(), true)?;
    if let (Some(from), Some(to)) = (from, to)
        && from >= to
    {
        return Err(WindowError::Empty { from, to }.into());
    }
    let now = match &args.now {
        Some(text) => (text.parse()).map_err(|_| CliError::usage(format!("--now {text:?} is not an RFC 3339 time")))?,
        None => Timestamp::now(),
    };
    let config = Config::load(args.file.config.config.as_deref())?;
    let found = look::of_gaps(args).await?;
    // Plugins say how far back their servers can be asked.
    let asking = base::blocking(move || -> Result<_, CliError> {
        let oldest = found.streams.iter().map(|(_, record)| oldest_of(&config, record, now));
        let oldest: Vec<_> = oldest.collect::<Result<_, _>>()?;
        Ok((found, oldest))
    });
    let (found, oldest) = asking.await??;
    let mut text = String::new();
    let mut any = false;
    for ((_, record), oldest) in found.streams.iter().zip(oldest) {
        let stream = &record.stream;
        let gaps = judged(record, from, to, oldest);
        any |= !gaps.is_empty();
        if args.json {
            for (Interval { from, to }, why) in gaps {
                let line = json_line(&json!({
                    "stream": stream.name, "report": stream.report, "connection": stream.connection, "parameters": stream.parameters,
                    "from": from, "to": to, "why": why.word(),
                }))?;
                text += &String::from_utf8_lossy(&line);
            }
            continue;
        }
        if gaps.is_empty() {
            let up_to = record
                .fetched()
                .watermark
                .map(|mark| format!(" up to {}", seconds(mark)));
            let file = found.file.display();
            let _ = writeln!(text, "No gaps in {stream}{} in {file}.", up_to.unwrap_or_default());
            continue;
        }
        let _ = writeln!(text, "{stream}");
        for (Interval { from, to }, why) in gaps {
            let _ = writeln!(text, "  {}  {}  {}", seconds(from), seconds(to), why.sentence());
        }
    }
    if found.streams.is_empty() && !args.json {
        let _ = writeln!(text, "No streams in {} yet.", found.file.display());
    }
    print(text.as_bytes())?;
    match any && args.exit_code {
        true => Err(CliError::silent(Exit::Partial)),
        false => Ok(()),
    }
}

/// The periods that are missing of a stream between two instants, in order. Lost is what was found to be so, and what is older than the
/// server keeps.
fn judged(
    record: &Record,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    oldest: Option<Timestamp>,
) -> Vec<(Interval, GapState)> {
    let mut parts = Vec::new();
    for gap in missing(record, from, to) {
        let mut lost = record.lost.clone();
        if let Some(oldest) = oldest.filter(|oldest| *oldest > gap.from) {
            lost.push(Interval::new(gap.from, oldest.min(gap.to)));
        }
        let open = without(gap, &::ledger::merged(lost));
        parts.extend(without(gap, &open).into_iter().map(|part| (part, GapState::Lost)));
        parts.extend(open.into_iter().map(|part| (part, GapState::Open)));
    }
    parts.sort_unstable();
    parts
}

/// The periods that were never committed between two instants; without them, between the ends of what is known.
fn missing(record: &Record, from: Option<Timestamp>, to: Option<Timestamp>) -> Vec<Interval> {
    // What is collected and waits for a sink is not missing.
    let record = &record.fetched();
    let known = || record.covered.iter().chain(&record.lost);
    let first = from.or_else(|| known().map(|known| known.from).min());
    let last = to.or_else(|| known().map(|known| known.to).max());
    match (first, last) {
        (Some(from), Some(to)) => record.missing(Interval::new(from, to)),
        _ => Vec::new(),
    }
}

/// The first instant that a stream's server can still be asked for, as far as its plugin, if it is here, and `retention` of the
/// stream or its connection say.
pub fn oldest_of(config: &Config, record: &Record, now: Timestamp) -> Result<Option<Timestamp>, CliError> {
    let described = description(config, &record.stream.report);
    let asked = described.map(|description| oldest(now, description.granularity, description.retention_days));
    let connection = config.connections.get(&record.stream.connection);
    let entry = record.stream.name.as_deref().and_then(|name| config.stream(name));
    let kept = entry.and_then(|entry| entry.retention);
    let kept = kept.or_else(|| connection.and_then(|connection| connection.retention));
    // Longer than time itself is for ever.
    let kept = kept.and_then(|kept| now.checked_sub(kept).ok());
    Ok(asked.transpose()?.flatten().max(kept))
}

/// A report's account of itself. One that was run from a path is known to nobody afterwards.
fn description(config: &Config, report: &str) -> Option<Description> {
    plugins::load(config, report).ok()?.report().ok()?.describe().ok()
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use ::ledger::Stream;

    fn day(day: i8) -> Timestamp {
        let date = jiff::civil::date(2026, 3, day);
        date.to_zoned(TimeZone::UTC).unwrap().timestamp()
    }

    #[test]
    fn what_is_older_than_the_server_keeps_is_lost_and_the_rest_is_open() {
        let mut record = Record::new(Stream::new("epm", "user-login", &[]));
        record.covered = vec![Interval::new(day(1), day(2)), Interval::new(day(20), day(21))];
        record.lost = vec![Interval::new(day(2), day(4))];
        let all = |oldest| judged(&record, None, None, oldest);
        let part = |from, to, why| (Interval::new(day(from), day(to)), why);
        assert_eq!(all(None), [part(2, 4, GapState::Lost), part(4, 20, GapState::Open)]);
        assert_eq!(
            all(Some(day(10))),
            [part(2, 10, GapState::Lost), part(10, 20, GapState::Open)]
        );
        assert_eq!(all(Some(day(25))), [part(2, 20, GapState::Lost)]);
        assert_eq!(all(Some(day(1))), all(None));
        let cut = judged(&record, Some(day(3)), Some(day(12)), Some(day(10)));
        assert_eq!(cut, [part(3, 10, GapState::Lost), part(10, 12, GapState::Open)]);
    }
}
