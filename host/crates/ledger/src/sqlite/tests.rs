//! The ledger as a file: other processes, other programs' files, damage, rights.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

#[tokio::test]
async fn what_was_written_is_there_for_the_next_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b/ledger.db");
    let revision = {
        let ledger = SqliteLedger::open(&path).unwrap();
        ledger.swap("stream.a", None, "{}".into()).await.unwrap()
    };
    let ledger = SqliteLedger::open(&path).unwrap();
    assert_eq!(ledger.load("stream.a").await.unwrap().unwrap().revision, revision);
    assert!(ledger.swap("stream.a", Some(revision), "[]".into()).await.unwrap() > revision);
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let settings = ledger
        .work(|connection| {
            let journal: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
            let synchronous: i64 = connection.pragma_query_value(None, "synchronous", |row| row.get(0))?;
            Ok((journal, synchronous))
        })
        .await
        .unwrap();
    assert_eq!(settings, ("wal".to_owned(), 2));
}

#[test]
fn those_who_make_a_ledger_at_the_same_moment_all_get_it() {
    for _ in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        std::thread::scope(|scope| {
            let openers: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| SqliteLedger::open(&path).map(drop)))
                .collect();
            for opener in openers {
                opener.join().unwrap().unwrap();
            }
        });
    }
}

#[cfg(target_os = "linux")]
#[test]
fn whoever_opens_the_ledger_again_leaves_this_process_its_locks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let _ledger = SqliteLedger::open(&path).unwrap();
    assert!(database::is_locked(&path).unwrap());
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    for again in [&path, &link] {
        drop(SqliteLedger::open(again).unwrap());
        assert!(database::is_locked(&path).unwrap());
    }
}

#[tokio::test]
async fn two_names_of_one_file_share_its_claims_and_its_spool() {
    let folder = tempfile::tempdir().unwrap();
    let (path, link) = (folder.path().join("l.db"), folder.path().join("m.db"));
    std::os::unix::fs::symlink("l.db", &link).unwrap();
    // Also where the link is there first.
    let linked = SqliteLedger::open(&link).unwrap();
    let ledger = SqliteLedger::open(&path).unwrap();
    let _claim = linked.claim("stream.a").await.unwrap();
    let claimed = ledger.claim("stream.a").await.map(|_| ());
    assert!(matches!(claimed, Err(LedgerError::Claimed { .. })), "{claimed:?}");
    assert_eq!(linked.beside("spool"), ledger.beside("spool"));
}

#[tokio::test]
async fn two_connections_that_change_one_document_never_both_win() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    SqliteLedger::open(&path)
        .unwrap()
        .swap("k", None, "0".into())
        .await
        .unwrap();
    let count = |path: PathBuf| async move {
        let ledger = SqliteLedger::open(path).unwrap();
        let mut won = 0_u32;
        while won < 50 {
            let found = ledger.load("k").await.unwrap().unwrap();
            let next = (str::from_utf8(&found.body).unwrap().parse::<u32>().unwrap() + 1).to_string();
            match ledger.swap("k", Some(found.revision), next.into()).await {
                Ok(_) => won += 1,
                Err(LedgerError::Conflict { .. }) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
    };
    let others: Vec<_> = (0..3).map(|_| tokio::spawn(count(path.clone()))).collect();
    for other in others {
        other.await.unwrap();
    }
    let ledger = SqliteLedger::open(&path).unwrap();
    assert_eq!(ledger.load("k").await.unwrap().unwrap().body, "150");
}

#[test]
fn what_is_no_ledger_is_refused_with_a_hint_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    let other = Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE mine (x)").unwrap();
    drop(other);
    let before = std::fs::read(&path).unwrap();
    let error = SqliteLedger::open(&path).unwrap_err();
    assert!(matches!(error, LedgerError::Foreign { .. }), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), before);

    std::fs::write(&path, "no database at all, but long enough to be looked at").unwrap();
    let error = SqliteLedger::open(&path).unwrap_err();
    assert!(error.hint().unwrap().contains("backup"), "{error:?}");
}

#[test]
fn a_later_version_s_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    drop(SqliteLedger::open(&path).unwrap());
    let raw = Connection::open(&path).unwrap();
    raw.pragma_update(None, "user_version", 99).unwrap();
    let error = SqliteLedger::open(&path).unwrap_err();
    assert!(error.to_string().contains("version 99"), "{error}");
}

