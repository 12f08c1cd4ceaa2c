//! Whatever was written is read back, and written again it is the same.

use std::fs::File;
use std::io::Write as _;
use std::sync::Arc;

use event::{Activity, Encoding, Event, Outcome, Provenance, id::Ids, samples};
use proptest::prelude::*;
use sink::{Compression, Format, Renderer};

use crate::{ArchiveReadError, ArchiveReader, ArchivedRecord, DecodedEvent, EventDecoder, IdOrigin, Unreadable};

fn file(content: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(content).unwrap();
    file
}

fn rendered(format: Format, encoding: Encoding, events: &[Event], provenance: &Provenance) -> Vec<u8> {
    let mut renderer = Renderer::new(format, encoding, Arc::new(provenance.clone()));
    let mut out = Vec::new();
    renderer.render(events, &mut out).unwrap();
    renderer.finish(&mut out).unwrap();
    out
}

fn records(content: &[u8]) -> Result<Vec<ArchivedRecord>, ArchiveReadError> {
    ArchiveReader::new("x", file(content))?.collect()
}

fn decoded(content: &[u8], decoder: &EventDecoder) -> Vec<Result<DecodedEvent, Unreadable>> {
    records(content)
        .unwrap()
        .iter()
        .map(|record| decoder.decode(record))
        .collect()
}

fn formats() -> Vec<Format> {
    let all = [Format::Ndjson, Format::Csv, Format::Parquet];
    all.into_iter().filter(|format| format.need_built().is_ok()).collect()
}

/// One event of each activity and outcome, whole, sparse and of a request.
fn all() -> Vec<Event> {
    let mut events = Vec::new();
    for activity in Activity::ALL {
        for outcome in Outcome::ALL {
            let mut call = samples::full(activity, outcome);
            call.attributes.extend(samples::request());
            call.code = Some("200".into());
            call.actor = None;
            events.extend([
                samples::full(activity, outcome),
                samples::sparse(activity, outcome),
                call,
            ]);
        }
    }
    events
}

#[test]
fn every_activity_is_read_back_from_every_form() {
    for provenance in [samples::domain(), samples::epm()] {
        for encoding in Encoding::ALL {
            for format in formats() {
                let content = rendered(format, encoding, &all(), &provenance);
                let read = decoded(&content, &EventDecoder::default());
                let events: Vec<Event> = (read.into_iter())
                    .map(|read| read.unwrap_or_else(|error| panic!("{encoding} {format}: {error}")))
                    .map(|decoded| {
                        assert_eq!(decoded.provenance.report, provenance.report);
                        assert_eq!(decoded.provenance.connection, provenance.connection);
                        assert_eq!(decoded.provenance.tenant, provenance.tenant);
                        assert_eq!(decoded.provenance.product, provenance.product);
                        decoded.event
                    })
                    .collect();
                assert_eq!(events.len(), all().len());
                assert!(
                    rendered(format, encoding, &events, &provenance) == content,
                    "{encoding} {format}"
                );
            }
        }
    }
}

#[test]
fn compressed_files_are_told_by_their_content() {
    let events = [samples::full(Activity::Logon, Outcome::Failure)];
    let plain = rendered(Format::Ndjson, Encoding::Ocsf, &events, &samples::domain());
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let content = compression.compress(plain.clone()).unwrap();
        // Files that grow have several members or frames.
        assert_eq!(
            records(&[content.clone(), content].concat()).unwrap().len(),
            2,
            "{compression:?}"
        );
    }
    assert_eq!(records(b"").unwrap().len(), 0);
}

#[test]
fn derived_ids_are_known_again_and_prove_what_the_encoding_does_not_tell() {
    let provenance = samples::epm();
    let decoder = EventDecoder::default();
    for encoding in Encoding::ALL {
        let mut ids = Ids::new(&provenance.report, &provenance.connection);
        let mut event = samples::sparse(Activity::ApplicationAccess, Outcome::Success);
        event.action = Some("opened".into());
        let mut twice = [event.clone(), event];
        twice.iter_mut().for_each(|event| ids.assign(event).unwrap());
        let content = rendered(Format::Ndjson, encoding, &twice, &provenance);
        for (read, event) in decoded(&content, &decoder).into_iter().zip(twice) {
            let read = read.unwrap();
            assert_eq!(read.event, event, "{encoding}");
            assert!(Encoding::ALL.into_iter().all(|encoding| read.is_certain_in(encoding)));
        }
    }
}

