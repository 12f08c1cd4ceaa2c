//! Canaries in every place where OCI Audit leaves tokens and keys: none is on disk after a run, nor on a terminal.

use std::process::Output;

use serde_json::{Value, json};
use tests::{Receiver, Reply, TestEnv, contains, json_lines, stderr, stdout};

use super::desk;
use super::rejected::guest;

/// A token or a key of somebody whom Oracle's records tell of.
const CANARY: &str = "canary-9d1c-of-others";

/// A record as ListEvents gives it, with canaries, of a call with that name.
fn record(id: u32, call: &str, payload: Value) -> Value {
    let principal =
        json!({"claims": [{"key": "authorization", "value": format!("Signature signature=\"{CANARY}\"")}]}).to_string();
    json!({
        "eventType": format!("com.oraclecloud.identityControlPlane.{call}"),
        "cloudEventsVersion": "0.1",
        "eventTypeVersion": "2.0",
        "source": "identityControlPlane",
        "eventId": format!("0c0c0c0c-0000-4000-8000-{id:012}"),
        "eventTime": "2026-03-04T10:00:00Z",
        "contentType": "application/json",
        "data": {
            "eventName": call,
            "compartmentId": "ocid1.tenancy.oc1..example",
            "resourceName": "jane",
            "identity": {
                "principalName": "root",
                "principalId": "ocid1.user.oc1..root",
                "ipAddress": "203.0.113.9",
                "credentials": format!("ST${CANARY}"),
            },
            "request": {
                "id": "R1",
                "action": "POST",
                "path": format!("/20160918/users/ocid1.user.oc1..jane?access_token={CANARY}"),
                "headers": {
                    "authorization": [format!("Bearer {CANARY}")],
                    "OPC-Principal": [principal],
                    "opc-obo-principal": [principal],
                    "opc-obo-token": [CANARY],
                    "X-OCI-LB-PrivateAccessMetadata": [CANARY],
                    "X-OCI-LB-Other": [CANARY],
                    "Cookie": [format!("session={CANARY}")],
                    "Host": ["identity.example"],
                },
                "parameters": {"client_secret": [CANARY], "limit": ["10"]},
            },
            "response": {
                "status": "200",
                "message": format!("{call} succeeded"),
                "payload": payload,
                "headers": {"Set-Cookie": [CANARY], "opc-request-id": ["R1"]},
            },
            "stateChange": {
                "previous": {"password": CANARY},
                "current": {"nested": [{"clientSecret": {"is": CANARY}}], "description": "new"},
            },
            "additionalDetails": {
                "patch": [{"op": "replace", "path": "password", "value": CANARY}],
                "pairs": [{"name": ["password"], "value": [CANARY]}],
                "text": json!({"inner": principal}).to_string(),
                "note": "Invalid token: expired",
            },
        },
    })
}

/// Three records, of which the last one's answer is a secret.
fn records() -> Vec<Value> {
    vec![
        record(1, "GetUser", json!({"id": "u1", "email": "jane@example.com"})),
        record(2, "UpdateUser", json!({"id": "u2"})),
        record(3, "CreateAuthToken", json!({"key": CANARY})),
    ]
}

/// A server of OCI Audit and of Logging Search; the names of headers and of one member are spelled with escapes.
fn server(listed: String) -> Receiver {
    let wrapped = |record: &Value| {
        let mut event = record.clone();
        for (name, other) in [("eventType", "type"), ("eventId", "id"), ("eventTime", "time")] {
            event[other] = event[name].take();
            event.as_object_mut().unwrap().remove(name);
        }
        json!({"data": {"datetime": 1_772_618_400_000_i64, "logContent": event}})
    };
    let results: Vec<Value> = records().iter().map(wrapped).collect();
    let found = json!({"summary": {"resultCount": results.len()}, "results": results, "fields": []}).to_string();
    Receiver::with(0, move |request| Reply {
        status: 200,
        headers: vec![("content-type", "application/json".into())],
        body: match request.method.as_str() {
            "POST" => escaped(&found),
            _ => listed.clone(),
        },
    })
}

fn escaped(body: &str) -> String {
    body.replace("\"authorization\":", "\"\\u0041uthorization\":")
        .replace("\"credentials\":", "\"cr\\u0065dentials\":")
        .replace("\"Set-Cookie\":", "\"S\\u0065t-C\\u006fokie\":")
}

fn list() -> String {
    escaped(&Value::from(records()).to_string())
}

