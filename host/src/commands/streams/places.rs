//! The places of sinks in a stream, as its record has them.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::render::seconds;
use ::ledger::{Record, SinkStatus};
use base::counted::counted;

/// The sinks of a stream for programs.
pub fn as_json(record: &Record) -> Vec<Value> {
    let status = record.sink_status().into_iter();
    let one = |sink: SinkStatus| {
        json!({
            "name": sink.name, "place": sink.place, "waiting": sink.waiting, "waiting_since": sink.waiting_since,
            "since": sink.since,
        })
    };
    status.map(one).collect()
}

/// A line for each sink that is behind: its place, how many windows wait for it, and since when.
pub fn behind(record: &Record) -> String {
    let mut text = String::new();
    for sink in record.sink_status().into_iter().filter(|sink| sink.waiting > 0) {
        let place = sink.place.map_or_else(|| "the beginning".to_owned(), seconds);
        let windows = counted(sink.waiting, "window waits", "windows wait");
        let since = sink.waiting_since.map(|since| format!(" since {}", seconds(since)));
        // Writing into a String cannot fail.
        let _ = writeln!(
            text,
            "  {} has everything up to {place}; {windows} for it{}",
            sink.name,
            since.unwrap_or_default()
        );
    }
    text
}

/// True where sinks are behind.
pub fn is_any_behind(record: &Record) -> bool {
    record.sink_status().iter().any(|sink| sink.waiting > 0)
}

/// True where anything of a stream is a sink's, or waits for it.
pub fn knows(record: &Record, sink: &str) -> bool {
    record.sinks.iter().any(|name| name == sink) || record.sink_status().iter().any(|status| status.name == sink)
}
