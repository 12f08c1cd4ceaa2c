//! The words on a sink's settings before and after events go there: by `config check`, `check`, `sink list` and in errors.

use std::collections::HashSet;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;

use serde_json::Value;
use tests::{Receiver, Reply, Server, TestEnv, json_lines, stderr, stdout};

use super::{PASSWORD, desk};

fn host(desk: &TestEnv, arguments: &[&str]) -> Output {
    desk.host(arguments).env("EPM_PASSWORD", PASSWORD).output().unwrap()
}

/// Writes a configuration of the connection and what else is given.
fn configure(desk: &TestEnv, server: &Server, more: &str) {
    desk.write(
        "host.toml",
        format!(
            "[connections.epm]\nkind = \"epm\"\nurl = \"{}\"\nallow-private-addresses = true\n\
             auth = {{ kind = \"basic\", username = \"demo.user\", password = {{ env = \"EPM_PASSWORD\" }} }}\n{more}",
            server.url()
        ),
    );
}

fn http(url: &str) -> String {
    format!(
        "[sinks.siem]\nkind = \"http\"\nretry = {{ max-elapsed = \"1s\" }}\n\
         endpoint = {{ url = \"{url}\", allow-private-addresses = true, retry = {{ attempts = 1 }} }}\n"
    )
}

#[test]
fn an_http_sink_posts_to_its_url_with_the_query_as_it_is_written() {
    for status in [200, 400] {
        let (desk, server) = (desk(), Server::start(""));
        let receiver = Receiver::with(0, move |received| Reply {
            body: format!("no: {}", received.query),
            ..Reply::status(status)
        });
        let query = "api-version=2023-01-01&sig=canary%2Fa7c1&format=run&empty";
        configure(
            &desk,
            &server,
            &http(&format!("{}/dcr/streams/Custom-X?{query}", receiver.url())),
        );
        let checked = host(&desk, &["config", "check"]);
        assert_eq!(checked.status.code(), Some(0), "{}", stderr(&checked));
        let listed = host(&desk, &["sink", "list"]);
        assert!(
            stdout(&listed).contains("/dcr/streams/Custom-X?…"),
            "{}",
            stdout(&listed)
        );
        let probed = host(&desk, &["check", "siem"]);
        let ran = host(&desk, &["run", "user-login", "--since", "7d", "--sink", "siem", "-vv"]);
        assert_eq!(
            ran.status.code(),
            Some(if status == 200 { 0 } else { 8 }),
            "{}",
            stderr(&ran)
        );
        let received = receiver.received();
        assert!(received.len() >= 2);
        assert!(
            received
                .iter()
                .all(|request| request.path == "/dcr/streams/Custom-X" && request.query == query),
            "{received:?}"
        );
        let letters = host(&desk, &["dead-letter", "list", "--json"]);
        for output in [&checked, &listed, &probed, &ran, &letters] {
            let said = stdout(output) + &stderr(output);
            assert!(!said.contains("canary"), "{said}");
        }
        // A word is no secret.
        if status == 400 {
            assert!(stdout(&letters).contains("format=run"), "{}", stdout(&letters));
        }
    }
}

