//! Receivers that answer otherwise than their makers say, repeat what they were told, or never end.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use tests::{Received, Receiver, Reply, Server, TestEnv, json_lines, stderr, stdout};

use super::{CANARY, PASSWORD, desk};

/// A configuration whose only sink is `siem`.
fn configure(desk: &TestEnv, server: &Server, sink: &str) {
    tests::adopt(&desk.path().join(".local/state/host/ledger.db"));
    desk.write(
        "host.toml",
        format!(
            "[connections.epm]\nkind = \"epm\"\nurl = \"{}\"\nallow-private-addresses = true\n\
             auth = {{ kind = \"basic\", username = \"demo.user\", password = {{ env = \"EPM_PASSWORD\" }} }}\n\
             [sinks.siem]\n{sink}\nretry = {{ min-delay = \"10ms\", max-delay = \"50ms\", max-elapsed = \"300ms\" }}\n",
            server.url()
        ),
    );
}

/// A sink of a kind, or of a plugin, at a URL.
fn sink(kind: &str, url: &str, auth: &str, more: &str) -> String {
    let key = if matches!(kind, "http" | "otlp") {
        "kind"
    } else {
        "plugin"
    };
    format!(
        "{key} = \"{kind}\"\nendpoint = {{ url = \"{url}\", allow-private-addresses = true, timeout = \"2s\", auth = {auth} }}\n{more}"
    )
}

const BEARER: &str = "{ kind = \"bearer\", token = { env = \"TOKEN\" } }";
const QUERY: &str = "{ kind = \"query\", name = \"sig\", value = { env = \"TOKEN\" } }";

fn host(desk: &TestEnv, arguments: &[&str]) -> Output {
    let mut command = desk.host(arguments);
    command.env("EPM_PASSWORD", PASSWORD).env("TOKEN", CANARY);
    command.output().unwrap()
}

/// Runs a report into `siem`; gives what the summary says of all of it, and of the sink.
fn run(desk: &TestEnv) -> (Value, Value, Output) {
    let output = host(
        desk,
        &[
            "run",
            "user-login",
            "--since",
            "7d",
            "--sink",
            "siem",
            "--summary",
            "summary.json",
            "-vvv",
        ],
    );
    let summary: Value = serde_json::from_slice(&std::fs::read(desk.path().join("summary.json")).unwrap()).unwrap();
    let siem = summary["sinks"][0].clone();
    (summary, siem, output)
}

fn reply(status: u16, content_type: &str, body: impl Into<String>) -> Reply {
    Reply {
        headers: vec![("content-type", content_type.to_owned())],
        body: body.into(),
        ..Reply::status(status)
    }
}

/// The ids of the events in the requests that were answered with 200: each form holds them as the same text.
fn uids(received: &[Received]) -> Vec<String> {
    let taken = received.iter().filter(|request| request.status == 200);
    let texts = taken.map(|request| String::from_utf8_lossy(&request.body).into_owned());
    texts
        .flat_map(|text| {
            let ids: Vec<_> = text
                .split("\"uid\":\"")
                .skip(1)
                .map(|after| after[..32].to_owned())
                .collect();
            ids
        })
        .collect()
}

#[test]
fn the_status_of_a_success_decides_for_an_http_sink() {
    for (coding, body) in [("gzip", "no gzip at all"), ("br", "x"), ("gzip, gzip", "x")] {
        let (desk, server) = (desk(), Server::start(""));
        let receiver = Receiver::with(0, move |_| Reply {
            headers: vec![("content-encoding", coding.to_owned())],
            ..reply(200, "application/json", body)
        });
        configure(&desk, &server, &sink("http", &receiver.url(), BEARER, ""));
        let (summary, siem, output) = run(&desk);
        assert_eq!(output.status.code(), Some(0), "{coding}: {}", stderr(&output));
        assert_eq!(siem["delivered"], summary["events"], "{coding}");
        assert_eq!(receiver.received().len(), 1, "{coding}");
    }
}

