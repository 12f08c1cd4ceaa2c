//! Calls, jobs and downloads against servers that follow the interface, stray from it, or mean harm.

mod documents;

use std::io::{Cursor, Read as _, Write as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::response::Response;
use base::ErrorKind;
use fetch::{FetchError, FetchLimits, FetchProgress, Fetched, Fetcher};
use remote::Remote;
use sandbox::{Call, Fetch, HttpRequest, Job, Method};
use servers::*;

const CSV: &str = "User Name,IP,Date\njdoe,10.0.0.1,x\n";

fn limits() -> FetchLimits {
    FetchLimits {
        first_poll: Duration::from_millis(1),
        longest_poll: Duration::from_millis(2),
        job_timeout: Duration::from_secs(20),
        job_search: Duration::ZERO,
        file_wait: Duration::ZERO,
        ..FetchLimits::default()
    }
}

fn request(method: Method, path: &[&str]) -> HttpRequest {
    HttpRequest {
        method,
        path: path.iter().map(|segment| (*segment).to_owned()).collect(),
        query: vec![],
        headers: vec![],
        body: None,
    }
}

fn job(file: &str) -> Fetch {
    let mut submit = request(Method::Post, &["submit"]);
    submit.body = Some(sandbox::Body::Form(vec![
        ("from_date".into(), "2025-03-10".into()),
        ("filename".into(), "a b&c.csv".into()),
    ]));
    Fetch::Job(Job {
        submit,
        file: file.into(),
        keep: false,
    })
}

fn call(records: Option<&str>) -> Fetch {
    let request = request(Method::Get, &["report"]);
    Fetch::Call(Call {
        service: None,
        request,
        records: records.map(|name| vec![name.to_owned()]),
    })
}

struct Run {
    outcome: Result<Fetched, FetchError>,
    fetcher: Fetcher,
    _spool: tempfile::TempDir,
}

async fn run_with(server: &Server, fetch: &Fetch, limits: FetchLimits, progress: Arc<dyn FetchProgress>) -> Run {
    let spool = tempfile::tempdir().unwrap();
    let fetcher = Fetcher::new(Arc::new(remote(&server.url())), spool.path(), limits, progress);
    let outcome = fetcher.fetch(fetch).await;
    if let Err(error) = &outcome {
        assert_secret_free(&format!("{error} {error:?} {:?}", error.hint()));
    }
    assert_eq!(
        std::fs::read_dir(spool.path()).unwrap().count(),
        0,
        "the spool keeps no names"
    );
    Run {
        outcome,
        fetcher,
        _spool: spool,
    }
}

async fn run(server: &Server, fetch: &Fetch) -> Result<Fetched, FetchError> {
    run_with(server, fetch, limits(), Arc::new(())).await.outcome
}

fn text(fetched: &Fetched) -> String {
    let mut text = String::new();
    fetched.open().read_to_string(&mut text).unwrap();
    text
}

fn running(link: &str) -> Response {
    let links = serde_json::json!([
        {"rel": "self", "href": "https://elsewhere.example/", "data": {"jobType": "X"}, "action": "POST"},
        {"rel": "Job Status", "href": link, "data": null, "action": "GET"},
    ]);
    json(
        200,
        serde_json::json!({"links": links, "details": null, "status": -1, "items": null}).to_string(),
    )
}

fn done() -> Response {
    json(
        200,
        r#"{"links":[{"rel":"self","href":" x"}],"status":"0","details":"null","items":null,"new":{"a":1}}"#,
    )
}

/// A server on which a job runs for two polls, and whose answers a test may replace by path.
async fn epm(replace: impl Fn(&Seen, usize) -> Option<Response> + Send + Sync + 'static) -> Server {
    let polls = Mutex::new(0);
    Server::start(move |seen, n| {
        if let Some(response) = replace(seen, n) {
            return response;
        }
        let host = seen.header("host").unwrap();
        match seen.path.as_str() {
            "/submit" => running(&format!(" http://{host}/interop/rest/security/v1/jobs/54")),
            "/interop/rest/security/v1/jobs/54" => {
                let mut polls = polls.lock().unwrap();
                *polls += 1;
                if *polls < 3 {
                    running(&format!(" http://{host}/interop/rest/security/v1/jobs/54"))
                } else {
                    done()
                }
            }
            path if path.ends_with("/contents") => {
                let mut response = respond(200, "application/octet-stream", CSV);
                response.headers_mut().insert("fileExtension", "csv".parse().unwrap());
                response
            }
            "/interop/rest/v3/files/delete" => json(200, r#"{"status":0,"details":null}"#),
            _ => json(404, "{}"),
        }
    })
    .await
}

#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl FetchProgress for Heard {
    fn submitted(&self, link: &str) {
        self.0.lock().unwrap().push(format!("submitted {link}"));
    }
    fn polled(&self, polls: u64) {
        self.0.lock().unwrap().push(format!("polled {polls}"));
    }
    fn received(&self, bytes: u64, total: Option<u64>) {
        self.0.lock().unwrap().push(format!("received {bytes} of {total:?}"));
    }
    fn warned(&self, message: &str) {
        self.0.lock().unwrap().push(format!("warned {message}"));
    }
}

#[tokio::test]
async fn a_job_is_submitted_polled_downloaded_and_removed() {
    let server = epm(|_, _| None).await;
    let heard = Arc::new(Heard::default());
    let run = run_with(&server, &job("inbox\\a b.csv"), limits(), heard.clone()).await;
    let fetched = run.outcome.unwrap();
    assert_eq!(text(&fetched), CSV);
    assert_eq!(
        (fetched.job.as_deref(), fetched.polls, fetched.len()),
        (Some("54"), 3, CSV.len() as u64)
    );
    assert_eq!(fetched.file_name.as_deref(), Some("inbox\\a b.csv"));
    assert!(run.fetcher.clean_up(&fetched.cleanup.unwrap()).await);

    let poll = "GET /interop/rest/security/v1/jobs/54";
    let contents = "GET /interop/rest/11.1.2.3.600/applicationsnapshots/inbox%5Ca%20b.csv/contents";
    let delete = "POST /interop/rest/v3/files/delete";
    assert_eq!(server.lines(), ["POST /submit", poll, poll, poll, contents, delete]);
    let seen = server.seen();
    assert_eq!(
        seen[0].header("content-type"),
        Some("application/x-www-form-urlencoded")
    );
    assert_eq!(seen[0].body, "from_date=2025-03-10&filename=a+b%26c.csv");
    assert_eq!(seen[5].body, r#"{"fileName":"inbox\\a b.csv"}"#);
    assert!(seen.iter().all(|seen| seen.header("authorization").is_some()));
    let heard = heard.0.lock().unwrap();
    assert_eq!(heard[..2], ["submitted /interop/rest/security/v1/jobs/54", "polled 1"]);
    assert!(
        heard.contains(&format!("received {0} of Some({0})", CSV.len())),
        "{heard:?}"
    );
}

#[tokio::test]
async fn a_submitted_job_can_be_adopted() {
    let server = epm(|_, _| None).await;
    let spool = tempfile::tempdir().unwrap();
    let fetcher = Fetcher::new(Arc::new(remote(&server.url())), spool.path(), limits(), Arc::new(()));
    let Fetch::Job(job) = job("a.csv") else { unreachable!() };
    let fetched = fetcher.adopt(&job, "/interop/rest/security/v1/jobs/54").await.unwrap();
    assert_eq!(text(&fetched), CSV);
    assert!(!server.lines().contains(&"POST /submit".to_owned()));
    assert_eq!(
        fetcher
            .adopt(&job, "https://evil.example/jobs/54")
            .await
            .unwrap_err()
            .code(),
        "origin-escape"
    );
}

#[tokio::test]
async fn a_job_that_is_done_at_once_is_not_polled() {
    let server = epm(|seen, _| (seen.path == "/submit").then(done)).await;
    let fetched = run(&server, &job("a.csv")).await.unwrap();
    assert_eq!((text(&fetched), fetched.polls, fetched.job), (CSV.to_owned(), 0, None));
}

#[tokio::test]
async fn a_job_link_to_another_origin_sends_no_credential() {
    let canary = Canary::start().await;
    let there = canary.address;
    for link in [
        format!("http://{there}/jobs/54"),
        format!("//{there}/jobs/54"),
        format!(" http://{there}/jobs/54"),
        format!("http://{{self}}@{there}/jobs/54"),
        format!("http://{{self}}%40{there}/jobs/54"),
        format!("http://{{self}}\\@{there}/jobs/54"),
        format!("http://{there}\\@{{self}}/jobs/54"),
        format!("http://{there}#@{{self}}/jobs/54"),
        format!("http://{there}?@{{self}}/jobs/54"),
        "http://user:pass@{self}/jobs/54".to_owned(),
        "http://user@{self}/jobs/54".to_owned(),
        "https://{self}/jobs/54".to_owned(),
        "http://{self}.evil.example/jobs/54".to_owned(),
        format!("/\\{there}/jobs/54"),
        format!("\\\\{there}\\jobs"),
        "javascript:alert(1)".to_owned(),
        String::new(),
    ] {
        let template = link.clone();
        let server = epm(move |seen, _| {
            (seen.path == "/submit").then(|| running(&template.replace("{self}", seen.header("host").unwrap())))
        })
        .await;
        let error = run(&server, &job("a.csv")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Failed, "{link}: {error}");
        assert_eq!(server.lines(), ["POST /submit"], "{link}");
    }
    canary.assert_untouched();
}

#[tokio::test]
async fn a_link_that_turns_away_while_polling_is_not_followed() {
    let canary = Canary::start().await;
    let elsewhere = format!("{}/jobs/54", canary.url());
    let server = epm(move |seen, _| seen.path.contains("/jobs/").then(|| running(&elsewhere))).await;
    assert_eq!(run(&server, &job("a.csv")).await.unwrap_err().code(), "origin-escape");
    canary.assert_untouched();
}

#[tokio::test]
async fn a_failed_job_tells_its_code_and_text() {
    for (body, class, code, status) in [
        (
            r#"{"status":1,"details":"EPMCSS-20679: Failed to generate. ","links":[],"items":null}"#,
            ErrorKind::Failed,
            Some("EPMCSS-20679"),
            Some(1),
        ),
        (
            r#"{"status":"9","details":["a",{"b":1}]}"#,
            ErrorKind::Failed,
            None,
            Some(9),
        ),
        (r#"{"status":1,"details":null}"#, ErrorKind::Failed, None, Some(1)),
        (
            r#"{"links":{"href":"x","action":"POST"},"status":1,"error":{"errorcode":"EPMCSS-20685","errormessage":"File a.csv already exists"},"details":null}"#,
            ErrorKind::Failed,
            Some("EPMCSS-20685"),
            Some(1),
        ),
        (
            r#"{"status":1,"details":"EPMCSS-21192: Authorization failed."}"#,
            ErrorKind::Refused,
            Some("EPMCSS-21192"),
            None,
        ),
    ] {
        for place in ["/submit", "/jobs/"] {
            let server = epm(move |seen, _| seen.path.contains(place).then(|| json(200, body))).await;
            let error = run(&server, &job("a.csv")).await.unwrap_err();
            assert_eq!((error.kind(), error.remote_code()), (class, code), "{body}");
            if let FetchError::JobFailed { status: told, .. } = error {
                assert_eq!(Some(told), status);
            }
            assert!(!server.lines().iter().any(|line| line.contains("contents")));
        }
    }
}

#[tokio::test]
async fn answers_that_are_no_envelopes_end_the_job() {
    for (kind, body) in [
        ("text/html", "<html>out of order</html>"),
        ("application/json", ""),
        ("application/json", r#"{"status":-1,"#),
        ("application/json", r#"{"status":-1,"links":[]}"#),
        ("application/json", r#"{"status":-1,"links":"x"}"#),
        (
            "application/json",
            r#"{"status":-1,"links":[{"rel":"Job Status","href":7}]}"#,
        ),
        ("application/json", r#"{"status":[],"links":[]}"#),
        ("application/json", "[1,2]"),
        ("application/json", "\u{0}\u{1}"),
    ] {
        let server = epm(move |seen, _| (seen.path == "/submit").then(|| respond(200, kind, body))).await;
        let error = run(&server, &job("a.csv")).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.code()),
            (ErrorKind::Failed, "malformed-response"),
            "{body}"
        );
        assert_eq!(server.lines(), ["POST /submit"]);
    }
}

#[tokio::test]
async fn a_submission_whose_fate_is_unknown_is_not_repeated() {
    let server = epm(|seen, _| (seen.path == "/submit").then(|| json(503, "{}"))).await;
    let error = run(&server, &job("a.csv")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(server.lines().iter().filter(|line| line.contains("/submit")).count(), 1);
}

#[tokio::test]
async fn trouble_while_polling_is_waited_out() {
    let server = epm(|seen, n| (seen.path.contains("/jobs/") && n < 4).then(|| json(503, "{}"))).await;
    assert_eq!(text(&run(&server, &job("a.csv")).await.unwrap()), CSV);
}

#[tokio::test]
async fn a_status_that_is_not_there_yet_is_waited_for_and_one_that_never_comes_is_not() {
    let server = epm(|seen, n| (seen.path.contains("/jobs/") && n < 3).then(|| json(404, "{}"))).await;
    assert_eq!(text(&run(&server, &job("a.csv")).await.unwrap()), CSV);
    let server = epm(|seen, _| seen.path.contains("/jobs/").then(|| json(404, "{}"))).await;
    assert_eq!(run(&server, &job("a.csv")).await.unwrap_err().kind(), ErrorKind::Failed);
    assert_eq!(server.seen().len(), 5);
}

#[tokio::test]
async fn a_job_that_never_ends_is_given_up() {
    let server = epm(|seen, _| {
        let link = format!("http://{}/interop/jobs/1", seen.header("host").unwrap());
        (seen.path.contains("/jobs/")).then(|| running(&link))
    })
    .await;
    let mut limits = limits();
    limits.job_timeout = Duration::from_millis(50);
    let error = run_with(&server, &job("a.csv"), limits, Arc::new(()))
        .await
        .outcome
        .unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Unavailable, "job-timeout"));
}

#[tokio::test]
async fn a_call_gives_its_body_or_its_records() {
    let body = r#"{"links":{"href":"x","action":"GET"},"status":0,"error":null,"details":[ {"userlogin": "John"}, {"userlogin": "Alex"} ]}"#;
    let server = Server::start(move |_, _| json(200, body)).await;
    assert_eq!(text(&run(&server, &call(None)).await.unwrap()), body);
    let fetched = run(&server, &call(Some("details"))).await.unwrap();
    assert_eq!(text(&fetched), "{\"userlogin\":\"John\"}\n{\"userlogin\":\"Alex\"}\n");
    assert_eq!(
        (fetched.records, fetched.file_name, fetched.cleanup),
        (Some(2), None, None)
    );
}

#[tokio::test]
async fn a_failed_call_gives_no_document() {
    for (status, body, class) in [
        (
            200,
            r#"{"details":[{"a":1}],"status":1,"error":{"errorcode":"EPMCSS-20679","errormessage":"no"}}"#,
            ErrorKind::Failed,
        ),
        (
            200,
            r#"{"status":1,"error":{"errorcode":"EPMCSS-21192","errormessage":"no"},"details":null}"#,
            ErrorKind::Refused,
        ),
        (200, "<html>", ErrorKind::Failed),
        (200, "", ErrorKind::Failed),
        (200, r#"{"status":0,"details":[{"a":1}"#, ErrorKind::Failed),
        (400, r#"{"status":1,"details":"EPMCSS-20679"}"#, ErrorKind::Failed),
        (401, "", ErrorKind::Refused),
        (503, "", ErrorKind::Unavailable),
    ] {
        let server = Server::start(move |_, _| json(status, body)).await;
        let error = run(&server, &call(Some("details"))).await.unwrap_err();
        assert_eq!(error.kind(), class, "{status} {body}: {error}");
    }
}

#[tokio::test]
async fn a_plan_that_no_host_would_send_is_not_sent() {
    let server = epm(|_, _| None).await;
    for path in [&["..", "x"][..], &["a", ""]] {
        let fetch = Fetch::Call(Call {
            service: None,
            request: request(Method::Get, path),
            records: None,
        });
        assert_eq!(run(&server, &fetch).await.unwrap_err().kind(), ErrorKind::Plugin);
    }
    assert_eq!(run(&server, &job("..")).await.unwrap_err().kind(), ErrorKind::Plugin);
    assert!(
        !server
            .lines()
            .iter()
            .any(|line| line.starts_with("GET /interop/rest/11"))
    );
}

#[tokio::test]
async fn a_connection_must_be_reachable() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let spool = tempfile::tempdir().unwrap();
    let remote = Remote::new(settings(&url)).unwrap();
    let fetcher = Fetcher::new(Arc::new(remote), spool.path(), limits(), Arc::new(()));
    assert_eq!(
        fetcher.fetch(&job("a.csv")).await.unwrap_err().kind(),
        ErrorKind::Unavailable
    );
}