#[test]
fn a_mistake_is_told_with_its_line_and_whose_it_is() {
    let (desk, server) = (desk(), Server::start(""));
    for (sinks, said) in [
        (
            "[sinks.archive]\nkind = \"file\"\npath = \"{foo}.ndjson\"\n",
            "host.toml line 8: sinks.archive.path: unknown placeholder {foo}",
        ),
        (
            "[sinks.siem]\nkind = \"http\"\nendpoint = { url = \"http://siem.example.com\" }\n",
            "host.toml line 8: sinks.siem.endpoint.url: http://siem.example.com uses http",
        ),
        (
            "[sinks.siem]\nplugin = \"splunk-hec\"\nendpoint = { url = \"https://siem.example.com/?x=y\" }\n",
            "host.toml line 8: sinks.siem.endpoint.url: the URL of https://siem.example.com contains a query",
        ),
        (
            "[sinks.db]\nkind = \"postgres\"\nurl = \"postgres://db\"\n",
            "host.toml line 6: sinks.db: ",
        ),
        (
            "[sinks.columns]\nkind = \"file\"\npath = \"x.parquet\"\n",
            "host.toml line 8: sinks.columns.path: x.parquet would be written by the first run alone",
        ),
    ] {
        configure(&desk, &server, sinks);
        let output = host(&desk, &["config", "check"]);
        assert_eq!(output.status.code(), Some(2), "{sinks}");
        assert!(stderr(&output).contains(said), "{said}: {}", stderr(&output));
    }
    configure(
        &desk,
        &server,
        "[sinks.siem]\nkind = \"http\"\nendpoint = { url = \"https://siem.example.com\", auth = { kind = \"bearer\", token = { env = \"HEC_TOKEN\" } } }\n",
    );
    let output = host(&desk, &["run", "user-login", "--sink", "siem"]);
    assert_eq!(output.status.code(), Some(2));
    let said = stderr(&output);
    assert!(
        said.contains("sink siem needs its token: $HEC_TOKEN is not set"),
        "{said}"
    );

    desk.write("host.toml", "[connection.epm]\nkind = \"epm\"\nfoo = 1\n");
    let said = stderr(&host(&desk, &["config", "check"]));
    assert!(!said.contains("docs/"), "no such file is beside the binary: {said}");
}

#[test]
fn every_error_about_the_configuration_names_the_file() {
    let (desk, server) = (desk(), Server::start(""));
    let file = desk.path().join("mine.toml");
    let named = file.to_str().unwrap();
    let run = ["run", "user-login", "--since", "7d"].as_slice();
    let siem = [run, &["--sink", "siem"]].concat();
    let check: &[&str] = &["config", "check"];
    for (more, command) in [
        // What cannot be read, and values that cannot be meant.
        ("not toml", check),
        ("[sinks.siem]\nkind = \"carrier-pigeon\"", check),
        ("[sinks.siem]\nkind = \"file\"\npath = \"x\"\nmode = \"7777\"", check),
        ("[sinks.siem]\nkind = \"stdout\"\ndrop = [\"time\"]", check),
        ("[sinks.'a b']\nkind = \"stdout\"", check),
        ("[ledger]\nlag = \"1 year\"", check),
        ("[limits]\ntime = \"0s\"", run),
        ("[[routes]]\nto = [\"nowhere\"]", run),
        ("[[routes]]\nreports = [\"audit-events\"]\nto = [\"stdout\"]", run),
        // Names that are not there.
        ("", siem.as_slice()),
        ("", &["run", "user-login", "--connection", "other"]),
        ("", &["run", "audit-events"]),
        ("", &["run", "no-such-report"]),
        ("", &["check", "nobody"]),
        ("", &["login", "nobody"]),
        // Secrets and files.
        (
            "[sinks.siem]\nkind = \"http\"\nendpoint = { url = \"https://a.example\", auth = { kind = \"bearer\", token = { env = \"ABSENT\" } } }",
            &siem,
        ),
        (
            "[sinks.siem]\nkind = \"postgres\"\nurl = \"postgres://a@b/c\"\npassword = { file = \"absent\" }",
            &siem,
        ),
        (
            "[sinks.siem]\nkind = \"nats\"\nurl = \"tls://a\"\nauth = { kind = \"token\", token = { command = [\"false\"] } }",
            &siem,
        ),
        (
            "[sinks.siem]\nkind = \"syslog\"\naddress = \"a:1\"\ntransport = \"tls\"\nca-file = \"absent.pem\"",
            &siem,
        ),
        ("[sinks.siem]\nplugin = \"cef\"\nconfig = { colour = 1 }", &siem),
        ("[sinks.siem]\nkind = \"object-store\"\nurl = \"s3://\"", &siem),
        // What was typed does not go with what is written.
        (
            "[sinks.siem]\nkind = \"file\"\npath = \"x\"",
            &[siem.as_slice(), &["--format", "csv"]].concat(),
        ),
        (
            "[sinks.siem]\nkind = \"file\"\npath = \"x\"",
            &[siem.as_slice(), &["--sink-config", "{}"]].concat(),
        ),
    ] {
        configure(&desk, &server, more);
        std::fs::rename(desk.path().join("host.toml"), &file).unwrap();
        let mut command = desk.host(command);
        command.env("EPM_PASSWORD", PASSWORD).env("HOST_CONFIG", named);
        let output = command.output().unwrap();
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{more}: {said}");
        assert!(said.contains(named), "{more}: {said}");
    }
    // And where nothing is wrong, who asks is told.
    configure(&desk, &server, "");
    let told = host(&desk, &["run", "user-login", "--since", "7d", "-v", "--ledger", "none"]);
    let full = desk.path().join("host.toml");
    assert!(stderr(&told).contains(full.to_str().unwrap()), "{}", stderr(&told));
    let silent = host(&desk, &["run", "user-login", "--since", "7d", "--ledger", "none"]);
    assert!(!stderr(&silent).contains(full.to_str().unwrap()), "{}", stderr(&silent));
}

