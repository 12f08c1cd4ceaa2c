//! The store, told from outside: what is kept, selected, bounded and refused.

use super::*;
use base::store::StoreError;
use event::{Activity, Event, Outcome, samples};

fn event(id: &str) -> Event {
    Event {
        id: Some(id.into()),
        ..samples::full(Activity::Logon, Outcome::Failure)
    }
}

fn add(store: &DeadLetters, sink: &str, events: &[Event], reason: &str) -> Result<(), DeadLetterError> {
    let letters: Vec<_> = events
        .iter()
        .map(|event| Undelivered {
            event: event.clone(),
            reason: reason.to_owned(),
            first_attempt: Timestamp::UNIX_EPOCH,
            last_attempt: Timestamp::UNIX_EPOCH,
            attempts: 1,
        })
        .collect();
    store.add((sink, Some("there")), "run", &samples::epm(), &letters)
}

#[test]
fn a_letter_comes_back_as_it_went_in_after_the_file_was_closed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a").join("letters.db");
    add(&DeadLetters::at(&path), "siem", &[event("1"), event("2")], "down").unwrap();

    let store = DeadLetters::at(&path);
    let read = store.read(&DeadLetterSelection::default(), 0, 10).unwrap();
    assert_eq!(read.len(), 2);
    assert_eq!(read[0].event, event("1"));
    assert_eq!(read[0].provenance, samples::epm());
    assert_eq!(
        (read[0].entry.sink.as_str(), read[0].entry.reason.as_str()),
        ("siem", "down")
    );
    assert_eq!(
        store
            .read(&DeadLetterSelection::default(), read[0].entry.number, 10)
            .unwrap()
            .len(),
        1
    );
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
    assert_eq!(mode & 0o077, 0, "others may not read it");
}

#[test]
fn an_event_is_kept_once_a_sink_with_its_attempts_added_up() {
    let folder = tempfile::tempdir().unwrap();
    let store = DeadLetters::at(folder.path().join("x.db"));
    add(&store, "a", &[event("1")], "first").unwrap();
    add(&store, "a", &[event("1")], "second").unwrap();
    add(&store, "b", &[event("1")], "first").unwrap();
    let entries = store.list(&DeadLetterSelection::default(), 10).unwrap();
    let seen: Vec<_> = entries
        .iter()
        .map(|entry| (entry.sink.as_str(), entry.reason.as_str(), entry.attempts))
        .collect();
    assert_eq!(seen, [("a", "second", 2), ("b", "first", 1)]);
}

#[test]
fn events_of_one_id_that_say_different_things_are_letters_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let store = DeadLetters::at(folder.path().join("x.db"));
    let events: Vec<_> = (0..5).map(|time| Event { time, ..event("same") }).collect();
    add(&store, "a", &events, "first").unwrap();
    assert_eq!(store.count(&DeadLetterSelection::default()).unwrap(), 5);
    // What was read back is the letter that it was.
    let read = store.read(&DeadLetterSelection::default(), 0, 10).unwrap();
    let read: Vec<_> = read.into_iter().map(|letter| letter.event).collect();
    assert_eq!(read, events);
    add(&store, "a", &read, "second").unwrap();
    let entries = store.list(&DeadLetterSelection::default(), 10).unwrap();
    assert_eq!(entries.len(), 5);
    assert!(entries.iter().all(|entry| entry.times_kept == 2));
}

#[cfg(target_os = "linux")]
#[test]
fn whoever_looks_at_the_letters_leaves_this_process_its_locks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    let store = DeadLetters::at(&path);
    add(&store, "a", &[event("1")], "x").unwrap();
    assert!(base::database::is_locked(&path).unwrap());
    // As the claim of a replay, a list, and what a sink refuses again meanwhile.
    let claim = store.claim().unwrap();
    store.sinks().unwrap();
    assert!(base::database::is_locked(&path).unwrap());
    let other = DeadLetters::at(&path);
    other.sinks().unwrap();
    add(&other, "b", &[event("2")], "x").unwrap();
    drop((other, claim));
    assert!(base::database::is_locked(&path).unwrap());
}

#[test]
fn one_holder_at_a_time_claims_the_letters_whatever_name_leads_to_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    let store = DeadLetters::at(&path);
    assert!(store.claim().unwrap().is_none());
    add(&store, "a", &[event("1")], "x").unwrap();
    let link = folder.path().join("y.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let claim = store.claim().unwrap();
    for path in [&path, &link] {
        let error = DeadLetters::at(path).claim().unwrap_err();
        assert!(
            matches!(error, DeadLetterError::Store(StoreError::Claimed { .. })),
            "{error}"
        );
    }
    drop(claim);
    assert!(store.claim().unwrap().is_some());
}