#[test]
fn what_a_collector_rejects_in_json_is_not_delivered() {
    let (desk, server) = (desk(), Server::start(""));
    let collector = Receiver::with(0, |_| {
        reply(
            200,
            "application/json",
            "{\"partialSuccess\":{\"rejectedLogRecords\":\"1\",\"errorMessage\":\"too old\"}}",
        )
    });
    configure(
        &desk,
        &server,
        &sink("otlp", &collector.url(), BEARER, "when-down = \"dead-letters\""),
    );
    let (summary, siem, output) = run(&desk);
    assert_eq!(output.status.code(), Some(8), "{}", stderr(&output));
    assert_eq!(siem["dead_lettered"], summary["events"]);
    assert!(
        stderr(&output).contains("rejected 1 of 1: too old"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_page_is_no_receipt_of_a_collector() {
    let (desk, server) = (desk(), Server::start(""));
    let portal = Receiver::with(0, |_| reply(200, "text/html", "<html><title>Sign in</title></html>"));
    configure(&desk, &server, &sink("otlp", &portal.url(), BEARER, ""));
    let (summary, siem, output) = run(&desk);
    assert_eq!(output.status.code(), Some(7), "{}", stderr(&output));
    assert_eq!(siem["undelivered"], summary["events"]);
    assert!(
        stderr(&output).contains("not an OTLP collector: it answered with text/html"),
        "{}",
        stderr(&output)
    );
    let checked = host(&desk, &["check", "siem"]);
    assert_eq!(checked.status.code(), Some(7), "{}", stdout(&checked));
}

#[test]
fn a_credential_that_is_refused_later_on_holds_the_rest_and_costs_no_event() {
    for kind in ["http", "otlp"] {
        for status in [401, 403] {
            let (desk, server) = (desk(), Server::start("rows=40"));
            let mut requests = 0;
            let receiver = Receiver::with(0, move |_| {
                requests += 1;
                Reply::status(if requests == 3 { status } else { 200 })
            });
            let more = "when-down = \"wait\"\nbatch-events = 5";
            configure(&desk, &server, &sink(kind, &receiver.url(), BEARER, more));
            let (summary, siem, output) = run(&desk);
            let at = format!("{kind} {status}: {}", stderr(&output));
            let events = summary["events"].as_u64().unwrap();
            assert!(events > 15, "{at}");
            assert_eq!(output.status.code(), Some(7), "{at}");
            assert_eq!(receiver.received().len(), 3, "{at}");
            assert_eq!(
                (&siem["delivered"], &siem["dead_lettered"]),
                (&10.into(), &0.into()),
                "{at}"
            );
            assert!(
                stdout(&host(&desk, &["dead-letter", "list"])).starts_with("No dead letters"),
                "{at}"
            );

            // Somebody has mended it: the others come, and those that were taken do not come again.
            let (_, _, output) = run(&desk);
            assert_eq!(output.status.code(), Some(0), "{kind} {status}: {}", stderr(&output));
            let taken = uids(&receiver.received());
            let distinct: BTreeSet<_> = taken.iter().collect();
            assert_eq!(
                (taken.len() as u64, distinct.len()),
                (events, taken.len()),
                "{kind} {status}"
            );
        }
    }
}

#[test]
fn a_refused_credential_with_dead_letters_keeps_every_event_once() {
    for kind in ["http", "otlp"] {
        let (desk, server) = (desk(), Server::start("rows=40"));
        let mut requests = 0;
        let receiver = Receiver::with(0, move |_| {
            requests += 1;
            Reply::status(if requests >= 3 { 401 } else { 200 })
        });
        let more = "when-down = \"dead-letters\"\nbatch-events = 5";
        let sink = sink(kind, &receiver.url(), BEARER, more).replace("max-delay = \"50ms\"", "max-delay = \"60s\"");
        configure(&desk, &server, &sink);
        let (summary, siem, output) = run(&desk);
        let at = format!("{kind}: {}", stderr(&output));
        assert_eq!(output.status.code(), Some(8), "{at}");
        let events = summary["events"].as_u64().unwrap();
        assert_eq!(
            (&siem["delivered"], &siem["dead_lettered"]),
            (&10.into(), &(events - 10).into()),
            "{at}"
        );
        let letters = json_lines(&host(&desk, &["dead-letter", "list", "--json"]));
        assert_eq!(letters.len() as u64, events - 10);
    }
}

/// A thread that answers each request with a head and then for as long as it is let.
struct Flood {
    url: String,
    sent: Arc<AtomicU64>,
}

impl Flood {
    fn start(head: &'static str) -> Flood {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let sent = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&sent);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let count = Arc::clone(&count);
                std::thread::spawn(move || {
                    let _ = stream.read(&mut [0; 4096]);
                    let mut goes_on = stream.write_all(head.as_bytes()).is_ok();
                    let piece = [b'x'; 1 << 16];
                    while goes_on {
                        goes_on = stream.write_all(&piece).is_ok();
                        count.fetch_add(1 << 16, Ordering::Relaxed);
                    }
                });
            }
        });
        Flood { url, sent }
    }
}

