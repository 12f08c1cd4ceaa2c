//! A desk with a server and sinks of every kind, and runs that end when they are told to.

use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use serde_json::Value;
use tests::{Receiver, Server, TestEnv, json_lines, stderr};

use super::held::{self, ReceivedIds, uid};

pub const NOW: &str = "2026-03-05T22:00:00Z";

/// Files that grow, compressed and not, and one that is followed by the next.
pub const FILES: [&str; 3] = ["archive", "packed", "rotated"];

/// How long a lost job's file is looked for: longer than any job of these servers takes.
const SEARCH: &str = "3s";

pub struct CrashFixture {
    pub desk: TestEnv,
    pub server: Server,
    /// Knows batches by their key.
    pub keyed: Receiver,
    /// Knows nothing.
    pub plain: Receiver,
}

impl CrashFixture {
    pub fn new(scenario: &str) -> CrashFixture {
        let (desk, server) = (
            TestEnv::new(env!("CARGO_BIN_EXE_host")),
            Server::start(&format!("rows=60,plain-names,now={NOW},{scenario}")),
        );
        let (keyed, plain) = (Receiver::start(), Receiver::start());
        let scene = CrashFixture {
            desk,
            server,
            keyed,
            plain,
        };
        scene.configure();
        std::fs::create_dir(scene.files()).unwrap();
        scene
    }

    /// The same with another server, which knows nothing of what the first was asked.
    pub fn with_server(self, scenario: &str) -> CrashFixture {
        let scene = CrashFixture {
            server: Server::start(&format!("rows=60,plain-names,now={NOW},{scenario}")),
            ..self
        };
        tests::adopt(&scene.desk.path().join(".local/state/host/ledger.db"));
        scene.configure();
        scene
    }

    fn configure(&self) {
        let CrashFixture {
            desk,
            server,
            keyed,
            plain,
        } = self;
        let connection = format!(
            "url = \"{}\"\nallow-private-addresses = true\nretry = {{ min-delay = \"10ms\", max-delay = \"100ms\" }}\n",
            server.url()
        );
        let http = |name: &str, receiver: &Receiver| {
            format!(
                "[sinks.{name}]\nkind = \"http\"\nbatch-events = 7\n\
                 endpoint = {{ url = \"{}\", allow-private-addresses = true }}\n",
                receiver.url()
            )
        };
        let file = |name: &str, path: &str, more: &str| {
            format!("[sinks.{name}]\nkind = \"file\"\npath = \"{path}\"\n{more}\n")
        };
        let parts = [
            format!("[fetch]\njob-search = \"{SEARCH}\"\n"),
            format!("[connections.epm]\nkind = \"epm\"\n{connection}"),
            "auth = { kind = \"basic\", username = \"demo.user\", password = { env = \"EPM_PASSWORD\" } }\n".into(),
            format!("[connections.domain]\nkind = \"identity-domain\"\n{connection}"),
            "auth = { kind = \"oauth2-client-credentials\", client-id = \"demo-client\", client-secret = { env = \"SECRET\" } }\n"
                .into(),
            http("keyed", keyed),
            http("plain", plain),
            file("archive", "files/archive.ndjson", ""),
            file("packed", "files/packed.ndjson.gz", ""),
            file("rotated", "files/rotated.ndjson", "rotate = { bytes = 9000 }"),
        ];
        desk.write("host.toml", parts.concat());
    }

    /// Adds sinks that count as down soon.
    pub fn add_sinks(&self, sinks: &[(&str, &str)]) {
        let path = self.desk.path().join("host.toml");
        let mut text = std::fs::read_to_string(&path).unwrap();
        for (name, url) in sinks {
            text += &format!(
                "[sinks.{name}]\nkind = \"http\"\nbatch-events = 7\n\
                 endpoint = {{ url = \"{url}\", allow-private-addresses = true, retry = {{ attempts = 1 }} }}\n\
                 retry = {{ min-delay = \"10ms\", max-delay = \"20ms\", max-elapsed = \"100ms\" }}\n"
            );
        }
        std::fs::write(&path, text).unwrap();
    }

    pub fn files(&self) -> std::path::PathBuf {
        self.desk.path().join("files")
    }

    /// `host` with these arguments, at a fixed time.
    pub fn command(&self, arguments: &[&str], sinks: &[&str]) -> Command {
        self.command_at(NOW, arguments, sinks)
    }

    /// `host` with these arguments, at that time.
    pub fn command_at(&self, now: &str, arguments: &[&str], sinks: &[&str]) -> Command {
        let mut command = self.desk.process(arguments);
        for sink in sinks {
            command.args(["--sink", sink]);
        }
        command
            .args(["--now", now])
            .env("EPM_PASSWORD", "demo-password")
            .env("SECRET", "demo-secret")
            .stdout(Stdio::null());
        command
    }

    /// Runs to the end, whatever that is.
    pub fn run(&self, arguments: &[&str], sinks: &[&str], failpoint: &str) -> ExitStatus {
        let mut command = self.command(arguments, sinks);
        let output = command.env("HOST_FAILPOINT", failpoint).output().unwrap();
        let ended = output.status.success() || output.status.code().is_none();
        assert!(ended, "{arguments:?} {failpoint}: {}", stderr(&output));
        output.status
    }

    /// What the server has of a period, once each.
    pub fn served(&self, report: &str, [from, to]: [&str; 2]) -> ReceivedIds {
        let arguments = ["run", report, "--ledger", "none", "--from", from, "--to", to];
        let output = self
            .command(&arguments, &["stdout"])
            .stdout(Stdio::piped())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        let mut served = ReceivedIds::default();
        served.add(json_lines(&output).iter().map(uid));
        assert!(served.events() > 20 && served.doubled() == 0);
        served
    }

    /// What a sink has.
    pub fn held(&self, sink: &str) -> ReceivedIds {
        match sink {
            "keyed" => held::once(&self.keyed.received()),
            "plain" => held::once(&self.plain.received()),
            file => held::in_files(&self.files(), file),
        }
    }

    /// What may be seen at any moment: whole files of whole lines, that only ever grow.
    pub fn look(&self, before: &held::Seen) -> held::Seen {
        let seen = held::Seen::of(&self.files());
        seen.must_follow(before);
        seen
    }

    /// How many jobs there were that write a report.
    pub fn jobs(&self) -> u64 {
        self.server.running().report_jobs()
    }
}

/// The day that a run without a period is about, as far as it is asked for.
pub fn today(report: &str) -> [&'static str; 2] {
    match report {
        "audit-events" => ["2026-03-05", "2026-03-05T21:45:00Z"],
        _ => ["2026-03-05", "2026-03-05"],
    }
}

/// The summary that a run has written.
pub fn summary(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}
