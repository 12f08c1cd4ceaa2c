//! Finding and downloading the file that a job wrote.

use std::io::Read as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::response::Response;
use base::ErrorKind;
use fetch::{FetchCheckpoint, FetchError, FetchLimits, FetchStage, Fetched, Fetcher};
use sandbox::{Fetch, HttpRequest, Job, Method};
use serde_json::json;
use servers::*;

const CSV: &str = "User Name,IP,Date\njdoe,10.0.0.1,x\nasmith,10.0.0.2,y\n";
const SUBMIT: &str = "/submit";
const LIST_V2: &str = "/interop/rest/v2/files/list";
const LIST_V1: &str = "/interop/rest/11.1.2.3.600/applicationsnapshots";
const DOWNLOAD_V2: &str = "/interop/rest/v2/files/download";
const PREPARED: &str = "/interop/rest/v2/files/download/7234359469022936";
const STATUS_V2: &str = "/interop/rest/v2/status/download/7234359469022936";

fn contents(name: &str) -> String {
    format!("{LIST_V1}/{name}/contents")
}

fn job(file: &str) -> Fetch {
    let submit = HttpRequest {
        method: Method::Post,
        path: vec!["submit".into()],
        query: vec![],
        headers: vec![],
        body: None,
    };
    Fetch::Job(Job {
        submit,
        file: file.into(),
        keep: false,
    })
}

