//! A sink is down for an hour while a great many events wait for it: nothing is lost, doubled or out of order, memory and
//! disk do not grow, and the server is not asked again for what is here already.
//!
//! `cargo test -p tests --test outage -- --ignored --nocapture` does so with a million events.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::HashSet;
use std::io::Read;
use std::net::TcpListener;
use std::path::Path;
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use serde_json::Value;
use tests::{Received, Receiver, Reply, Server, TestEnv, json_lines, stderr};

const MIB: u64 = 1 << 20;

/// The memory that a process may take at its peak, however much waits.
const MEMORY: u64 = 96 * MIB;

/// The bytes that ledger, spool and dead letters may take beside the document, and grow by over an hour.
const ROOM: u64 = 2 * MIB;

/// The events that came to a receiver: ids and times, in order.
#[derive(Clone, Default)]
struct Came(Arc<Mutex<Vec<(String, i64)>>>);

impl Came {
    fn take(&self, received: &Received) -> Reply {
        let mut came = self.0.lock().unwrap();
        for line in std::str::from_utf8(&received.body).unwrap().lines() {
            let uid = after(line, "\"uid\":\"").split('"').next().unwrap();
            let time = after(line, "\"time\":").split([',', '}']).next().unwrap();
            came.push((uid.to_owned(), time.parse().unwrap()));
        }
        Reply::status(200)
    }

    fn all(&self) -> Vec<(String, i64)> {
        self.0.lock().unwrap().clone()
    }
}

fn after<'a>(line: &'a str, what: &str) -> &'a str {
    line.split_once(what).unwrap().1
}

/// Takes everything at that port, and remembers no body.
fn receiver(port: u16, came: &Came) -> Receiver {
    let came = came.clone();
    let receiver = Receiver::with(port, move |received| came.take(received));
    receiver.forget();
    receiver
}

/// Takes connections and never answers, until it is dropped.
struct Silent {
    over: Arc<AtomicBool>,
    port: u16,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Silent {
    fn listen(port: u16) -> Silent {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            let mut held = Vec::new();
            for stream in listener.incoming() {
                if ends.load(Ordering::SeqCst) {
                    break;
                }
                let mut stream = stream.unwrap();
                let _ = stream.read(&mut [0; 64]);
                held.push(stream);
            }
        });
        Silent {
            over,
            port,
            thread: Some(thread),
        }
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _ = std::net::TcpStream::connect(("127.0.0.1", self.port));
        let _ = self.thread.take().unwrap().join();
    }
}

/// `timeout` is how long the sink waits for an answer.
fn configure(desk: &TestEnv, server: &Server, port: u16, other: &str, timeout: &str) {
    let url = server.url();
    tests::adopt(&desk.path().join(".local/state/host/ledger.db"));
    let retry = format!("timeout = \"{timeout}\", retry = {{ attempts = 1 }}");
    desk.write(
        "host.toml",
        format!(
            "[connections.epm]\nkind = \"epm\"\nurl = \"{url}\"\nallow-private-addresses = true\n\
             auth = {{ kind = \"basic\", username = \"demo.user\", password = {{ env = \"EPM_PASSWORD\" }} }}\n\
             [sinks.siem]\nkind = \"http\"\n\
             endpoint = {{ url = \"http://127.0.0.1:{port}\", allow-private-addresses = true, {retry} }}\n\
             retry = {{ min-delay = \"10ms\", max-delay = \"20ms\", max-elapsed = \"100ms\" }}\n\
             [sinks.other]\nkind = \"http\"\nendpoint = {{ url = \"{other}\", allow-private-addresses = true }}\n"
        ),
    );
}

fn host(desk: &TestEnv, arguments: &[&str]) -> Output {
    let mut command = desk.host(arguments);
    command.timeout(std::time::Duration::from_secs(500));
    command.env("EPM_PASSWORD", "demo-password").output().unwrap()
}

/// A run as cron begins it; its exit code and summary.
fn run(desk: &TestEnv, now: &str) -> (i32, Value, Output) {
    let arguments = [
        "run",
        "invalid-login",
        "--sink",
        "siem",
        "--now",
        now,
        "-q",
        "--summary",
        "summary.json",
    ];
    let output = host(desk, &arguments);
    let summary = serde_json::from_slice(&std::fs::read(desk.path().join("summary.json")).unwrap()).unwrap();
    (output.status.code().unwrap(), summary, output)
}

/// The size of what the run leaves: ledger, spool, dead letters.
fn size(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    let sizes = entries.map(|entry| {
        let entry = entry.unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => size(&entry.path()),
            false => entry.metadata().unwrap().len(),
        }
    });
    sizes.sum()
}

/// Requests that create a report's job.
fn jobs(server: &Server) -> usize {
    let seen = server.seen();
    let creates = |request: &&String| request.starts_with("POST") && request.contains("invalidloginreport");
    seen.iter().filter(creates).count()
}

