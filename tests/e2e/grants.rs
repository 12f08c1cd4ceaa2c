//! The requests that a plugin may make, and the file that it may be.

use std::process::Output;

use tests::{Server, TestEnv, json_lines, stderr, stdout};

use super::rejected::pupil;
use super::{PASSWORD, desk};

const POST: &str = "POST /interop/rest/security/v1/invalidloginreport";

/// A report plugin that posts, below `[plugins.mine]` with these lines besides.
fn scene(more: &str) -> (TestEnv, Server) {
    let (desk, server) = (desk(), Server::start("rows=3"));
    desk.write("pupil.wasm", pupil("all!"));
    let connection = format!(
        "[connections.epm]\nkind = \"epm\"\nurl = \"{}\"\nallow-private-addresses = true\n\
         auth = {{ kind = \"basic\", username = \"demo.user\", password = {{ env = \"HOST_SECRET\" }} }}\n",
        server.url()
    );
    desk.write(
        "host.toml",
        format!("{connection}[plugins.mine]\npath = \"pupil.wasm\"\n{more}\n"),
    );
    (desk, server)
}

fn host(desk: &TestEnv, arguments: &[&str]) -> Output {
    let mut command = desk.host(arguments);
    command.env("HOST_SECRET", PASSWORD).output().unwrap()
}

/// The error among the lines of a log.
fn error_of(output: &Output) -> serde_json::Value {
    let lines = stderr(output);
    let mut lines = lines
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    lines.find(|line| line["level"] == "error").unwrap_or_default()
}

/// Of a week: of today so far there may be nothing yet.
const RUN: [&str; 6] = ["run", "mine", "--since=7d", "--ledger", "none", "--sink=stdout"];

#[test]
fn a_plugin_that_was_granted_nothing_gets_get_alone_and_nothing_is_sent() {
    for more in [
        "",
        "allow = []",
        "allow = [\"POST /interop/rest/security/v1/*/x\", \"PUT /**\", \"POST /interop/rest/v1/reports\"]",
    ] {
        let (desk, server) = scene(more);
        for arguments in [
            &RUN[..],
            &["run", "./pupil.wasm", "--ledger", "none"],
            &["plan", "mine"],
        ] {
            let output = host(&desk, arguments);
            let said = stderr(&output);
            assert_eq!(output.status.code(), Some(6), "{more} {arguments:?}: {said}");
            assert!(said.contains(&format!("`{POST}`")), "{said}");
            assert!(said.contains(&format!("allow = [\"{POST}\"]")), "{said}");
            let output = host(&desk, &[arguments, &["--log-format=json"]].concat());
            assert_eq!(error_of(&output)["code"], "not-granted", "{said}");
        }
        assert_eq!(server.seen(), [""; 0], "{more}");
    }
}

#[test]
fn a_plugin_that_was_granted_its_request_runs_and_says_what_it_may_ask_for() {
    let (desk, server) = scene(&format!("allow = [\"{POST}\"]"));
    let output = host(&desk, &RUN);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(!json_lines(&output).is_empty());
    // Polling, download and removal of the run's own file are the host's own.
    assert!(server.seen().len() > 2, "{:?}", server.seen());
    let about = stdout(&host(&desk, &["plugin", "inspect", "mine"]));
    assert!(
        about.contains(&format!("allow        GET /**\n             {POST}\n")),
        "{about}"
    );
    let about = json_lines(&host(&desk, &["plugin", "inspect", "mine", "--json"]));
    assert_eq!(about[0]["allow"], serde_json::json!(["GET /**", POST]));
    let plan = stdout(&host(&desk, &["plan", "mine", "--format", "text"]));
    assert!(
        plan.contains(&format!("the plugin may ask for GET /**, {POST}\n")),
        "{plan}"
    );
    let about = stdout(&host(&desk, &["plugin", "inspect", "invalid-login"]));
    assert!(
        about.contains(&format!("allow        {POST}\n")) && !about.contains("GET /**"),
        "{about}"
    );
    let checked = stdout(&host(&desk, &["plugin", "check", "./pupil.wasm"]));
    assert!(
        checked.contains(&format!("requests: whoever uses it writes allow = [\"{POST}\"]")),
        "{checked}"
    );
}

#[test]
fn a_period_that_a_plugin_may_not_ask_for_yet_is_collected_once_it_may() {
    let (desk, _server) = scene("");
    let run = [
        "run",
        "mine",
        "--ledger",
        "ledger.db",
        "--sink",
        "file:out.ndjson",
        "--since",
        "3d",
    ];
    assert_eq!(host(&desk, &run).status.code(), Some(6));
    let listed = stdout(&host(&desk, &["ledger", "list", "--ledger", "ledger.db", "--json"]));
    let configured = std::fs::read_to_string(desk.path().join("host.toml")).unwrap();
    desk.write("host.toml", format!("{configured}allow = [\"{POST}\"]\n"));
    let output = host(&desk, &run);
    assert_eq!(output.status.code(), Some(0), "{listed}\n{}", stderr(&output));
    let events = std::fs::read_to_string(desk.path().join("out.ndjson")).unwrap();
    assert!(events.lines().count() > 0, "{listed}");
}

#[test]
fn a_file_that_is_not_the_pinned_one_is_refused_before_it_is_loaded() {
    let digest = |desk: &TestEnv| {
        let about = json_lines(&host(desk, &["plugin", "inspect", "./pupil.wasm", "--json"]));
        about[0]["sha256"].as_str().unwrap().to_owned()
    };
    let (desk, server) = scene("");
    let configured = std::fs::read_to_string(desk.path().join("host.toml")).unwrap();
    let pinned = digest(&desk).to_uppercase();
    desk.write(
        "host.toml",
        format!("{configured}allow = [\"{POST}\"]\nsha256 = \"{pinned}\"\n"),
    );
    assert_eq!(host(&desk, &RUN).status.code(), Some(0));
    let seen = server.seen();
    desk.write("pupil.wasm", pupil("some"));
    let found = digest(&desk);
    for arguments in [
        &RUN[..],
        &["plan", "mine"],
        &["config", "check"],
        &["plugin", "inspect", "mine"],
    ] {
        let output = host(&desk, arguments);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(&found) && said.contains("plugins.mine.sha256"), "{said}");
    }
    assert_eq!(server.seen(), seen);
}

#[test]
fn a_grant_that_cannot_be_meant_is_told_with_its_line() {
    let (desk, _server) = scene("allow = [\"POST interop\"]");
    let output = host(&desk, &["config", "check"]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("host.toml") && said.contains("line 8"), "{said}");
    assert!(said.contains("the path begins with /"), "{said}");
}