fn run(desk: &TestEnv, server: &Receiver, report: &str, more: &[&str]) -> Output {
    let url = server.url();
    let fixed = [
        "run",
        report,
        "--url",
        &url,
        "--auth",
        "none",
        "--allow-private-addresses",
        "-vvv",
    ];
    let period = [
        "--from",
        "2026-03-04T00:00:00Z",
        "--to",
        "2026-03-05T00:00:00Z",
        "--now",
        "2026-03-05T12:00:00Z",
    ];
    desk.host([&fixed[..], &period, more].concat()).output().unwrap()
}

#[track_caller]
fn assert_masked(desk: &TestEnv, output: &Output) {
    assert!(!stdout(output).contains(CANARY), "{}", stdout(output));
    assert!(!stderr(output).contains(CANARY), "{}", stderr(output));
    assert!(
        !contains(desk.path(), CANARY),
        "a secret is on disk: {}",
        stderr(output)
    );
}

#[test]
fn a_recording_of_oci_audit_has_no_secret_and_replays_to_the_same_events() {
    for via in ["list-events", "search"] {
        let (desk, server) = (desk(), server(list()));
        let more = [
            "--param",
            "compartment=ocid1.tenancy.oc1..example",
            "--param",
            "all=true",
        ];
        let via = format!("via={via}");
        let live = run(
            &desk,
            &server,
            "oci-audit",
            &[&more[..], &["--param", &via, "--record", "recording"]].concat(),
        );
        assert!(live.status.success(), "{}", stderr(&live));
        assert_masked(&desk, &live);
        let events = json_lines(&live);
        assert_eq!(events.len(), 3);
        drop(server);
        let replayed = desk
            .host(["run", "oci-audit", "--replay", "recording"])
            .output()
            .unwrap();
        assert!(replayed.status.success(), "{}", stderr(&replayed));
        assert_eq!(stdout(&replayed), stdout(&live), "{via}");
        // What is no secret is there.
        for text in ["jane@example.com", "identity.example", "Invalid token: expired"] {
            assert!(contains(&desk.path().join("recording"), text), "{via} {text}");
            assert!(stdout(&live).contains(text), "{via} {text}");
        }
    }
}

#[test]
fn what_a_plugin_repeats_of_a_record_is_masked_wherever_it_is_kept_or_said() {
    for envelope in ["list", "search"] {
        for (tell, code, said) in [
            ("rows", 0, "was rejected"),
            ("refusal", 5, "no event in"),
            ("fault", 5, "cannot read"),
        ] {
            let desk = desk();
            desk.write("telltale.wasm", guest("telltale"));
            let listed = match envelope {
                "list" => list(),
                _ => format!("{{\"results\":{}}}", list()),
            };
            let (tell, envelope) = (format!("tell={tell}"), format!("envelope={envelope}"));
            let output = run(
                &desk,
                &server(listed),
                "./telltale.wasm",
                &["--param", &tell, "--param", &envelope, "--record", "recording"],
            );
            assert_eq!(output.status.code(), Some(code), "{tell}: {}", stderr(&output));
            assert!(stderr(&output).contains(said), "{tell}: {}", stderr(&output));
            assert!(stderr(&output).contains("***"), "{tell}: {}", stderr(&output));
            assert_masked(&desk, &output);
            if code != 0 {
                continue;
            }
            // The row is there as a whole, but for its secrets, and so are the lines before it.
            let shown = desk.host(["rejected", "show", "1"]).output().unwrap();
            assert!(shown.status.success(), "{}", stderr(&shown));
            assert_masked(&desk, &shown);
            let row: Value = serde_json::from_slice(&shown.stdout).unwrap();
            assert_eq!(row["whole"], true, "{row}");
            let kept: Value = serde_json::from_str(row["row"].as_str().unwrap()).unwrap();
            assert_eq!(kept["data"]["eventName"], "CreateAuthToken");
            assert_eq!(kept["data"]["request"]["headers"]["Host"][0], "identity.example");
            assert_eq!(kept["data"]["additionalDetails"]["note"], "Invalid token: expired");
            let before: Value = serde_json::from_str(row["preamble"].as_str().unwrap()).unwrap();
            assert_eq!(before["data"]["identity"]["credentials"], "***");
        }
    }
}