#[tokio::test]
async fn an_older_version_s_documents_are_as_they_were_and_their_checksums_hold() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    let json = r#"{"watermark":"2026-03-05"}"#;
    let old = |checksum: u32| {
        let _ = std::fs::remove_file(&path);
        let raw = Connection::open(&path).unwrap();
        schema::as_of_version(&raw, 2);
        let row = params!["stream.a", 7, json, checksum];
        raw.execute("INSERT INTO document VALUES (?1, ?2, ?3, ?4)", row)
            .unwrap();
        raw.execute("UPDATE latest SET revision = 7", []).unwrap();
    };
    old(checksum_of("stream.a", 7, json.as_bytes()));
    let ledger = SqliteLedger::open(&path).unwrap();
    let found = ledger.load("stream.a").await.unwrap().unwrap();
    assert_eq!((found.revision, &found.body[..]), (7, json.as_bytes()));
    assert_eq!(ledger.swap("stream.a", Some(7), "{}".into()).await.unwrap(), 8);
    drop(ledger);
    // What was damaged before stays so.
    old(0);
    let error = SqliteLedger::open(&path).unwrap().load("stream.a").await.unwrap_err();
    assert!(matches!(error, LedgerError::Damaged { .. }), "{error:?}");
}

#[tokio::test]
async fn a_file_with_torn_pages_is_an_error_with_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    {
        let ledger = SqliteLedger::open(&path).unwrap();
        for number in 0..200 {
            let json = "\"".to_owned() + &"x".repeat(500) + "\"";
            ledger
                .swap(&format!("stream.{number}"), None, json.into())
                .await
                .unwrap();
        }
    }
    let mut bytes = std::fs::read(&path).unwrap();
    let half = bytes.len() / 2;
    for byte in bytes.iter_mut().skip(4096).take(half) {
        *byte = 0x5a;
    }
    std::fs::write(&path, bytes).unwrap();
    let listed = match SqliteLedger::open(&path) {
        Ok(ledger) => ledger.list("stream.").await.map(|_| ()),
        Err(error) => Err(error),
    };
    let error = listed.unwrap_err();
    assert!(error.hint().unwrap().contains("backup"), "{error:?}");
}

#[tokio::test]
async fn a_document_that_is_not_what_was_written_is_an_error_with_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    let ledger = SqliteLedger::open(&path).unwrap();
    let revision = ledger
        .swap("stream.a", None, r#"{"watermark":"2026-03-05"}"#.into())
        .await
        .unwrap();
    drop(ledger);
    let mut bytes = std::fs::read(&path).unwrap();
    let place = bytes.windows(10).position(|part| part == b"2026-03-05").unwrap();
    bytes[place + 9] = b'9';
    std::fs::write(&path, bytes).unwrap();
    let ledger = SqliteLedger::open(&path).unwrap();
    for result in [
        ledger.load("stream.a").await.map(|_| ()),
        ledger.list("stream.").await.map(|_| ()),
    ] {
        let error = result.unwrap_err();
        assert!(error.hint().unwrap().contains("backup"), "{error:?}");
    }
    // It can be removed, and nothing else goes with it.
    ledger.swap("stream.b", None, "{}".into()).await.unwrap();
    ledger.remove_all("stream.a").await.unwrap();
    assert_eq!(ledger.list("stream.").await.unwrap().len(), 1);
    let anew = ledger.swap("stream.a", None, "{}".into()).await.unwrap();
    assert!(anew > revision);
}

#[tokio::test]
async fn a_file_that_was_emptied_is_not_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    std::fs::write(&path, "").unwrap();
    let ledger = SqliteLedger::open(&path).unwrap();
    drop(ledger.claim("stream.a").await.unwrap());
    drop(ledger);
    std::fs::write(&path, "").unwrap();
    let error = SqliteLedger::open(&path).unwrap_err();
    assert!(error.hint().unwrap().contains("backup"), "{error:?}");
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 0, "left alone");
    // Moved away, it may begin anew.
    std::fs::remove_file(&path).unwrap();
    SqliteLedger::open(&path).unwrap();
}

#[tokio::test]
async fn a_file_that_may_not_be_written_is_an_error_with_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    drop(SqliteLedger::open(&path).unwrap());
    let ledger = SqliteLedger::open(&path).unwrap();
    // Rights do not stop root, so the connection itself is made to read only.
    ledger
        .work(|connection| connection.pragma_update(None, "query_only", true))
        .await
        .unwrap();
    let error = ledger.swap("k", None, "{}".into()).await.unwrap_err();
    assert!(error.hint().unwrap().contains("writable"), "{error:?}");

    std::fs::create_dir(folder.path().join("folder.db")).unwrap();
    let error = SqliteLedger::open(folder.path().join("folder.db")).unwrap_err();
    assert!(error.hint().unwrap().contains("--ledger"), "{error:?}");
}
