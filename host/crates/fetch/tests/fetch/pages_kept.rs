//! Lists that were read in part: what is read again, and what is not.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::response::Response;
use base::ErrorKind;
use fetch::{FetchCheckpoint, FetchError, FetchLimits, FetchStage, Fetcher};
use remote::Remote;
use sandbox::{Fetch, HttpRequest, Method, Pages, Paging};
use serde_json::json;
use servers::*;

/// Keeps pages for a document in a folder.
struct Shelf(PathBuf);

#[async_trait]
impl FetchCheckpoint for Shelf {
    async fn reached(&self, _: FetchStage) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Ok(())
    }

    fn document_place(&self) -> Option<PathBuf> {
        Some(self.0.join("document"))
    }
}

fn list_of(filter: &str) -> Fetch {
    Fetch::Pages(Pages {
        service: None,
        request: HttpRequest {
            method: Method::Get,
            path: vec!["list".into()],
            query: vec![("filter".into(), filter.into()), ("sortBy".into(), "timestamp".into())],
            headers: vec![],
            body: None,
        },
        paging: Paging::Scim(10),
        records: Some(vec!["Resources".into()]),
        key: Some(vec!["id".into()]),
    })
}

fn start_of(seen: &Seen) -> usize {
    let url = url::Url::parse(&format!("http://x{}", seen.path)).unwrap();
    let (_, start) = url.query_pairs().find(|(name, _)| name == "startIndex").unwrap();
    start.parse().unwrap()
}

/// The part of the list that a request asks for.
fn page(ids: &[usize], seen: &Seen) -> Response {
    let url = url::Url::parse(&format!("http://x{}", seen.path)).unwrap();
    let (_, count) = url.query_pairs().find(|(name, _)| name == "count").unwrap();
    let part = ids.iter().skip(start_of(seen) - 1).take(count.parse().unwrap());
    let records: Vec<_> = part.map(|id| json!({"id": id.to_string(), "text": "a b"})).collect();
    json(
        200,
        json!({"totalResults": ids.len(), "Resources": records}).to_string(),
    )
}

async fn fetch(url: &str, folder: &Path, filter: &str, limits: FetchLimits) -> Result<Vec<String>, FetchError> {
    let mut settings = settings(url);
    settings.retry.attempts = 1;
    settings.parallel = remote::Parallel::new(1).unwrap();
    let remote = Arc::new(Remote::new(settings).unwrap());
    let fetcher = Fetcher::new(remote, &folder.join("spool"), limits, Arc::new(()));
    let shelf = Shelf(folder.to_owned());
    let fetched = fetcher.fetch_from(&list_of(filter), FetchStage::Start, &shelf).await?;
    let mut text = String::new();
    fetched.open().read_to_string(&mut text).unwrap();
    Ok(text.lines().map(str::to_owned).collect())
}

fn lines(ids: impl IntoIterator<Item = usize>) -> Vec<String> {
    let line = |id: usize| json!({"id": id.to_string(), "text": "a b"}).to_string();
    ids.into_iter().map(line).collect()
}

/// A server whose list of 100 fails at the position 51, until it has another one.
struct Halting {
    server: Server,
    later: Arc<Mutex<Option<Vec<usize>>>>,
}

/// Reads the first half of its list.
async fn half_read(folder: &Path) -> Halting {
    let later: Arc<Mutex<Option<Vec<usize>>>> = Arc::default();
    let (now, first) = (Arc::clone(&later), (0..100).collect::<Vec<_>>());
    let server = Server::start(move |seen, _| match &*now.lock().unwrap() {
        Some(ids) => page(ids, seen),
        None if start_of(seen) > 50 => json(503, "{}"),
        None => page(&first, seen),
    })
    .await;
    let error = fetch(&server.url(), folder, "a", FetchLimits::default())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    Halting { server, later }
}

impl Halting {
    /// Goes on with the list as it is now; gives it, and what was asked for.
    async fn go_on(
        &self,
        folder: &Path,
        ids: impl IntoIterator<Item = usize>,
        filter: &str,
    ) -> (Vec<String>, Vec<usize>) {
        *self.later.lock().unwrap() = Some(ids.into_iter().collect());
        let before = self.server.seen().len();
        let lines = fetch(&self.server.url(), folder, filter, FetchLimits::default())
            .await
            .unwrap();
        let asked = self.server.seen();
        // A page that the first fetch had asked for ahead may arrive only now; nobody begins behind the failure.
        let asked = asked.iter().skip(before).map(start_of).skip_while(|start| *start > 51);
        (lines, asked.collect())
    }
}

#[tokio::test]
async fn a_list_goes_on_where_a_failure_left_it() {
    let folder = tempfile::tempdir().unwrap();
    let halting = half_read(folder.path()).await;
    let (found, asked) = halting.go_on(folder.path(), 0..100, "a").await;
    assert_eq!(found, lines(0..100));
    // The last page is full, so there could be another.
    assert_eq!(asked, [41, 51, 61, 71, 81, 91, 101]);
}

