//! Days and weeks of a [`SimulatedMonth`]: named streams, sinks that fail and come back or are added, names that change, a
//! backup. The clock of the server and of every command is set, so that a month takes as long as its runs: some thirty, of
//! a few dozen events each.

mod all_streams;
mod backup;
mod history;
mod outage;
mod renames;

use std::path::PathBuf;
use std::process::Output;

use serde_json::Value;
use tests::{Receiver, Server, TestEnv, json_lines, stderr};

use super::{PASSWORD, desk};

/// Days hold few events, so that many of them pass quickly.
const ROWS: &str = "rows=24,plain-names";

/// A folder, its server, and the clock that both go by.
struct SimulatedMonth {
    desk: TestEnv,
    server: Server,
    now: String,
}

impl SimulatedMonth {
    fn begin(now: &str) -> SimulatedMonth {
        SimulatedMonth {
            desk: desk(),
            server: Server::start(&format!("{ROWS},now={now}")),
            now: now.to_owned(),
        }
    }

    fn go_to(&mut self, now: &str) {
        self.server.set_clock(now);
        now.clone_into(&mut self.now);
    }

    fn configure(&self, parts: &[&str]) {
        self.desk.write("host.toml", parts.concat());
    }

    /// A connection to the server's EPM Cloud, of any name.
    fn epm(&self, name: &str) -> String {
        format!(
            "[connections.{name}]\nkind = \"epm\"\nurl = \"{}\"\nallow-private-addresses = true\n\
             auth = {{ kind = \"basic\", username = \"demo.user\", password = {{ env = \"EPM_PASSWORD\" }} }}\n",
            self.server.url()
        )
    }

    /// A connection to the server's identity domain, of any name.
    fn domain(&self, name: &str) -> String {
        format!(
            "[connections.{name}]\nkind = \"identity-domain\"\nurl = \"{}\"\nallow-private-addresses = true\n\
             auth = {{ kind = \"oauth2-client-credentials\", client-id = \"demo-client\", client-secret = {{ env = \"SECRET\" }} }}\n",
            self.server.url()
        )
    }

    fn host(&self, arguments: &[&str]) -> Output {
        let mut command = self.desk.host(arguments);
        command.env("HOST_NOW", &self.now);
        command.env("EPM_PASSWORD", PASSWORD).env("SECRET", "demo-secret");
        command.output().unwrap()
    }

    /// A command that ends with this exit code.
    fn ends(&self, exit: i32, arguments: &[&str]) -> Output {
        let output = self.host(arguments);
        assert_eq!(
            output.status.code(),
            Some(exit),
            "{} {arguments:?}: {}",
            self.now,
            stderr(&output)
        );
        output
    }

    /// `host streams --json`, a line a stream.
    fn streams(&self) -> Vec<Value> {
        json_lines(&self.ends(0, &["streams", "--json"]))
    }

    /// The line of `host streams` about the stream of that name.
    fn stream(&self, name: &str) -> Value {
        let streams = self.streams();
        let found = streams.iter().find(|stream| stream["name"] == name);
        found.unwrap_or_else(|| panic!("{name}: {streams:?}")).clone()
    }

    /// The ids of all events that the server has of a period, in no order; `connection` is the one that the streams began
    /// with, which derived ids are made of.
    fn served(&self, report: &str, connection: &str, [from, to]: [&str; 2]) -> Vec<String> {
        let whole = [self.epm(connection), self.domain("domain")].concat();
        self.desk.write("whole.toml", whole);
        let arguments = [
            "run",
            report,
            "--config",
            "whole.toml",
            "--ledger",
            "none",
            "--sink",
            "stdout",
        ];
        let output = self.ends(0, &[&arguments[..], &["--from", from, "--to", to]].concat());
        let served = sorted(ids(&json_lines(&output)));
        assert!(served.len() > 10, "{report}: {}", served.len());
        assert!(twice(&served).is_empty(), "{report}");
        served
    }

