//! Paged queries against lists that are long, short, restless or made up.

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
async fn a_total_that_is_too_small_loses_no_record_and_is_said_once() {
    for total in [0, 3, 10, 20, 24] {
        for key in [Some("id"), None] {
            let ids: Vec<usize> = (0..25).collect();
            let server = Server::start(move |seen, _| {
                let (start, count) = position(seen);
                list(json!(total), slice(&ids, start, count))
            })
            .await;
            let (found, heard) = warnings(&server, pages(Paging::Scim(10), key)).await;
            assert_eq!(found.unwrap(), lines(0..25), "{total}");
            assert_eq!(heard.len(), 1, "{heard:?}");
            assert!(
                heard[0].contains(&format!("has {total} records, but it has 25")),
                "{heard:?}"
            );
        }
    }
    // A total that is the page's size, of a server that grants less than asked for.
    let ids: Vec<usize> = (0..120).collect();
    let server = Server::start(move |seen, _| {
        let (start, count) = position(seen);
        let records = slice(&ids, start, count.min(50));
        list(json!(records.len()), records)
    })
    .await;
    let (found, heard) = warnings(&server, scim(1000)).await;
    assert_eq!((found.unwrap(), heard.len()), (lines(0..120), 1));
}

#[tokio::test]
async fn a_total_that_tells_nothing_ends_no_list() {
    for granted in [1, 7, 20, 25, 50, 60, 75] {
        for (zero, key) in [(false, Some("id")), (true, Some("id")), (false, None)] {
            let server = Server::start(move |seen, _| {
                let (start, count) = position(seen);
                let ids: Vec<usize> = (0..155).collect();
                let records = slice(&ids, start, count.min(granted));
                list(json!(if zero { 0 } else { records.len() }), records)
            })
            .await;
            let (found, heard) = warnings(&server, pages(Paging::Scim(1000), key)).await;
            assert_eq!(
                (found.unwrap(), heard.len()),
                (lines(0..155), 1),
                "{granted} {zero} {key:?}"
            );
        }
    }
    // One that answers every question with its whole list.
    for key in [Some("id"), None] {
        let server = Server::start(|_, _| list(json!(7), slice(&(0..7).collect::<Vec<_>>(), 1, 7))).await;
        let (found, heard) = warnings(&server, pages(Paging::Scim(1000), key)).await;
        assert_eq!((found.unwrap(), heard.len()), (lines(0..7), 0), "{key:?}");
        assert!(server.seen().len() <= 4);
    }
}

#[tokio::test]
async fn pages_that_leave_records_out_are_read_from_other_positions_where_no_total_tells() {
    let server = Server::start(|seen, _| {
        let (start, count) = position(seen);
        let mut records = slice(&(0..455).collect::<Vec<_>>(), start, count.min(100));
        if records.len() > 2 {
            records.remove(records.len() / 2);
        }
        list(json!(records.len()), records)
    })
    .await;
    let found: HashSet<String> = run(&server, scim(1000)).await.unwrap().into_iter().collect();
    assert_eq!(found, lines(0..455).into_iter().collect());
}

#[tokio::test]
async fn a_total_that_is_too_large_is_a_warning_only_where_the_other_end_proves_the_list_whole() {
    for total in [26, 40, 1000] {
        let sorted = move |seen: &Seen, sorts: bool| {
            let (start, count) = position(seen);
            let mut ids: Vec<usize> = (0..25).collect();
            if sorts && query(seen)["sortOrder"] == "descending" {
                ids.reverse();
            }
            list(json!(total), slice(&ids, start, count))
        };
        let server = Server::start(move |seen, _| sorted(seen, true)).await;
        let (found, heard) = warnings(&server, scim(10)).await;
        assert_eq!((found.unwrap(), heard.len()), (lines(0..25), 1), "{total}");
        // One that does not sort may as well have cut the list.
        let server = Server::start(move |seen, _| sorted(seen, false)).await;
        assert_eq!(run(&server, scim(10)).await.unwrap_err().code(), "incomplete-list");
    }
    // A window of 20 records, behind which there are more.
    let server = Server::start(|seen, _| {
        let (start, count) = position(seen);
        let mut ids: Vec<usize> = (0..60).collect();
        if query(seen)["sortOrder"] == "descending" {
            ids.reverse();
        }
        ids.truncate(20);
        list(json!(60), slice(&ids, start, count))
    })
    .await;
    assert_eq!(run(&server, scim(10)).await.unwrap_err().code(), "incomplete-list");
}