#[test]
fn an_answer_without_end_is_not_read_to_it() {
    for (head, code) in [
        ("HTTP/1.1 400 x\r\n\r\n", 0),
        ("HTTP/1.1 401 x\r\n\r\n", 7),
        ("HTTP/1.1 200 x\r\n\r\n", 0),
    ] {
        let (desk, flood) = (desk(), Flood::start(head));
        let mut sinks = String::new();
        for (name, kind) in [("a", "http"), ("b", "splunk-hec")] {
            sinks += &format!("[sinks.{name}]\n{}\n", sink(kind, &flood.url, BEARER, ""));
        }
        desk.write("host.toml", sinks);
        let output = host(&desk, &["check", "a", "b"]);
        assert_eq!(output.status.code(), Some(code), "{head}: {}", stdout(&output));
        let sent = flood.sent.load(Ordering::Relaxed);
        assert!(sent < 100 << 20, "{head}: {sent} bytes");
    }
}

/// The canary as receivers might write it.
fn spellings() -> Vec<String> {
    let all = |write: fn(u8) -> String| CANARY.bytes().map(write).collect::<String>();
    vec![
        CANARY.to_owned(),
        all(|byte| format!("%{byte:02x}")),
        all(|byte| format!("%25{byte:02X}")),
        all(|byte| format!("\\u{byte:04X}")),
        all(|byte| format!("&#{byte};")),
        CANARY.replace('-', "\\u002d"),
        CANARY.replace('-', "%2D"),
        BASE64_STANDARD.encode(CANARY),
        BASE64_STANDARD.encode(format!("Splunk {CANARY}")),
    ]
}

#[test]
fn what_a_receiver_repeats_of_a_credential_is_seen_nowhere() {
    for kind in ["http", "otlp", "elastic-bulk", "splunk-hec", "slack"] {
        for auth in [BEARER, QUERY] {
            let (desk, server) = (desk(), Server::start(""));
            let receiver = Receiver::with(0, |_| {
                let said = spellings().join(" ");
                Reply {
                    headers: vec![
                        ("content-type", "application/json".to_owned()),
                        ("x-echo", said.clone()),
                        ("location", format!("/?sig={CANARY}")),
                    ],
                    body: format!(
                        "{{\"text\":\"{said}\",\"code\":6,\"error\":{{\"type\":\"{said}\",\"reason\":\"{said}\"}}}}"
                    ),
                    ..Reply::status(400)
                }
            });
            let sink = sink(kind, &receiver.url(), auth, "when-down = \"dead-letters\"");
            configure(&desk, &server, &sink);
            let (summary, siem, output) = run(&desk);
            let at = format!("{kind} {auth}");
            assert_eq!(output.status.code(), Some(8), "{at}: {}", stderr(&output));
            assert_eq!(siem["dead_lettered"], summary["events"], "{at}");
            let listed = host(&desk, &["dead-letter", "list", "--json"]);
            let checked = host(&desk, &["check", "siem"]);
            assert!(stdout(&listed).contains("[redacted]"), "{at}: {}", stdout(&listed));
            for spelling in spellings() {
                let spelling = spelling.trim_end_matches('=');
                for text in [&output, &listed, &checked].map(|output| stdout(output) + &stderr(output)) {
                    assert!(!text.contains(spelling), "{at} {spelling}: {text}");
                    let escaped = spelling.replace('\\', "\\\\");
                    assert!(!text.contains(&escaped), "{at} {spelling}: {text}");
                }
                assert!(!tests::contains(desk.path(), spelling), "{at} {spelling} is on disk");
            }
        }
    }
}

