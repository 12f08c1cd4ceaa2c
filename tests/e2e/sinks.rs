//! Several sinks at once: routes, receivers that fail, hostile plugins, dead letters. Whatever happens, each event is
//! counted once.

mod checks;
mod down;
mod places;
mod plugins;

use std::collections::BTreeSet;
use std::io::Read;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::Value;
use tests::{Place, Receiver, Reply, Server, TestEnv, json_lines, stderr, stdout};

use super::{PASSWORD, desk};

const SECRET: &str = "demo-secret";
/// Retries that a test can wait for.
const QUICK: &str = "retry = { min-delay = \"10ms\", max-delay = \"50ms\", max-elapsed = \"1s\" }";

fn configuration(server: &Server, sinks: &str) -> String {
    let url = server.url();
    format!(
        "[connections.epm]\nkind = \"epm\"\nurl = \"{url}\"\nallow-private-addresses = true\n\
         auth = {{ kind = \"basic\", username = \"demo.user\", password = {{ env = \"EPM_PASSWORD\" }} }}\n\
         [connections.domain]\nkind = \"identity-domain\"\nurl = \"{url}\"\nallow-private-addresses = true\n\
         auth = {{ kind = \"oauth2-client-credentials\", client-id = \"demo-client\", client-secret = {{ env = \"SECRET\" }} }}\n\
         {sinks}"
    )
}

fn http(name: &str, url: &str, more: &str) -> String {
    format!(
        "[sinks.{name}]\nkind = \"http\"\nendpoint = {{ url = \"{url}\", allow-private-addresses = true, timeout = \"1s\", retry = {{ attempts = 1 }} }}\n{QUICK}\n{more}\n"
    )
}

fn host(desk: &TestEnv, arguments: &[&str]) -> Output {
    let mut command = desk.host(arguments);
    command.env("EPM_PASSWORD", PASSWORD).env("SECRET", SECRET);
    command.output().unwrap()
}

/// Runs a report with a summary; gives the summary and the exit code.
fn run(desk: &TestEnv, report: &str, more: &[&str]) -> (Value, Output) {
    let mut arguments = vec!["run", report, "--since", "7d", "--summary", "summary.json"];
    arguments.extend(more);
    let output = host(desk, &arguments);
    let summary =
        std::fs::read(desk.path().join("summary.json")).unwrap_or_else(|_| panic!("no summary: {}", stderr(&output)));
    (serde_json::from_slice(&summary).unwrap(), output)
}

fn sink<'a>(summary: &'a Value, name: &str) -> &'a Value {
    let sinks = summary["sinks"].as_array().unwrap();
    sinks
        .iter()
        .find(|sink| sink["name"] == name)
        .unwrap_or_else(|| panic!("{name}: {summary}"))
}

fn uids(values: &[Value]) -> Vec<String> {
    values
        .iter()
        .map(|value| value["metadata"]["uid"].as_str().unwrap().to_owned())
        .collect()
}

