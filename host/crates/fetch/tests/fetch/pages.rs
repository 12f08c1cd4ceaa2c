//! Paged queries against lists that are long, short, restless or made up.

mod chains;
mod totals;
mod trouble;

use std::collections::{HashMap, HashSet};
use std::io::Read as _;
use std::sync::Arc;

use axum::response::Response;
use base::ErrorKind;
use fetch::{FetchError, FetchLimits, FetchProgress, Fetcher};
use sandbox::{BodyToken, Fetch, HttpRequest, Method, Pages, Paging};
use serde_json::{Value, json};
use servers::*;

pub(super) fn pages(paging: Paging, key: Option<&str>) -> Pages {
    let request = HttpRequest {
        method: Method::Get,
        path: vec!["admin".into(), "v1".into(), "AuditEvents".into()],
        query: vec![
            ("filter".into(), "timestamp ge \"2025-01-01T00:00:00.000Z\"".into()),
            ("sortBy".into(), "timestamp".into()),
            ("sortOrder".into(), "ascending".into()),
        ],
        headers: vec![],
        body: None,
    };
    Pages {
        service: None,
        request,
        paging,
        records: Some(vec!["Resources".into()]),
        key: key.map(|key| vec![key.to_owned()]),
    }
}

pub(super) fn scim(count: u32) -> Pages {
    pages(Paging::Scim(count), Some("id"))
}

pub(super) async fn run_with(server: &Server, pages: Pages, limits: FetchLimits) -> Result<Vec<String>, FetchError> {
    struct Quiet;
    impl FetchProgress for Quiet {}
    let spool = tempfile::tempdir().unwrap();
    let fetcher = Fetcher::new(Arc::new(remote(&server.url())), spool.path(), limits, Arc::new(Quiet));
    let fetched = fetcher.fetch(&Fetch::Pages(pages)).await.inspect_err(|error| {
        assert_secret_free(&format!("{error} {error:?} {:?}", error.hint()));
    })?;
    let mut text = String::new();
    fetched.open().read_to_string(&mut text).unwrap();
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    assert_eq!(fetched.records, Some(lines.len() as u64));
    Ok(lines)
}

async fn run(server: &Server, pages: Pages) -> Result<Vec<String>, FetchError> {
    run_with(server, pages, FetchLimits::default()).await
}

pub(super) fn query(seen: &Seen) -> HashMap<String, String> {
    let url = url::Url::parse(&format!("http://x{}", seen.path)).unwrap();
    url.query_pairs().into_owned().collect()
}

fn position(seen: &Seen) -> (usize, usize) {
    let query = query(seen);
    (query["startIndex"].parse().unwrap(), query["count"].parse().unwrap())
}

pub(super) fn record(id: usize) -> Value {
    json!({"id": format!("event-{id}"), "nested": {"id": "not the key"}, "text": "a\nb"})
}

pub(super) fn lines(ids: impl IntoIterator<Item = usize>) -> Vec<String> {
    ids.into_iter().map(|id| record(id).to_string()).collect()
}

fn list(total: Value, records: Vec<Value>) -> Response {
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": total, "Resources": records, "startIndex": 1, "itemsPerPage": 50,
    });
    respond(
        200,
        "application/scim+json",
        serde_json::to_string_pretty(&body).unwrap(),
    )
}

/// The part of a list that a request asks for.
fn slice(ids: &[usize], start: usize, count: usize) -> Vec<Value> {
    ids.iter().skip(start - 1).take(count).map(|id| record(*id)).collect()
}

pub(super) fn honest(ids: &[usize], seen: &Seen) -> Response {
    let (start, count) = position(seen);
    list(json!(ids.len()), slice(ids, start, count))
}

/// The least number of requests, and three more.
fn allowance(total: usize, count: usize) -> usize {
    total.div_ceil(count) + 3
}

#[tokio::test]
async fn a_list_comes_in_order_with_as_few_requests_as_it_takes() {
    for total in [0, 1, 9, 10, 11, 95, 100] {
        let ids: Vec<usize> = (0..total).collect();
        let server = Server::start(move |seen, _| honest(&ids, seen)).await;
        assert_eq!(run(&server, scim(10)).await.unwrap(), lines(0..total), "{total}");
        // A full page may not be the last one, whatever the total says; and one that holds as many records as its total may
        // be all that was granted.
        let least = if total == 0 { 1 } else { 2 };
        assert_eq!(server.seen().len(), (total / 10 + 1).max(least), "{total}");
    }
}

