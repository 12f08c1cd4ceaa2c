//! Several sinks at once: routes, receivers that fail, hostile plugins, dead letters. Whatever happens, each event is
//! counted once.

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

/// An instant of JSON as a line for people has it.
fn to_the_second(instant: &Value) -> String {
    format!("{}Z", &instant.as_str().unwrap()[..19])
}

fn file(desk: &TestEnv, name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(desk.path().join(name)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn check_says_what_each_sink_promises() {
    let (desk, server, up) = (desk(), Server::start(""), Receiver::start());
    let more = "[sinks.out]\nkind = \"stdout\"\n";
    let sinks = http("siem", &up.url(), "") + more;
    desk.write("host.toml", configuration(&server, &sinks));
    let output = host(&desk, &["check", "siem", "out"]);
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
    let text = stdout(&output);
    for (sink, guarantee) in [("siem", "idempotent-by-batch"), ("out", "at-least-once")] {
        let line = text.lines().find(|line| line.starts_with(&format!("ok      {sink}: ")));
        assert!(line.unwrap().contains(&format!("; guarantee: {guarantee} (")), "{text}");
    }
    // The same word as in the summary of a run.
    let (summary, _) = run(&desk, "user-login", &["--sink", "siem"]);
    assert_eq!(sink(&summary, "siem")["guarantee"], "idempotent-by-batch");
}

#[test]
fn check_calls_ok_what_may_take_events_and_nothing_else() {
    // A status; whether `url` may be where events go, and whether it may be what a plugin's paths begin with.
    for (status, receiver, base) in [
        (200, true, true),
        (204, true, true),
        (400, true, true),
        (405, true, true),
        (501, true, true),
        (404, false, true),
        (410, false, true),
        (401, false, false),
        (403, false, false),
        (407, false, false),
        (429, false, false),
        (500, false, false),
        (503, false, false),
    ] {
        let (desk, up) = (desk(), Receiver::with(0, move |_| Reply::status(status)));
        let endpoint = format!(
            "endpoint = {{ url = \"{}\", allow-private-addresses = true }}",
            up.url()
        );
        desk.write(
            "host.toml",
            format!("[sinks.http]\nkind = \"http\"\n{endpoint}\n[sinks.hec]\nplugin = \"splunk-hec\"\n{endpoint}\n"),
        );
        for (name, good) in [("http", receiver), ("hec", base)] {
            let output = host(&desk, &["check", name]);
            let text = stdout(&output);
            assert_eq!(output.status.code(), Some(if good { 0 } else { 7 }), "{text}");
            assert!(text.starts_with(if good { "ok " } else { "failed " }), "{text}");
            assert!(text.contains(&format!("status {status}")), "{text}");
            assert_eq!(text.contains("only a run can tell"), good && status >= 300, "{text}");
        }
        assert!(up.received().iter().all(|request| request.method == "OPTIONS"));
    }
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
fn a_sink_whose_name_leads_to_an_address_that_it_may_not_reach_is_refused_before_anything_is_fetched() {
    let (desk, server) = (desk(), Server::start(""));
    // A name, so that only resolving it tells.
    let endpoint = |more: &str| format!("endpoint = {{ url = \"https://localhost:9\"{more} }}");
    let token =
        ", auth = { kind = \"oauth2-client-credentials\", client-id = \"c\", client-secret = { env = \"SECRET\" } }";
    for sink in [
        format!("kind = \"http\"\n{}", endpoint("")),
        format!("kind = \"http\"\nwhen-down = \"dead-letters\"\n{}", endpoint("")),
        format!("kind = \"otlp\"\n{}", endpoint("")),
        format!("kind = \"otlp\"\nprotocol = \"grpc\"\n{}", endpoint("")),
        format!("plugin = \"splunk-hec\"\n{}", endpoint("")),
        "kind = \"object-store\"\nurl = \"s3://b/p\"\nendpoint = \"https://localhost:9\"\naccess-key-id = \"a\"\nsecret-access-key = { env = \"SECRET\" }".to_owned(),
        // So may be where its tokens are issued.
        format!(
            "kind = \"http\"\nendpoint = {{ url = \"https://192.0.2.1\", token-url = \"https://localhost:9/token\"{token} }}"
        ),
    ] {
        desk.write("host.toml", configuration(&server, &format!("[sinks.it]\n{sink}\n{QUICK}\n")));
        let output = host(&desk, &["run", "user-login", "--since", "7d", "--sink", "it"]);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{sink}: {said}");
        assert!(said.contains("sinks.it") && said.contains("host.toml"), "{sink}: {said}");
        assert!(said.contains("allow-private-addresses"), "{sink}: {said}");
    }
    assert!(server.seen().is_empty(), "{:?}", server.seen());
    assert!(stdout(&host(&desk, &["dead-letter", "list"])).starts_with("No dead letters"));

    // What nobody can resolve now may come back: it is down, and costs no event.
    let later = "[sinks.it]\nkind = \"http\"\nwhen-down = \"wait\"\nendpoint = { url = \"https://nowhere.invalid\", retry = { attempts = 1 } }\n";
    desk.write("host.toml", configuration(&server, &format!("{later}{QUICK}\n")));
    let output = host(&desk, &["run", "user-login", "--since", "7d", "--sink", "it"]);
    assert_eq!(output.status.code(), Some(7), "{}", stderr(&output));
    assert!(stdout(&host(&desk, &["dead-letter", "list"])).starts_with("No dead letters"));
}

#[test]
fn one_of_three_sinks_is_down_and_its_events_are_delivered_once_it_is_back() {
    let (desk, server, up) = (desk(), Server::start(""), Receiver::start());
    let down = Place::take();
    let sinks = [
        "[sinks.archive]\nkind = \"file\"\npath = \"archive.ndjson\"\n".to_owned(),
        http("up", &up.url(), ""),
        http("down", &down.url(), ""),
    ];
    desk.write("host.toml", configuration(&server, &sinks.concat()));
    let (summary, output) = run(
        &desk,
        "audit-events",
        &["--sink", "archive", "--sink", "up", "--sink", "down"],
    );
    assert_eq!(output.status.code(), Some(8), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("host dead-letter replay"),
        "{}",
        stderr(&output)
    );
    let events = summary["events"].as_u64().unwrap();
    assert!(events > 10);
    for name in ["archive", "up"] {
        assert_eq!(sink(&summary, name)["delivered"], events);
        assert_eq!(sink(&summary, name)["dead_lettered"], 0);
    }
    assert_eq!(sink(&summary, "down")["delivered"], 0);
    assert_eq!(sink(&summary, "down")["dead_lettered"], events);
    let expected = uids(&file(&desk, "archive.ndjson"));
    assert_eq!(uids(&up.taken()), expected);

    let listed = json_lines(&host(&desk, &["dead-letter", "list", "--json"]));
    assert_eq!(listed.len() as u64, events);
    assert!(
        listed
            .iter()
            .all(|letter| letter["sink"] == "down" && letter["attempts"].is_u64())
    );
    let since = to_the_second(&listed[0]["first_attempt"]);
    let table = stdout(&host(&desk, &["dead-letter", "list"]));
    assert!(
        table.contains(&format!("down: {events} dead letters since {since}\n")),
        "{table}"
    );
    let number = listed[0]["number"].to_string();
    let shown: Value = serde_json::from_slice(&host(&desk, &["dead-letter", "show", &number]).stdout).unwrap();
    assert_eq!(shown["event"]["id"], expected[0].as_str());

    // Still down: nothing is lost by trying.
    let vain = host(&desk, &["dead-letter", "replay"]);
    assert_eq!(vain.status.code(), Some(8), "{}", stderr(&vain));
    assert_eq!(
        json_lines(&host(&desk, &["dead-letter", "list", "--json"])).len() as u64,
        events
    );

    let back = down.open(|_| Reply::status(200));
    let replayed = host(&desk, &["dead-letter", "replay", "--sink", "down"]);
    assert_eq!(replayed.status.code(), Some(0), "{}", stderr(&replayed));
    assert_eq!(uids(&back.taken()), expected);
    assert!(stdout(&host(&desk, &["dead-letter", "list"])).starts_with("No dead letters in "));
}

#[test]
fn a_sink_that_is_not_required_fails_no_run() {
    let (desk, server) = (desk(), Server::start(""));
    let down = http("down", "http://127.0.0.1:9", "required = false");
    desk.write("host.toml", configuration(&server, &down));
    let (summary, output) = run(&desk, "user-login", &["--sink", "file:x.ndjson", "--sink", "down"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(sink(&summary, "down")["dead_lettered"], summary["events"]);
}

#[test]
fn a_sink_that_others_need_not_wait_for_is_asked_to_wait_in_vain() {
    let (desk, server) = (desk(), Server::start(""));
    let down = http("down", "http://127.0.0.1:1", "required = false\nwhen-down = \"wait\"");
    desk.write("host.toml", configuration(&server, &down));
    let refused = host(&desk, &["config", "check"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("when-down"), "{}", stderr(&refused));
}

#[test]
fn events_of_a_sink_that_is_down_wait_for_the_next_run_where_that_is_wished() {
    let (desk, server, up) = (desk(), Server::start(""), Receiver::start());
    let down = Place::take();
    let sinks = http("up", &up.url(), "") + &http("down", &down.url(), "when-down = \"wait\"");
    desk.write("host.toml", configuration(&server, &sinks));
    let both = ["--sink", "up", "--sink", "down"];
    let (summary, output) = run(&desk, "user-login", &both);
    assert_eq!(output.status.code(), Some(7), "{}", stderr(&output));
    assert_eq!(
        sink(&summary, "up")["delivered"],
        summary["events"],
        "nobody is held back"
    );
    assert_eq!(sink(&summary, "down")["undelivered"], summary["events"]);
    let since = to_the_second(&summary["ledger"]["in_flight_since"]);
    let said = stderr(&output);
    assert!(said.contains(&format!("events wait since {since}")), "{said}");
    let listed = stdout(&host(&desk, &["ledger", "list"]));
    assert!(
        listed.contains(&format!(": 1 window is in flight since {since}\n")),
        "{listed}"
    );
    let asked = || {
        let seen = server.seen();
        seen.iter().filter(|request| request.contains("/reports")).count()
    };
    let before = asked();

    let back = down.open(|_| Reply::status(200));
    let (summary, output) = run(&desk, "user-login", &both);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(asked(), before, "the report is here");
    assert_eq!(summary["ledger"]["resumed"], 1);
    assert_eq!(summary["ledger"]["in_flight_since"], Value::Null);
    let listed = stdout(&host(&desk, &["ledger", "list"]));
    assert!(!listed.contains("in flight since"), "{listed}");
    assert_eq!(sink(&summary, "up")["delivered"], 0, "it has them");
    assert_eq!(uids(&back.taken()), uids(&up.taken()));
    assert!(stdout(&host(&desk, &["dead-letter", "list"])).starts_with("No dead letters in "));
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
fn an_option_that_no_sink_of_the_run_heeds_is_refused() {
    let (desk, server) = (desk(), Server::start(""));
    let sinks = "[sinks.archive]\nkind = \"file\"\npath = \"archive.ndjson\"\n\
                 [[routes]]\nreports = [\"user-login\"]\nto = [\"archive\"]\n\
                 [[routes]]\nreports = [\"audit-events\"]\nto = [\"archive\", \"stdout\"]\n";
    desk.write("host.toml", configuration(&server, sinks));
    for option in [["--format", "csv"], ["--encoding", "event"]] {
        for sink in [&[][..], &["--sink", "archive"]] {
            let arguments = [&["run", "user-login", "--since", "7d"], &option[..], sink].concat();
            let output = host(&desk, &arguments);
            let said = stderr(&output);
            assert_eq!(output.status.code(), Some(2), "{said}");
            assert!(said.contains(&format!("error: {} is for", option[0])), "{said}");
            assert!(said.contains("hint: ") && said.contains("host.toml"), "{said}");
        }
    }
    assert!(server.seen().is_empty());
    assert!(!desk.path().join("archive.ndjson").exists());
    // A route may lead to standard output too.
    let (summary, output) = run(&desk, "audit-events", &["--format", "csv", "--encoding", "event"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).starts_with("id,"), "{}", stdout(&output));
    assert_eq!(
        file(&desk, "archive.ndjson").len() as u64,
        summary["events"].as_u64().unwrap()
    );
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

/// How a receiver behaves: a name, its answers, and whether events get through in the end.
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
        desk.write("host.toml", configuration(&server, &http("siem", &url, "")));
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
fn what_fits_neither_sink_nor_dead_letters_fails_the_run() {
    let (desk, server) = (desk(), Server::start(""));
    let url = "http://127.0.0.1:9";
    let down = http("down", url, "when-down = \"dead-letters\"");
    desk.write(
        "host.toml",
        configuration(&server, &(down + "[dead-letters]\nevents = 3\n")),
    );
    let (summary, output) = run(&desk, "user-login", &["--sink", "down"]);
    assert_eq!(output.status.code(), Some(7), "{}", stderr(&output));
    assert_eq!(sink(&summary, "down")["undelivered"], summary["events"]);
    let said = stderr(&output);
    let room = format!("no room for {} more events", summary["events"]);
    assert!(
        said.contains(&room) && said.contains("holds 0 of at most 3 events"),
        "{said}"
    );
    assert!(
        said.contains("dead-letter replay") && said.contains("higher `events`"),
        "{said}"
    );
    assert_eq!(said.matches(&room).count(), 1, "once is enough: {said}");
}

#[test]
fn what_an_optional_sink_loses_is_said_as_lost() {
    let (desk, server, up) = (desk(), Server::start(""), Receiver::start());
    let sinks = http("up", &up.url(), "") + &http("chat", "http://127.0.0.1:9", "required = false");
    desk.write(
        "host.toml",
        configuration(&server, &(sinks + "[dead-letters]\nevents = 3\n")),
    );
    let (summary, output) = run(&desk, "user-login", &["--sink", "up", "--sink", "chat"]);
    assert_eq!(output.status.code(), Some(8), "{}", stderr(&output));
    assert_eq!(summary["exit"], 8);
    assert_eq!(sink(&summary, "up")["delivered"], summary["events"]);
    let chat = sink(&summary, "chat");
    assert_eq!(
        (&chat["undelivered"], &chat["required"]),
        (&summary["events"], &Value::from(false))
    );
    let said = stderr(&output);
    let lost = format!("These {} events are lost for chat.", summary["events"]);
    assert_eq!(said.matches(&lost).count(), 1, "{said}");
    assert_eq!(said.matches("no room for").count(), 1, "once is enough: {said}");
    assert!(said.contains("--sink asks for the period again"), "{said}");
}

#[test]
fn events_wait_while_the_only_sink_is_unusable() {
    for status in [401, 403, 404, 407] {
        let (desk, server) = (desk(), Server::start(""));
        let refusing = Receiver::with(0, move |_| Reply::status(status));
        desk.write("host.toml", configuration(&server, &http("siem", &refusing.url(), "")));
        let (summary, output) = run(&desk, "user-login", &["--sink", "siem"]);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(7), "{status}: {said}");
        assert!(
            said.contains(&format!("sink siem: it cannot be used: status {status}")),
            "{said}"
        );
        assert!(said.contains("nothing is lost"), "{said}");
        assert_eq!(
            refusing.received().len(),
            1,
            "a refused credential is not tried again and again"
        );
        let siem = sink(&summary, "siem");
        assert_eq!(
            (&siem["dead_lettered"], &siem["undelivered"]),
            (&Value::from(0), &summary["events"])
        );
        drop(refusing);
        let fixed = Receiver::start();
        desk.write("host.toml", configuration(&server, &http("siem", &fixed.url(), "")));
        let (_, output) = run(&desk, "user-login", &["--sink", "siem"]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert_eq!(uids(&fixed.taken()).len() as u64, summary["events"].as_u64().unwrap());
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
fn a_hostile_sink_plugin_costs_its_own_batch_and_nothing_else() {
    let wasm = hostile_plugin();
    let server = Server::start("");
    // behaviour, what the dead letters say
    let cases = [
        ("encode-trap", "crashed"),
        ("encode-loop", "limit `time`"),
        ("encode-fault", "cannot encode"),
        ("hoard", "limit `memory`"),
        ("many", "limit"),
        ("huge", "limit"),
        ("huge-request", "limit"),
        ("escape", "path"),
        ("absolute", "path"),
        ("credential", "uthorization"),
        ("smuggle", "header"),
        ("smuggle-name", "header"),
        ("verdict-trap", "crashed"),
        ("verdict-loop", "limit `time`"),
        ("reject-nobody-there", "rejects item"),
        ("reject-twice", "rejects item"),
    ];
    for (behaviour, said) in cases {
        let (desk, receiver) = (desk(), Receiver::with(0, |_| Reply::status(207)));
        let sinks = format!(
            "[limits]\ntime = \"2s\"\nmemory = 67108864\n[sinks.mine]\nplugin = \"{}\"\nconfig = {{ behaviour = \"{behaviour}\" }}\n\
             endpoint = {{ url = \"{}/base\", allow-private-addresses = true }}\n",
            wasm.display(),
            receiver.url()
        );
        desk.write("host.toml", configuration(&server, &sinks));
        let (summary, output) = run(&desk, "user-login", &["--sink", "mine", "--sink", "file:all.ndjson"]);
        assert_eq!(output.status.code(), Some(8), "{behaviour}: {}", stderr(&output));
        let events = summary["events"].as_u64().unwrap();
        assert_eq!(sink(&summary, "mine")["dead_lettered"], events, "{behaviour}");
        assert_eq!(file(&desk, "all.ndjson").len() as u64, events, "{behaviour}");
        let letters = json_lines(&host(&desk, &["dead-letter", "list", "--json"]));
        let reason = letters[0]["reason"].as_str().unwrap();
        assert!(reason.contains(said), "{behaviour}: {reason}");
        let outside = receiver
            .received()
            .iter()
            .any(|request| !request.path.starts_with("/base/"));
        assert!(!outside, "{behaviour}");
    }
}

#[test]
fn a_plugin_s_item_rejections_are_the_only_dead_letters() {
    let (desk, server, receiver) = (desk(), Server::start(""), Receiver::with(0, |_| Reply::status(207)));
    let sinks = format!(
        "[sinks.mine]\nplugin = \"{}\"\nendpoint = {{ url = \"{}\", allow-private-addresses = true }}\n",
        hostile_plugin().display(),
        receiver.url()
    );
    desk.write("host.toml", configuration(&server, &sinks));
    let (summary, output) = run(&desk, "user-login", &["--sink", "mine"]);
    assert_eq!(output.status.code(), Some(8), "{}", stderr(&output));
    let batches = receiver.received().len() as u64;
    let counts = sink(&summary, "mine");
    assert_eq!(counts["dead_lettered"], batches);
    assert_eq!(
        counts["delivered"].as_u64().unwrap() + batches,
        summary["events"].as_u64().unwrap()
    );
}

#[test]
fn a_plugin_s_configuration_is_held_against_its_schema() {
    let (desk, server) = (desk(), Server::start(""));
    let sinks = format!("[sinks.mine]\nplugin = \"{}\"\n", hostile_plugin().display());
    desk.write("host.toml", configuration(&server, &sinks));
    let output = host(
        &desk,
        &[
            "run",
            "user-login",
            "--since",
            "1d",
            "--sink",
            hostile_plugin().to_str().unwrap(),
            "--sink-config",
            "[1]",
        ],
    );
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("is not of type \"object\""),
        "{}",
        stderr(&output)
    );
    assert_eq!(server.seen().len(), 0, "nothing was sent");
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