#[test]
fn an_event_that_could_be_another_is_certain_only_where_that_does_not_show() {
    let mut event = samples::full(Activity::AccountLock, Outcome::Success);
    event.id = Some("evt-1".into());
    let content = rendered(Format::Ndjson, Encoding::Ecs, &[event], &samples::domain());
    let read = decoded(&content, &EventDecoder::default()).remove(0).unwrap();
    assert!(read.is_certain_in(Encoding::Ecs));
    assert!(!read.is_certain_in(Encoding::Ocsf));
    assert!(!read.is_certain_in(Encoding::Event));
}

#[test]
fn whether_an_id_of_an_unknown_report_is_the_source_s_must_be_said() {
    let event = samples::full(Activity::Logon, Outcome::Success);
    let provenance = Provenance::new("okta-log", "okta", "okta.example.com", samples::domain().product);
    let content = rendered(Format::Ndjson, Encoding::Event, &[event], &provenance);
    let read = |ids| decoded(&content, &EventDecoder::default().with_ids(ids)).remove(0);
    assert!(matches!(read(None), Err(Unreadable::Id { .. })));
    assert!(!read(Some(IdOrigin::Source)).unwrap().event.id_is_derived);
    assert!(read(Some(IdOrigin::Derived)).unwrap().event.id_is_derived);
}

#[test]
fn a_record_that_was_changed_is_no_event() {
    let event = samples::full(Activity::Logon, Outcome::Failure);
    for encoding in Encoding::ALL {
        for format in [Format::Ndjson, Format::Csv] {
            let content = rendered(format, encoding, std::slice::from_ref(&event), &samples::domain());
            let text = String::from_utf8(content).unwrap();
            // It is said twice in each encoding, or is no outcome.
            for (from, to) in [("Failure", "Success"), ("failure", "failed")] {
                let changed = text.replacen(from, to, 1);
                if changed != text && !changed.contains("sso.authentication.failed") {
                    let read = decoded(changed.as_bytes(), &EventDecoder::default()).remove(0);
                    assert!(read.is_err(), "{encoding} {format}: {changed}");
                }
            }
        }
    }
}

#[test]
fn a_member_that_nobody_writes_is_told_by_its_name() {
    let event = samples::full(Activity::Logon, Outcome::Failure);
    for encoding in Encoding::ALL {
        let content = rendered(
            Format::Ndjson,
            encoding,
            std::slice::from_ref(&event),
            &samples::domain(),
        );
        let text = String::from_utf8(content).unwrap().replacen('{', "{\"added\":1,", 1);
        let read = decoded(text.as_bytes(), &EventDecoder::default()).remove(0);
        let expected = Unreadable::Different { member: "added".into() };
        assert_eq!(read.unwrap_err(), expected, "{encoding}");
    }
}

#[test]
fn flat_events_of_earlier_versions_are_read() {
    let mut event = samples::full(Activity::Logon, Outcome::Failure);
    (event.collected, event.correlation) = (None, None);
    let mut provenance = samples::domain();
    provenance.tenant = None;
    for format in [Format::Ndjson, Format::Csv] {
        let content = rendered(format, Encoding::Event, std::slice::from_ref(&event), &provenance);
        let text = String::from_utf8(content).unwrap();
        let old = match format {
            Format::Csv => text
                .replace(",tenant,collected,correlation_uid,vendor,product", "")
                .replace(",,,,Oracle,Oracle Identity Domain", ""),
            _ => text.replace(
                r#","tenant":null,"collected":null,"correlation_uid":null,"vendor":"Oracle","product":"Oracle Identity Domain""#,
                "",
            ),
        };
        assert_ne!(old, text);
        let read = decoded(old.as_bytes(), &EventDecoder::default()).remove(0).unwrap();
        assert_eq!(read.provenance.product, provenance.product);
        assert_eq!(read.event.subject, event.subject);
    }
}