/// The warnings of a run.
async fn warnings(server: &Server, pages: Pages) -> (Result<Vec<String>, FetchError>, Vec<String>) {
    #[derive(Default)]
    struct Heard(std::sync::Mutex<Vec<String>>);
    impl FetchProgress for Heard {
        fn warned(&self, message: &str) {
            self.0.lock().unwrap().push(message.to_owned());
        }
    }
    let (spool, heard) = (tempfile::tempdir().unwrap(), Arc::new(Heard::default()));
    let progress: Arc<dyn FetchProgress> = heard.clone();
    let fetcher = Fetcher::new(
        Arc::new(remote(&server.url())),
        spool.path(),
        FetchLimits::default(),
        progress,
    );
    let lines = fetcher.fetch(&Fetch::Pages(pages)).await.map(|fetched| {
        let mut text = String::new();
        fetched.open().read_to_string(&mut text).unwrap();
        text.lines().map(str::to_owned).collect()
    });
    let heard = heard.0.lock().unwrap().clone();
    (lines, heard)
}

#[tokio::test]
async fn every_request_carries_the_query_and_its_place() {
    let ids: Vec<usize> = (0..25).collect();
    let server = Server::start(move |seen, _| honest(&ids, seen)).await;
    run(&server, scim(10)).await.unwrap();
    let mut starts = Vec::new();
    for seen in server.seen() {
        let query = query(&seen);
        assert_eq!(query["filter"], "timestamp ge \"2025-01-01T00:00:00.000Z\"");
        assert_eq!((query["sortBy"].as_str(), query["count"].as_str()), ("timestamp", "10"));
        assert!(seen.header("authorization").is_some());
        starts.push(query["startIndex"].parse::<u32>().unwrap());
    }
    starts.sort_unstable();
    assert_eq!(starts, [1, 11, 21]);
}

#[tokio::test]
async fn a_server_that_grants_less_than_asked_for_is_followed() {
    for (total, granted) in [(7, 5), (10, 5), (23, 5), (100, 7), (101, 50)] {
        let ids: Vec<usize> = (0..total).collect();
        let server = Server::start(move |seen, _| {
            let (start, count) = position(seen);
            list(json!(ids.len()), slice(&ids, start, count.min(granted)))
        })
        .await;
        assert_eq!(
            run(&server, scim(1000)).await.unwrap(),
            lines(0..total),
            "{total} by {granted}"
        );
        assert!(
            server.seen().len() <= allowance(total, granted),
            "{total} by {granted}: {}",
            server.seen().len()
        );
    }
}

#[tokio::test]
async fn a_page_shorter_than_promised_is_completed() {
    for short in 0..5 {
        let ids: Vec<usize> = (0..50).collect();
        let once = std::sync::Mutex::new(HashSet::new());
        let server = Server::start(move |seen, _| {
            let (start, count) = position(seen);
            let cut = start == short * 10 + 1 && once.lock().unwrap().insert(start);
            list(json!(ids.len()), slice(&ids, start, if cut { 4 } else { count }))
        })
        .await;
        assert_eq!(run(&server, scim(10)).await.unwrap(), lines(0..50), "{short}");
        assert!(server.seen().len() <= allowance(50, 10));
    }
}

#[tokio::test]
async fn repeated_records_are_dropped_and_the_tail_is_read_when_a_list_grows() {
    // Once page 1 is read, three records appear in front.
    let server = Server::start(|seen, n| {
        let ids: Vec<usize> = if n == 0 {
            (0..30).collect()
        } else {
            (100..103).chain(0..30).collect()
        };
        honest(&ids, seen)
    })
    .await;
    let found: HashSet<String> = run(&server, scim(10)).await.unwrap().into_iter().collect();
    assert_eq!(found, lines((100..103).chain(0..30)).into_iter().collect());
    assert!(server.seen().len() <= allowance(33, 10), "{}", server.seen().len());
}

#[tokio::test]
async fn records_that_slip_over_a_page_s_edge_are_found_again() {
    // Once page 1 is read, its first three records are purged, and everything moves up.
    let server = Server::start(|seen, n| {
        let ids: Vec<usize> = if n == 0 { (0..30).collect() } else { (3..30).collect() };
        honest(&ids, seen)
    })
    .await;
    let found: HashSet<String> = run(&server, scim(10)).await.unwrap().into_iter().collect();
    assert_eq!(found, lines(0..30).into_iter().collect());
    assert!(server.seen().len() <= allowance(30, 10));
}

