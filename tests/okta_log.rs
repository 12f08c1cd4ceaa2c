//! The log of another vendor: a service like Okta's System Log, scripted, and what a plugin for it must do, whatever it is
//! written in. The plugins stand in `tests/fixtures/okta-log`, and `docs/writing-a-report-plugin.md` walks through them.

mod service;
mod walk_through;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use serde_json::Value;

use crate::{TestEnv, contains, stderr, stdout};

use service::{DATE, EVENTS, NOW, SystemLog, TOKEN};
use walk_through::WalkThrough;

/// Words of the vendor that this program began with, and of its interfaces.
const FOREIGN: [&str; 5] = ["oracle", "scim", "epm", "idcs", "identity domain"];

/// The sources of the plugins, with the cases that they share.
fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/okta-log")
        .join(name)
}

fn copy(from: &Path, to: &Path) {
    if !from.is_dir() {
        std::fs::copy(from, to).expect("a file copied");
        return;
    }
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let name = entry.expect("an entry").file_name();
        copy(&from.join(&name), &to.join(&name));
    }
}

/// The plugin in Rust, as a project of its own: with the SDK, from wherever that stands.
pub fn rust_project(desk: &TestEnv) {
    let (project, workspace) = (desk.path().join("okta-log"), fixture("../../.."));
    copy(&fixture("rust"), &project);
    copy(&fixture("cases"), &project.join("tests"));
    let manifest = project.join("Cargo.toml");
    let text = std::fs::read_to_string(&manifest).expect("a manifest");
    let sdk = workspace.canonicalize().expect("the workspace").join("plugins/sdk");
    let here = text.replace("../../../../plugins/sdk", sdk.to_str().expect("a path"));
    assert_ne!(here, text);
    std::fs::write(manifest, here).expect("a manifest");
    // What is built here was downloaded for the workspace.
    copy(&workspace.join("Cargo.lock"), &project.join("Cargo.lock"));
}

/// The plugin in Python: a new project of the workshop, with the source in the place of the template's.
pub fn python_project(desk: &TestEnv) {
    let arguments = ["plugin", "new", "report", "okta-log", "--lang", "python"];
    assert_done(&run(desk, &arguments));
    let project = desk.path().join("okta-log");
    std::fs::remove_dir_all(project.join("tests")).expect("the template's cases");
    copy(&fixture("cases"), &project.join("tests"));
    copy(&fixture("python/report.py"), &project.join("src/report.py"));
    let tools = fixture("../../../target/venv");
    let tools = tools.canonicalize().expect("componentize-py: run .ci/install");
    std::os::unix::fs::symlink(tools, project.join(".venv")).expect("a link");
}

/// `host …` where cargo can be found, at the clock of the service.
fn run(desk: &TestEnv, arguments: &[&str]) -> Output {
    let mut command = desk.host(arguments);
    command.timeout(Duration::from_secs(580));
    let home = std::env::var("HOME").unwrap_or_default();
    let or_home = |name: &str, below: &str| std::env::var(name).unwrap_or(format!("{home}/{below}"));
    command
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("CARGO_HOME", or_home("CARGO_HOME", ".cargo"))
        .env("RUSTUP_HOME", or_home("RUSTUP_HOME", ".rustup"))
        .env("CARGO_TARGET_DIR", desk.binary.with_file_name("e2e-workshop"))
        .env("OKTA_TOKEN", TOKEN)
        .env("HOST_NOW", NOW);
    if let Ok(toolchain) = std::env::var("RUSTUP_TOOLCHAIN") {
        command.env("RUSTUP_TOOLCHAIN", toolchain);
    }
    command.output().expect("the binary")
}

#[track_caller]
fn assert_exit(output: &Output, code: i32) {
    let said = format!("stdout:\n{}\nstderr:\n{}", stdout(output), stderr(output));
    assert_eq!(output.status.code(), Some(code), "{said}");
}

#[track_caller]
fn assert_done(output: &Output) {
    assert_exit(output, 0);
}

/// A desk with the service's configuration, and all that the binary has said there.
struct Session<'a> {
    desk: &'a TestEnv,
    said: String,
}

