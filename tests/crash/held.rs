//! The events that sinks hold, and how often.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use flate2::read::MultiGzDecoder;
use serde_json::Value;
use tests::Received;

/// Events by id.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct ReceivedIds(BTreeMap<String, u64>);

impl ReceivedIds {
    pub fn add(&mut self, ids: impl IntoIterator<Item = String>) {
        for id in ids {
            *self.0.entry(id).or_default() += 1;
        }
    }

    /// Different ones.
    pub fn events(&self) -> usize {
        self.0.len()
    }

    /// The number of events that came more than once.
    pub fn doubled(&self) -> usize {
        self.0.values().filter(|times| **times > 1).count()
    }

    /// The number of the served events that are missing.
    pub fn lost(&self, served: &ReceivedIds) -> usize {
        served.0.keys().filter(|id| !self.0.contains_key(*id)).count()
    }

    /// The number of times that the most frequent event came.
    pub fn most(&self) -> u64 {
        self.0.values().copied().max().unwrap_or(0)
    }
}

pub fn uid(event: &Value) -> String {
    event["metadata"]["uid"].as_str().unwrap().to_owned()
}

/// The events of whole lines.
pub fn in_lines(text: &str) -> impl Iterator<Item = String> {
    text.lines().map(|line| uid(&serde_json::from_str(line).unwrap()))
}

/// The events of a receiver that keeps one batch of a key: a key always stands for the same batch.
pub fn once(requests: &[Received]) -> ReceivedIds {
    let mut batches = BTreeMap::new();
    for request in requests {
        let key = request.headers["idempotency-key"].to_str().unwrap().to_owned();
        let before = batches.insert(key, &request.body);
        assert!(
            before.is_none_or(|before| *before == request.body),
            "another batch of the same key"
        );
    }
    let mut held = ReceivedIds::default();
    for body in batches.values() {
        held.add(in_lines(std::str::from_utf8(body).unwrap()));
    }
    held
}

/// The events in the files whose names begin so.
pub fn in_files(folder: &Path, begin: &str) -> ReceivedIds {
    let mut held = ReceivedIds::default();
    for (_, text) in Seen::of(folder).0.iter().filter(|(name, _)| name.starts_with(begin)) {
        held.add(in_lines(text));
    }
    held
}

/// The sight of a folder, by name.
#[derive(Debug, Default)]
pub struct Seen(BTreeMap<String, String>);

impl Seen {
    pub fn of(folder: &Path) -> Seen {
        let mut seen = Seen::default();
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            if name.starts_with('.') {
                continue;
            }
            let bytes = std::fs::read(entry.path()).unwrap();
            let mut text = String::new();
            match name.ends_with(".gz") {
                true => MultiGzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap(),
                false => (&bytes[..]).read_to_string(&mut text).unwrap(),
            };
            assert!(text.is_empty() || text.ends_with('\n'), "{name}: a torn line");
            in_lines(&text).for_each(drop);
            seen.0.insert(name, text);
        }
        seen
    }

    /// Nothing of what was seen before may be gone or elsewhere.
    pub fn must_follow(&self, before: &Seen) {
        for (name, text) in &before.0 {
            let now = self.0.get(name).map_or("", String::as_str);
            assert!(now.starts_with(text), "{name} has changed");
        }
    }
}

/// Partial files that killed runs have left.
pub fn leftovers(folder: &Path) -> usize {
    let names = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    names
        .filter(|name| name.to_str().unwrap().ends_with(".partial"))
        .count()
}
