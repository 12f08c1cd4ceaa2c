//! The stream of the ledger that a run belongs to.
//!
//! A stream is what the configuration gives a name to, or a report, a connection, and the parameters that choose events. A parameter
//! that only says how a report is asked for is no part of it: who adds one goes on with the same stream.

use std::collections::BTreeSet;

use jiff::Timestamp;

use ledger::{Ledger, LedgerError, Record, Stream};

/// Parameters of the built-in reports that choose no events, by report. Of another plugin all may.
const NOT_CHOOSING: [(&str, &[&str]); 7] = [
    ("audit-events", &["lag", "sort", "split"]),
    ("group-assignment-audit", &["keep-file"]),
    ("invalid-login", &["keep-file"]),
    // The events are the same by either way.
    ("oci-audit", &["split", "via"]),
    ("role-assignment-audit", &["keep-file"]),
    ("user-audit", &["api", "keep-file"]),
    ("user-login", &["keep-file", "output"]),
];

/// The stream that a run is for, as it was asked for.
#[derive(Debug, Clone, Copy)]
pub struct StreamQuery<'a> {
    /// The name that the configuration gives the stream.
    pub name: Option<&'a str>,
    /// The connection's name.
    pub connection: &'a str,
    /// The report's name.
    pub report: &'a str,
    /// The parameters.
    pub parameters: &'a [(String, String)],
    /// The base URL of the connection, where it is known.
    pub origin: Option<&'a str>,
}

/// The stream of a run, and what the ledger knows around it.
#[derive(Debug)]
pub struct FoundStream {
    /// The stream, as the run has it: what its record says may be older.
    pub stream: Stream,
    /// The stream's record, where there is one.
    pub record: Option<Record>,
    /// Other streams of the same report and connection.
    pub siblings: Vec<Stream>,
    /// Streams of the same report and parameters that are collected from the same URL under another connection's name.
    pub moved: Vec<Stream>,
}

impl FoundStream {
    /// The parameters that chose the stream's events until now, where the run has others.
    pub fn chosen_before(&self) -> Option<Vec<(String, String)>> {
        let before = &self.record.as_ref()?.stream;
        let chosen = choosing(&before.report, &before.parameters);
        (chosen != choosing(&self.stream.report, &self.stream.parameters)).then_some(chosen)
    }
}

