//! The contract of every ledger, as tests over the trait alone.

use bytes::Bytes;

use super::memory::MemoryLedger;
use super::{Document, Ledger, LedgerError, SqliteLedger};

/// A rule, by its name.
macro_rules! rules {
    ($($name:ident)*) => {
        mod memory {
            use super::*;
            $(#[tokio::test] async fn $name() { super::$name(&MemoryLedger::default()).await })*
        }
        mod sqlite {
            use super::*;
            $(#[tokio::test] async fn $name() {
                let folder = tempfile::tempdir().unwrap();
                super::$name(&SqliteLedger::open(folder.path().join("ledger.db")).unwrap()).await
            })*
        }
    };
}

rules! {
    a_document_reads_as_it_was_written
    a_change_needs_the_latest_revision
    a_document_is_made_once
    revisions_grow_even_across_a_removal
    documents_are_listed_by_the_start_of_their_key
    keys_do_not_disturb_each_other
    a_claim_has_one_holder_at_a_time
    of_many_changes_at_once_one_wins
}

fn is_conflict<T>(result: Result<T, LedgerError>) -> bool {
    matches!(result, Err(LedgerError::Conflict { .. }))
}

async fn a_document_reads_as_it_was_written(ledger: &dyn Ledger) {
    assert_eq!(ledger.load("stream.a").await.unwrap(), None);
    // JSON, and what is no text at all.
    let json = format!(r#"{{"text":"ä\u0000'\"; --","long":"{}"}}"#, "x".repeat(3 << 20));
    let bytes: Vec<u8> = (0..=255).cycle().take(3 << 20).collect();
    for (key, body) in [
        ("stream.a", Bytes::from(json)),
        ("ids.a.1", bytes.into()),
        ("nothing", Bytes::new()),
    ] {
        let revision = ledger.swap(key, None, body.clone()).await.unwrap();
        let expected = Document {
            key: key.into(),
            revision,
            body,
        };
        // Too long to be shown.
        assert!(ledger.load(key).await.unwrap().unwrap() == expected, "{key}");
        assert!(ledger.list(key).await.unwrap() == [expected], "{key}");
    }
}

async fn a_change_needs_the_latest_revision(ledger: &dyn Ledger) {
    let first = ledger.swap("k", None, "1".into()).await.unwrap();
    let second = ledger.swap("k", Some(first), "2".into()).await.unwrap();
    assert!(second > first);
    assert!(is_conflict(ledger.swap("k", Some(first), "3".into()).await));
    assert!(is_conflict(ledger.swap("k", Some(second + 1), "3".into()).await));
    assert!(is_conflict(ledger.remove("k", first).await));
    assert_eq!(ledger.load("k").await.unwrap().unwrap().body, "2");
}

async fn a_document_is_made_once(ledger: &dyn Ledger) {
    let revision = ledger.swap("k", None, "1".into()).await.unwrap();
    assert!(is_conflict(ledger.swap("k", None, "2".into()).await));
    assert!(is_conflict(ledger.swap("other", Some(revision), "2".into()).await));
    assert_eq!(ledger.load("other").await.unwrap(), None);
}

async fn revisions_grow_even_across_a_removal(ledger: &dyn Ledger) {
    let first = ledger.swap("k", None, "1".into()).await.unwrap();
    ledger.remove("k", first).await.unwrap();
    assert_eq!(ledger.load("k").await.unwrap(), None);
    assert!(is_conflict(ledger.remove("k", first).await));
    let again = ledger.swap("k", None, "1".into()).await.unwrap();
    assert!(again > first, "whoever still holds {first} must not change the new one");
    assert!(is_conflict(ledger.swap("k", Some(first), "2".into()).await));
}

async fn documents_are_listed_by_the_start_of_their_key(ledger: &dyn Ledger) {
    for key in ["stream.b", "stream.a", "progress.a.1", "streams", "stream%"] {
        ledger.swap(key, None, "{}".into()).await.unwrap();
    }
    let keys = |prefix: &'static str| async move {
        let found = ledger.list(prefix).await.unwrap();
        found.into_iter().map(|document| document.key).collect::<Vec<_>>()
    };
    assert_eq!(keys("stream.").await, ["stream.a", "stream.b"]);
    let listed = ledger.list("stream.").await.unwrap();
    let listed: Vec<_> = listed.into_iter().map(|found| (found.key, found.revision)).collect();
    assert_eq!(ledger.keys("stream.").await.unwrap(), listed);
    assert_eq!(keys("").await.len(), 5);
    assert!(keys("nothing").await.is_empty());
}

async fn keys_do_not_disturb_each_other(ledger: &dyn Ledger) {
    let a = ledger.swap("a", None, "1".into()).await.unwrap();
    ledger.swap("b", None, "1".into()).await.unwrap();
    ledger.swap("a", Some(a), "2".into()).await.unwrap();
    assert_eq!(ledger.load("b").await.unwrap().unwrap().body, "1");
}

async fn a_claim_has_one_holder_at_a_time(ledger: &dyn Ledger) {
    let claim = ledger.claim("stream.a").await.unwrap();
    assert!(matches!(
        ledger.claim("stream.a").await,
        Err(LedgerError::Claimed { .. })
    ));
    let _other = ledger.claim("stream.b").await.unwrap();
    drop(claim);
    drop(ledger.claim("stream.a").await.unwrap());
}

async fn of_many_changes_at_once_one_wins(ledger: &dyn Ledger) {
    let revision = ledger.swap("k", None, "0".into()).await.unwrap();
    let changes =
        (0..20).map(|number| async move { ledger.swap("k", Some(revision), number.to_string().into()).await });
    let outcomes = futures_util::future::join_all(changes).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert!(outcomes.into_iter().filter(Result::is_err).all(is_conflict));
}