    /// Requests that the server was sent for what the reports hold: jobs, downloads, pages.
    fn asked(&self) -> usize {
        let of_reports = ["invalidloginreport", "userloginreport", "/contents", "/AuditEvents"];
        let seen = self.server.seen();
        let asked = seen.iter().filter(|request| !request.starts_with("DELETE"));
        asked
            .filter(|request| of_reports.iter().any(|part| request.contains(part)))
            .count()
    }

    /// Requests to remove a report's file from the server.
    fn removed(&self) -> usize {
        let seen = self.server.seen();
        seen.iter()
            .filter(|request| request.contains("delete") || request.starts_with("DELETE"))
            .count()
    }

    /// The number of documents on the spool, and their bytes.
    fn spooled(&self) -> (usize, u64) {
        let Ok(entries) = std::fs::read_dir(self.state().join("ledger.db-spool")) else {
            return (0, 0);
        };
        let sizes = entries.map(|entry| entry.unwrap().metadata().unwrap().len());
        sizes.fold((0, 0), |(documents, bytes), size| (documents + 1, bytes + size))
    }

    fn state(&self) -> PathBuf {
        self.desk.path().join(".local/state/host")
    }

    /// The ids of the events of a file, in its order.
    fn lines(&self, file: &str) -> Vec<String> {
        ids(&self.events(file))
    }

    /// The events in a file, in order; none where there is no file.
    fn events(&self, file: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.desk.path().join(file)).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn no_dead_letters(&self) {
        let letters = self.ends(0, &["dead-letter", "list", "--json"]);
        assert!(json_lines(&letters).is_empty(), "{}", self.now);
    }
}

/// A receiver that is given up soon where it is down.
fn http(name: &str, receiver: &Receiver) -> String {
    format!(
        "[sinks.{name}]\nkind = \"http\"\nbatch-events = 7\n\
         endpoint = {{ url = \"{}\", allow-private-addresses = true, timeout = \"5s\", retry = {{ attempts = 1 }} }}\n\
         retry = {{ min-delay = \"10ms\", max-delay = \"20ms\", max-elapsed = \"100ms\" }}\n",
        receiver.url()
    )
}

fn file(name: &str, path: &str) -> String {
    format!("[sinks.{name}]\nkind = \"file\"\npath = \"{path}\"\n")
}

fn stream(name: &str, report: &str, connection: &str, more: &str) -> String {
    format!("[[streams]]\nname = \"{name}\"\nreport = \"{report}\"\nconnection = \"{connection}\"\n{more}")
}

/// The route of a stream, or of everything.
fn route(streams: Option<&str>, to: &[&str]) -> String {
    let streams = streams.map_or(String::new(), |name| format!("streams = [\"{name}\"]\n"));
    format!("[[routes]]\n{streams}to = {to:?}\n")
}

/// Seven in the morning of these days of March.
fn mornings(days: std::ops::RangeInclusive<u32>) -> impl Iterator<Item = String> {
    days.map(|day| format!("2026-03-{day:02}T07:00:00Z"))
}

fn ids(events: &[Value]) -> Vec<String> {
    let id = |event: &Value| event["metadata"]["uid"].as_str().unwrap().to_owned();
    events.iter().map(id).collect()
}

/// The ids of what a receiver took, in the order in which it came.
fn taken(receiver: &Receiver) -> Vec<String> {
    ids(&receiver.taken())
}

fn sorted(mut ids: Vec<String>) -> Vec<String> {
    ids.sort();
    ids
}

/// The ids that are there more than once, each once.
fn twice(ids: &[String]) -> Vec<String> {
    let ids = sorted(ids.to_vec());
    let mut twice: Vec<String> = (ids.windows(2))
        .filter(|pair| pair[0] == pair[1])
        .map(|pair| pair[0].clone())
        .collect();
    twice.dedup();
    twice
}

/// The part of a line of `host streams --json` that is about one of the stream's sinks.
fn at<'a>(stream: &'a Value, sink: &str) -> &'a Value {
    let sinks = stream["sinks"].as_array().unwrap_or_else(|| panic!("{stream}"));
    let found = sinks.iter().find(|entry| entry["name"] == sink);
    found.unwrap_or_else(|| panic!("{sink}: {stream}"))
}