#[tokio::test]
async fn a_list_with_records_missing_is_refused() {
    let empty_pages = |seen: &Seen| {
        let (start, _) = position(seen);
        list(
            json!(50),
            if start == 1 {
                slice(&(0..10).collect::<Vec<_>>(), 1, 10)
            } else {
                vec![]
            },
        )
    };
    let repeating = |_: &Seen| list(json!(50), slice(&(0..10).collect::<Vec<_>>(), 1, 10));
    let nothing = |_: &Seen| list(json!(50), vec![]);
    type Answer = fn(&Seen) -> Response;
    for answer in [empty_pages as Answer, repeating, nothing] {
        let server = Server::start(move |seen, _| answer(seen)).await;
        let error = run(&server, scim(10)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Failed, "{error}");
        // And one that asks for the list from its other end.
        assert!(server.seen().len() <= allowance(50, 10) + 1);
    }
}

#[tokio::test]
async fn a_list_that_has_a_record_twice_is_whole_where_a_second_reading_brings_the_same() {
    for (ids, distinct) in [
        (vec![1, 1, 2], vec![1, 2]),
        ((0..28).chain([5, 6]).collect(), (0..28).collect()),
    ] {
        let told = ids.len();
        let server = Server::start(move |seen, _| honest(&ids, seen)).await;
        let (found, heard) = warnings(&server, scim(10)).await;
        assert_eq!(found.unwrap(), lines(distinct.clone()), "{told}");
        let said = format!("has {told} records, but it has {}", distinct.len());
        assert!(heard.len() == 1 && heard[0].contains(&said), "{heard:?}");
    }
    // Another answer the second time is no proof.
    let server = Server::start(|seen, n| {
        let ids: Vec<usize> = if n < 4 {
            (0..28).chain([5, 6]).collect()
        } else {
            (0..28).chain([50 + n]).collect()
        };
        honest(&ids, seen)
    })
    .await;
    assert_eq!(run(&server, scim(10)).await.unwrap_err().code(), "incomplete-list");
}

#[tokio::test]
async fn a_record_with_the_key_of_another_and_other_content_is_kept() {
    let record = |text: &str| json!({"id": "a", "text": text});
    let server = Server::start(move |seen, _| {
        let records = [record("first"), record("second"), record("first"), json!({"id": "b"})];
        let (start, count) = position(seen);
        list(json!(4), records.into_iter().skip(start - 1).take(count).collect())
    })
    .await;
    let found = run(&server, scim(2)).await.unwrap();
    let expected = [record("first"), record("second"), json!({"id": "b"})];
    assert_eq!(found, expected.map(|record| record.to_string()));
}

#[tokio::test]
async fn a_server_that_cannot_sort_is_asked_without() {
    let ids: Vec<usize> = (0..25).collect();
    let server = Server::start(move |seen, _| match query(seen).contains_key("sortBy") {
        true => json(400, r#"{"detail":"sortBy is not supported","status":"400"}"#),
        false => honest(&ids, seen),
    })
    .await;
    assert_eq!(run(&server, scim(10)).await.unwrap(), lines(0..25));
    assert!(
        server
            .seen()
            .iter()
            .skip(1)
            .all(|seen| !seen.path.contains("sort") && seen.path.contains("filter="))
    );
    let server = Server::start(|_, _| json(400, r#"{"detail":"bad filter","status":"400"}"#)).await;
    let error = run(&server, scim(10)).await.unwrap_err();
    assert_eq!((error.kind(), server.seen().len()), (ErrorKind::Failed, 2));
    assert!(error.to_string().contains("bad filter"), "{error}");
}

#[tokio::test]
async fn a_search_by_post_carries_its_place_in_the_body() {
    let ids: Vec<usize> = (0..15).collect();
    let server = Server::start(move |seen, _| {
        let body: Value = serde_json::from_str(&seen.body).unwrap();
        assert_eq!(body["filter"], "x");
        let number = |name: &str| usize::try_from(body[name].as_u64().unwrap()).unwrap();
        list(json!(ids.len()), slice(&ids, number("startIndex"), number("count")))
    })
    .await;
    let mut search = scim(10);
    search.request.method = Method::Post;
    search.request.body = Some(sandbox::Body::Json(r#"{"filter":"x","count":3}"#.into()));
    assert_eq!(run(&server, search).await.unwrap(), lines(0..15));
}

/// A response with one more header.
pub(super) fn with_header(mut response: Response, name: &'static str, value: &str) -> Response {
    response.headers_mut().append(name, value.parse().unwrap());
    response
}