impl Session<'_> {
    fn host(&mut self, arguments: &[&str]) -> Output {
        let output = run(self.desk, arguments);
        self.said += &format!("$ host {}\n{}{}", arguments.join(" "), stdout(&output), stderr(&output));
        output
    }

    #[track_caller]
    fn done(&mut self, arguments: &[&str]) -> String {
        let output = self.host(arguments);
        assert_done(&output);
        stdout(&output)
    }

    fn lines(&self, file: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.desk.path().join(file)).expect("a file of events");
        let lines = text.lines().map(serde_json::from_str);
        lines.map(|line| line.expect("a JSON line")).collect()
    }

    /// Everything that was said and written has no word of another vendor, and no file has the token.
    #[track_caller]
    fn assert_clean(&self) {
        let files = ["okta.ocsf.ndjson", "okta.ecs.ndjson", "look.ndjson", "summary.json"];
        let written = files.map(|file| std::fs::read_to_string(self.desk.path().join(file)).expect("a file"));
        let folder = self.desk.path().to_str().expect("a path");
        for text in written.iter().chain([&self.said]) {
            let text = text.replace(folder, "").to_lowercase();
            for word in FOREIGN {
                let line = text.lines().find(|line| line.contains(word));
                assert_eq!(line, None, "{word}");
            }
        }
        assert!(!self.said.contains(TOKEN), "{}", self.said);
        // A link to all that the tools of its language hold.
        let _ = std::fs::remove_file(self.desk.path().join("okta-log/.venv"));
        assert!(!contains(self.desk.path(), TOKEN), "a file has the token");
    }
}

/// Builds the project `okta-log` of the desk and holds its plugin to everything, in the steps of the walk-through; answers with
/// the OCSF that came of it.
pub fn hold(desk: &TestEnv) -> Vec<u8> {
    let (service, page) = (SystemLog::start(), WalkThrough::read());
    page.assert_shows(&[fixture("rust/src/lib.rs"), fixture("python/report.py")]);
    desk.write("host.toml", page.configuration(&service.url()));
    let mut session = Session {
        desk,
        said: String::new(),
    };
    for arguments in [["plugin", "build", "okta-log"], ["plugin", "test", "okta-log"]] {
        assert_done(&run(desk, &arguments));
    }
    page.follow(&mut |arguments| session.host(arguments));
    // The third page was refused once: nobody asked again before the service took requests again.
    assert_eq!(service.refusals(), 1);

    let (ocsf, ecs) = (session.lines("okta.ocsf.ndjson"), session.lines("okta.ecs.ndjson"));
    let (examples, ocsf_schema, ecs_schema) = (page.examples(), schemas::ocsf::schema(), schemas::ecs::schema());
    check_events(&ocsf, "/metadata/uid", &examples[0], &|event| {
        schemas::ocsf::problems(&ocsf_schema, event)
    });
    check_events(&ecs, "/event/id", &examples[1], &|event| {
        schemas::ecs::problems(&ecs_schema, event)
    });
    check_meaning(&ocsf);
    nothing_comes_twice(&mut session, &service);
    about_the_plugin(&mut session);
    refused(&mut session, &service);
    session.assert_clean();
    std::fs::read(desk.path().join("okta.ocsf.ndjson")).expect("a file of events")
}

/// Each event of the service once, fit for the schema, and with all that the walk-through says of it.
fn check_events(events: &[Value], id: &str, example: &Value, problems: &dyn Fn(&Value) -> Vec<String>) {
    assert_eq!(events.len(), EVENTS);
    let ids: BTreeSet<_> = events.iter().filter_map(|event| event.pointer(id)?.as_str()).collect();
    assert_eq!(ids.len(), EVENTS);
    for event in events {
        assert_eq!(problems(event), [""; 0], "{event}");
        assert!(holds(event, example), "{event}\nis not {example}");
    }
}

/// True where an event has every member of an example, with its value.
fn holds(event: &Value, example: &Value) -> bool {
    match example {
        Value::Object(members) => members.iter().all(|(name, member)| holds(&event[name], member)),
        other => event == other,
    }
}

/// Checks what happened, to whom and by whom.
fn check_meaning(events: &[Value]) {
    let of = |kind: &str| {
        let found = events.iter().find(|event| event["metadata"]["event_code"] == kind);
        found.unwrap_or_else(|| panic!("no {kind}"))
    };
    let start = of("user.session.start");
    assert_eq!(start["type_uid"], 300201);
    assert_eq!(start["src_endpoint"]["ip"], "203.0.113.7");
    assert_eq!(start["user"]["name"], "user-0@example.com");
    let failed = events
        .iter()
        .find(|event| event["status_code"] == "INVALID_CREDENTIALS");
    assert_eq!(failed.expect("a failed sign-in")["status_id"], 2);
    let opened = of("user.authentication.sso");
    assert_eq!(opened["dst_endpoint"]["svc_name"], "Payroll");
    let locked = of("user.account.lock");
    assert_eq!(locked["type_uid"], 300109);
    let added = of("group.user_membership.add");
    assert_eq!(added["type_uid"], 300603);
    assert_eq!(added["group"]["name"], "Payroll admins");
    assert_eq!(added["actor"]["user"]["name"], "admin@example.com");
    assert!(
        added["user"]["name"]
            .as_str()
            .is_some_and(|name| name.starts_with("user-"))
    );
}

