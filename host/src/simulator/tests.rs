//! A running simulator, asked over real sockets.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Running, Scenario, Simulator};

const NOW: &str = "now=2025-07-03T12:00:00Z";

/// An answer, read to the end of the connection.
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
    /// Whether the body was as long as promised.
    complete: bool,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v)
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn links(&self) -> Vec<(String, String)> {
        let links = self.json()["links"].as_array().unwrap().clone();
        links
            .iter()
            .map(|l| {
                (
                    l["rel"].as_str().unwrap().to_owned(),
                    l["href"].as_str().unwrap().to_owned(),
                )
            })
            .collect()
    }
}

async fn start(scenario: &str) -> Running {
    let scenario: Scenario = format!("{NOW},{scenario}").parse().unwrap();
    Simulator::start(scenario, 0, false).await.unwrap()
}

async fn raw(running: &Running, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let url = running.url();
    let mut stream = TcpStream::connect(("127.0.0.1", url.port().unwrap())).await.unwrap();
    let mut request = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n",
        url.port().unwrap()
    );
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    request += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    let split = bytes.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(bytes[..split].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut answer = Answer {
        status,
        head,
        body: bytes[split + 4..].to_vec(),
        complete: true,
    };
    if answer.header("transfer-encoding").is_some() {
        (answer.body, answer.complete) = unchunk(&answer.body);
    } else if let Some(length) = answer.header("content-length") {
        answer.complete = length.parse() == Ok(answer.body.len());
    }
    answer
}

fn unchunk(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        let Some(end) = rest.windows(2).position(|w| w == b"\r\n") else {
            return (body, false);
        };
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        if length == 0 {
            return (body, true);
        }
        rest = &rest[end + 2..];
        if rest.len() < length + 2 {
            return (body, false);
        }
        body.extend_from_slice(&rest[..length]);
        rest = &rest[length + 2..];
    }
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

async fn ask(running: &Running, method: &str, path: &str) -> Answer {
    raw(
        running,
        method,
        path,
        &[("Authorization", &basic("demo.user", "demo-password"))],
        "",
    )
    .await
}

async fn submit(running: &Running, from: &str, to: &str, name: &str) -> Answer {
    let headers = [
        ("Authorization", basic("demo.user", "demo-password")),
        (
            "Content-Type",
            "application/x-www-form-urlencoded;charset=UTF-8".to_owned(),
        ),
    ];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let body = format!("from_date={from}&to_date={to}&filename={name}");
    raw(
        running,
        "POST",
        "/interop/rest/security/v1/invalidloginreport",
        &headers,
        &body,
    )
    .await
}

fn path_of(href: &str) -> String {
    let url = url::Url::parse(href.trim()).unwrap();
    url.path().to_owned()
}

/// Submits, polls until done and downloads.
async fn report(running: &Running, from: &str, to: &str) -> Answer {
    let submitted = submit(running, from, to, "r.csv").await;
    let status = path_of(&submitted.links()[1].1);
    while ask(running, "GET", &status).await.json()["status"] == -1 {}
    ask(
        running,
        "GET",
        "/interop/rest/11.1.2.3.600/applicationsnapshots/r.csv/contents",
    )
    .await
}

#[tokio::test]
async fn an_invalid_login_report_is_requested_polled_and_downloaded() {
    let running = start("slow-job=2").await;
    let submitted = submit(&running, "2025-07-01", "2025-07-02", "r.csv").await;
    let body = submitted.json();
    assert_eq!(
        (submitted.status, &body["status"], &body["details"]),
        (200, &Value::from(-1), &Value::Null)
    );
    assert_eq!(body["links"][0]["data"]["jobType"], "GENERATE_INVALID_LOGIN_REPORT");
    assert_eq!(body["links"][0]["data"]["filename"], "r.csv");
    let (rel, href) = submitted.links()[1].clone();
    assert_eq!(rel, "Job Status");
    assert!(
        href.starts_with(&format!(" {}interop/rest/security/v1/jobs/", running.url())),
        "{href}"
    );

    let mut polls = Vec::new();
    for _ in 0..3 {
        polls.push(ask(&running, "GET", &path_of(&href)).await.json());
    }
    assert_eq!(
        polls
            .iter()
            .map(|poll| poll["status"].as_i64().unwrap())
            .collect::<Vec<_>>(),
        [-1, -1, 0]
    );
    assert_eq!(polls[2]["details"], "null");
    assert!(polls[2]["items"].is_null() && polls[2].get("items").is_some());

    let file = ask(
        &running,
        "GET",
        "/interop/rest/11.1.2.3.600/applicationsnapshots/r.csv/contents",
    )
    .await;
    assert_eq!(file.header("content-type"), Some("application/octet-stream"));
    assert_eq!(file.header("fileExtension"), Some("csv"));
    assert_eq!(
        file.header("content-length"),
        Some(file.body.len().to_string().as_str())
    );
    let mut reader = csv::Reader::from_reader(file.body.as_slice());
    assert_eq!(
        reader.headers().unwrap(),
        vec!["User Name", "Remote IP Address", "Timestamp"]
    );
    let times: Vec<String> = reader.records().map(|row| row.unwrap()[2].to_owned()).collect();
    assert_eq!(times.len(), 12, "six rows a day");
    assert!(
        times[0].starts_with("July 1, 2025 ") && times[11].starts_with("July 2, 2025 "),
        "{times:?}"
    );

    let asked: Vec<_> = running
        .requests()
        .iter()
        .map(|r| format!("{} {:?}", r.method, r.user.as_deref()))
        .collect();
    assert_eq!(asked[0], "POST Some(\"demo.user\")");
    assert_eq!(asked.len(), 5);
    running.stop().await;
}

