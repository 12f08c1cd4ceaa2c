//! [`Past`]: events that are the same on every run, and a run that delivers them to a sink; and events made by hand.

use std::collections::BTreeSet;
use std::process::Output;
use std::sync::Arc;

use event::{Activity, Event, Outcome, Principal, Product, Provenance};
use tests::{Server, TestEnv, json_lines, stderr, stdout};

use super::{PASSWORD, connect};

/// The time of everything.
const NOW: &str = "2026-03-05T12:00:00Z";

/// The secret that the tests' sinks ask for.
pub const SECRET: &str = "canary-51c2-sink-secret";

/// The provenance that sinks are told of the events of [`event`].
pub fn provenance() -> Arc<Provenance> {
    Arc::new(Provenance::new(
        "user-login",
        "epm",
        "epm.example.com",
        Product::epm_cloud(),
    ))
}

/// An event of that id, in which somebody typed that text.
pub fn event(id: &str, typed: &str) -> Event {
    let mut event = Event::new(
        1_741_608_000_123,
        Activity::Logon,
        Outcome::Failure,
        Principal::named(typed),
    );
    event.id = Some(id.to_owned());
    event.attributes = vec![("typed".into(), typed.to_owned())];
    event
}

/// The simulator, with a clock that stands still.
pub struct Past {
    server: Server,
}

impl Past {
    /// Two days of logins by people with ordinary and with hurtful names.
    pub fn new() -> Past {
        Past {
            server: Server::start(&format!("rows=300,now={NOW}")),
        }
    }

    /// Configures the connection and one sink, `target`; its secret is in `$SINK_SECRET`.
    pub fn configure(&self, desk: &TestEnv, sink: &str) {
        connect(desk, &self.server.url(), &format!("[sinks.target]\n{sink}"));
    }

    fn run(&self, desk: &TestEnv, more: &[&str]) -> Output {
        self.command(desk, more).output().unwrap()
    }

    fn command(&self, desk: &TestEnv, more: &[&str]) -> assert_cmd::Command {
        let period = ["--from", "2026-03-02", "--to", "2026-03-03", "--now", NOW];
        let mut command = desk.host(["run", "invalid-login"]);
        command.args(period).args(more);
        command.env("EPM_PASSWORD", PASSWORD).env("SINK_SECRET", SECRET);
        command
    }

    /// The ids of all events.
    pub fn ids(&self, desk: &TestEnv) -> BTreeSet<String> {
        let output = self.run(desk, &["--encoding", "event"]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let events = json_lines(&output);
        let ids: BTreeSet<String> = events
            .iter()
            .map(|event| event["id"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(ids.len(), events.len());
        assert!(ids.len() >= 600, "{}", ids.len());
        ids
    }

    /// Delivers all events to the sink.
    pub fn deliver(&self, desk: &TestEnv) {
        self.deliver_with(desk, &[]);
    }

    /// Delivers with further environment variables.
    pub fn deliver_with(&self, desk: &TestEnv, variables: &[(&str, &str)]) {
        let mut command = self.command(desk, &["--sink", "target"]);
        let output = command.envs(variables.iter().copied()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert_eq!(stdout(&output), "");
        self.assert_silent(&output);
    }

    /// The sink does not take events, and says why in these words.
    pub fn assert_undelivered(&self, desk: &TestEnv, words: &str) {
        let output = self.run(desk, &["--sink", "target"]);
        let errors = stderr(&output);
        assert_ne!(output.status.code(), Some(0), "{errors}");
        assert!(
            errors.contains("target") && errors.contains(words),
            "{words:?} is missing in: {errors}"
        );
        self.assert_silent(&output);
    }

    /// Neither `host run` nor `host check` finds the sink usable, and both say why in these words.
    pub fn assert_refused(&self, desk: &TestEnv, words: &str) {
        self.assert_undelivered(desk, words);
        let output = self.check(desk);
        assert_ne!(output.status.code(), Some(0));
        let said = stdout(&output) + &stderr(&output);
        assert!(said.contains(words), "{words:?} is missing in: {said}");
        self.assert_silent(&output);
    }

    /// `host check` finds the sink usable, and says so in these words.
    pub fn assert_usable(&self, desk: &TestEnv, words: &str) {
        let output = self.check(desk);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert!(stdout(&output).contains(words), "{}", stdout(&output));
    }

    fn check(&self, desk: &TestEnv) -> Output {
        let mut command = desk.host(["check", "target"]);
        command.env("SINK_SECRET", SECRET).output().unwrap()
    }

    fn assert_silent(&self, output: &Output) {
        assert!(!stderr(output).contains(SECRET) && !stdout(output).contains(SECRET));
    }
}
