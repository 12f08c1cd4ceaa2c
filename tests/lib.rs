//! The start of every end-to-end test: a [`TestEnv`] (a fresh folder, a clean environment and the command) and a
//! [`Server`] (the simulator, on a free port).

pub mod conformance;
pub mod okta_log;
mod receiver;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use ledger::{Ledger as _, Record, SqliteLedger, Stream};
use serde_json::Value;
use simulator::{RunningSimulator, Scenario, Simulator};
use tempfile::TempDir;
use tokio::runtime::Runtime;

pub use receiver::{Place, Received, Receiver, Reply};

/// A fresh folder, and the binary in an environment that knows nothing else.
pub struct TestEnv {
    folder: TempDir,
    binary: PathBuf,
}

impl TestEnv {
    /// A desk for the binary at that path.
    pub fn new(binary: &str) -> TestEnv {
        TestEnv {
            folder: tempfile::tempdir().expect("a temporary folder"),
            binary: binary.into(),
        }
    }

    /// The folder that commands run in.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file into the folder.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, content).expect("a file written");
        path
    }

    /// Writes a file that nobody else may read.
    pub fn write_secret(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.write(name, content);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("its mode");
        path
    }

    /// The command, not yet run.
    pub fn host<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::from_std(self.process(arguments));
        command.timeout(std::time::Duration::from_secs(120));
        command
    }

    /// The command, for a test that starts it and does something else.
    pub fn process<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> std::process::Command {
        let mut command = std::process::Command::new(&self.binary);
        command
            .current_dir(self.path())
            .env_clear()
            .env("HOME", self.path())
            .env("NO_COLOR", "1")
            .args(arguments);
        // Compiled plugins are shared by all tests of a run: the cache is safe for that, and it saves minutes.
        command.env("XDG_CACHE_HOME", self.binary.with_file_name("e2e-cache"));
        command
    }
}

/// The simulator in a thread of its own.
pub struct Server {
    runtime: Runtime,
    running: Option<RunningSimulator>,
}

impl Server {
    /// Starts it with a scenario as the command line spells it.
    pub fn start(scenario: &str) -> Server {
        Server::with(scenario, false)
    }

    /// Starts it with TLS.
    pub fn with(scenario: &str, tls: bool) -> Server {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let scenario: Scenario = scenario.parse().expect("a scenario");
        let running = runtime
            .block_on(Simulator::start(scenario, 0, tls))
            .expect("the simulator");
        Server {
            runtime,
            running: Some(running),
        }
    }

    /// The running simulator.
    pub fn running(&self) -> &RunningSimulator {
        self.running.as_ref().expect("running")
    }

    /// The URL of the server.
    pub fn url(&self) -> String {
        self.running().url().to_string()
    }

    /// Lets its clock stand at that time from now on; its jobs and files stay.
    pub fn set_clock(&self, now: &str) {
        self.running().set_clock(now.parse().expect("a time"));
    }

    /// `METHOD path` of every request so far.
    pub fn seen(&self) -> Vec<String> {
        self.running()
            .requests()
            .iter()
            .map(|seen| format!("{} {}", seen.method, seen.path))
            .collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            self.runtime.block_on(running.stop());
        }
    }
}

/// A test's server moves to another port whenever it is started: the streams of a ledger take the next URL for theirs.
pub fn adopt(ledger: &Path) {
    if !ledger.is_file() {
        return;
    }
    // A ledger that a test has damaged stays as it is.
    let Ok(ledger) = SqliteLedger::open(ledger) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        for document in ledger.list(Stream::KEYS).await.unwrap_or_default() {
            let Ok((mut record, within)) = Record::decode_with_ids(&document.key, &document.body) else {
                continue;
            };
            if record.origin.take().is_some() && within.is_empty() {
                let body = record.encode().expect("a document");
                let swapped = ledger.swap(&document.key, Some(document.revision), body).await;
                swapped.expect("no run is under way");
            }
        }
    });
}

/// stdout as text.
pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8 on stdout")
}

/// stderr as text.
pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8 on stderr")
}

/// stdout as one JSON value a line.
pub fn json_lines(output: &Output) -> Vec<Value> {
    stdout(output)
        .lines()
        .map(|line| serde_json::from_str(line).expect("a JSON line"))
        .collect()
}

/// True if a file anywhere under the folder contains the text; the configuration that a test wrote does not count.
pub fn contains(folder: &Path, text: &str) -> bool {
    std::fs::read_dir(folder).expect("a folder").any(|entry| {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            return contains(&path, text);
        }
        let content = std::fs::read(&path).expect("a file");
        content.windows(text.len()).any(|part| part == text.as_bytes())
    })
}