#[test]
fn files_of_others_are_told_from_ours() {
    for content in ["a,b\n1,2\n", "time,class_uid,activity_id,own\n1,2,3,4\n", "hello\n"] {
        let error = records(content.as_bytes()).unwrap_err();
        assert!(matches!(error, ArchiveReadError::Foreign { .. }), "{content}: {error}");
    }
    for content in ["{}\n", "{\"a\":1}\n", "{\"class_uid\":1,\"activity_id\":1}\n", "{\n"] {
        assert!(
            decoded(content.as_bytes(), &EventDecoder::default()).remove(0).is_err(),
            "{content}"
        );
    }
}

#[test]
fn a_file_that_ends_within_a_record_is_not_complete() {
    let events = [
        samples::full(Activity::Logon, Outcome::Failure),
        samples::full(Activity::Logoff, Outcome::Success),
    ];
    for format in formats() {
        for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
            if format == Format::Parquet && compression != Compression::None {
                continue;
            }
            let whole = rendered(format, Encoding::Event, &events, &samples::domain());
            let whole = compression.compress(whole).unwrap();
            let cut = &whole[..whole.len() - 5];
            let read = ArchiveReader::new("x", file(cut)).and_then(|reader| reader.collect::<Result<Vec<_>, _>>());
            assert!(
                matches!(read, Err(ArchiveReadError::Incomplete { .. })),
                "{format} {compression:?}: {read:?}"
            );
        }
    }
}

#[test]
fn what_stands_before_the_end_of_a_growing_file_is_read() {
    let events = [samples::full(Activity::Logon, Outcome::Failure)];
    let whole = rendered(Format::Ndjson, Encoding::Ecs, &events, &samples::domain());
    let growing = [&whole[..], &whole[..whole.len() / 2]].concat();
    let mut reader = ArchiveReader::new("x", file(&growing)).unwrap();
    assert!(EventDecoder::default().decode(&reader.next().unwrap().unwrap()).is_ok());
    assert!(matches!(
        reader.next(),
        Some(Err(ArchiveReadError::Incomplete { records: 1, .. }))
    ));
    assert!(reader.next().is_none());
}

proptest! {
    #[test]
    fn any_event_is_read_back_from_its_line(event in samples::event(), provenance in samples::provenance()) {
        for encoding in Encoding::ALL {
            let mut line = Vec::new();
            encoding.write(&event, &provenance, &mut line);
            line.push(b'\n');
            let read = decoded(&line, &EventDecoder::default().with_ids(Some(IdOrigin::Source))).remove(0);
            let read = read.map_err(|error| TestCaseError::fail(format!("{encoding}: {error}")))?;
            let mut again = Vec::new();
            encoding.write(&read.event, &read.provenance, &mut again);
            again.push(b'\n');
            prop_assert_eq!(String::from_utf8(again).unwrap(), String::from_utf8(line).unwrap());
            prop_assert_eq!(&read.event.id, &event.id);
        }
    }

    /// An empty cell of CSV may be an empty text or none: where that makes another event, it is said.
    #[test]
    fn any_event_is_read_back_from_its_columns_or_refused(event in samples::event(), provenance in samples::provenance()) {
        for encoding in Encoding::ALL {
            for format in formats().into_iter().filter(|format| *format != Format::Ndjson) {
                let content = rendered(format, encoding, std::slice::from_ref(&event), &provenance);
                let read = decoded(&content, &EventDecoder::default().with_ids(Some(IdOrigin::Source))).remove(0);
                match read {
                    Ok(read) => {
                        let again = rendered(format, encoding, &[read.event], &read.provenance);
                        prop_assert!(again == content, "{} {}", encoding, format);
                    }
                    Err(error) => prop_assert!(format == Format::Csv, "{}: {}", encoding, error),
                }
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic(content in proptest::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(reader) = ArchiveReader::new("x", file(&content)) {
            for record in reader.map_while(Result::ok) {
                let _ = EventDecoder::default().decode(&record);
            }
        }
    }
}