fn file(desk: &TestEnv, name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(desk.path().join(name)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn what_a_sink_drops_is_in_nothing_that_it_writes_and_in_all_that_others_do() {
    let (desk, server, up) = (desk(), Server::start(""), Receiver::start());
    let drop =
        "drop = [\"unmapped.meta\", \"unmapped.schemas\", \"class_name\", \"src_endpoint\", \"unmapped.source_ip\"]\n";
    let sinks = [
        "[sinks.whole]\nkind = \"file\"\npath = \"whole.ndjson\"\n".to_owned(),
        format!("[sinks.lines]\nkind = \"file\"\npath = \"lines.ndjson\"\n{drop}"),
        format!("[sinks.columns]\nkind = \"file\"\npath = \"columns.csv\"\n{drop}"),
        http("up", &up.url(), drop),
        "[sinks.cef]\nplugin = \"cef\"\ntransport = { kind = \"file\", path = \"lines.cef\" }\n\
         drop = [\"attributes.meta\", \"attributes.schemas\", \"source_ip\"]\n"
            .to_owned(),
    ];
    desk.write("host.toml", configuration(&server, &sinks.concat()));
    let checked = host(&desk, &["config", "check"]);
    assert!(!stdout(&checked).contains(".drop"), "{}", stdout(&checked));
    let names = ["whole", "lines", "columns", "up", "cef"];
    let (summary, output) = run(&desk, "audit-events", &names.map(|name| ["--sink", name]).concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(summary["events"].as_u64().unwrap() > 10);

    let mut whole = file(&desk, "whole.ndjson");
    let addresses: Vec<String> = (whole.iter())
        .filter_map(|event| Some(event["src_endpoint"]["ip"].as_str()?.to_owned()))
        .collect();
    assert!(!addresses.is_empty() && whole.iter().all(|event| event["unmapped"]["meta"].is_string()));
    for event in &mut whole {
        let event = event.as_object_mut().unwrap();
        event.remove("class_name");
        event.remove("src_endpoint");
        let unmapped = event["unmapped"].as_object_mut().unwrap();
        for name in ["meta", "schemas", "source_ip"] {
            unmapped.remove(name);
        }
        if unmapped.is_empty() {
            event.remove("unmapped");
        }
    }
    assert_eq!(file(&desk, "lines.ndjson"), whole);
    assert_eq!(up.taken(), whole);
    for name in ["columns.csv", "lines.cef"] {
        let text = std::fs::read_to_string(desk.path().join(name)).unwrap();
        assert!(text.lines().count() >= whole.len(), "{name}");
        for gone in ["AuditEvent\"", "urn:ietf:params:scim", "class_name", "src_endpoint"] {
            assert!(!text.contains(gone), "{name}: {gone}");
        }
        assert!(
            !addresses.iter().any(|address| text.contains(&format!("={address} "))),
            "{name}"
        );
    }

    desk.write(
        "host.toml",
        configuration(&server, &http("up", &up.url(), "drop = [\"metadata\"]")),
    );
    for arguments in [["config", "check"].as_slice(), &["run", "audit-events", "--sink", "up"]] {
        let refused = host(&desk, arguments);
        assert_eq!(refused.status.code(), Some(2));
        let said = stderr(&refused);
        assert!(
            said.contains("host.toml line 15: sinks.up.drop: \"metadata\" cannot be left out"),
            "{said}"
        );
    }
}

#[test]
fn events_go_where_routes_send_them() {
    let (desk, server, siem) = (desk(), Server::start(""), Receiver::start());
    let sinks = http("siem", &siem.url(), "")
        + "[sinks.archive]\nkind = \"file\"\npath = \"{report}.ndjson\"\n"
        + "[sinks.never]\nkind = \"file\"\npath = \"never.ndjson\"\n"
        + "[[routes]]\nreports = [\"audit-events\"]\nwhen = 'outcome == \"failure\" && !source_ip.startsWith(\"10.\")'\nto = [\"siem\"]\n"
        + "[[routes]]\nto = [\"archive\"]\n"
        + "[[routes]]\nreports = [\"user-audit\"]\nto = [\"never\"]\n";
    desk.write("host.toml", configuration(&server, &sinks));
    let (summary, output) = run(&desk, "audit-events", &[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stdout(&output), "");
    let archived = file(&desk, "audit-events.ndjson");
    assert_eq!(archived.len() as u64, summary["events"].as_u64().unwrap());
    let failures: Vec<Value> = (archived.iter())
        .filter(|event| event["status_id"] == 2)
        .filter(|event| {
            !event["src_endpoint"]["ip"]
                .as_str()
                .unwrap_or_default()
                .starts_with("10.")
        })
        .cloned()
        .collect();
    assert!(!failures.is_empty() && failures.len() < archived.len());
    assert_eq!(uids(&siem.taken()), uids(&failures));
    assert!(
        !desk.path().join("never.ndjson").exists(),
        "no event of this report can get there"
    );

    // What is named goes before routes.
    let (summary, output) = run(&desk, "audit-events", &["--sink", "stdout"]);
    assert_eq!(json_lines(&output).len() as u64, summary["events"].as_u64().unwrap());
    assert_eq!(summary["sinks"].as_array().unwrap().len(), 1);
}

#[test]
fn an_event_that_no_route_takes_is_counted() {
    let (desk, server) = (desk(), Server::start(""));
    let sinks = "[[routes]]\noutcome = \"failure\"\nto = [\"stdout\"]\n";
    desk.write("host.toml", configuration(&server, sinks));
    let (summary, output) = run(&desk, "user-login", &[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(summary["unrouted"], summary["events"]);
    assert!(stderr(&output).contains("no route"), "{}", stderr(&output));
}

/// The behaviour of a receiver: a name, its answers, and whether events get through in the end.
type Behaviour = (&'static str, fn(usize, usize) -> Reply, bool);

#[test]
fn whatever_a_receiver_answers_each_event_is_delivered_or_a_dead_letter() {
    let behaviours: [Behaviour; 9] = [
        ("400", |_, _| Reply::status(400), false),
        ("401", |_, _| Reply::status(401), false),
        ("403", |_, _| Reply::status(403), false),
        ("404", |_, _| Reply::status(404), false),
        ("500 for ever", |_, _| Reply::status(500), false),
        (
            "503, then fine",
            |request, _| Reply::status(if request < 3 { 503 } else { 200 }),
            true,
        ),
        (
            "429 with a wait",
            |request, _| match request {
                0 => Reply {
                    headers: vec![("retry-after", "0".to_owned())],
                    ..Reply::status(429)
                },
                _ => Reply::status(200),
            },
            true,
        ),
        (
            "413 for more than five",
            |_, lines| Reply::status(if lines > 5 { 413 } else { 200 }),
            true,
        ),
        (
            "a redirect elsewhere",
            |_, _| Reply {
                headers: vec![("location", "http://127.0.0.2:1/".to_owned())],
                ..Reply::status(307)
            },
            false,
        ),
    ];
    for (name, answer, through) in behaviours {
        let (desk, server) = (desk(), Server::start(""));
        let mut requests = 0;
        let receiver = Receiver::with(0, move |received| {
            requests += 1;
            let lines = received.body.iter().filter(|byte| **byte == b'\n').count();
            answer(requests - 1, lines)
        });
        let siem = http("siem", &receiver.url(), "when-down = \"dead-letters\"");
        desk.write("host.toml", configuration(&server, &siem));
        let (summary, output) = run(&desk, "user-login", &["--sink", "siem"]);
        let events = summary["events"].as_u64().unwrap();
        let counts = sink(&summary, "siem");
        assert_eq!(
            output.status.code(),
            Some(if through { 0 } else { 8 }),
            "{name}: {}",
            stderr(&output)
        );
        let taken = uids(&receiver.taken());
        assert_eq!(taken.iter().collect::<BTreeSet<_>>().len(), taken.len(), "{name}");
        assert_eq!(counts["delivered"], taken.len() as u64, "{name}");
        assert_eq!(
            counts["delivered"].as_u64().unwrap() + counts["dead_lettered"].as_u64().unwrap(),
            events,
            "{name}"
        );
        assert_eq!(counts["undelivered"], 0, "{name}");
        let letters = json_lines(&host(&desk, &["dead-letter", "list", "--json"]));
        assert_eq!(counts["dead_lettered"], letters.len() as u64, "{name}");
    }
}

#[test]
fn receivers_that_reset_or_hang_cost_no_event() {
    for hang in [false, true] {
        let (desk, server) = (desk(), Server::start(""));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let mut held = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let _ = stream.read(&mut [0; 64]);
                if hang {
                    held.push(stream);
                }
            }
        });
        let siem = http("siem", &url, "when-down = \"dead-letters\"");
        desk.write("host.toml", configuration(&server, &siem));
        let (summary, output) = run(&desk, "user-login", &["--sink", "siem", "--sink", "file:all.ndjson"]);
        assert_eq!(output.status.code(), Some(8), "{}", stderr(&output));
        assert_eq!(sink(&summary, "siem")["dead_lettered"], summary["events"]);
        assert_eq!(
            file(&desk, "all.ndjson").len() as u64,
            summary["events"].as_u64().unwrap()
        );
    }
}

#[test]
fn a_body_is_compressed_and_carries_its_key_and_the_credential() {
    let (desk, server, receiver) = (desk(), Server::start(""), Receiver::start());
    let endpoint = format!(
        "[sinks.siem]\nkind = \"http\"\nbody = \"array\"\ncompression = \"gzip\"\nencoding = \"event\"\nheaders = {{ X-Team = \"blue\" }}\n\
         endpoint = {{ url = \"{}/in\", allow-private-addresses = true, auth = {{ kind = \"header\", name = \"X-Token\", prefix = \"Key \", value = {{ env = \"SECRET\" }} }} }}\n",
        receiver.url()
    );
    desk.write("host.toml", configuration(&server, &endpoint));
    let (summary, output) = run(&desk, "user-login", &["--sink", "siem", "-vv"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(!stderr(&output).contains(SECRET));
    let requests = receiver.received();
    let [request] = requests.as_slice() else {
        panic!("{} requests", requests.len())
    };
    let header = |name: &str| {
        request
            .headers
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
    };
    assert_eq!(request.path, "/in");
    assert_eq!(header("content-encoding").as_deref(), Some("gzip"));
    assert_eq!(header("content-type").as_deref(), Some("application/json"));
    assert_eq!(header("x-token").as_deref(), Some("Key demo-secret"));
    assert_eq!(header("x-team").as_deref(), Some("blue"));
    assert_eq!(header("idempotency-key").unwrap().len(), 32);
    let mut gzip = Command::new("gzip")
        .arg("-dc")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut gzip.stdin.take().unwrap(), &request.body).unwrap();
    let body: Value = serde_json::from_slice(&gzip.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(
        body.as_array().unwrap().len() as u64,
        summary["events"].as_u64().unwrap()
    );
}

#[test]
fn a_secret_path_reaches_the_receiver_and_nobody_else() {
    for (status, exit) in [(200, 0), (404, 7), (400, 8), (500, 7)] {
        let (desk, server, receiver) = (
            desk(),
            Server::start(""),
            Receiver::with(0, move |_| Reply::status(status)),
        );
        let sinks = format!(
            "[sinks.hook]\nkind = \"http\"\n{QUICK}\nendpoint = {{ url = \"{}/services\", allow-private-addresses = true, auth = {{ kind = \"path\", value = {{ env = \"HOOK\" }} }} }}\n",
            receiver.url()
        );
        desk.write("host.toml", configuration(&server, &sinks));
        let mut command = desk.host([
            "run",
            "user-login",
            "--since",
            "7d",
            "--sink",
            "hook",
            "-vvv",
            "--summary",
            "-",
        ]);
        let output = command
            .env("EPM_PASSWORD", PASSWORD)
            .env("HOOK", "T01/canary-9d2/x")
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(exit), "{}", stderr(&output));
        assert!(
            receiver
                .received()
                .iter()
                .all(|request| request.path == "/services/T01/canary-9d2/x")
        );
        assert!(!stderr(&output).contains("canary-9d2"), "{}", stderr(&output));
        let letters = stdout(&host(&desk, &["dead-letter", "list", "--json"]));
        assert!(!letters.contains("canary-9d2"));
    }
}

/// The sink plugin that misbehaves as its configuration says.
pub fn hostile_plugin() -> &'static Path {
    static WASM: OnceLock<PathBuf> = OnceLock::new();
    WASM.get_or_init(|| {
        // Where the built-in plugins were built, and with them most of what this one needs.
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("plugins");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        cargo.args([
            "build",
            "--quiet",
            "--locked",
            "--profile",
            "plugin",
            "--target",
            "wasm32-unknown-unknown",
        ]);
        cargo.args(["--package", "hostile-sink", "--target-dir"]).arg(&target);
        for variable in [
            "CARGO_ENCODED_RUSTFLAGS",
            "RUSTFLAGS",
            "RUSTC_WRAPPER",
            "RUSTC_WORKSPACE_WRAPPER",
        ] {
            cargo.env_remove(variable);
        }
        assert!(cargo.status().unwrap().success());
        target.join("wasm32-unknown-unknown/plugin/hostile_sink.wasm")
    })
}

#[test]
fn dropping_dead_letters_says_how_many_and_never_all_by_accident() {
    let (desk, server) = (desk(), Server::start(""));
    let url = "http://127.0.0.1:9";
    let down = http("down", url, "when-down = \"dead-letters\"");
    desk.write("host.toml", configuration(&server, &down));
    let (summary, _) = run(&desk, "user-login", &["--sink", "down"]);
    let careless = host(&desk, &["dead-letter", "drop"]);
    assert_eq!(careless.status.code(), Some(2));
    let dropped = host(&desk, &["dead-letter", "drop", "--sink", "down"]);
    assert_eq!(stdout(&dropped), format!("{} dropped\n", summary["events"]));
}
