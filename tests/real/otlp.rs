//! Events to OpenTelemetry collectors, over HTTP and gRPC.

use std::collections::BTreeMap;
use std::process::Output;

use serde_json::Value;
use tests::{Server, TestEnv, json_lines, stderr};

use super::certificates::Authority;
use super::collector::{Decoder, Rotel};
use super::{PASSWORD, assert_unseen, connect, desk};

const TOKEN: &str = "canary-0b2f-otlp";

/// A run to stdout and to the collector, whose endpoint and further settings these are.
fn deliver(desk: &TestEnv, server: &Server, endpoint: &str, more: &str) -> Output {
    connect(
        desk,
        &server.url(),
        &format!(
            "[sinks.otel]\nkind = \"otlp\"\nendpoint = {{ allow-private-addresses = true, {endpoint} }}\n{more}\n\
             retry = {{ max-elapsed = \"1s\" }}\n"
        ),
    );
    let mut command = desk.host([
        "run",
        "user-login",
        "--since",
        "7d",
        "--sink",
        "stdout",
        "--sink",
        "otel",
        "-vv",
    ]);
    command
        .env("EPM_PASSWORD", PASSWORD)
        .env("OTEL_TOKEN", TOKEN)
        .output()
        .unwrap()
}

fn members(attributes: &Value) -> BTreeMap<String, Value> {
    let list = attributes["attributes"].as_array().unwrap();
    let map: BTreeMap<String, Value> = list
        .iter()
        .map(|attribute| {
            let key = attribute["key"].as_str().unwrap().to_owned();
            (key, attribute["value"]["stringValue"].clone())
        })
        .collect();
    assert_eq!(map.len(), list.len(), "a key comes twice: {attributes}");
    map
}

/// Every event of stdout arrived once, in order and whole.
fn assert_arrived(output: &Output, collector: &Decoder, way: &str) {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
    let events = json_lines(output);
    assert!(events.len() > 20, "{}", events.len());
    let records = collector.records(events.len());
    assert_eq!(records.len(), events.len());
    for (event, line) in events.iter().zip(&records) {
        assert_eq!(line["way"], way);
        let record = &line["record"];
        let body: Value = serde_json::from_str(record["body"]["stringValue"].as_str().unwrap()).unwrap();
        assert_eq!(body, *event);
        assert_eq!(record["timeUnixNano"], format!("{}000000", event["time"]));
        assert_eq!(record["eventName"], "audit.logon");
        let failed = event["status_id"] == 2;
        assert_eq!(record["severityText"], if failed { "WARN" } else { "INFO" });
        let attributes = members(record);
        assert_eq!(attributes["event.id"], event["metadata"]["uid"]);
        assert_eq!(attributes["user.name"], event["user"]["name"]);
        assert_eq!(members(&line["resource"])["service.name"], "127.0.0.1");
        assert_eq!(line["scope"]["name"], "host");
    }
}

#[test]
#[ignore = "needs Python's opentelemetry-proto and grpcio"]
fn events_arrive_over_http() {
    for (coding, way) in [("none", "http identity"), ("gzip", "http gzip")] {
        let collector = Decoder::start(&format!("Bearer {TOKEN}"), None);
        let server = Server::start("");
        let desk = desk();
        let url = format!("url = \"http://127.0.0.1:{}\"", collector.http);
        let auth = "auth = { kind = \"bearer\", token = { env = \"OTEL_TOKEN\" } }";
        let more = format!("compression = \"{coding}\"");
        let output = deliver(&desk, &server, &format!("{url}, {auth}"), &more);
        assert_arrived(&output, &collector, way);
        assert_unseen(&[TOKEN], &output, desk.path());
        let arrived = collector.records(1).len();

        let output = deliver(&desk, &server, &url, &more);
        assert_eq!(output.status.code(), Some(7), "{}", stderr(&output));
        assert!(stderr(&output).contains("401"), "{}", stderr(&output));
        assert_eq!(collector.records(1).len(), arrived);
    }
}

#[test]
#[ignore = "needs Python's opentelemetry-proto and grpcio"]
fn events_arrive_over_grpc_with_tls_and_a_credential() {
    let authority = Authority::new("A private authority");
    let collector = Decoder::start(&format!("Bearer {TOKEN}"), Some(&authority.server("localhost")));
    let server = Server::start("");
    let desk = desk();
    desk.write("ca.pem", &authority.pem);
    let url = format!("url = \"https://localhost:{}\"", collector.grpc);
    let trust = "ca-file = \"ca.pem\"";
    let auth = "auth = { kind = \"bearer\", token = { env = \"OTEL_TOKEN\" } }";
    let more = "protocol = \"grpc\"\ncompression = \"gzip\"";
    let output = deliver(&desk, &server, &format!("{url}, {trust}, {auth}"), more);
    assert_arrived(&output, &collector, "grpc");
    assert_unseen(&[TOKEN], &output, desk.path());
    let checked = desk.host(["check", "otel"]).env("OTEL_TOKEN", TOKEN).output().unwrap();
    assert_eq!(checked.status.code(), Some(0), "{}", stderr(&checked));
    let arrived = collector.records(1).len();

    for (endpoint, said) in [
        (format!("{url}, {trust}"), "Unauthenticated: who are you?"),
        (format!("{url}, {auth}"), "certificate"),
    ] {
        let output = deliver(&desk, &server, &endpoint, more);
        assert_eq!(output.status.code(), Some(7), "{}", stderr(&output));
        assert!(stderr(&output).contains(said), "{said}: {}", stderr(&output));
        assert_unseen(&[TOKEN], &output, desk.path());
    }
    assert_eq!(collector.records(1).len(), arrived);
}

#[test]
#[ignore = "needs Python's opentelemetry-proto and grpcio, and rotel"]
fn events_pass_through_a_collector() {
    for protocol in ["http", "grpc"] {
        let decoder = Decoder::start("", None);
        let rotel = Rotel::before(&decoder);
        let server = Server::start("");
        let desk = desk();
        let port = if protocol == "http" { rotel.http } else { rotel.grpc };
        let url = format!("url = \"http://127.0.0.1:{port}\"");
        let output = deliver(&desk, &server, &url, &format!("protocol = \"{protocol}\""));
        assert_arrived(&output, &decoder, "http gzip");
    }
}