#[tokio::test]
async fn a_list_that_changed_meanwhile_is_read_from_its_beginning() {
    for (what, ids) in [
        ("one was added at the end", (0..101).collect::<Vec<_>>()),
        ("one was added before", (500..501).chain(0..100).collect()),
        ("one was purged", (1..100).collect()),
        ("one was purged and another one added", (1..101).collect()),
        ("the order changed", (0..100).rev().collect()),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let halting = half_read(folder.path()).await;
        let (found, asked) = halting.go_on(folder.path(), ids.clone(), "a").await;
        assert_eq!(found, lines(ids), "{what}");
        assert_eq!(asked[..2], [41, 1], "{what}");
    }
}

#[tokio::test]
async fn what_was_read_for_another_question_is_of_no_use() {
    let folder = tempfile::tempdir().unwrap();
    let halting = half_read(folder.path()).await;
    let (found, asked) = halting.go_on(folder.path(), 0..100, "b").await;
    assert_eq!((found, asked[0]), (lines(0..100), 1));
}

#[tokio::test]
async fn what_was_kept_and_is_damaged_is_read_again() {
    for damage in ["cut", "changed", "no note", "another note"] {
        let folder = tempfile::tempdir().unwrap();
        let halting = half_read(folder.path()).await;
        let [records, note] = ["pages", "bookmark"].map(|what| folder.path().join(format!("document.{what}.partial")));
        let text = std::fs::read_to_string(&records).unwrap();
        match damage {
            "cut" => std::fs::write(&records, &text[..text.len() - 5]).unwrap(),
            "changed" => std::fs::write(&records, text.replace("a b", "a c")).unwrap(),
            "no note" => std::fs::remove_file(&note).unwrap(),
            _ => std::fs::write(&note, "{}").unwrap(),
        }
        let (found, asked) = halting.go_on(folder.path(), 0..100, "a").await;
        assert_eq!((found, asked[0]), (lines(0..100), 1), "{damage}");
    }
}

#[tokio::test]
async fn records_written_behind_the_last_note_are_not_counted() {
    let folder = tempfile::tempdir().unwrap();
    let halting = half_read(folder.path()).await;
    let records = folder.path().join("document.pages.partial");
    let mut text = std::fs::read_to_string(&records).unwrap();
    text.push_str("{\"id\":\"50\",\"te");
    std::fs::write(&records, text).unwrap();
    let (found, asked) = halting.go_on(folder.path(), 0..100, "a").await;
    assert_eq!((found, asked[0]), (lines(0..100), 41));
}

#[tokio::test]
async fn a_process_that_ends_without_a_word_leaves_what_it_read() {
    let folder = tempfile::tempdir().unwrap();
    let reached = Arc::new(tokio::sync::Notify::new());
    let later: Arc<Mutex<Option<Vec<usize>>>> = Arc::default();
    let (now, ids) = (Arc::clone(&later), (0..100).collect::<Vec<_>>());
    let (note, limits) = (
        folder.path().join("document.bookmark.partial"),
        FetchLimits {
            pages_kept: Duration::ZERO,
            ..FetchLimits::default()
        },
    );
    let told = Arc::clone(&reached);
    let server = Server::start(move |seen, _| {
        if start_of(seen) == 51 && now.lock().unwrap().is_none() {
            told.notify_one();
            return respond(
                200,
                "application/json",
                axum::body::Body::from_stream(futures_util::stream::pending::<Result<bytes::Bytes, std::io::Error>>()),
            );
        }
        page(&ids, seen)
    })
    .await;
    let kept = async {
        reached.notified().await;
        // All before the page that never comes.
        while !std::fs::read_to_string(&note).is_ok_and(|note| note.contains("\"next\":51")) {
            tokio::task::yield_now().await;
        }
    };
    let url = server.url();
    tokio::select! {
        fetched = fetch(&url, folder.path(), "a", limits) => panic!("{fetched:?}"),
        () = kept => {}
    }
    let halting = Halting { server, later };
    let (found, asked) = halting.go_on(folder.path(), 0..100, "a").await;
    assert_eq!((found, asked[0]), (lines(0..100), 41));
}

#[tokio::test]
async fn records_without_a_key_and_broken_ones_do_not_end_what_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let failing = Arc::new(Mutex::new(true));
    let fails = Arc::clone(&failing);
    let server = Server::start(move |seen, _| {
        let start = start_of(seen);
        if start > 50 && *fails.lock().unwrap() {
            return json(503, "{}");
        }
        let records: Vec<String> = (start - 1..100)
            .take(10)
            .map(|id| match id {
                13 => "{\"text\":\"no key\"}".into(),
                24 => "{\"id\":\"24\",\"text\":\"a\nstray \" quote\"}".into(),
                45 => "{\"id\":7.5,\"text\":\"other\"}".into(),
                id => format!("{{\"id\":\"{id}\"}}"),
            })
            .collect();
        json(
            200,
            format!("{{\"totalResults\":100,\"Resources\":[{}]}}", records.join(",")),
        )
    })
    .await;
    fetch(&server.url(), folder.path(), "a", FetchLimits::default())
        .await
        .unwrap_err();
    *failing.lock().unwrap() = false;
    let before = server.seen().len();
    let found = fetch(&server.url(), folder.path(), "a", FetchLimits::default())
        .await
        .unwrap();
    assert_eq!(found.len(), 100);
    assert_eq!(start_of(&server.seen()[before]), 41, "it goes on where it was left");
}