#[test]
fn what_does_not_fit_is_refused_as_a_whole_and_room_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let options = DeadLetterOptions {
        events: 2,
        ..DeadLetterOptions::default()
    };
    let store = DeadLetters::new(DeadLetterOptions {
        path: Some(folder.path().join("x.db")),
        ..options
    });
    add(&store, "a", &[event("1")], "x").unwrap();
    let error = add(&store, "a", &[event("2"), event("3")], "x").unwrap_err();
    let said = error.to_string();
    assert!(
        said.contains("no room for 2 more events") && said.contains("holds 1 of at most 2 events"),
        "{said}"
    );
    assert_eq!(store.count(&DeadLetterSelection::default()).unwrap(), 1);
    store.remove(&DeadLetterSelection::default()).unwrap();
    add(&store, "a", &[event("2"), event("3")], "x").unwrap();

    let options = DeadLetterOptions {
        bytes: 10,
        ..DeadLetterOptions::default()
    };
    let store = DeadLetters::new(DeadLetterOptions {
        path: Some(folder.path().join("y.db")),
        ..options
    });
    assert!(matches!(
        add(&store, "a", &[event("1")], "x"),
        Err(DeadLetterError::Full { .. })
    ));
}

#[test]
fn reasons_are_cut_and_count_and_a_letter_that_is_there_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    let event_bytes = (json(&event("1")).unwrap().len() + 1) as u64;
    let options = DeadLetterOptions {
        bytes: event_bytes + 100,
        ..DeadLetterOptions::default()
    };
    let store = DeadLetters::new(DeadLetterOptions {
        path: Some(path.clone()),
        ..options
    });
    assert!(matches!(
        add(&store, "a", &[event("1")], &"x".repeat(101)),
        Err(DeadLetterError::Full { .. })
    ));
    add(&store, "a", &[event("1")], &"x".repeat(90)).unwrap();
    assert_eq!(store.fill().unwrap().bytes, event_bytes + 90);
    // A replay in vain finds no room for its longer reason.
    add(&store, "a", &[event("1")], &"y".repeat(101)).unwrap();
    let entries = store.list(&DeadLetterSelection::default(), 10).unwrap();
    assert_eq!((entries[0].times_kept, entries[0].reason.len()), (2, 90));
    add(&store, "a", &[event("1")], &"z".repeat(100)).unwrap();
    assert_eq!(store.fill().unwrap().bytes, event_bytes + 100);
    store.remove(&DeadLetterSelection::default()).unwrap();
    assert_eq!(store.fill().unwrap().bytes, 0);

    let store = DeadLetters::at(&path);
    add(&store, "a", &[event("1")], &"ä".repeat(1 << 20)).unwrap();
    assert_eq!(
        store.list(&DeadLetterSelection::default(), 10).unwrap()[0].reason.len(),
        REASON_BYTES
    );
}

#[test]
fn letters_are_selected_by_sink_report_and_number() {
    let folder = tempfile::tempdir().unwrap();
    let store = DeadLetters::at(folder.path().join("x.db"));
    add(&store, "a", &[event("1"), event("2")], "x").unwrap();
    add(&store, "b'; DROP TABLE letter; --", &[event("1")], "x").unwrap();
    let of = |sink: &str| DeadLetterSelection {
        sink: Some(sink.into()),
        ..DeadLetterSelection::default()
    };
    assert_eq!(store.count(&of("a")).unwrap(), 2);
    assert_eq!(store.count(&of("b'; DROP TABLE letter; --")).unwrap(), 1);
    let numbers = DeadLetterSelection {
        numbers: vec![2],
        ..of("a")
    };
    assert_eq!(store.remove(&numbers).unwrap(), 1);
    assert_eq!(store.count(&of("a")).unwrap(), 1);
}

#[test]
fn a_store_without_letters_has_no_file_and_another_database_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    let store = DeadLetters::at(&path);
    assert_eq!(store.count(&DeadLetterSelection::default()).unwrap(), 0);
    assert!(!path.exists());

    let other = Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE mine (x)").unwrap();
    drop(other);
    let before = std::fs::read(&path).unwrap();
    let error = add(&store, "a", &[event("1")], "x").unwrap_err();
    assert!(
        matches!(error, DeadLetterError::Store(StoreError::Foreign { .. })),
        "{error}"
    );
    assert_eq!(std::fs::read(&path).unwrap(), before);

    std::fs::write(&path, "no database at all, but long enough to be looked at").unwrap();
    let store = DeadLetters::at(&path);
    assert!(matches!(
        add(&store, "a", &[event("1")], "x"),
        Err(DeadLetterError::Store(StoreError::Database { .. }))
    ));
}

#[test]
fn a_later_version_s_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    add(&DeadLetters::at(&path), "a", &[event("1")], "x").unwrap();
    Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    let error = DeadLetters::at(&path)
        .count(&DeadLetterSelection::default())
        .unwrap_err();
    assert!(error.to_string().contains("version 99"), "{error}");
}