#[test]
fn what_is_hardly_meant_is_remarked_upon() {
    let (desk, server) = (desk(), Server::start(""));
    configure(
        &desk,
        &server,
        "[sinks.siem]\nkind = \"stdout\"\n[sinks.forgotten]\nkind = \"file\"\npath = \"{date}.parquet\"\n\
         [[routes]]\nlabels = [\"iam\"]\nwhen = 'outcome == \"failed\"'\nto = [\"siem\"]\n",
    );
    let output = host(&desk, &["config", "check"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let said = stdout(&output);
    for remark in [
        "remark: host.toml line 12: routes.0.labels: no event has the label \"iam\", so no event takes this route",
        "remark: host.toml line 13: routes.0.when: `outcome` is never \"failed\"",
        "remark: host.toml line 8: sinks.forgotten: no route leads to this sink",
        "remark: host.toml line 10: sinks.forgotten.path: a Parquet file cannot grow",
        "ok: host.toml: ",
    ] {
        assert!(said.contains(remark), "{remark}: {said}");
    }
    let about = stdout(&host(&desk, &["plugin", "inspect", "audit-events"]));
    assert!(
        about.contains("labels       account, application, authentication, group"),
        "{about}"
    );
}

#[test]
fn every_kind_of_sink_is_listed() {
    let desk = desk();
    desk.write("host.toml", "");
    let listed = stdout(&host(&desk, &["sink", "list"]));
    for kind in [
        "stdout",
        "file",
        "http",
        "otlp",
        "syslog",
        "nats",
        "postgres",
        "object-store",
    ] {
        let start = format!("{kind:<16} kind for [sinks]: ");
        assert!(listed.lines().any(|line| line.starts_with(&start)), "{kind}: {listed}");
    }
}

#[test]
fn check_looks_at_the_ledger_and_the_dead_letters() {
    let (desk, server) = (desk(), Server::start(""));
    configure(
        &desk,
        &server,
        "[ledger]\npath = \"state/ledger.db\"\n[dead-letters]\npath = \"letters.db\"\n",
    );
    let output = host(&desk, &["check"]);
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
    let said = stdout(&output);
    assert!(
        said.contains("ok      ledger: ") && said.contains("will be made"),
        "{said}"
    );
    assert!(said.contains("ok      dead letters: 0 events of 1000000 in "), "{said}");
    assert!(!desk.path().join("state").exists() && !desk.path().join("letters.db").exists());

    std::fs::create_dir(desk.path().join("state")).unwrap();
    desk.write("state/ledger.db", "this is no database, whatever its name");
    let output = host(&desk, &["check"]);
    assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
    assert!(stdout(&output).contains("failed  ledger: "), "{}", stdout(&output));
}

#[test]
fn an_archive_is_for_its_owner_and_group_unless_said_otherwise() {
    for (more, mode) in [
        ("", 0o640),
        ("mode = \"0600\"\n", 0o600),
        ("rotate = { every = \"1d\" }\n", 0o640),
    ] {
        let (desk, server) = (desk(), Server::start(""));
        configure(
            &desk,
            &server,
            &format!("[sinks.archive]\nkind = \"file\"\npath = \"archive/x.ndjson\"\n{more}"),
        );
        let output = host(&desk, &["run", "user-login", "--since", "7d", "--sink", "archive"]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let entries = std::fs::read_dir(desk.path().join("archive")).unwrap();
        let modes: Vec<_> = entries
            .map(|entry| entry.unwrap().metadata().unwrap().permissions().mode() & 0o777)
            .collect();
        // The umask may take from it.
        assert!(
            !modes.is_empty() && modes.iter().all(|found| found & !mode == 0 && found & 0o600 == 0o600),
            "{modes:?}"
        );
    }
}

#[test]
fn a_file_that_is_named_on_the_command_line_is_as_private_as_a_configured_one() {
    let (desk, server) = (desk(), Server::start(""));
    configure(&desk, &server, "");
    let output = host(
        &desk,
        &[
            "run",
            "user-login",
            "--since",
            "7d",
            "--ledger",
            "none",
            "--sink",
            "file:x.ndjson",
        ],
    );
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let mode = std::fs::metadata(desk.path().join("x.ndjson"))
        .unwrap()
        .permissions()
        .mode()
        & 0o777;
    assert!(mode & !0o640 == 0 && mode & 0o600 == 0o600, "{mode:o}");
}

#[test]
fn a_receiver_is_told_the_identity_and_people_the_source_s_id() {
    let (desk, server, receiver) = (desk(), Server::start("now=2026-03-05T22:00:00Z"), Receiver::start());
    desk.write(
        "host.toml",
        format!(
            "[connections.domain]\nkind = \"identity-domain\"\nurl = \"{}\"\nallow-private-addresses = true\n\
             auth = {{ kind = \"oauth2-client-credentials\", client-id = \"demo-client\", client-secret = {{ env = \"SECRET\" }} }}\n\
             [sinks.cef]\nplugin = \"cef\"\ntransport = {{ kind = \"file\", path = \"x.cef\" }}\n\
             [sinks.elastic]\nplugin = \"elastic-bulk\"\nencoding = \"event\"\nretry = {{ max-elapsed = \"1s\" }}\n\
             endpoint = {{ url = \"{}\", allow-private-addresses = true, retry = {{ attempts = 1 }} }}\n",
            server.url(),
            receiver.url()
        ),
    );
    let sinks = [
        "--sink",
        "stdout",
        "--encoding",
        "event",
        "--sink",
        "cef",
        "--sink",
        "elastic",
    ];
    let mut command = desk.host(["run", "audit-events", "--since", "1d", "--now", "2026-03-05T22:00:00Z"]);
    let output = command.args(sinks).env("SECRET", "demo-secret").output().unwrap();
    let events = json_lines(&output);
    assert!(!events.is_empty(), "{}", stderr(&output));
    let cef = std::fs::read_to_string(desk.path().join("x.cef")).unwrap();
    let ids: HashSet<&str> = events.iter().map(|event| event["id"].as_str().unwrap()).collect();
    for id in &ids {
        assert!(cef.contains(&format!("externalId={id} ")), "{id}");
    }
    // The receiver's answer is no receipt, so that perhaps not everything is sent: an action, a document, and so on.
    let requests = receiver.received();
    let bulk = std::str::from_utf8(&requests[0].body).unwrap();
    let lines: Vec<Value> = bulk.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.len() >= 2);
    for pair in lines.chunks(2) {
        let (known_by, id) = (&pair[0]["create"]["_id"], pair[1]["id"].as_str().unwrap());
        assert!(ids.contains(id), "{id}");
        assert_eq!(known_by.as_str().unwrap().len(), 32, "{known_by}");
        assert_ne!(known_by, id);
    }
}