/// Finds a run's stream in the ledger: by its name, or by what it is made of. A stream that was collected before it had a name is taken
/// over by the name that is configured for it. An older program counted all parameters as part of a stream: where there are such, the one
/// that is least advanced is gone on with, so that nothing is passed over.
///
/// # Errors
///
/// Where the ledger cannot be read, several streams are meant, or the one that is meant is of another report or retired.
pub async fn find(ledger: &dyn Ledger, query: StreamQuery<'_>) -> Result<FoundStream, LedgerError> {
    let StreamQuery {
        name,
        connection,
        report,
        parameters,
        origin,
    } = query;
    let chosen = choosing(report, parameters);
    let (mut records, mut moved, mut keys) = (Vec::new(), Vec::new(), BTreeSet::new());
    let (mut of_name, mut retired) = (None, None);
    for document in ledger.list(Stream::KEYS).await? {
        let record = Record::decode(&document.key, &document.body)?;
        keys.insert(document.key);
        if name.is_some() && record.stream.name.as_deref() == name {
            of_name = Some(record);
            continue;
        }
        if record.stream.report != report {
            continue;
        }
        let same = || choosing(report, &record.stream.parameters) == chosen;
        if let Some(at) = record.retired {
            let is_asked_for = record.stream.name.is_none() && record.stream.connection == connection && same();
            retired = retired.or(is_asked_for.then(|| (record.stream.arguments(), at)));
            continue;
        }
        if record.stream.connection == connection {
            records.push(record);
        } else if record.origin.as_deref().is_some_and(|from| Some(from) == origin) && same() {
            moved.push(record.stream);
        }
    }
    let record = match (of_name, name) {
        (Some(record), Some(name)) => Some(usable(record, name, report)?),
        (None, Some(_)) => {
            // What has a name of its own is another stream.
            let place = place_of(&records, &chosen, |stream| stream.name.is_none());
            unless_retired(place, retired)?.map(|place| records.remove(place))
        }
        (_, None) => {
            let named: Vec<_> = (records.iter().map(|record| &record.stream))
                .filter(|stream| stream.name.is_some() && choosing(report, &stream.parameters) == chosen)
                .collect();
            if named.len() > 1 {
                return Err(LedgerError::SeveralStreams {
                    asked: format!("{report} @ {connection}"),
                    names: named.iter().filter_map(|stream| stream.name.clone()).collect(),
                });
            }
            let is_named = !named.is_empty();
            let place = place_of(&records, &chosen, |stream| stream.name.is_some() == is_named);
            unless_retired(place, retired)?.map(|place| records.remove(place))
        }
    };
    let stream = match (&record, name) {
        (Some(record), Some(name)) => {
            let stream = record.stream.clone().moved_to(connection, &chosen);
            // What was the same all along stays as it is written.
            let stream = match stream.connection == record.stream.connection && is_meant(&record.stream, &chosen) {
                true => record.stream.clone(),
                false => stream,
            };
            match stream.name.as_deref() == Some(name) {
                true => stream,
                false => stream.with_name(name),
            }
        }
        (Some(record), None) => record.stream.clone(),
        (None, Some(name)) => Stream::named(name, connection, report, &chosen).at_free_place(|key| keys.contains(key)),
        (None, None) => Stream::new(connection, report, &chosen).at_free_place(|key| keys.contains(key)),
    };
    Ok(FoundStream {
        stream,
        record,
        siblings: records.into_iter().map(|record| record.stream).collect(),
        moved,
    })
}

/// The record of a name, where a run of that report may go on with it.
fn usable(record: Record, name: &str, report: &str) -> Result<Record, LedgerError> {
    if let Some(at) = record.retired {
        return Err(LedgerError::Retired {
            name: name.to_owned(),
            at,
        });
    }
    if record.stream.report != report {
        return Err(LedgerError::OtherReport {
            stream: Box::new(record.stream),
            report: report.to_owned(),
        });
    }
    Ok(record)
}

/// The place that was found; where there is none and the stream that is meant was retired, it must not begin anew.
fn unless_retired(place: Option<usize>, retired: Option<(String, Timestamp)>) -> Result<Option<usize>, LedgerError> {
    match (place, retired) {
        (None, Some((name, at))) => Err(LedgerError::Retired { name, at }),
        (place, _) => Ok(place),
    }
}

/// The place of the record among those of a report and connection that these parameters are for: the one that has just these, else the
/// least advanced.
fn place_of(records: &[Record], chosen: &[(String, String)], fits: impl Fn(&Stream) -> bool) -> Option<usize> {
    let fitting = || records.iter().enumerate().filter(|(_, record)| fits(&record.stream));
    let exact = fitting().find(|(_, record)| record.stream.parameters == chosen);
    let older = || {
        let same = fitting().filter(|(_, record)| choosing(&record.stream.report, &record.stream.parameters) == chosen);
        // One without a watermark has collected nothing.
        same.min_by_key(|(_, record)| (record.watermark.is_none(), record.watermark))
    };
    exact.or_else(older).map(|(place, _)| place)
}

/// True if a stream is that of a run with these parameters: those that choose no events may differ.
pub fn is_meant(stream: &Stream, given: &[(String, String)]) -> bool {
    are_same(&stream.report, &stream.parameters, given)
}

/// True where both choose the same events of a report: parameters that choose no events may differ.
pub fn are_same(report: &str, one: &[(String, String)], other: &[(String, String)]) -> bool {
    choosing(report, one) == choosing(report, other)
}

