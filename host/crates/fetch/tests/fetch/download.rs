//! Finding and downloading the file that a job wrote.

mod broken;
mod lost_submissions;
mod names;
mod no_rows;
mod refusals;
mod second_version;

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

fn respond_page() -> Response {
    respond(200, "text/html", "<!DOCTYPE html><html><title>Sign In</title></html>")
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