/// Runs the period once more, the runs of the days after, and a look aside: no event comes twice, and after quiet days nobody
/// speaks of a source that fell silent.
fn nothing_comes_twice(session: &mut Session<'_>, service: &SystemLog) {
    let before = ["okta.ocsf.ndjson", "okta.ecs.ndjson"].map(|file| session.lines(file));
    let asked = service.requests();
    session.done(&["backfill", "okta-log", "--from", "2026-03-05", "--to", "2026-03-05"]);
    assert_eq!(service.requests(), asked, "what is committed is not asked for again");
    for (now, date) in [(NOW, DATE), ("2026-03-11T12:00:00Z", "Wed, 11 Mar 2026 12:00:00 GMT")] {
        service.set_clock(date);
        session.done(&["run", "okta-log", "--now", now, "--summary", "summary.json", "-v"]);
    }
    service.set_clock(DATE);
    assert!(service.requests() > asked);
    let after = ["okta.ocsf.ndjson", "okta.ecs.ndjson"].map(|file| session.lines(file));
    assert_eq!(before, after);
    let look = [
        "run",
        "okta-log",
        "--from",
        "2026-03-05",
        "--to",
        "2026-03-05",
        "--sink",
        "file:look.ndjson",
    ];
    session.done(&[&look[..], &["--encoding", "event", "--record", "recorded"]].concat());
    let looked = session.lines("look.ndjson");
    assert_eq!(looked.len(), EVENTS);
    let of_okta = |event: &Value| event["vendor"] == "Okta" && event["product"] == "Okta System Log";
    assert!(looked.iter().all(of_okta));
}

/// Checks what is said of the plugin before it is run.
fn about_the_plugin(session: &mut Session<'_>) {
    session.done(&["config", "check"]);
    let about = session.done(&["plugin", "inspect", "okta-log"]);
    for line in [
        "connection   http\n",
        "source       Okta, Okta System Log\n",
        "requests     GET /api/v1/logs\n",
    ] {
        assert!(about.contains(line), "{about}");
    }
    let about: Value = serde_json::from_str(&session.done(&["plugin", "inspect", "okta-log", "--json"])).expect("JSON");
    assert_eq!(about["report"]["vendor"], "Okta");
    assert_eq!(about["report"]["connection"], "http");
    assert_eq!(about["imports"], serde_json::json!([]));
    let plan = [
        "plan",
        "okta-log",
        "--from",
        "2026-03-05",
        "--to",
        "2026-03-05",
        "--format",
        "json",
    ];
    let plan: Value = serde_json::from_str(&session.done(&plan)).expect("a plan");
    assert_eq!(plan["paging"]["kind"], "link-until-empty");
    assert_eq!(plan["request"]["headers"], serde_json::json!([]));
    session.done(&["plugin", "check", "okta-log"]);
}

/// The token has expired: the run and the check say so, and the check alone says nothing that it cannot know.
fn refused(session: &mut Session<'_>, service: &SystemLog) {
    service.expire_the_token();
    let run = session.host(&["run", "okta-log", "--since", "1h", "--sink", "stdout"]);
    assert_exit(&run, 3);
    assert!(stderr(&run).contains("401"), "{}", stderr(&run));
    let check = session.host(&["check", "okta"]);
    assert_exit(&check, 3);
    assert!(
        stdout(&check).starts_with("failed  okta: sign-in refused (401 Unauthorized)"),
        "{}",
        stdout(&check)
    );
    // Whoever has no plugin for it yet sees the front page, which is there for everybody.
    let whole = std::fs::read_to_string(session.desk.path().join("host.toml")).expect("a configuration");
    let (connection, _) = whole.split_once("[plugins.").expect("a plugin");
    session.desk.write("bare.toml", connection);
    let bare = session.done(&["check", "okta", "--config", "bare.toml"]);
    assert!(
        bare.starts_with("ok      okta: reached, the credential is looked at by the first run"),
        "{bare}"
    );
}
