//! A running simulator, asked over real sockets.

mod assignments;
mod audit_events;
mod front;
mod invalid_login;
mod oci;
mod reports;
mod tokens;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{RunningSimulator, Scenario, Simulator};

const NOW: &str = "now=2025-07-03T12:00:00Z";

/// An answer, read to the end of the connection.
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
    /// True where the body was as long as promised.
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

async fn start(scenario: &str) -> RunningSimulator {
    let scenario: Scenario = format!("{NOW},{scenario}").parse().unwrap();
    Simulator::start(scenario, 0, false).await.unwrap()
}

async fn raw(running: &RunningSimulator, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
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

async fn ask(running: &RunningSimulator, method: &str, path: &str) -> Answer {
    raw(
        running,
        method,
        path,
        &[("Authorization", &basic("demo.user", "demo-password"))],
        "",
    )
    .await
}

async fn submit(running: &RunningSimulator, from: &str, to: &str, name: &str) -> Answer {
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
async fn report(running: &RunningSimulator, from: &str, to: &str) -> Answer {
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

#[test]
fn every_switch_is_documented() {
    let page = include_str!("../../../../../docs/simulator.md");
    for name in Scenario::names() {
        assert!(
            page.contains(&format!("`{name}")),
            "docs/simulator.md does not mention `{name}`"
        );
    }
}