/// The parameters that choose events.
fn choosing(report: &str, parameters: &[(String, String)]) -> Vec<(String, String)> {
    let known = NOT_CHOOSING.iter().find(|(name, _)| *name == report);
    let not_choosing = known.map_or([].as_slice(), |(_, names)| names);
    let chooses = |(name, _): &&(String, String)| !not_choosing.contains(&name.as_str());
    let mut chosen: Vec<_> = parameters.iter().filter(chooses).cloned().collect();
    chosen.sort_by(|a, b| a.0.cmp(&b.0));
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::memory::MemoryLedger;

    fn pairs(parameters: &[(&str, &str)]) -> Vec<(String, String)> {
        let pair = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
        parameters.iter().map(pair).collect()
    }

    async fn put(ledger: &MemoryLedger, report: &str, parameters: &[(&str, &str)], watermark: &str) {
        let mut record = Record::new(Stream::new("epm", report, &pairs(parameters)));
        record.watermark = Some(watermark.parse().unwrap());
        ledger
            .swap(&record.stream.key(), None, record.encode().unwrap())
            .await
            .unwrap();
    }

    async fn keep(ledger: &MemoryLedger, stream: Stream) {
        let record = Record::new(stream);
        let key = record.stream.key();
        ledger.swap(&key, None, record.encode().unwrap()).await.unwrap();
    }

    async fn found(
        ledger: &MemoryLedger,
        name: Option<&str>,
        connection: &str,
        report: &str,
        parameters: &[(&str, &str)],
    ) -> Result<FoundStream, LedgerError> {
        let parameters = pairs(parameters);
        let query = StreamQuery {
            name,
            connection,
            report,
            parameters: &parameters,
            origin: None,
        };
        find(ledger, query).await
    }

    #[tokio::test]
    async fn a_name_keeps_the_place_of_a_stream_whatever_else_changes() {
        let ledger = MemoryLedger::default();
        put(&ledger, "user-login", &[("output", "file")], "2025-03-29T00:00:00Z").await;
        put(&ledger, "user-login", &[("userlogin", "jdoe")], "2025-03-30T00:00:00Z").await;
        let before = found(&ledger, None, "epm", "user-login", &[]).await.unwrap().stream;
        // What was collected before is taken over.
        let taken = found(&ledger, Some("prod"), "epm", "user-login", &[("keep-file", "true")])
            .await
            .unwrap();
        assert_eq!(taken.stream.key(), before.key());
        assert_eq!(
            (taken.stream.name.as_deref(), taken.record.is_some()),
            (Some("prod"), true)
        );
        assert_eq!(taken.chosen_before(), None);
        let new = found(&ledger, Some("new"), "epm", "user-login", &[("userlogin", "x")])
            .await
            .unwrap();
        assert!(new.record.is_none() && new.stream.key() != before.key());

        let ledger = MemoryLedger::default();
        keep(&ledger, taken.stream.clone()).await;
        let moved = found(&ledger, Some("prod"), "epm2", "user-login", &[("userlogin", "x")])
            .await
            .unwrap();
        assert_eq!(
            (moved.stream.key(), moved.stream.connection.as_str()),
            (before.key(), "epm2")
        );
        assert_eq!(moved.stream.parameters, pairs(&[("userlogin", "x")]));
        assert_eq!(moved.chosen_before(), Some(Vec::new()));
        // Without the name it is the same stream.
        let plain = found(&ledger, None, "epm", "user-login", &[]).await.unwrap();
        assert_eq!(plain.stream, taken.stream);
        // Its place is its own also where another could have had it.
        let elsewhere = MemoryLedger::default();
        keep(&elsewhere, moved.stream.clone()).await;
        let other = found(&elsewhere, None, "epm", "user-login", &[("output", "file")])
            .await
            .unwrap();
        assert!(other.record.is_none());
        assert_ne!(other.stream.key(), before.key());
    }

    #[tokio::test]
    async fn what_a_name_cannot_go_on_with_is_refused() {
        let ledger = MemoryLedger::default();
        keep(&ledger, Stream::named("a", "epm", "user-login", &[])).await;
        let other = found(&ledger, Some("a"), "epm", "user-audit", &[]).await;
        assert!(matches!(other, Err(LedgerError::OtherReport { .. })), "{other:?}");
        keep(&ledger, Stream::named("b", "epm", "user-login", &[])).await;
        let several = found(&ledger, None, "epm", "user-login", &[]).await.unwrap_err();
        assert!(several.to_string().contains("a, b"), "{several}");
        let mut retired = Record::new(Stream::named("c", "epm", "user-audit", &[]));
        retired.retired = Some("2025-03-31T00:00:00Z".parse().unwrap());
        let body = retired.encode().unwrap();
        ledger.swap(&retired.stream.key(), None, body).await.unwrap();
        let error = found(&ledger, Some("c"), "epm", "user-audit", &[]).await.unwrap_err();
        assert!(matches!(error, LedgerError::Retired { .. }), "{error}");
        let new = found(&ledger, None, "epm", "user-audit", &[]).await.unwrap();
        assert!(new.record.is_none());
        // What was retired before it had a name begins anew under none.
        let mut retired = Record::new(Stream::new("epm", "invalid-login", &[]));
        retired.retired = Some("2025-03-31T00:00:00Z".parse().unwrap());
        let body = retired.encode().unwrap();
        ledger.swap(&retired.stream.key(), None, body).await.unwrap();
        for name in [None, Some("d")] {
            let error = found(&ledger, name, "epm", "invalid-login", &[]).await.unwrap_err();
            assert!(matches!(error, LedgerError::Retired { .. }), "{error}");
        }
    }

    #[tokio::test]
    async fn a_parameter_that_chooses_no_events_makes_no_other_stream() {
        let ledger = MemoryLedger::default();
        put(&ledger, "user-login", &[], "2025-03-31T00:00:00Z").await;
        put(&ledger, "user-login", &[("userlogin", "jdoe")], "2025-03-30T00:00:00Z").await;
        let counts = async |parameters: &[(&str, &str)]| {
            let found = found(&ledger, None, "epm", "user-login", parameters).await.unwrap();
            (
                found.stream.parameters.len(),
                found.record.is_some(),
                found.siblings.len(),
            )
        };
        assert_eq!(counts(&[("keep-file", "true"), ("output", "file")]).await, (0, true, 1));
        assert_eq!(
            counts(&[("userlogin", "jdoe"), ("keep-file", "true")]).await,
            (1, true, 1)
        );
        assert_eq!(counts(&[("userlogin", "other")]).await, (1, false, 2));
        let other = found(&ledger, None, "epm", "other", &[("keep-file", "true")])
            .await
            .unwrap();
        assert_eq!((other.stream.parameters.len(), other.siblings.len()), (1, 0));
    }

    #[test]
    fn a_run_s_own_parameters_name_its_stream() {
        let stream = |report, parameters| Stream::new("epm", report, &pairs(parameters));
        let given = pairs(&[("userlogin", "jdoe"), ("keep-file", "true")]);
        assert!(is_meant(&stream("user-login", &[("userlogin", "jdoe")]), &given));
        assert!(is_meant(&stream("user-login", &[]), &pairs(&[("output", "file")])));
        assert!(!is_meant(&stream("user-login", &[]), &given));
        assert!(!is_meant(&stream("user-login", &[("userlogin", "other")]), &given));
        assert!(!is_meant(&stream("other", &[("userlogin", "jdoe")]), &given));
    }

    #[tokio::test]
    async fn a_stream_of_an_older_program_is_gone_on_with_from_the_least_advanced() {
        let ledger = MemoryLedger::default();
        put(&ledger, "user-login", &[("keep-file", "true")], "2025-03-31T00:00:00Z").await;
        put(&ledger, "user-login", &[("output", "file")], "2025-03-29T00:00:00Z").await;
        let found = found(&ledger, None, "epm", "user-login", &[]).await.unwrap();
        assert_eq!(found.stream.parameters, pairs(&[("output", "file")]));
        assert_eq!(found.siblings.len(), 1);
    }
}
