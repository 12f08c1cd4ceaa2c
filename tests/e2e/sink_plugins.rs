//! The built-in sink plugins, from the configuration to what a receiver gets.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use serde_json::{Value, json};
use tests::{Server, TestEnv, contains, stderr, stdout};

use super::{CANARY, PASSWORD, desk};

/// A request that a receiver got.
struct Received {
    line: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Received {
    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// An HTTP server that answers every request alike, or as a function of its body.
struct Receiver {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Receiver {
    fn start(answer: impl Fn(&str) -> String + Send + 'static) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let received = Arc::new(Mutex::new(Vec::new()));
        let ended = Arc::new(AtomicBool::new(false));
        let (list, end) = (Arc::clone(&received), Arc::clone(&ended));
        let thread = std::thread::spawn(move || {
            for connection in listener.incoming() {
                if end.load(Ordering::SeqCst) {
                    return;
                }
                if let Some(request) = connection.ok().and_then(|connection| serve(connection, &answer)) {
                    list.lock().unwrap().push(request);
                }
            }
        });
        Receiver {
            address,
            received,
            ended,
            thread: Some(thread),
        }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every request so far; no two tests share a receiver.
    fn received(&self) -> Vec<Received> {
        std::mem::take(&mut self.received.lock().unwrap())
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(connection: TcpStream, answer: &impl Fn(&str) -> String) -> Option<Received> {
    let mut reader = BufReader::new(connection);
    let mut next = || {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        Some(line.trim_end().to_owned())
    };
    let line = next()?;
    let mut headers = Vec::new();
    while let Some((name, value)) = next()?.split_once(':') {
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.map_or(0, |(_, length)| length.parse().unwrap())];
    reader.read_exact(&mut body).ok()?;
    let body = String::from_utf8(body).unwrap();
    let answer = answer(&body);
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        answer.len()
    );
    reader.get_mut().write_all((head + &answer).as_bytes()).ok()?;
    Some(Received { line, headers, body })
}

/// Runs the report of failed sign-ins into a sink of the configuration.
fn run_into(desk: &TestEnv, server: &Server, sink: &str) -> Output {
    desk.write(
        "host.toml",
        format!(
            "[connections.epm]\nkind = \"epm\"\nurl = {:?}\nallow-private-addresses = true\n\
             auth = {{ kind = \"basic\", username = \"demo.user\", password = {{ env = \"SECRET\" }} }}\n\n\
             [sinks.receiver]\n{sink}\n",
            server.url()
        ),
    );
    let arguments = [
        "run",
        "invalid-login",
        "--connection",
        "epm",
        "--since",
        "3d",
        "--sink",
        "receiver",
        "--summary",
        "summary.json",
        "-vvv",
    ];
    let mut command = desk.host(arguments);
    command.env("SECRET", PASSWORD).env("TOKEN", CANARY);
    command.output().unwrap()
}

/// A sink whose requests go to the receiver with a credential.
fn with_endpoint(plugin: &str, receiver: &Receiver, more: &str) -> String {
    format!(
        "plugin = \"{plugin}\"\n{more}\nendpoint = {{ url = \"{}\", allow-private-addresses = true, auth = \
         {{ kind = \"header\", name = \"Authorization\", prefix = \"Splunk \", value = {{ env = \"TOKEN\" }} }} }}",
        receiver.url()
    )
}

/// The run succeeded, every request carried the credential, and nothing else did.
fn delivered(desk: &TestEnv, receiver: &Receiver, output: &Output) -> (u64, Vec<Received>) {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
    let received = receiver.received();
    assert!(!received.is_empty());
    for request in &received {
        assert_eq!(
            request.header("authorization"),
            Some(format!("Splunk {CANARY}").as_str())
        );
        assert!(!request.body.contains(CANARY) && !request.line.contains(CANARY));
    }
    assert!(!stderr(output).contains(CANARY) && !stdout(output).contains(CANARY));
    assert!(!contains(desk.path(), CANARY));
    (events(desk), received)
}

fn events(desk: &TestEnv) -> u64 {
    let summary: Value = serde_json::from_slice(&std::fs::read(desk.path().join("summary.json")).unwrap()).unwrap();
    let events = summary["events"].as_u64().unwrap();
    assert!(events > 0);
    events
}

fn json_texts(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn splunk_gets_every_event_in_its_envelope() {
    let (desk, server) = (desk(), Server::start(""));
    let receiver = Receiver::start(|_| r#"{"text":"Success","code":0}"#.into());
    let sink = with_endpoint(
        "splunk-hec",
        &receiver,
        "config = { index = \"identity\", source = \"oracle\" }",
    );
    let output = run_into(&desk, &server, &sink);
    let (events, received) = delivered(&desk, &receiver, &output);
    assert!(
        received
            .iter()
            .all(|request| request.line == "POST /services/collector/event HTTP/1.1")
    );
    let envelopes: Vec<Value> = received.iter().flat_map(|request| json_texts(&request.body)).collect();
    assert_eq!(envelopes.len() as u64, events);
    for envelope in &envelopes {
        assert_eq!(envelope["index"], "identity");
        assert_eq!(envelope["source"], "oracle");
        assert_eq!(envelope["event"]["class_uid"], 3002);
        let ms = envelope["event"]["time"].as_f64().unwrap();
        assert!((envelope["time"].as_f64().unwrap() - ms / 1000.0).abs() < 0.001);
    }
}

#[test]
fn elasticsearch_gets_a_create_action_for_every_event_and_may_know_some_already() {
    let (desk, server) = (desk(), Server::start(""));
    let receiver = Receiver::start(|body| {
        let item = |number| match number % 2 {
            0 => json!({"create": {"status": 201}}),
            _ => {
                json!({"create": {"status": 409, "error": {"type": "version_conflict_engine_exception", "reason": ""}}})
            }
        };
        let items: Vec<Value> = (0..body.lines().count() / 2).map(item).collect();
        json!({"errors": true, "items": items}).to_string()
    });
    let sink = with_endpoint(
        "elastic-bulk",
        &receiver,
        "encoding = \"ecs\"\nconfig = { index = \"logs-oracle.identity-prod\" }",
    );
    let output = run_into(&desk, &server, &sink);
    let (events, received) = delivered(&desk, &receiver, &output);
    let mut ids = std::collections::HashSet::new();
    for request in &received {
        assert!(request.line.starts_with("POST /_bulk?filter_path="), "{}", request.line);
        assert_eq!(request.header("content-type"), Some("application/x-ndjson"));
        for pair in json_texts(&request.body).chunks(2) {
            assert_eq!(pair[0]["create"]["_index"], "logs-oracle.identity-prod");
            assert!(pair[1]["@timestamp"].is_string());
            ids.insert(pair[0]["create"]["_id"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(ids.len() as u64, events);
}

#[test]
fn slack_gets_one_message_at_the_webhook_itself() {
    let (desk, server) = (desk(), Server::start(""));
    let receiver = Receiver::start(|_| "ok".into());
    let sink = with_endpoint("slack", &receiver, "config = { title = \"Failed sign-ins\" }");
    let sink = sink.replace(&receiver.url(), &format!("{}/services/T0/B0/x", receiver.url()));
    let output = run_into(&desk, &server, &sink);
    let (events, received) = delivered(&desk, &receiver, &output);
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].line, "POST /services/T0/B0/x HTTP/1.1");
    let message: Value = serde_json::from_str(&received[0].body).unwrap();
    assert!(message["text"].as_str().unwrap().contains(&format!("{events} event")));
    assert!(received[0].body.contains("Failed sign-ins"));
}

#[test]
fn cef_lines_go_to_a_file() {
    let (desk, server) = (desk(), Server::start(""));
    let sink = "plugin = \"cef\"\ntransport = { kind = \"file\", path = \"audit.cef\" }\n\
                config = { product = \"EPM|Cloud\" }";
    let output = run_into(&desk, &server, sink);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = std::fs::read_to_string(desk.path().join("audit.cef")).unwrap();
    assert_eq!(text.lines().count() as u64, events(&desk));
    for line in text.lines() {
        assert!(
            line.starts_with(r"CEF:0|Oracle|EPM\|Cloud|1|logon|logon failure|6|rt="),
            "{line}"
        );
    }
}

#[test]
fn a_sink_plugin_is_shown_with_its_kind_and_its_settings() {
    let desk = desk();
    let list = stdout(&desk.host(["plugin", "list"]).output().unwrap());
    for (name, kind) in [("cef", "sink"), ("splunk-hec", "sink"), ("user-login", "report")] {
        let line = list.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap();
        assert_eq!(line.split_whitespace().nth(1), Some(kind), "{line}");
    }
    let about = stdout(&desk.host(["plugin", "inspect", "splunk-hec"]).output().unwrap());
    assert!(about.contains("imports      none"), "{about}");
    let row = about.lines().find(|line| line.contains(" sourcetype ")).unwrap();
    assert!(
        row.contains("string") && row.contains("ocsf:iam") && row.contains(" no "),
        "{row}"
    );
    assert!(
        about.contains("10000 ms a call") && about.contains("256 MiB"),
        "{about}"
    );
    let sinks = stdout(&desk.host(["sink", "list"]).output().unwrap());
    for name in ["cef", "elastic-bulk", "slack", "splunk-hec"] {
        assert!(sinks.lines().any(|line| line.starts_with(name)), "{sinks}");
    }
    assert!(!sinks.contains("user-login"));
}

#[test]
fn a_wrong_setting_is_found_before_anything_is_asked_for() {
    let (desk, server) = (desk(), Server::start(""));
    let output = run_into(&desk, &server, "plugin = \"cef\"\nconfig = { vendr = \"Acme\" }");
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("vendr"), "{}", stderr(&output));
    assert!(server.seen().is_empty());
}