#[tokio::test]
async fn a_period_outside_the_rules_fails_with_http_200() {
    let running = start("").await;
    for (from, to, name) in [
        ("2025-04-03", "2025-04-10", "r.csv"),
        ("2025-07-02", "2025-07-01", "r.csv"),
        ("2025-07-01", "2025-12-01", "r.csv"),
        ("01.07.2025", "2025-07-02", "r.csv"),
        ("2025-07-01", "", "r.csv"),
        ("2025-07-01", "2025-07-02", ""),
        ("2025-07-01", "2025-07-02", "..%2Fr.csv"),
    ] {
        let answer = submit(&running, from, to, name).await;
        assert_eq!(
            (answer.status, &answer.json()["status"]),
            (200, &Value::from(1)),
            "{from} {to} {name}"
        );
        assert!(
            answer.json()["details"]
                .as_str()
                .unwrap()
                .starts_with("EPMCSS-20679: Failed to generate Invalid Login")
        );
        assert_eq!(answer.links().len(), 1);
    }
}

#[tokio::test]
async fn nothing_later_than_now_and_nothing_older_than_retention_is_reported() {
    let running = start("rows=50").await;
    let today = report(&running, "2025-07-03", "2025-07-03").await;
    let rows = csv::Reader::from_reader(today.body.as_slice()).into_records().count();
    assert!((1..50).contains(&rows), "{rows}");
    let running = start("rows=50,retention=30").await;
    let month = report(&running, "2025-04-10", "2025-06-03").await;
    let rows: Vec<_> = csv::Reader::from_reader(month.body.as_slice())
        .into_records()
        .map(Result::unwrap)
        .collect();
    assert_eq!(rows.len(), 50);
    assert!(rows.iter().all(|row| row[2].starts_with("June 3, 2025")));
}

#[tokio::test]
async fn only_the_right_credentials_open_the_door() {
    let running = start("").await;
    let list = "/interop/rest/v2/files/list";
    for (value, status) in [
        (Some(basic("demo.user", "demo-password")), 200),
        (Some(basic("acme.demo.user", "demo-password")), 200),
        (Some("Bearer demo-token".to_owned()), 200),
        (Some(basic("xdemo.user", "demo-password")), 401),
        (Some(basic("demo.user", "wrong")), 401),
        (Some("Bearer wrong".to_owned()), 401),
        (Some("Basic !!!".to_owned()), 401),
        (Some("Negotiate abc".to_owned()), 401),
        (None, 401),
    ] {
        let headers: Vec<_> = value.iter().map(|value| ("Authorization", value.as_str())).collect();
        assert_eq!(
            raw(&running, "GET", list, &headers, "").await.status,
            status,
            "{value:?}"
        );
    }
    assert!(
        running
            .requests()
            .iter()
            .all(|request| request.header("authorization").is_none())
    );
    assert_eq!(
        running
            .requests()
            .iter()
            .filter(|request| request.user.is_some())
            .count(),
        3
    );
}

#[tokio::test]
async fn a_failing_job_says_so_with_its_code_and_text() {
    let running = start("slow-job=0,fail-job=9,fail-text=EPMCSS-21001: no").await;
    let submitted = submit(&running, "2025-07-01", "2025-07-02", "r.csv").await;
    let done = ask(&running, "GET", &path_of(&submitted.links()[1].1)).await.json();
    assert_eq!(
        (&done["status"], &done["details"]),
        (&Value::from(9), &Value::from("EPMCSS-21001: no"))
    );
    let file = ask(&running, "GET", "/interop/rest/v1/applicationsnapshots/r.csv/contents").await;
    assert_eq!(file.json()["details"], "Invalid file : r.csv");
}

