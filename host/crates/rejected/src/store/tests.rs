use super::*;
use crate::{RowPeriod, SourceDocument};
use event::samples;
use rusqlite::Connection;

fn origin(from: i64, to: i64) -> RowOrigin {
    RowOrigin {
        provenance: samples::epm(),
        ids_of: None,
        source: Some("https://epm.example".into()),
        parameters: vec![("a".into(), "b".into())],
        run_id: "run".into(),
        plugin: PluginIdentity {
            asked: "./mine.wasm".into(),
            version: "1".into(),
            sha256: "aa".into(),
        },
        document: SourceDocument {
            fetch: 0,
            file: Some("r.csv".into()),
            job: Some("7".into()),
            window: "host-r-1".into(),
        },
        window: RowPeriod { from, to },
        now: to,
    }
}

fn row(line: u64, before: u64, raw: &[u8]) -> NewRow {
    NewRow {
        line,
        before,
        reason: "unknown time format".into(),
        raw: raw.into(),
        whole: true,
    }
}

/// The store in a file, as large as it may be unless told otherwise.
fn at(path: &Path) -> RejectedRows {
    RejectedRows::new(RejectedOptions {
        path: Some(path.to_owned()),
        ..RejectedOptions::default()
    })
}

fn store(options: RejectedOptions) -> (tempfile::TempDir, RejectedRows) {
    let folder = tempfile::tempdir().unwrap();
    let store = RejectedRows::new(RejectedOptions {
        path: Some(folder.path().join("a").join("rejected.db")),
        ..options
    });
    (folder, store)
}

fn add(store: &RejectedRows, stream: &str, window: (i64, i64), rows: &[NewRow]) -> Added {
    let origin = origin(window.0, window.1);
    store
        .add(stream, &origin, b"head\n", rows, Timestamp::UNIX_EPOCH)
        .unwrap()
}

fn all() -> RejectedSelection {
    RejectedSelection::default()
}

#[cfg(target_os = "linux")]
#[test]
fn whoever_looks_at_the_rows_leaves_this_process_its_locks() {
    let (_folder, store) = store(RejectedOptions::default());
    let path = store.path().unwrap().to_owned();
    add(&store, "s", (0, 10), &[row(2, 0, b"a")]);
    assert!(base::database::is_locked(&path).unwrap());
    let claim = store.claim().unwrap();
    store.count(&all()).unwrap();
    let other = at(&path);
    add(&other, "s", (0, 10), &[row(3, 0, b"b")]);
    drop((other, claim));
    assert!(base::database::is_locked(&path).unwrap());
}

#[test]
fn a_row_comes_back_as_it_went_in_after_the_file_was_closed() {
    let (_folder, store) = store(RejectedOptions::default());
    let path = store.path().unwrap().to_owned();
    add(&store, "s", (0, 10), &[row(2, 0, b"a\xff,b"), row(3, 0, b"c")]);
    drop(store);

    let store = at(&path);
    let read = store.read(&all(), 0, 10).unwrap();
    assert_eq!(read.len(), 2);
    assert_eq!(
        (read[0].raw.as_slice(), read[0].preamble.as_slice()),
        (&b"a\xff,b"[..], &b"head\n"[..])
    );
    assert_eq!(read[0].origin, origin(0, 10));
    let entry = &read[1].entry;
    assert_eq!(
        (entry.line, entry.bytes, entry.whole, entry.times_rejected),
        (3, 1, true, 1)
    );
    assert_eq!(store.list(&all(), 10).unwrap()[1], *entry);
    assert_eq!(store.read(&all(), read[0].entry.number, 10).unwrap().len(), 1);
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
    assert_eq!(mode & 0o077, 0, "others may not read it");
}

#[test]
fn a_row_is_kept_once_however_often_its_window_is_read_and_identical_rows_are_two() {
    let (_folder, store) = store(RejectedOptions::default());
    let rows = [row(2, 0, b"x"), row(3, 1, b"x"), row(4, 0, b"y")];
    for _ in 0..2 {
        assert_eq!(add(&store, "s", (0, 10), &rows), Added { kept: 3, refused: 0 });
    }
    // The open day, asked for again when it is longer.
    add(&store, "s", (0, 20), &rows);
    assert_eq!(store.count(&all()).unwrap(), 3);
    // Another period or another stream has rows of its own.
    add(&store, "s", (20, 30), &rows);
    add(&store, "other", (0, 10), &rows);
    assert_eq!(store.count(&all()).unwrap(), 9);
    // So has an instant.
    add(&store, "s", (40, 40), &rows);
    add(&store, "s", (40, 40), &rows);
    assert_eq!(store.count(&all()).unwrap(), 12);
}

