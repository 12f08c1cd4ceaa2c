//! The stream of the ledger that a run belongs to.
//!
//! A stream is a report, a connection, and the parameters that choose events. A parameter that only says how a report is
//! asked for is no part of it: who adds one goes on with the same stream.

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

/// The stream of a run, and what the ledger knows around it.
#[derive(Debug)]
pub struct FoundStream {
    /// The stream.
    pub stream: Stream,
    /// The stream's record, where there is one.
    pub record: Option<Record>,
    /// Other streams of the same report and connection.
    pub siblings: Vec<Stream>,
    /// Streams of the same report and parameters that are collected from the same URL under another connection's name.
    pub moved: Vec<Stream>,
}

/// Finds a run's stream in the ledger. An older program counted all parameters as part of it: where there are such streams,
/// the one that is least advanced is gone on with, so that nothing is passed over.
///
/// # Errors
///
/// Where the ledger cannot be read.
pub async fn find(
    ledger: &dyn Ledger,
    connection: &str,
    report: &str,
    parameters: &[(String, String)],
    origin: Option<&str>,
) -> Result<FoundStream, LedgerError> {
    let wanted = Stream::new(connection, report, &choosing(report, parameters));
    let (mut records, mut moved) = (Vec::new(), Vec::new());
    for document in ledger.list(Stream::KEYS).await? {
        let record = Record::decode(&document.key, &document.body)?;
        if record.stream.report != report {
            continue;
        }
        let same = || choosing(report, &record.stream.parameters) == wanted.parameters;
        if record.stream.connection == connection {
            records.push(record);
        } else if record.origin.as_deref().is_some_and(|from| Some(from) == origin) && same() {
            moved.push(record.stream);
        }
    }
    let exact = records.iter().position(|record| record.stream == wanted);
    let older = || {
        let same = records.iter().enumerate();
        let same = same.filter(|(_, record)| choosing(report, &record.stream.parameters) == wanted.parameters);
        // One without a watermark has collected nothing.
        let begun = |record: &Record| (record.watermark.is_none(), record.watermark);
        same.min_by_key(|(_, record)| begun(record)).map(|(place, _)| place)
    };
    let record = exact.or_else(older).map(|place| records.remove(place));
    Ok(FoundStream {
        stream: record.as_ref().map_or(wanted, |record| record.stream.clone()),
        record,
        siblings: records.into_iter().map(|record| record.stream).collect(),
        moved,
    })
}

/// True if a stream is that of a run with these parameters: those that choose no events may differ.
pub fn is_meant(stream: &Stream, given: &[(String, String)]) -> bool {
    choosing(&stream.report, &stream.parameters) == choosing(&stream.report, given)
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

    #[tokio::test]
    async fn a_parameter_that_chooses_no_events_makes_no_other_stream() {
        let ledger = MemoryLedger::default();
        put(&ledger, "user-login", &[], "2025-03-31T00:00:00Z").await;
        put(&ledger, "user-login", &[("userlogin", "jdoe")], "2025-03-30T00:00:00Z").await;
        let found = async |parameters: &[(&str, &str)]| {
            let found = find(&ledger, "epm", "user-login", &pairs(parameters), None)
                .await
                .unwrap();
            (
                found.stream.parameters.len(),
                found.record.is_some(),
                found.siblings.len(),
            )
        };
        assert_eq!(found(&[("keep-file", "true"), ("output", "file")]).await, (0, true, 1));
        assert_eq!(
            found(&[("userlogin", "jdoe"), ("keep-file", "true")]).await,
            (1, true, 1)
        );
        assert_eq!(found(&[("userlogin", "other")]).await, (1, false, 2));
        let other = find(&ledger, "epm", "other", &pairs(&[("keep-file", "true")]), None)
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
        let found = find(&ledger, "epm", "user-login", &[], None).await.unwrap();
        assert_eq!(found.stream.parameters, pairs(&[("output", "file")]));
        assert_eq!(found.siblings.len(), 1);
    }
}