#[tokio::test]
async fn a_caller_without_the_roles_is_told_so() {
    let running = start("no-role").await;
    let answer = submit(&running, "2025-07-01", "2025-07-02", "r.csv").await;
    assert!(answer.json()["details"].as_str().unwrap().starts_with("EPMCSS-21192: "));
}

#[tokio::test]
async fn the_status_link_can_lead_astray() {
    for (style, expected) in [
        (
            "elsewhere",
            Some("http://canary.example/interop/rest/security/v1/jobs/"),
        ),
        ("userinfo", Some("http://127.0.0.1:")),
        ("relative", Some("/interop/rest/security/v1/jobs/")),
        ("missing", None),
    ] {
        let running = start(&format!("elsewhere=http://canary.example,status-link={style}")).await;
        let links = submit(&running, "2025-07-01", "2025-07-02", "r.csv").await.links();
        let link = links
            .iter()
            .find(|(rel, _)| rel == "Job Status")
            .map(|(_, href)| href.as_str());
        assert_eq!(link.is_some(), expected.is_some(), "{style}");
        assert!(
            link.unwrap_or_default().starts_with(expected.unwrap_or_default()),
            "{style} {link:?}"
        );
    }
}

#[tokio::test]
async fn a_cut_download_is_shorter_than_promised_and_a_short_one_is_not() {
    for (fault, complete) in [("cut", false), ("short", true)] {
        let running = start(&format!("download:{fault}=1")).await;
        let part = report(&running, "2025-07-01", "2025-07-02").await;
        let whole = report(&running, "2025-07-01", "2025-07-02").await;
        assert_eq!(
            (part.status, part.complete, whole.complete),
            (200, complete, true),
            "{fault}"
        );
        assert_eq!(part.body, whole.body[..whole.body.len() / 2], "{fault}");
    }
}

#[tokio::test]
async fn faults_answer_in_place_of_the_server() {
    for (fault, status, kind, start_of_body) in [
        ("503", 503, "text/html", "<html>"),
        ("401", 401, "application/json", "{"),
        ("html", 200, "text/html; charset=utf-8", "<!DOCTYPE"),
        ("empty", 200, "application/json", ""),
        ("truncated-json", 200, "application/json", "{\"status\": -1"),
        ("not-a-file", 200, "application/json", "{"),
    ] {
        let running = start(&format!("list:{fault}=1,retry-after=7")).await;
        let answer = ask(&running, "GET", "/interop/rest/v2/files/list").await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (status, Some(kind)),
            "{fault}"
        );
        assert!(answer.text().starts_with(start_of_body), "{fault}");
        assert_eq!(answer.header("retry-after"), (status == 503).then_some("7"), "{fault}");
        assert_eq!(
            ask(&running, "GET", "/interop/rest/v2/files/list").await.status,
            200,
            "{fault} only once"
        );
    }
}