#[test]
fn what_does_not_fit_is_refused_and_counted_and_room_comes_back() {
    let (_folder, store) = store(RejectedOptions {
        rows: 2,
        ..RejectedOptions::default()
    });
    let rows: Vec<_> = (0..5).map(|line| row(line, 0, line.to_string().as_bytes())).collect();
    assert_eq!(add(&store, "s", (0, 10), &rows), Added { kept: 2, refused: 3 });
    assert_eq!(store.remove(&all()).unwrap(), 2);
    assert_eq!(add(&store, "s", (0, 10), &rows[3..]), Added { kept: 2, refused: 0 });

    let (_folder, store) = self::store(RejectedOptions {
        bytes: 7 + 2 * 19,
        ..RejectedOptions::default()
    });
    // The preamble counts too, and `unknown time format`, their reason.
    assert_eq!(add(&store, "s", (0, 10), &rows), Added { kept: 2, refused: 3 });
    assert_eq!(add(&store, "s", (0, 10), &[row(9, 0, b"much too long")]).refused, 1);
    store.remove(&all()).unwrap();
    let opened = store.store.open().unwrap();
    let bytes: i64 = (opened.as_ref().unwrap())
        .query_row("SELECT bytes FROM total", [], |row| row.get(0))
        .unwrap();
    assert_eq!(bytes, 0, "a preamble goes with its last row");
}

#[test]
fn what_is_dropped_is_no_longer_in_the_file() {
    let (folder, store) = store(RejectedOptions::default());
    let name = "canary@example.com".repeat(400);
    add(&store, "s", (0, 10), &[row(2, 0, name.as_bytes())]);
    let path = store.path().unwrap().to_owned();
    drop(store);
    let holds = || {
        let content = std::fs::read(&path).unwrap();
        content.windows(6).any(|part| part == b"canary")
    };
    assert!(holds());
    at(&path).remove(&all()).unwrap();
    assert!(!holds());
    let files = std::fs::read_dir(folder.path().join("a")).unwrap().count();
    assert_eq!(files, 1, "no log of what was there");
}

#[test]
fn a_vain_replay_leaves_its_reason_and_plugin() {
    let (_folder, store) = store(RejectedOptions::default());
    add(&store, "s", (0, 10), &[row(2, 0, b"x"), row(3, 0, b"y")]);
    let newer = PluginIdentity {
        version: "2".into(),
        ..origin(0, 0).plugin
    };
    store.note(&newer, &[(1, "still odd".into())]).unwrap();
    let entries = store.list(&all(), 10).unwrap();
    let seen: Vec<_> = (entries.iter())
        .map(|entry| {
            (
                entry.reason.as_str(),
                entry.plugin.version.as_str(),
                entry.times_rejected,
            )
        })
        .collect();
    assert_eq!(seen, [("still odd", "2", 2), ("unknown time format", "1", 1)]);
}

#[test]
fn rows_are_selected_by_report_connection_and_number() {
    let (_folder, store) = store(RejectedOptions::default());
    add(&store, "s", (0, 10), &[row(2, 0, b"x"), row(3, 0, b"y")]);
    let of = |report: &str| RejectedSelection {
        report: Some(report.into()),
        ..all()
    };
    let report = samples::epm().report;
    assert_eq!(store.count(&of(&report)).unwrap(), 2);
    assert_eq!(store.count(&of("'; DROP TABLE row; --")).unwrap(), 0);
    let one = RejectedSelection {
        numbers: vec![2],
        connection: Some(samples::epm().connection),
        ..of(&report)
    };
    assert_eq!(store.remove(&one).unwrap(), 1);
    assert_eq!(store.count(&all()).unwrap(), 1);
}

#[test]
fn the_same_row_of_a_namesake_of_its_stream_is_another_row() {
    let (_folder, store) = store(RejectedOptions::default());
    let rows = [row(2, 0, b"a")];
    let mut from = origin(0, 10);
    for source in [
        Some("https://a.example"),
        Some("https://b.example"),
        None,
        Some("https://a.example"),
    ] {
        from.source = source.map(str::to_owned);
        store.add("s", &from, b"head\n", &rows, Timestamp::UNIX_EPOCH).unwrap();
    }
    let group = |source: Option<&str>| RejectedGroup {
        source: source.map(str::to_owned),
        rows: 1,
    };
    let all = [None, Some("https://a.example"), Some("https://b.example")].map(group);
    assert_eq!(store.groups(&RejectedSelection::default()).unwrap(), all);
    let except = RejectedSelection {
        except: vec!["https://b.example".into()],
        ..RejectedSelection::default()
    };
    assert_eq!(store.groups(&except).unwrap(), all[..2]);
    assert_eq!((store.count(&except).unwrap(), store.remove(&except).unwrap()), (2, 2));
    assert_eq!(store.count(&RejectedSelection::default()).unwrap(), 1);
}

#[test]
fn a_store_without_rows_has_no_file_and_the_dead_letters_are_not_taken_for_it() {
    let (folder, store) = store(RejectedOptions::default());
    assert_eq!(store.count(&all()).unwrap(), 0);
    assert_eq!(store.remove(&all()).unwrap(), 0);
    assert!(store.claim().unwrap().is_none());
    assert!(!store.path().unwrap().exists());
    assert!(RejectedRows::new(RejectedOptions::default()).need_place().is_err());

    let path = folder.path().join("letters.db");
    let other = Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE letter (x)").unwrap();
    drop(other);
    let error = at(&path).count(&all()).unwrap_err();
    assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
}