/// Holds that the secret stands neither in what a command says nor in any file.
fn assert_untold(desk: &TestEnv, output: &Output) {
    let said = stdout(output) + &stderr(output);
    assert!(!said.contains(CANARY), "{said}");
    assert!(!tests::contains(desk.path(), CANARY));
}

#[test]
fn a_secret_in_the_query_goes_with_each_request_and_nowhere_else() {
    let led_astray = Arc::new(AtomicBool::new(false));
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    let (seen, port) = (Arc::clone(&led_astray), elsewhere.local_addr().unwrap().port());
    std::thread::spawn(move || {
        for _ in elsewhere.incoming() {
            seen.store(true, Ordering::SeqCst);
        }
    });
    for (kind, query) in [("http", "?api-version=1"), ("splunk-hec", ""), ("otlp", "")] {
        let (desk, server) = (desk(), Server::start(""));
        let receiver = Receiver::with(0, move |received| match received.path.as_str() {
            // Enough for all of them.
            "/moved" => reply(200, "application/json", "{\"text\":\"Success\",\"code\":0}"),
            _ => Reply {
                headers: vec![("location", format!("/moved?x=1&sig={CANARY}"))],
                ..Reply::status(307)
            },
        });
        let url = format!("{}/{query}", receiver.url());
        configure(&desk, &server, &sink(kind, &url, QUERY, ""));
        let (summary, siem, output) = run(&desk);
        assert_eq!(output.status.code(), Some(0), "{kind}: {}", stderr(&output));
        assert_eq!(siem["delivered"], summary["events"]);
        let queries: Vec<_> = receiver.received().into_iter().map(|request| request.query).collect();
        let first = match query {
            "" => format!("sig={CANARY}"),
            _ => format!("api-version=1&sig={CANARY}"),
        };
        assert!(queries[0].ends_with(&first), "{queries:?}");
        assert_eq!(queries[1], format!("x=1&sig={CANARY}"), "{kind}: once");
        assert_untold(&desk, &output);

        let away = Receiver::with(0, move |_| Reply {
            headers: vec![("location", format!("http://127.0.0.1:{port}/?sig={CANARY}"))],
            ..Reply::status(307)
        });
        let desk = super::desk();
        configure(&desk, &server, &sink(kind, &away.url(), QUERY, ""));
        let (_, _, output) = run(&desk);
        assert_eq!(output.status.code(), Some(7), "{kind}: {}", stderr(&output));
        assert!(!stderr(&output).contains(CANARY), "{}", stderr(&output));
    }
    assert!(!led_astray.load(Ordering::SeqCst));
}

#[test]
fn a_secret_in_the_query_of_a_connection_is_not_recorded() {
    let (desk, server) = (desk(), Server::start(""));
    desk.write(
        "host.toml",
        format!(
            "[connections.epm]\nkind = \"epm\"\nurl = \"{}\"\nallow-private-addresses = true\nauth = {QUERY}\n\
             retry = {{ attempts = 1 }}\n",
            server.url()
        ),
    );
    let output = host(
        &desk,
        &["run", "user-login", "--since", "1d", "--record", "recording", "-vvv"],
    );
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(desk.path().join("recording").is_dir());
    assert_untold(&desk, &output);
}