#[tokio::test]
async fn redirects_lead_where_the_scenario_says() {
    for (fault, location) in [
        (
            "redirect",
            "http://canary.example/interop/rest/v2/files/list".to_owned(),
        ),
        (
            "redirect-metadata",
            "http://169.254.169.254/latest/meta-data/".to_owned(),
        ),
        ("redirect-loop", "BASE/interop/rest/v2/files/list".to_owned()),
        (
            "redirect-once",
            "BASE/interop/rest/v2/files/list?redirected=1".to_owned(),
        ),
    ] {
        let running = start(&format!("elsewhere=http://canary.example,{fault}")).await;
        let location = location.replace("BASE/", running.url().as_str());
        let answer = ask(&running, "GET", "/interop/rest/v2/files/list").await;
        assert_eq!(
            (answer.status, answer.header("location")),
            (307, Some(location.as_str())),
            "{fault}"
        );
    }
    let running = start("redirect-once").await;
    assert_eq!(
        ask(&running, "GET", "/interop/rest/v2/files/list?redirected=1")
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_dripping_body_is_the_same_body() {
    let running = start("list:drip=1,drip-interval=0").await;
    let slow = ask(&running, "GET", "/interop/rest/v2/files/list").await;
    assert_eq!(
        slow.body,
        ask(&running, "GET", "/interop/rest/v2/files/list").await.body
    );
}

#[tokio::test]
async fn files_are_listed_and_deleted_in_every_version() {
    let running = start("slow-job=0,strict-names").await;
    let v1 = "/interop/rest/11.1.2.3.600/applicationsnapshots";
    for (method, path, body) in [
        ("DELETE", format!("{v1}/inbox%5Cr.csv"), ""),
        (
            "DELETE",
            "/interop/rest/v2/files/delete".to_owned(),
            "{\"fileName\":\"inbox/r.csv\"}",
        ),
        (
            "POST",
            "/interop/rest/v3/files/delete".to_owned(),
            "{\"fileName\":\"inbox\\\\r.csv\"}",
        ),
    ] {
        let submitted = submit(&running, "2025-07-01", "2025-07-02", "r.csv").await;
        ask(&running, "GET", &path_of(&submitted.links()[1].1)).await;
        for list in [v1, "/interop/rest/v2/files/list"] {
            let items = ask(&running, "GET", list).await.json()["items"].clone();
            let file = items
                .as_array()
                .unwrap()
                .iter()
                .find(|item| item["name"] == "inbox/r.csv")
                .unwrap();
            assert!(file["size"].as_str().unwrap().parse::<u64>().unwrap() > 100);
            assert_eq!(file["lastmodifiedtime"], "1751544000000");
        }
        let headers = [
            ("Authorization", "Bearer demo-token"),
            ("Content-Type", "application/json"),
        ];
        assert_eq!(
            raw(&running, method, &path, &headers, body).await.json()["status"],
            0,
            "{path}"
        );
        assert_eq!(
            raw(&running, method, &path, &headers, body).await.json()["status"],
            1,
            "{path} twice"
        );
    }
}

#[tokio::test]
async fn a_name_that_is_taken_is_refused_where_the_scenario_says_so() {
    let running = start("refuse-duplicate-names,done-at-once").await;
    assert_eq!(
        submit(&running, "2025-07-01", "2025-07-02", "r.csv").await.json()["status"],
        0
    );
    let again = submit(&running, "2025-07-01", "2025-07-02", "r.csv").await.json();
    assert!(
        again["details"].as_str().unwrap().starts_with("EPMCSS-20685: "),
        "{again}"
    );
}

#[tokio::test]
async fn everything_can_lie_under_a_prefix() {
    let running = start("prefix=/gateway/epm,slow-job=0").await;
    assert_eq!(running.url().path(), "/gateway/epm");
    assert_eq!(
        ask(&running, "GET", "/gateway/epm/interop/rest/v2/files/list")
            .await
            .status,
        200
    );
    assert_eq!(ask(&running, "GET", "/interop/rest/v2/files/list").await.status, 404);
    let listed = ask(&running, "GET", "/gateway/epm/interop/rest/v2/files/list").await;
    assert_eq!(
        listed.links()[0].1.trim(),
        format!("{}/interop/rest/v2/files/list", running.url())
    );
}

#[tokio::test]
async fn a_large_report_comes_as_a_stream_without_length() {
    let running = start("rows=300000,time=epoch").await;
    let file = report(&running, "2025-07-01", "2025-07-01").await;
    assert!(file.complete && file.header("content-length").is_none());
    let mut rows = csv::Reader::from_reader(file.body.as_slice());
    let mut last = 0;
    let mut count = 0;
    for row in rows.byte_records() {
        let time: i64 = std::str::from_utf8(&row.unwrap()[2]).unwrap().parse().unwrap();
        assert!(time >= last);
        (last, count) = (time, count + 1);
    }
    assert_eq!(count, 300_000);
}

#[tokio::test]
async fn tls_is_spoken_behind_an_authority_of_its_own() {
    use std::sync::Arc;

    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, ServerName};
    for (scenario, trusted) in [
        ("", true),
        ("certificate=wrong-name", false),
        ("certificate=expired", false),
    ] {
        let running = Simulator::start(scenario.parse().unwrap(), 0, true).await.unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(running.ca_pem().unwrap().as_bytes()).unwrap())
            .unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let mut client = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
        let port = running.url().port().unwrap();
        let shake = move || {
            client
                .complete_io(&mut std::net::TcpStream::connect(("127.0.0.1", port)).unwrap())
                .is_ok()
        };
        let connected = tokio::task::spawn_blocking(shake).await.unwrap();
        assert_eq!(connected, trusted, "{scenario}");
    }
}

#[tokio::test]
async fn a_stopped_simulator_no_longer_listens() {
    let running = start("list:hang").await;
    let port = running.url().port().unwrap();
    let list = async { ask(&running, "GET", "/interop/rest/v2/files/list").await };
    // The hanging request has arrived once it is remembered.
    tokio::select! {
        _ = list => panic!("it should hang"),
        () = async { while running.requests().is_empty() { tokio::task::yield_now().await } } => {}
    }
    running.stop().await;
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err());
}

#[test]
fn every_switch_is_documented() {
    let page = include_str!("../../../docs/simulator.md");
    for name in Scenario::names() {
        assert!(
            page.contains(&format!("`{name}")),
            "docs/simulator.md does not mention `{name}`"
        );
    }
}