#[tokio::test]
async fn a_chain_that_ends_before_its_total_is_incomplete() {
    for (total, complete) in [(1, true), (2, true), (3, false)] {
        let server = Server::start(move |_, _| list(json!(total), vec![record(0), record(1)])).await;
        let outcome = run(&server, pages(Paging::LinkNext, Some("id"))).await;
        assert_eq!(outcome.is_ok(), complete, "{total}");
    }
}

#[tokio::test]
async fn a_broken_record_of_a_page_costs_no_other() {
    type Broken = fn(String) -> Vec<u8>;
    let raw: [(Broken, u64, u64); 4] = [
        (|text| [b"\xff", text.as_bytes()].concat(), 1, 0),
        (|text| format!("\t{text}").into_bytes(), 1, 0),
        (|text| format!("\\ud800{text}").into_bytes(), 1, 0),
        (|text| format!("{text}\"").into_bytes(), 0, 1),
    ];
    for (broken, mended, rejected) in raw {
        for paging in [Paging::Scim(10), Paging::LinkNext] {
            let server = Server::start(move |seen, _| {
                let query = query(seen);
                let start: usize = query.get("startIndex").map_or(1, |start| start.parse().unwrap());
                let records = (start..26).take(10).map(|id| match id {
                    13 => [&b"{\"id\":\"13\",\"text\":\""[..], &broken("some text".into()), b"\"}"].concat(),
                    id => format!("{{\"id\":\"{id}\"}}").into_bytes(),
                });
                let records: Vec<Vec<u8>> = records.collect();
                let body = [
                    &b"{\"totalResults\":25,\"Resources\":["[..],
                    &records.join(&b','),
                    b"]}",
                ]
                .concat();
                let response = respond(200, "application/scim+json", body);
                match start + 10 < 26 {
                    true => with_header(response, "link", &format!("</x?startIndex={}>; rel=next", start + 10)),
                    false => response,
                }
            })
            .await;
            let spool = tempfile::tempdir().unwrap();
            let remote = Arc::new(remote(&server.url()));
            let fetcher = Fetcher::new(remote, spool.path(), FetchLimits::default(), Arc::new(()));
            let fetched = fetcher.fetch(&Fetch::Pages(pages(paging, Some("id")))).await.unwrap();
            let mut text = String::new();
            fetched.open().read_to_string(&mut text).unwrap();
            let valid = text
                .lines()
                .filter(|line| serde_json::from_str::<Value>(line).is_ok())
                .count();
            assert_eq!((fetched.records, fetched.mended), (Some(25), mended), "{text}");
            assert_eq!(25 - valid as u64, rejected, "{text}");
            assert_eq!(text.matches("hostMended").count() as u64, mended, "{text}");
        }
    }
}

#[tokio::test]
async fn a_token_that_is_refused_with_400_is_not_taken_for_a_list_that_is_not_sorted() {
    let tokens = Server::start(|_, _| json(400, r#"{"error":"invalid_grant","error_description":"revoked"}"#)).await;
    let server = Server::start(|_, _| list(json!(0), vec![])).await;
    let mut settings = remote::Settings::new("domain", server.url().parse().unwrap());
    settings.allow_private_addresses = true;
    settings.auth = remote::Auth::OAuth2(Box::new(remote::OAuth2 {
        token_url: Some(format!("{}/oauth2/v1/token", tokens.url()).parse().unwrap()),
        device_url: None,
        client_id: "client-1".into(),
        client: remote::ClientAuth::Basic(CANARY.into()),
        grant: remote::GrantType::ClientCredentials,
        scope: None,
    }));
    let (spool, remote) = (tempfile::tempdir().unwrap(), remote::Remote::new(settings).unwrap());
    let fetcher = Fetcher::new(Arc::new(remote), spool.path(), FetchLimits::default(), Arc::new(()));
    let error = fetcher.fetch(&Fetch::Pages(scim(10))).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Refused, "token-refused"));
    assert_eq!((tokens.seen().len(), server.seen().len()), (1, 0));
}