fn an_hour(rows: u64) {
    let begun = Instant::now();
    let desk = TestEnv::new(env!("CARGO_BIN_EXE_host"));
    let early = Server::start(&format!("rows={rows},plain-names,slow-job=1,now=2026-03-05T00:30:00Z"));
    let (came, served) = (Came::default(), Came::default());
    let (first, other) = (receiver(0, &came), receiver(0, &served));
    let port = first.port();
    configure(&desk, &early, port, &other.url(), "60s");
    let state = desk.path().join(".local/state/host");

    // The stream begins early on the day before; a day later all of that day waits.
    let (exit, _, output) = run(&desk, "2026-03-05T00:30:00Z");
    assert_eq!(exit, 0, "{}", stderr(&output));
    drop((first, early));
    let before = came.all().len();
    let server = Server::start(&format!("rows={rows},plain-names,slow-job=1,now=2026-03-06T00:30:00Z"));
    configure(&desk, &server, port, &other.url(), "500ms");

    let (mut peaks, mut sizes) = (Vec::new(), Vec::new());
    let (mut document, mut requests) = (0, 0);
    for minute in (30..90).step_by(5) {
        let now = format!("2026-03-06T{:02}:{:02}:00Z", minute / 60, minute % 60);
        // Refused connections, then 503, then silence.
        let _down: Box<dyn std::any::Any> = match minute {
            30..50 => Box::new(()),
            50..70 => Box::new(Receiver::with(port, |_| Reply::status(503))),
            _ => Box::new(Silent::listen(port)),
        };
        let (exit, summary, output) = run(&desk, &now);
        assert_eq!(exit, 7, "{now}: {}", stderr(&output));
        assert!(
            stderr(&output).contains("the next run delivers them"),
            "{}",
            stderr(&output)
        );
        let sink = &summary["sinks"][0];
        assert_eq!(sink["delivered"], 0, "{now}");
        assert_eq!(sink["dead_lettered"], 0, "{now}");
        if sizes.is_empty() {
            document = summary["remote"]["bytes"].as_u64().unwrap();
            requests = server.seen().len();
            assert_eq!(jobs(&server), 1);
        } else {
            assert_eq!(summary["remote"]["requests"], 0, "{now}: the document is here");
            assert_eq!(summary["ledger"]["resumed"], 1, "{now}");
        }
        assert_eq!(
            server.seen().len(),
            requests,
            "{now}: no second job, no second download"
        );
        peaks.push(summary["usage"]["peak_bytes"].as_u64().unwrap());
        sizes.push(size(&state));
    }
    assert_eq!(came.all().len(), before);
    let letters = host(&desk, &["dead-letter", "list", "--json"]);
    assert!(json_lines(&letters).is_empty());

    // It is back.
    let back = receiver(port, &came);
    configure(&desk, &server, port, &other.url(), "60s");
    let (exit, summary, output) = run(&desk, "2026-03-06T01:30:00Z");
    assert_eq!(exit, 0, "{}", stderr(&output));
    peaks.push(summary["usage"]["peak_bytes"].as_u64().unwrap());
    let (exit, summary, output) = run(&desk, "2026-03-06T01:35:00Z");
    assert_eq!(exit, 0, "{}", stderr(&output));
    assert_eq!(summary["sinks"][0]["delivered"], 0, "nothing is new");
    drop(back);
    let left = size(&state);

    let whole = [
        "run",
        "invalid-login",
        "--ledger",
        "none",
        "--sink",
        "other",
        "-q",
        "--now",
        "2026-03-06T01:35:00Z",
        "--from",
        "2026-03-05",
        "--to",
        "2026-03-06",
    ];
    let output = host(&desk, &whole);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let (held, served) = (came.all(), served.all());
    let ids: HashSet<&String> = held.iter().map(|(id, _)| id).collect();
    assert!(served.len() as u64 > rows);
    assert_eq!(ids.len(), held.len(), "doubled");
    assert!(
        held == served,
        "{} held, {} served, or in another order",
        held.len(),
        served.len()
    );
    assert!(held[before..].is_sorted_by_key(|(_, time)| *time));

    let (most, peak) = (*sizes.iter().max().unwrap(), *peaks.iter().max().unwrap());
    println!(
        "{} events, a document of {document} bytes: peaks of memory {} to {} MiB; on disk {} to {} bytes, {left} at the end; {:.0} s",
        held.len(),
        peaks.iter().min().unwrap() / MIB,
        peak / MIB,
        sizes.iter().min().unwrap(),
        most,
        begun.elapsed().as_secs_f64()
    );
    assert!(peak < MEMORY, "{peaks:?}");
    assert!(most < document + ROOM, "{sizes:?} for a document of {document}");
    assert!(most - sizes[0] < ROOM / 4, "{sizes:?}");
    assert!(left < 2 * ROOM, "{left}");
}

#[test]
fn an_hour_without_the_sink_costs_nothing() {
    an_hour(50_000);
}

#[test]
#[ignore = "a million events take a while"]
fn an_hour_without_the_sink_costs_a_million_events_nothing() {
    an_hour(1_000_000);
}