#[test]
fn a_record_that_is_broken_is_masked_too() {
    let broken = format!(r#"{{"eventId":"9","m":"an odd " quote","cr\u0065dentials":["{CANARY}"],"n":"the end"}}"#);
    let listed = format!("{},{broken}]", list().strip_suffix(']').unwrap());
    for (report, number) in [("oci-audit", "1"), ("./telltale.wasm", "2")] {
        let desk = desk();
        desk.write("telltale.wasm", guest("telltale"));
        let more: &[&str] = match report {
            "oci-audit" => &[
                "--param",
                "compartment=ocid1.tenancy.oc1..example",
                "--param",
                "via=list-events",
            ],
            _ => &[],
        };
        let server = server(listed.clone());
        let output = run(&desk, &server, report, &[more, &["--record", "recording"]].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        assert_masked(&desk, &output);
        let shown = desk.host(["rejected", "show", number]).output().unwrap();
        assert!(stdout(&shown).contains("the end"), "{}", stdout(&shown));
        assert!(contains(&desk.path().join("recording"), "the end"));
    }
}

#[test]
fn a_record_that_its_secret_breaks_is_broken_in_a_replay_too() {
    let (whole, secret) = (
        record(9, "UpdateUser", json!({})).to_string(),
        format!("\"ST${CANARY}\""),
    );
    // But for the quote too many it would be an event.
    let broken = whole.replacen(&secret, &format!("{secret}x\""), 1);
    assert_ne!(broken, whole);
    let listed = format!("{},{broken}]", list().strip_suffix(']').unwrap());
    let (desk, server) = (desk(), server(listed));
    let more = [
        "--param",
        "compartment=ocid1.tenancy.oc1..example",
        "--param",
        "via=list-events",
        "--param",
        "all=true",
        "--record",
        "recording",
    ];
    let live = run(&desk, &server, "oci-audit", &more);
    assert!(live.status.success(), "{}", stderr(&live));
    assert_masked(&desk, &live);
    drop(server);
    let replayed = desk
        .host(["run", "oci-audit", "--replay", "recording"])
        .output()
        .unwrap();
    assert!(replayed.status.success(), "{}", stderr(&replayed));
    for output in [&live, &replayed] {
        assert_eq!(json_lines(output).len(), 3, "{}", stderr(output));
        assert!(stderr(output).contains("was rejected"), "{}", stderr(output));
    }
}

#[test]
fn an_answer_that_is_no_list_is_quoted_without_secrets() {
    for body in [
        format!(r#"{{"code":"InvalidParameter","message":"cannot use {{\"credentials\":\"{CANARY}\"}}"}}"#),
        format!(r#""ST${CANARY} and password={CANARY}""#),
    ] {
        for status in [200, 400] {
            let (desk, body) = (desk(), body.clone());
            let server = Receiver::with(0, move |_| Reply {
                status,
                headers: vec![("content-type", "application/json".into())],
                body: body.clone(),
            });
            let more = [
                "--param",
                "compartment=ocid1.tenancy.oc1..example",
                "--param",
                "via=list-events",
            ];
            let output = run(
                &desk,
                &server,
                "oci-audit",
                &[&more[..], &["--record", "recording"]].concat(),
            );
            assert!(!output.status.success());
            assert_masked(&desk, &output);
        }
    }
}

#[test]
fn a_case_of_a_plugin_shows_its_rejects_as_a_run_keeps_them() {
    for tell in ["rows", "fault"] {
        let desk = desk();
        desk.write("telltale.wasm", guest("telltale"));
        std::fs::create_dir_all(desk.path().join("tests/one")).unwrap();
        desk.write(
            "plugin.toml",
            "name = \"telltale\"\nkind = \"report\"\nlanguage = \"rust\"\n",
        );
        let input = desk.write("tests/one/input.json", list());
        desk.write(
            "tests/one/request.json",
            json!({"parameters": {"tell": tell}}).to_string(),
        );
        let test = ["plugin", "test", "--component", "./telltale.wasm", "--case", "one"];
        let failed = desk.host(test).output().unwrap();
        assert_eq!(failed.status.code(), Some(6), "{}", stderr(&failed));
        assert!(stdout(&failed).contains("cannot read"), "{}", stdout(&failed));
        let blessed = desk.host([&test[..], &["--bless"]].concat()).output().unwrap();
        assert!(blessed.status.success(), "{}", stderr(&blessed));
        // The case itself is its author's.
        std::fs::remove_file(input).unwrap();
        for output in [failed, blessed] {
            assert_masked(&desk, &output);
        }
        let expected = std::fs::read_to_string(desk.path().join("tests/one/expected.ndjson")).unwrap();
        assert!(
            expected.contains("***") && expected.contains("cannot read"),
            "{expected}"
        );
    }
}