#[tokio::test]
async fn a_sign_in_page_in_place_of_a_list_is_a_refusal() {
    let redirecting = |_: &Seen| {
        let page = "https://idcs-0123.identity.oraclecloud.com/ui/v1/signin";
        with_header(respond(302, "text/html", "<html>"), "location", page)
    };
    let page = |_: &Seen| {
        respond(
            200,
            "text/html",
            "<html><title>Oracle Cloud Account Sign In</title></html>",
        )
    };
    type Answer = fn(&Seen) -> Response;
    for answer in [redirecting as Answer, page] {
        for paging in [Paging::Scim(10), Paging::LinkNext] {
            let server = Server::start(move |seen, _| answer(seen)).await;
            let error = run(&server, pages(paging, Some("id"))).await.unwrap_err();
            assert_eq!(
                (error.kind(), error.code()),
                (ErrorKind::Refused, "sign-in-page"),
                "{error}"
            );
            assert_eq!(server.seen().len(), 1);
        }
    }
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
async fn a_total_may_be_a_text_and_a_list_may_be_missing_where_it_is_empty() {
    let server = Server::start(|_, _| list(json!("2"), vec![record(0), record(1)])).await;
    assert_eq!(run(&server, scim(10)).await.unwrap(), lines(0..2));
    let server = Server::start(|_, _| json(200, r#"{"totalResults":0,"schemas":[]}"#)).await;
    assert!(run(&server, scim(10)).await.unwrap().is_empty());
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
async fn a_page_over_the_limit_is_asked_for_in_halves() {
    for (long, total) in [
        (vec![0, 1, 2, 3], 30),
        (vec![13, 14], 30),
        (vec![13, 15, 17, 28], 30),
        (vec![24], 25),
    ] {
        let server = Server::start(move |seen, _| {
            let (start, count) = position(seen);
            let records = (0..total).skip(start - 1).take(count);
            let text = |id: &usize| "x".repeat(if long.contains(id) { 1500 } else { 1 });
            list(
                json!(total),
                records
                    .map(|id| json!({"id": id.to_string(), "text": text(&id)}))
                    .collect(),
            )
        })
        .await;
        let limits = FetchLimits {
            page_bytes: 2500,
            ..FetchLimits::default()
        };
        let found = run_with(&server, scim(10), limits).await.unwrap();
        let ids: Vec<usize> = (found.iter())
            .map(|line| {
                serde_json::from_str::<Value>(line).unwrap()["id"]
                    .as_str()
                    .unwrap()
                    .parse()
                    .unwrap()
            })
            .collect();
        assert_eq!(ids, (0..total).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn totals_that_make_no_sense_end_in_bounded_time() {
    for total in [
        json!(u64::MAX),
        json!(1e300),
        json!(-1),
        json!("x"),
        json!(999_999_999_999_u64),
        json!([]),
    ] {
        let shown = total.clone();
        let server = Server::start(move |_, _| list(total.clone(), slice(&(0..10).collect::<Vec<_>>(), 1, 10))).await;
        let error = run(&server, scim(10)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Failed, "{shown}: {error}");
        assert!(server.seen().len() < 10);
    }
}

#[tokio::test]
async fn a_total_that_wanders_ends_in_bounded_time() {
    for step in [1, 7, 1000] {
        let server = Server::start(move |seen, n| {
            let (start, count) = position(seen);
            let ids: Vec<usize> = (0..start + count).collect();
            list(json!(40 + n * step), slice(&ids, start, count))
        })
        .await;
        let limits = FetchLimits {
            pages: 50,
            ..FetchLimits::default()
        };
        let outcome = run_with(&server, scim(10), limits).await;
        assert!(outcome.is_ok() || outcome.unwrap_err().kind() == ErrorKind::Failed);
        assert!(server.seen().len() <= 50, "{step}");
    }
}

#[tokio::test]
async fn a_list_without_a_total_is_read_to_its_end() {
    // How many records each page holds at most: a shorter one is not the last.
    for granted in [&[10][..], &[10, 4], &[3, 10, 1, 10]] {
        let ids: Vec<usize> = (0..25).collect();
        let server = Server::start(move |seen, n| {
            let (start, count) = position(seen);
            let most = granted[n.min(granted.len() - 1)];
            json(
                200,
                json!({"Resources": slice(&ids, start, count.min(most))}).to_string(),
            )
        })
        .await;
        assert_eq!(run(&server, scim(10)).await.unwrap(), lines(0..25), "{granted:?}");
    }
    let promised = Server::start(|seen, _| match position(seen) {
        (1, _) => json(200, json!({"Resources": [record(0)]}).to_string()),
        _ => list(json!(5), vec![]),
    })
    .await;
    assert_eq!(run(&promised, scim(10)).await.unwrap_err().code(), "incomplete-list");
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

#[tokio::test]
async fn trouble_with_one_page_is_waited_out() {
    let ids: Vec<usize> = (0..50).collect();
    let server = Server::start(move |seen, n| {
        if n % 3 == 1 {
            json(429, "{}")
        } else {
            honest(&ids, seen)
        }
    })
    .await;
    assert_eq!(run(&server, scim(10)).await.unwrap(), lines(0..50));
}

#[tokio::test]
async fn what_is_no_page_ends_the_query() {
    for (status, body, class) in [
        (200, "<html>", ErrorKind::Failed),
        (200, "", ErrorKind::Failed),
        (200, r#"{"totalResults":3,"Resources":[{"id":"a"},"#, ErrorKind::Failed),
        (200, r#"{"totalResults":3,"Resources":{}}"#, ErrorKind::Failed),
        (200, r#"{"status":"403","detail":"no"}"#, ErrorKind::Failed),
        (401, "{}", ErrorKind::Refused),
        (403, "{}", ErrorKind::Refused),
        (404, "{}", ErrorKind::Failed),
        (503, "{}", ErrorKind::Unavailable),
    ] {
        for failing in [0, 2] {
            let ids: Vec<usize> = (0..50).collect();
            let server = Server::start(move |seen, n| {
                if n < failing {
                    honest(&ids, seen)
                } else {
                    json(status, body)
                }
            })
            .await;
            let error = run(&server, scim(10)).await.unwrap_err();
            assert_eq!(error.kind(), class, "{status} {body}: {error}");
        }
    }
}

#[tokio::test]
async fn a_record_over_the_limit_costs_no_other_and_a_list_over_it_is_refused() {
    let long = || vec![record(0), json!({"id": "a", "x": "y".repeat(500)}), record(1)];
    let server = Server::start(move |_, _| list(json!(3), long())).await;
    let limits = FetchLimits {
        record_bytes: 200,
        ..FetchLimits::default()
    };
    let found = run_with(&server, scim(10), limits).await.unwrap();
    assert_eq!(
        (found[0].as_str(), found[2].as_str()),
        (lines(0..1)[0].as_str(), lines(1..2)[0].as_str())
    );
    assert!(serde_json::from_str::<Value>(&found[1]).is_err() && found[1].contains("yyy"));
    let limits = FetchLimits {
        paged_bytes: 100,
        ..FetchLimits::default()
    };
    assert_eq!(
        run_with(&server, scim(10), limits).await.unwrap_err().code(),
        "fetch-limit"
    );
    let limits = FetchLimits {
        page_bytes: 100,
        ..FetchLimits::default()
    };
    assert_eq!(
        run_with(&server, scim(10), limits).await.unwrap_err().code(),
        "response-limit"
    );
}

/// A response with one more header.
pub(super) fn with_header(mut response: Response, name: &'static str, value: &str) -> Response {
    response.headers_mut().append(name, value.parse().unwrap());
    response
}

#[tokio::test]
async fn links_lead_from_page_to_page() {
    let server = Server::start(|seen, _| {
        let page: usize = query(seen).get("page").map_or(0, |page| page.parse().unwrap());
        let response = json(
            200,
            json!({"Resources": [record(page * 2), record(page * 2 + 1)]}).to_string(),
        );
        let host = seen.header("host").unwrap();
        match page {
            0 => with_header(response, "link", "</admin/v1/AuditEvents?page=1>; rel=\"next\""),
            1 => with_header(
                response,
                "link",
                &format!("</x>; rel=prev, <http://{host}/admin?page=2>; rel=\"next\""),
            ),
            _ => response,
        }
    })
    .await;
    assert_eq!(
        run(&server, pages(Paging::LinkNext, Some("id"))).await.unwrap(),
        lines(0..6)
    );
    assert_eq!(
        server.lines()[1..],
        ["GET /admin/v1/AuditEvents?page=1", "GET /admin?page=2"]
    );
}

#[tokio::test]
async fn tokens_lead_from_page_to_page_of_a_bare_list() {
    let server = Server::start(|seen, _| {
        let page: usize = query(seen)
            .get("page")
            .map_or(0, |token| token.trim_start_matches("t &").parse().unwrap());
        let response = json(200, json!([record(page)]).to_string());
        if page < 3 {
            with_header(response, "opc-next-page", &format!("t &{}", page + 1))
        } else {
            response
        }
    })
    .await;
    let mut pages = pages(Paging::NextToken(("opc-next-page".into(), "page".into())), None);
    pages.records = None;
    assert_eq!(run(&server, pages).await.unwrap(), lines(0..4));
    assert!(server.seen().iter().all(|seen| query(seen).contains_key("filter")));
}

#[tokio::test]
async fn a_token_in_the_body_goes_back_as_a_parameter_and_ends_the_list_where_it_is_missing() {
    let server = Server::start(|seen, _| {
        let page: usize = query(seen)
            .get("after")
            .map_or(0, |token| token.trim_start_matches("t &").parse().unwrap());
        let next = (page < 3).then(|| format!("t &{}", page + 1));
        json(
            200,
            json!({"meta": {"next": next}, "data": {"items": [record(page)]}}).to_string(),
        )
    })
    .await;
    let path = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let by_token = || {
        let mut pages = pages(
            Paging::BodyToken(BodyToken {
                token: path(&["meta", "next"]),
                parameter: "after".into(),
            }),
            Some("id"),
        );
        pages.records = Some(path(&["data", "items"]));
        pages
    };
    assert_eq!(run(&server, by_token()).await.unwrap(), lines(0..4));
    assert!(server.seen().iter().all(|seen| query(seen).contains_key("filter")));

    // A token that cannot be read, or that comes again, ends in an error and not with what was read so far.
    for second in [
        json!({"meta": [{"next": "x"}], "data": {"items": []}}),
        json!({"meta": {"next": {}}, "data": {"items": []}}),
        json!({"meta": {"next": "again"}, "data": {"items": []}}),
    ] {
        let server = Server::start(move |seen, _| match query(seen).contains_key("after") {
            false => json(
                200,
                json!({"meta": {"next": "again"}, "data": {"items": [record(0)]}}).to_string(),
            ),
            true => json(200, second.to_string()),
        })
        .await;
        let error = run(&server, by_token()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Failed, "{error}");
    }
}

#[tokio::test]
async fn a_broken_record_beside_a_token_costs_no_other() {
    let server = Server::start(|seen, _| match query(seen).contains_key("after") {
        false => json(
            200,
            "{\"next\":\"t\",\"Resources\":[{\"id\":\"0\",\"a\":\"\"\"},{\"id\":\"1\"}]}",
        ),
        true => json(200, "{\"Resources\":[{\"id\":\"2\"}]}"),
    })
    .await;
    let paging = Paging::BodyToken(BodyToken {
        token: vec!["next".into()],
        parameter: "after".into(),
    });
    let read = run(&server, pages(paging, Some("id"))).await.unwrap();
    assert_eq!(read[1..], ["{\"id\":\"1\"}", "{\"id\":\"2\"}"], "{read:?}");
}

#[tokio::test]
async fn a_next_link_to_another_origin_is_not_followed() {
    let canary = Canary::start().await;
    for target in [
        canary.url(),
        format!("//{}/", canary.address),
        format!("http://{{self}}@{}/", canary.address),
    ] {
        let server = Server::start(move |seen, _| {
            let target = target.replace("{self}", seen.header("host").unwrap());
            with_header(
                json(200, r#"{"Resources":[]}"#),
                "link",
                &format!("<{target}>; rel=next"),
            )
        })
        .await;
        let error = run(&server, pages(Paging::LinkNext, None)).await.unwrap_err();
        assert_eq!((error.code(), server.seen().len()), ("origin-escape", 1));
    }
    canary.assert_untouched();
}

#[tokio::test]
async fn chains_without_end_are_cut() {
    let same = |_: &Seen, _: usize| "</admin>; rel=next".to_owned();
    let fresh = |_: &Seen, n: usize| format!("</admin?n={n}>; rel=next");
    type Link = fn(&Seen, usize) -> String;
    for (link, records) in [(same as Link, 0), (fresh as Link, 1), (fresh as Link, 0)] {
        let server = Server::start(move |seen, n| {
            let records: Vec<Value> = (0..records).map(record).collect();
            with_header(
                json(200, json!({"Resources": records}).to_string()),
                "link",
                &link(seen, n),
            )
        })
        .await;
        let limits = FetchLimits {
            pages: 20,
            ..FetchLimits::default()
        };
        let error = run_with(&server, pages(Paging::LinkNext, Some("id")), limits)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Failed);
        assert!(server.seen().len() <= 20);
    }
}

#[tokio::test]
async fn a_wait_longer_than_anybody_has_patience_for_ends_the_query_at_once() {
    let ids: Vec<usize> = (0..500).collect();
    let server = Server::start(move |seen, n| match n {
        2 => with_header(json(429, "{}"), "retry-after", "3600"),
        _ => honest(&ids, seen),
    })
    .await;
    let ended = tokio::time::timeout(std::time::Duration::from_secs(20), run(&server, scim(10))).await;
    let error = ended.expect("nobody waits for an hour").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
}