fn done() -> Response {
    json(200, r#"{"links":[],"status":0,"details":null,"items":null}"#)
}

fn no_such_file() -> Response {
    json(200, r#"{"details":"Invalid file : a.csv","status":1,"links":[]}"#)
}

fn file() -> Response {
    respond(200, "application/octet-stream", CSV)
}

fn listing(names: &[&str]) -> Response {
    let items: Vec<_> = names
        .iter()
        .map(|name| json!({"name": name, "type": "EXTERNAL", "size": "18"}))
        .collect();
    json(
        200,
        json!({"status": 0, "items": items, "links": [], "details": null}).to_string(),
    )
}

/// A server on which the job is done at once and nothing else is there but what the closure answers.
async fn server(answer: impl Fn(&Seen, usize) -> Option<Response> + Send + Sync + 'static) -> Server {
    Server::start(move |seen, n| match answer(seen, n) {
        Some(response) => response,
        None if seen.path == SUBMIT => done(),
        None => json(404, "{}"),
    })
    .await
}

async fn run(server: &Server, file: &str) -> Result<Fetched, FetchError> {
    let unsure = Unsure::default();
    run_from(server, file, FetchStage::Start, Duration::ZERO, &unsure).await
}

async fn run_from(
    server: &Server,
    file: &str,
    from: FetchStage,
    search: Duration,
    unsure: &Unsure,
) -> Result<Fetched, FetchError> {
    let spool = tempfile::tempdir().unwrap();
    let limits = FetchLimits {
        first_poll: Duration::from_millis(1),
        longest_poll: Duration::from_millis(2),
        job_timeout: Duration::from_secs(20),
        job_search: search,
        file_wait: Duration::from_millis(20),
        ..FetchLimits::default()
    };
    let fetcher = Fetcher::new(Arc::new(remote(&server.url())), spool.path(), limits, Arc::new(()));
    fetcher.fetch_from(&job(file), from, unsure).await.inspect_err(|error| {
        assert_secret_free(&format!("{error} {error:?} {:?}", error.hint()));
    })
}

/// Runs a job whose file may take so long to come.
async fn run_waiting(server: &Server, file: Duration) -> Result<Fetched, FetchError> {
    let spool = tempfile::tempdir().unwrap();
    let limits = FetchLimits {
        first_poll: Duration::from_millis(1),
        longest_poll: Duration::from_millis(2),
        job_timeout: Duration::from_secs(20),
        job_search: Duration::ZERO,
        file_wait: file,
        ..FetchLimits::default()
    };
    let fetcher = Fetcher::new(Arc::new(remote(&server.url())), spool.path(), limits, Arc::new(()));
    fetcher.fetch(&job("a.csv")).await
}

/// Counts the jobs of which nobody knows whether there are two.
#[derive(Default)]
struct Unsure(AtomicUsize);

#[async_trait::async_trait]
impl FetchCheckpoint for Unsure {
    async fn reached(&self, _: FetchStage) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Ok(())
    }

    fn unsure(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn submissions(server: &Server) -> usize {
    server.lines().iter().filter(|line| line.contains(SUBMIT)).count()
}

fn text(fetched: &Fetched) -> String {
    let mut text = String::new();
    fetched.open().read_to_string(&mut text).unwrap();
    text
}

#[tokio::test]
async fn a_file_under_another_name_is_found_in_the_list() {
    for (listed, found) in [
        ("a.zip", "a.zip"),
        ("a.csv.zip", "a.csv.zip"),
        ("inbox/a.csv", "inbox%2Fa.csv"),
        ("inbox\\a.zip", "inbox%5Ca.zip"),
    ] {
        let place = contents(found);
        let there = place.clone();
        let server = server(move |seen, _| match seen.path.as_str() {
            LIST_V2 => Some(listing(&["Artifact Snapshot", listed])),
            path if path == there => Some(file()),
            path if path.ends_with("/contents") => Some(no_such_file()),
            _ => None,
        })
        .await;
        let fetched = run(&server, "a.csv").await.unwrap();
        assert_eq!(
            (text(&fetched).as_str(), fetched.file_name.as_deref()),
            (CSV, Some(listed))
        );
        assert_eq!(fetched.cleanup.unwrap().file, listed);
        let first = contents("a.csv");
        assert_eq!(
            server.lines(),
            [
                format!("POST {SUBMIT}"),
                format!("GET {first}"),
                format!("GET {LIST_V2}"),
                format!("GET {place}")
            ]
        );
    }
}

#[tokio::test]
async fn the_older_list_serves_where_the_newer_is_not_there() {
    for status in [404, 403, 400, 200] {
        let server = server(move |seen, _| match seen.path.as_str() {
            LIST_V2 => Some(json(status, r#"{"status":1,"details":"no"}"#)),
            LIST_V1 => Some(listing(&["a.zip"])),
            path if path == contents("a.zip") => Some(file()),
            path if path.ends_with("/contents") => Some(no_such_file()),
            _ => None,
        })
        .await;
        assert_eq!(text(&run(&server, "a.csv").await.unwrap()), CSV, "{status}");
    }
}

#[tokio::test]
async fn variants_are_tried_where_no_list_is_to_be_had() {
    let server = server(|seen, _| match seen.path.as_str() {
        path if path == contents("a.zip") => Some(file()),
        path if path.ends_with("/contents") => Some(no_such_file()),
        _ => None,
    })
    .await;
    assert_eq!(text(&run(&server, "a.csv").await.unwrap()), CSV);
}

#[tokio::test]
async fn a_name_that_the_job_tells_is_taken_first() {
    for answer in [
        r#"{"status":0,"items":[{"name":"a-told.csv"}]}"#,
        r#"{"status":0,"items":["a-told.csv"]}"#,
        r#"{"status":0,"links":[{"rel":"self","href":"x","data":{"fileName":"a-told.csv"}}]}"#,
    ] {
        let server = server(move |seen, _| match seen.path.as_str() {
            SUBMIT => Some(json(200, answer)),
            path if path == contents("a-told.csv") => Some(file()),
            _ => None,
        })
        .await;
        assert_eq!(
            run(&server, "a.csv").await.unwrap().file_name.as_deref(),
            Some("a-told.csv")
        );
        assert_eq!(server.seen().len(), 2);
    }
}

#[tokio::test]
async fn a_name_that_no_file_can_have_is_the_server_s_failing_and_not_the_plugin_s() {
    for name in ["..", ".", "a\\tb.csv"] {
        let server = server(move |seen, _| {
            (seen.path == SUBMIT).then(|| json(200, format!(r#"{{"status":0,"items":[{{"name":"{name}"}}]}}"#)))
        })
        .await;
        let error = run(&server, "a.csv").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Failed, "{name}: {error}");
    }
}

#[tokio::test]
async fn a_report_that_the_job_names_otherwise_is_fetched_and_not_deleted() {
    let server = server(|seen, _| match seen.path.as_str() {
        SUBMIT => Some(json(
            200,
            json!({"status": 0, "items": [{"name": "other.csv"}]}).to_string(),
        )),
        path if path == contents("other.csv") => Some(file()),
        _ => None,
    })
    .await;
    let fetched = run(&server, "run-7.csv").await.unwrap();
    assert_eq!(text(&fetched), CSV);
    assert!(fetched.cleanup.is_none());
}

#[tokio::test]
async fn a_name_that_is_no_report_s_is_neither_fetched_nor_deleted() {
    for other in ["Artifact Snapshot", "old/run-7.csv", "inbox/../run-7.csv"] {
        // The job tells it.
        let told = server(move |seen, _| match seen.path.as_str() {
            SUBMIT => Some(json(200, json!({"status": 0, "items": [{"name": other}]}).to_string())),
            path if path.ends_with("/contents") => Some(file()),
            _ => None,
        })
        .await;
        let fetched = run(&told, "run-7.csv").await.unwrap();
        assert_eq!(fetched.cleanup.unwrap().file, "run-7.csv", "{other}");
        // The list tells it, with or without the job.
        for items in [json!([]), json!([other])] {
            let listed = server(move |seen, _| match seen.path.as_str() {
                SUBMIT => Some(json(200, json!({"status": 0, "items": items}).to_string())),
                LIST_V2 => Some(listing(&[other])),
                path if path == contents("run-7.csv") => Some(no_such_file()),
                path if path.ends_with("/contents") => Some(file()),
                _ => None,
            })
            .await;
            let error = run(&listed, "run-7.csv").await.unwrap_err();
            assert_eq!(error.code(), "no-file", "{other}");
        }
    }
}

/// An archive with one file of no bytes, and one without a file.
fn empty_archives() -> [Vec<u8>; 2] {
    let empty = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let mut holding = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    holding
        .start_file("a.csv", zip::write::SimpleFileOptions::default())
        .unwrap();
    [holding, empty].map(|zip| zip.finish().unwrap().into_inner())
}

#[tokio::test]
async fn an_empty_file_of_a_job_that_ended_well_is_a_report_without_rows() {
    let [holding, without] = empty_archives();
    let bom = b"\xef\xbb\xbf\r\n".to_vec();
    for (status, body) in [(200, vec![]), (204, vec![]), (200, bom), (200, holding), (200, without)] {
        let shown = (status, body.len());
        for size in ["0", "null"] {
            let body = body.clone();
            let server = server(move |seen, _| match seen.path.as_str() {
                LIST_V2 => Some(json(
                    200,
                    format!(r#"{{"status":0,"items":[{{"name":"a.csv","size":{size}}}]}}"#),
                )),
                path if path.ends_with("/contents") => Some(respond(status, "application/octet-stream", body.clone())),
                _ => None,
            })
            .await;
            let fetched = run(&server, "a.csv").await.unwrap();
            let content = text(&fetched);
            assert!(
                content.trim_start_matches('\u{feff}').trim().is_empty(),
                "{shown:?}: {content}"
            );
            assert_eq!(fetched.cleanup.unwrap().file, "a.csv", "{shown:?}");
        }
    }
}

#[tokio::test]
async fn a_job_that_says_in_words_that_there_is_nothing_needs_no_file() {
    let server = server(|seen, _| match seen.path.as_str() {
        SUBMIT => Some(json(200, r#"{"status":0,"details":"No records found"}"#)),
        LIST_V2 => Some(listing(&[])),
        path if path.ends_with("/contents") => Some(no_such_file()),
        _ => None,
    })
    .await;
    let fetched = run_waiting(&server, Duration::MAX).await.unwrap();
    assert_eq!((text(&fetched).as_str(), fetched.cleanup), ("", None));
}

#[tokio::test]
async fn a_file_that_comes_empty_though_it_is_listed_with_bytes_is_tried_again_and_stays() {
    for patient in [true, false] {
        let empty = AtomicUsize::new(if patient { 2 } else { usize::MAX });
        let server = server(move |seen, _| match seen.path.as_str() {
            LIST_V2 => Some(listing(&["a.csv"])),
            path if path.ends_with("/contents") => Some(match empty.load(Ordering::Relaxed) {
                0 => file(),
                left => {
                    empty.store(left - 1, Ordering::Relaxed);
                    respond(200, "application/octet-stream", "")
                }
            }),
            _ => None,
        })
        .await;
        let outcome = run_waiting(
            &server,
            if patient {
                Duration::from_secs(60)
            } else {
                Duration::ZERO
            },
        )
        .await;
        match patient {
            true => assert_eq!(text(&outcome.unwrap()), CSV),
            false => assert_eq!(outcome.unwrap_err().code(), "no-file"),
        }
        assert!(!server.lines().iter().any(|line| line.contains("delete")));
    }
}

#[tokio::test]
async fn a_file_that_is_called_invalid_for_a_while_is_tried_again() {
    for listed in [&["a.csv"][..], &[]] {
        let attempts = AtomicUsize::new(0);
        let server = server(move |seen, _| match seen.path.as_str() {
            LIST_V2 => Some(listing(listed)),
            path if path == contents("a.csv") => Some(match attempts.fetch_add(1, Ordering::Relaxed) {
                0..5 => no_such_file(),
                _ => file(),
            }),
            _ => None,
        })
        .await;
        assert_eq!(text(&run_waiting(&server, Duration::from_secs(60)).await.unwrap()), CSV);
        assert_eq!(submissions(&server), 1);
    }
}

#[tokio::test]
async fn a_sign_in_page_in_place_of_a_file_is_a_refusal_and_nothing_else_is_tried() {
    let page = respond_page;
    let redirecting = || redirect(302, "https://login.example.com/oauth2/v1/authorize");
    type Answer = fn() -> Response;
    for answer in [page as Answer, redirecting] {
        let server = server(move |seen, _| seen.path.ends_with("/contents").then(answer)).await;
        let error = run_waiting(&server, Duration::from_secs(60)).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Refused, "sign-in-page"));
        assert_eq!(server.seen().len(), 2);
    }
}

fn respond_page() -> Response {
    respond(200, "text/html", "<!DOCTYPE html><html><title>Sign In</title></html>")
}

#[tokio::test]
async fn a_file_that_is_not_there_is_told_by_the_first_answer() {
    let server = server(|seen, _| match seen.path.as_str() {
        LIST_V2 => Some(listing(&["other.csv"])),
        path if path.ends_with("/contents") => Some(no_such_file()),
        _ => None,
    })
    .await;
    let error = run(&server, "a.csv").await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Failed, "no-file"));
    assert!(error.to_string().contains("Invalid file"), "{error}");
}

/// A server that knows only the second version of downloading.
async fn v2(refusal: u16, answer: impl Fn(&Seen, usize) -> Option<Response> + Send + Sync + 'static) -> Server {
    let polls = Mutex::new(0);
    server(move |seen, n| {
        if let Some(response) = answer(seen, n) {
            return Some(response);
        }
        let host = seen.header("host").unwrap();
        Some(match (seen.method.as_str(), seen.path.as_str()) {
            ("POST", SUBMIT) => return None,
            (_, path) if path.ends_with("/contents") => json(refusal, r#"{"status":1,"details":"not supported"}"#),
            ("GET", LIST_V2) => listing(&["a.csv"]),
            ("POST", DOWNLOAD_V2) => {
                assert_eq!(seen.body, r#"{"fileName":"a.csv"}"#);
                let link = json!({"rel": "Job Status", "href": format!(" http://{host}{STATUS_V2}")});
                json(200, json!({"status": -1, "links": [link]}).to_string())
            }
            ("GET", STATUS_V2) => {
                let mut polls = polls.lock().unwrap();
                *polls += 1;
                let link = json!({"rel": "Download link", "href": format!(" http://{host}{PREPARED}")});
                json(
                    200,
                    json!({"status": if *polls < 3 { -1 } else { 0 }, "links": [link]}).to_string(),
                )
            }
            ("GET", PREPARED) => file(),
            ("DELETE", PREPARED) => json(200, r#"{"status":0}"#),
            _ => return None,
        })
    })
    .await
}

#[tokio::test]
async fn the_second_version_serves_where_the_first_is_refused() {
    for refusal in [400, 403, 404, 405, 501] {
        let server = v2(refusal, |_, _| None).await;
        assert_eq!(text(&run(&server, "a.csv").await.unwrap()), CSV, "{refusal}");
        let lines = server.lines();
        let from = lines
            .iter()
            .position(|line| *line == format!("POST {DOWNLOAD_V2}"))
            .unwrap();
        let status = format!("GET {STATUS_V2}");
        let end = [
            status.clone(),
            status.clone(),
            status,
            format!("GET {PREPARED}"),
            format!("DELETE {PREPARED}"),
        ];
        assert_eq!(lines[from + 1..], end);
    }
}

#[tokio::test]
async fn a_prepared_download_is_deleted_even_if_it_failed_and_its_deletion_may_fail() {
    let server = v2(404, |seen, _| {
        (seen.path == PREPARED && seen.method == "GET").then(no_such_file)
    })
    .await;
    assert_eq!(run(&server, "a.csv").await.unwrap_err().kind(), ErrorKind::Failed);
    assert!(server.lines().contains(&format!("DELETE {PREPARED}")));
    let server = v2(404, |seen, _| (seen.method == "DELETE").then(|| json(500, ""))).await;
    assert_eq!(text(&run(&server, "a.csv").await.unwrap()), CSV);
}

#[tokio::test]
async fn a_download_link_to_another_origin_is_not_followed() {
    let canary = Canary::start().await;
    let target = canary.url();
    let server = v2(404, move |seen, _| {
        (seen.path == STATUS_V2).then(|| {
            let link = json!({"rel": "Download link", "href": target});
            json(200, json!({"status": 0, "links": [link]}).to_string())
        })
    })
    .await;
    assert_eq!(run(&server, "a.csv").await.unwrap_err().kind(), ErrorKind::Failed);
    canary.assert_untouched();
}

#[tokio::test]
async fn a_refusal_of_both_versions_is_a_refusal() {
    let server = v2(403, |seen, _| (seen.path == DOWNLOAD_V2).then(|| json(403, "{}"))).await;
    assert_eq!(run(&server, "a.csv").await.unwrap_err().kind(), ErrorKind::Refused);
    let server = server_refusing(401).await;
    assert_eq!(run(&server, "a.csv").await.unwrap_err().kind(), ErrorKind::Refused);
    assert_eq!(server.seen().len(), 2);
}

async fn server_refusing(status: u16) -> Server {
    server(move |seen, _| seen.path.ends_with("/contents").then(|| json(status, "{}"))).await
}

/// Breaks off in the middle, and offers what else is said in its head.
fn broken(headers: &[(&'static str, &str)]) -> Response {
    let mut response = respond(200, "application/octet-stream", cut(&CSV[..20]));
    for (name, value) in headers {
        response.headers_mut().insert(*name, value.parse().unwrap());
    }
    response
}

fn part(range: &str, etag: &str, body: &str) -> Response {
    let mut response = respond(206, "application/octet-stream", body.to_owned());
    response.headers_mut().insert("content-range", range.parse().unwrap());
    response.headers_mut().insert("etag", etag.parse().unwrap());
    response
}

#[tokio::test]
async fn a_broken_download_goes_on_where_the_server_knows_the_version() {
    for (head, version) in [
        (("etag", "\"v1\""), "\"v1\""),
        (
            ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
            "Sun, 06 Nov 1994 08:49:37 GMT",
        ),
    ] {
        let server = server(move |seen, _| {
            if !seen.path.ends_with("/contents") {
                return None;
            }
            let Some(range) = seen.header("range") else {
                return Some(broken(&[head]));
            };
            assert_eq!((range, seen.header("if-range")), ("bytes=20-", Some(version)));
            let mut part = part(
                &format!("bytes 20-{}/{}", CSV.len() - 1, CSV.len()),
                "\"v1\"",
                &CSV[20..],
            );
            if head.0 != "etag" {
                part.headers_mut().remove("etag");
            }
            Some(part)
        })
        .await;
        assert_eq!(text(&run(&server, "a.csv").await.unwrap()), CSV);
        assert_eq!(server.seen().len(), 3);
    }
}

#[tokio::test]
async fn a_broken_download_begins_again_where_it_cannot_go_on() {
    let total = CSV.len();
    let end = total - 1;
    type Answer = Box<dyn Fn() -> Response + Send + Sync>;
    let odd_parts: Vec<Answer> = vec![
        // The file changed.
        Box::new(file),
        Box::new(|| json(416, "{}")),
        Box::new(move || part(&format!("bytes 10-{end}/{total}"), "\"v1\"", &CSV[10..])),
        Box::new(move || part(&format!("bytes 20-{end}/{total}"), "\"v2\"", &CSV[20..])),
        Box::new(move || part("bytes 20-30/31", "\"v1\"", &CSV[20..31])),
        Box::new(move || part("nonsense", "\"v1\"", &CSV[20..])),
    ];
    for odd in odd_parts {
        let whole = Mutex::new(0);
        let server = server(move |seen, _| {
            if !seen.path.ends_with("/contents") {
                return None;
            }
            if seen.header("range").is_some() {
                return Some(odd());
            }
            let mut whole = whole.lock().unwrap();
            *whole += 1;
            let known = format!("{total}");
            Some(if *whole == 1 {
                broken(&[("etag", "\"v1\""), ("x-length", &known)])
            } else {
                file()
            })
        })
        .await;
        let outcome = run(&server, "a.csv").await;
        let fetched = outcome.unwrap();
        assert!(
            text(&fetched) == CSV || text(&fetched) == CSV[..31],
            "{}",
            text(&fetched)
        );
    }
}

#[tokio::test]
async fn a_download_without_a_version_is_not_pieced_together() {
    for headers in [
        &[][..],
        &[("etag", "W/\"weak\"")],
        &[("etag", "\"v1\""), ("accept-ranges", "none")],
    ] {
        let headers = headers.to_vec();
        let server = server(move |seen, n| {
            if !seen.path.ends_with("/contents") {
                return None;
            }
            assert_eq!(seen.header("range"), None);
            Some(if n < 3 { broken(&headers) } else { file() })
        })
        .await;
        assert_eq!(text(&run(&server, "a.csv").await.unwrap()), CSV);
    }
}

#[tokio::test]
async fn a_download_that_always_breaks_is_given_up() {
    let server = server(move |seen, _| {
        if !seen.path.ends_with("/contents") {
            return None;
        }
        Some(match seen.header("range") {
            None => broken(&[("etag", "\"v1\"")]),
            Some(_) => {
                let mut response = broken(&[("etag", "\"v1\"")]);
                *response.status_mut() = axum::http::StatusCode::PARTIAL_CONTENT;
                let range = format!("bytes 20-{}/{}", CSV.len() - 1, CSV.len());
                response.headers_mut().insert("content-range", range.parse().unwrap());
                response
            }
        })
    })
    .await;
    assert_eq!(run(&server, "a.csv").await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert!(server.seen().len() < 10);
}

#[tokio::test]
async fn a_job_whose_answer_was_lost_is_looked_for_before_another_is_submitted() {
    // The job was created all the same: its file is there.
    let server = server(|seen, _| match seen.path.as_str() {
        SUBMIT => Some(json(503, "{}")),
        LIST_V2 => Some(listing(&["inbox/a.csv"])),
        path if path.ends_with("/contents") => Some(file()),
        _ => None,
    })
    .await;
    assert_eq!(text(&run(&server, "a.csv").await.unwrap()), CSV);
    assert_eq!(
        server.lines()[..2],
        [format!("POST {SUBMIT}"), format!("GET {LIST_V2}")]
    );
    assert_eq!(server.lines().iter().filter(|line| line.contains(SUBMIT)).count(), 1);
}

#[tokio::test]
async fn a_job_that_was_not_created_is_submitted_again() {
    let server = server(|seen, n| match seen.path.as_str() {
        SUBMIT if n == 0 => Some(json(503, "{}")),
        LIST_V2 => Some(listing(&[])),
        path if path.ends_with("/contents") => Some(file()),
        _ => None,
    })
    .await;
    assert_eq!(text(&run(&server, "a.csv").await.unwrap()), CSV);
    assert_eq!(
        server.lines()[..3],
        [
            format!("POST {SUBMIT}"),
            format!("GET {LIST_V2}"),
            format!("POST {SUBMIT}")
        ]
    );
}

/// A server on which the answer to the first submission is lost, and the file is listed from the so manieth look on.
async fn lossy(looks: Option<usize>) -> Server {
    let (seen_lists, seen_posts) = (AtomicUsize::new(0), AtomicUsize::new(0));
    server(move |seen, _| match seen.path.as_str() {
        SUBMIT if seen_posts.fetch_add(1, Ordering::Relaxed) == 0 => Some(json(502, "{}")),
        LIST_V2 => {
            let look = seen_lists.fetch_add(1, Ordering::Relaxed) + 1;
            let there = looks.is_some_and(|looks| look >= looks);
            Some(listing(if there { &["inbox/a.csv"] } else { &[] }))
        }
        path if path.ends_with("/contents") => Some(file()),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn the_file_of_a_job_that_may_be_at_work_is_waited_for() {
    for from in [FetchStage::Start, FetchStage::Submitting] {
        let (server, unsure) = (lossy(Some(6)).await, Unsure::default());
        let sent = usize::from(from == FetchStage::Start);
        let patient = Duration::from_secs(60);
        let fetched = run_from(&server, "a.csv", from, patient, &unsure).await.unwrap();
        assert_eq!(text(&fetched), CSV);
        assert_eq!((submissions(&server), unsure.0.into_inner()), (sent, 0));
    }
}

#[tokio::test]
async fn a_job_whose_file_does_not_come_is_submitted_again_and_counted() {
    for from in [FetchStage::Start, FetchStage::Submitting] {
        let (server, unsure) = (lossy(None).await, Unsure::default());
        let short = Duration::from_millis(20);
        let fetched = run_from(&server, "a.csv", from, short, &unsure).await.unwrap();
        assert_eq!(text(&fetched), CSV);
        // To begin with, nobody knows; then the answer to the first request of this process is lost.
        let counted = unsure.0.into_inner();
        assert_eq!(submissions(&server), 2);
        assert!((1..=2).contains(&counted), "{counted}");
    }
}

#[tokio::test]
async fn where_no_files_are_listed_nobody_waits_for_one() {
    let (server, unsure) = (
        server(|seen, _| seen.path.ends_with("/contents").then(file)).await,
        Unsure::default(),
    );
    let endless = Duration::MAX;
    let fetched = run_from(&server, "a.csv", FetchStage::Submitting, endless, &unsure)
        .await
        .unwrap();
    assert_eq!(text(&fetched), CSV);
    assert_eq!((submissions(&server), unsure.0.into_inner()), (1, 1));
}

#[tokio::test]
async fn a_file_that_exists_after_a_repeated_submission_is_the_one_asked_for() {
    let exists = r#"{"status":1,"error":{"errorcode":"EPMCSS-20685","errormessage":"File a.csv already exists"}}"#;
    let repeated = server(move |seen, n| match seen.path.as_str() {
        SUBMIT => Some(json(if n == 0 { 502 } else { 200 }, exists)),
        LIST_V2 => Some(listing(&[])),
        path if path.ends_with("/contents") => Some(file()),
        _ => None,
    })
    .await;
    assert_eq!(text(&run(&repeated, "a.csv").await.unwrap()), CSV);
    let at_once = server(move |seen, _| (seen.path == SUBMIT).then(|| json(200, exists))).await;
    let error = run(&at_once, "a.csv").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.remote_code()),
        (ErrorKind::Failed, Some("EPMCSS-20685"))
    );
}

/// Remembers how far the fetch came.
#[derive(Default)]
struct Points(Mutex<Vec<FetchStage>>);

#[async_trait::async_trait]
impl FetchCheckpoint for Points {
    async fn reached(&self, point: FetchStage) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.0.lock().unwrap().push(point);
        Ok(())
    }
}

#[tokio::test]
async fn a_submission_that_made_no_job_leaves_nothing_to_look_for() {
    let refused = r#"{"status":1,"error":{"errorcode":"EPMCSS-21192","errormessage":"Authorization failed"}}"#;
    let told = r#"{"status":1,"details":"EPMCSS-21192: Authorization failed"}"#;
    let failed = r#"{"status":1,"details":"EPMCSS-20679: Invalid parameters"}"#;
    type Answer = Box<dyn Fn() -> Response + Send + Sync>;
    let answers: Vec<(Answer, ErrorKind)> = vec![
        (Box::new(move || json(200, refused)), ErrorKind::Refused),
        (Box::new(move || json(200, told)), ErrorKind::Refused),
        (Box::new(move || json(400, told)), ErrorKind::Refused),
        (Box::new(move || json(403, refused)), ErrorKind::Refused),
        (Box::new(|| json(401, "{}")), ErrorKind::Refused),
        (Box::new(move || json(200, failed)), ErrorKind::Failed),
        (Box::new(move || json(400, failed)), ErrorKind::Failed),
        (Box::new(|| json(429, "{}")), ErrorKind::Unavailable),
        (Box::new(respond_page), ErrorKind::Refused),
        (
            Box::new(|| redirect(302, "https://idcs-1.identity.oraclecloud.com/ui/v1/signin")),
            ErrorKind::Refused,
        ),
    ];
    for (answer, class) in answers {
        for from in [FetchStage::Start, FetchStage::Submitting] {
            let shown = answer().status();
            let answer = answer();
            let (parts, body) = answer.into_parts();
            let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
            let server = server(move |seen, _| match seen.path.as_str() {
                SUBMIT => Some(Response::from_parts(parts.clone(), body.clone().into())),
                LIST_V2 => Some(listing(&[])),
                _ => None,
            })
            .await;
            let spool = tempfile::tempdir().unwrap();
            let limits = FetchLimits {
                first_poll: Duration::from_millis(1),
                longest_poll: Duration::from_millis(2),
                job_search: Duration::from_millis(5),
                ..FetchLimits::default()
            };
            let remote = Arc::new(remote(&server.url()));
            let (fetcher, points) = (
                Fetcher::new(remote, spool.path(), limits, Arc::new(())),
                Points::default(),
            );
            let error = fetcher
                .fetch_from(&job("a.csv"), from.clone(), &points)
                .await
                .unwrap_err();
            assert_eq!(error.kind(), class, "{shown} {error}");
            let last = points.0.lock().unwrap().last().cloned();
            assert_eq!(last, Some(FetchStage::Start), "{shown} from {from:?}: {error}");
        }
    }
}

#[tokio::test]
async fn a_poll_that_is_answered_with_a_sign_in_page_keeps_the_job() {
    let page = respond_page;
    let redirecting = || redirect(302, "https://idcs-1.identity.oraclecloud.com/ui/v1/signin");
    type Answer = fn() -> Response;
    for answer in [page as Answer, redirecting] {
        let server = server(move |seen, _| (seen.path == "/jobs/7").then(answer)).await;
        let (spool, points) = (tempfile::tempdir().unwrap(), Points::default());
        let remote = Arc::new(remote(&server.url()));
        let fetcher = Fetcher::new(remote, spool.path(), FetchLimits::default(), Arc::new(()));
        let from = FetchStage::Waiting {
            link: "/jobs/7".into(),
            polls: 1,
            next: jiff::Timestamp::UNIX_EPOCH,
        };
        let error = fetcher.fetch_from(&job("a.csv"), from, &points).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Refused, "sign-in-page"));
        assert!(points.0.lock().unwrap().is_empty(), "the window stays where it was");
    }
}

#[tokio::test]
async fn a_job_that_ends_in_a_refusal_is_asked_for_anew_and_not_for_ever() {
    for code in ["EPMCSS-21192", "EPMCSS-21193"] {
        let ended = format!(r#"{{"status":1,"details":"{code}: Authorization failed","links":[],"items":null}}"#);
        let server = server(move |seen, _| (seen.path == "/jobs/7").then(|| json(200, ended.clone()))).await;
        let (spool, points) = (tempfile::tempdir().unwrap(), Points::default());
        let remote = Arc::new(remote(&server.url()));
        let fetcher = Fetcher::new(remote, spool.path(), FetchLimits::default(), Arc::new(()));
        let from = FetchStage::Waiting {
            link: "/jobs/7".into(),
            polls: 1,
            next: jiff::Timestamp::UNIX_EPOCH,
        };
        let error = fetcher.fetch_from(&job("a.csv"), from, &points).await.unwrap_err();
        assert_eq!((error.kind(), error.remote_code()), (ErrorKind::Refused, Some(code)));
        assert_eq!(*points.0.lock().unwrap(), [FetchStage::Start]);
    }
}

#[tokio::test]
async fn a_code_is_told_under_status_400_as_well() {
    let body = r#"{"status":1,"details":"EPMCSS-20679: Invalid or insufficient parameters specified."}"#;
    let server = server(move |seen, _| (seen.path == SUBMIT).then(|| json(400, body))).await;
    let error = run(&server, "a.csv").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.remote_code()),
        (ErrorKind::Failed, Some("EPMCSS-20679"))
    );
    assert!(error.hint().unwrap().contains("retention"));
}

#[tokio::test]
async fn a_web_page_is_one_whatever_it_begins_with() {
    for page in [
        "<!-- gateway --><html><title>Sign In</title></html>",
        "\n<script>location='/signin'</script><title>Sign In</title>",
    ] {
        let server = server(move |seen, _| match seen.path.as_str() {
            DOWNLOAD_V2 => Some(json(404, "{}")),
            path if path == contents("a.csv") => Some(respond(200, "application/octet-stream", page)),
            _ => None,
        })
        .await;
        let error = run(&server, "a.csv").await.unwrap_err();
        assert_eq!(
            (error.kind(), error.code()),
            (ErrorKind::Refused, "sign-in-page"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_file_that_says_in_words_that_there_is_nothing_has_no_rows() {
    for (kind, body, empty) in [
        ("application/octet-stream", "No records found", true),
        ("application/octet-stream", "\"4fB==\"\r\n", true),
        ("application/octet-stream", "User,Date\r\nNo data found\r\n", true),
        ("application/json", r#"{"message": "No records found"}"#, true),
        (
            "application/json",
            r#"{"status":0,"details":["No records found"]}"#,
            true,
        ),
        ("application/octet-stream", r#"["No records found"]"#, true),
        ("application/octet-stream", "User,Date\r\nada,no data\r\n", false),
        ("application/octet-stream", "No data: the store is unavailable", false),
    ] {
        let server = server(move |seen, _| match seen.path.as_str() {
            DOWNLOAD_V2 => Some(json(404, "{}")),
            path if path == contents("a.csv") => Some(respond(200, kind, body)),
            _ => None,
        })
        .await;
        let fetched = run(&server, "a.csv").await.unwrap();
        assert_eq!(fetched.is_empty(), empty, "{body}");
    }
}
