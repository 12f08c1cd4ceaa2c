//! `host check` of an identity domain and of OCI Audit: which of the two is fed, and who may read there; and what `oci-audit` takes
//! from its connection.

use serde_json::Value;
use tests::{Receiver, Reply, Server, TestEnv, json_lines, stderr, stdout};

use super::desk;
use super::ledger::host;

const NOW: &str = "2026-03-05T12:00:00Z";

fn server(scenario: &str) -> Server {
    Server::start(&format!("rows=300,plain-names,now={NOW},{scenario}"))
}

fn domain(server: &Server) -> String {
    format!(
        "[connections.domain]\nkind = \"identity-domain\"\nurl = \"{}\"\nallow-private-addresses = true\n\
         auth = {{ kind = \"oauth2-client-credentials\", client-id = \"demo-client\", client-secret = {{ env = \"SECRET\" }} }}\n",
        server.url()
    )
}

fn oci(desk: &TestEnv, server: &Server, more: &str) -> String {
    let user = server.running().oci_user();
    desk.write_secret("oci.pem", user.private_key_pem());
    format!(
        "[connections.oci]\nkind = \"oci\"\nurl = \"{}\"\nallow-private-addresses = true\n{more}\
         auth = {{ kind = \"oci-api-key\", tenancy = \"{}\", user = \"{}\", fingerprint = \"{}\", private-key = {{ file = \"oci.pem\" }} }}\n",
        server.url(),
        user.tenancy,
        user.user,
        user.fingerprint
    )
}

/// The words of `host check` on some connections to programs, and its exit code.
fn check(desk: &TestEnv, names: &[&str]) -> (Vec<Value>, Option<i32>) {
    let output = host(desk, &[&["check", "--json", "--now", NOW], names].concat());
    (json_lines(&output), output.status.code())
}

fn fact<'v>(checked: &'v Value, name: &str) -> &'v str {
    let found = checked["facts"][name].as_str();
    found.unwrap_or_else(|| panic!("{name}: {checked}"))
}

#[test]
fn check_says_which_of_two_sources_a_domain_still_feeds() {
    for (scenario, domain_fed, said) in [
        (
            "",
            true,
            "AuditEvents (domain) and OCI Audit (oci): collect one of them",
        ),
        (
            "silent-since=2026-02-01T00:00:00Z",
            false,
            "OCI Audit (oci: 2026-03-05T11:",
        ),
        ("silent", false, "OCI Audit (oci: 2026-03-05T11:"),
        ("refuse-sort", true, "AuditEvents (domain) and OCI Audit (oci)"),
    ] {
        let (desk, server) = (desk(), server(scenario));
        desk.write("host.toml", domain(&server) + &oci(&desk, &server, ""));
        let (checked, code) = check(&desk, &["domain", "oci"]);
        assert_eq!((checked.len(), code), (2, Some(0)), "{checked:?}");
        for (checked, fed) in checked.iter().zip([domain_fed, true]) {
            assert_eq!(checked["fed"], fed, "{scenario}: {checked}");
            assert!(fact(checked, "fed").starts_with(said), "{scenario}: {checked}");
        }
        let last = checked[0]["last_event"].as_str().unwrap_or_default();
        match scenario {
            "silent" => assert_eq!((last, fact(&checked[0], "last event")), ("", "none at all")),
            "silent-since=2026-02-01T00:00:00Z" => assert!(last.starts_with("2026-01-31T"), "{last}"),
            _ => assert!(last.starts_with("2026-03-0"), "{last}"),
        }
        if !domain_fed {
            assert!(fact(&checked[0], "fed").contains("host run oci-audit --connection oci"));
        }
        assert!(fact(&checked[1], "compartment").contains("the tenancy of the API key"));
    }
}

#[test]
fn a_silent_domain_names_the_line_to_write_and_the_line_is_one() {
    let (desk, server) = (desk(), server("silent-since=2026-02-01T00:00:00Z"));
    desk.write("host.toml", domain(&server));
    let output = host(&desk, &["check", "domain", "--now", NOW]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let said = stdout(&output);
    let fed = said.lines().find(|line| line.starts_with("        fed: ")).unwrap();
    assert!(
        fed.contains("AuditEvents no longer") && fed.contains("host run oci-audit"),
        "{fed}"
    );
    let line = &fed[fed.find("connections.oci = ").unwrap()..];
    // The domain's own events tell which compartment it is.
    assert!(line.contains(&server.running().oci_user().tenancy), "{line}");
    let whole = format!("{line}\n{}", domain(&server));
    desk.write("host.toml", whole);
    let output = host(&desk, &["config", "check"]);
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
}

#[test]
fn a_run_that_finds_a_domain_silent_names_the_source_that_is_not() {
    let (desk, server) = (desk(), server("silent"));
    desk.write("host.toml", domain(&server));
    let run = [
        "run",
        "audit-events",
        "--since",
        "7d",
        "--now",
        NOW,
        "--ledger",
        "none",
        "--sink",
        "stdout",
    ];
    let output = host(&desk, &run);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let said = stderr(&output);
    for part in [
        "silent",
        "host run oci-audit",
        "connections.oci = { kind = \"oci\"",
        "host check",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn the_newest_event_that_check_sees_is_the_newest_that_is_collected() {
    for scenario in ["", "empty-pages"] {
        let (desk, server) = (desk(), server(scenario));
        let compartment = format!("compartment = \"{}\"\n", server.running().oci_user().compartment);
        desk.write("host.toml", oci(&desk, &server, &compartment));
        let (checked, code) = check(&desk, &["oci"]);
        assert_eq!(code, Some(0), "{checked:?}");
        assert_eq!(
            fact(&checked[0], "compartment"),
            server.running().oci_user().compartment
        );
        // Of whichever domain: none is configured.
        assert_eq!(checked[0]["facts"].get("fed"), None);
        let found = checked[0]["found"].as_str().unwrap();
        assert!(
            found.starts_with("reached, signed in, may search, may list events; clock: "),
            "{found}"
        );
        // The compartment is the connection's.
        let run = [
            "run",
            "oci-audit",
            "--since",
            "1d",
            "--now",
            NOW,
            "--ledger",
            "none",
            "--sink",
            "stdout",
        ];
        let output = host(&desk, &[run.as_slice(), &["--encoding", "event"]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let of_domain = |event: &Value| {
            let kind = event["attributes"]["eventType"]
                .as_str()
                .unwrap_or_default()
                .to_lowercase();
            event["action"].as_str().unwrap_or_default().contains('.') || kind.contains(".identitysignon.")
        };
        let events = json_lines(&output);
        let times = events
            .iter()
            .filter(|event| of_domain(event))
            .map(|event| event["time"].as_str().unwrap());
        let newest: jiff::Timestamp = times.max().unwrap().parse().unwrap();
        assert_eq!(checked[0]["last_event"], newest.to_string());
    }
}

#[test]
fn whoever_may_not_read_the_audit_log_is_told_the_causes_and_the_policy() {
    let (desk, server) = (desk(), server("no-policy"));
    desk.write("host.toml", oci(&desk, &server, ""));
    let (checked, code) = check(&desk, &["oci"]);
    assert_eq!(code, Some(3), "{checked:?}");
    assert_eq!(checked[0]["message"], "search refused (404 Not Found)");
    let hint = checked[0]["hint"].as_str().unwrap();
    for part in [
        "which of three things is wrong",
        "`Allow group GROUP to read audit-events in tenancy`",
        "`Allow group GROUP to read log-content in tenancy`",
        "another region",
    ] {
        assert!(hint.contains(part), "{part}: {hint}");
    }
}

#[test]
fn whoever_may_list_events_and_not_search_is_told_what_that_means() {
    let (desk, server) = (desk(), server("no-log-content"));
    desk.write("host.toml", domain(&server) + &oci(&desk, &server, ""));
    let (checked, code) = check(&desk, &["oci"]);
    assert_eq!(code, Some(0), "{checked:?}");
    let found = checked[0]["found"].as_str().unwrap();
    assert!(found.starts_with("reached, signed in, may list events; "), "{found}");
    let search = fact(&checked[0], "search");
    assert!(
        search.starts_with("refused (404 Not Found); ") && search.contains("log-content"),
        "{search}"
    );
    assert!(search.contains("via=list-events"), "{search}");
    // By what was processed in the last hour.
    let last = checked[0]["last_event"].as_str().unwrap();
    assert!(last.starts_with("2026-03-05T11:"), "{last}");
    assert!(
        fact(&checked[0], "fed").starts_with("AuditEvents (domain) and OCI Audit (oci)"),
        "{checked:?}"
    );
}

#[test]
fn a_source_that_cannot_be_compared_fails_no_check() {
    let (desk, server) = (desk(), server(""));
    let other = oci(&desk, &server, "").replace("[connections.oci]", "[connections.other]");
    let broken = other.replace("oci.pem", "gone.pem");
    desk.write("host.toml", domain(&server) + &broken);
    let (checked, code) = check(&desk, &["domain"]);
    assert_eq!(code, Some(0), "{checked:?}");
    let fed = fact(&checked[0], "fed");
    assert!(
        fed.starts_with("AuditEvents (domain: ") && fed.contains("OCI Audit (other: not known: "),
        "{fed}"
    );
    assert!(fed.contains("gone.pem"), "{fed}");
}

#[test]
fn a_server_that_is_typed_can_be_asked_as_a_profile_of_the_sdks() {
    let (desk, server) = (desk(), server(""));
    let user = server.running().oci_user();
    let key = desk.write_secret("oci.pem", user.private_key_pem());
    std::fs::create_dir(desk.path().join(".oci")).unwrap();
    let file = user.config_file(key.to_str().unwrap());
    desk.write(".oci/config", format!("{file}\n[AUDIT]\nregion=eu-frankfurt-1\n"));
    let url = server.url();
    let compartment = format!("compartment={}", user.compartment);
    let run = |report: &str, auth: &str, more: &[&str]| {
        let typed = [
            "run",
            report,
            "--url",
            &url,
            "--auth",
            auth,
            "--allow-private-addresses",
            "--since",
            "1h",
            "--now",
            NOW,
        ];
        host(&desk, &[typed.as_slice(), more].concat())
    };
    for auth in ["oci-config", "oci-config:AUDIT"] {
        let output = run("oci-audit", auth, &["--param", &compartment]);
        assert_eq!(output.status.code(), Some(0), "{auth}: {}", stderr(&output));
        assert!(!json_lines(&output).is_empty());
    }
    for (report, auth, more, said) in [
        (
            "oci-audit",
            "oci-config:NONE",
            ["--param", &compartment],
            "the file has the profiles AUDIT, DEFAULT",
        ),
        ("user-login", "oci-config", ["--param", "output=file"], "is of kind epm"),
        (
            "oci-audit",
            "oci-config:",
            ["--param", &compartment],
            "--auth oci-config[:PROFILE]",
        ),
    ] {
        let output = run(report, auth, &more);
        assert_eq!(output.status.code(), Some(2), "{auth}: {}", stderr(&output));
        assert!(stderr(&output).contains(said), "{auth}: {}", stderr(&output));
    }
}

#[test]
fn what_oci_audit_cannot_do_without_is_asked_for_before_anything_is_sent() {
    let (desk, server) = (desk(), server(""));
    desk.write("host.toml", oci(&desk, &server, ""));
    for command in ["run", "plan"] {
        let output = host(&desk, &[command, "oci-audit", "--since", "1h"]);
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        let said = stderr(&output);
        assert!(
            said.contains("oci-audit needs `compartment`: the OCID of the compartment"),
            "{said}"
        );
        assert!(said.contains("--param compartment=OCID"), "{said}");
    }
    assert!(server.seen().is_empty(), "{:?}", server.seen());
    let output = host(&desk, &["plugin", "inspect", "oci-audit"]);
    let said = stdout(&output);
    let line = said.lines().find(|line| line.contains("compartment=")).unwrap();
    assert!(line.ends_with(" [required]"), "{line}");
    let output = host(&desk, &["plugin", "inspect", "oci-audit", "--json"]);
    let parameters = &json_lines(&output)[0]["report"]["parameters"];
    assert_eq!(parameters[0]["required"], true);
}

#[test]
fn an_answer_that_is_no_page_of_an_audit_log_fails_the_check() {
    for (body, code, said) in [
        ("<html><title>Acme - Sign In</title></html>", 3, "sign-in: "),
        ("<html><title>Out of order</title></html>", 5, "search: "),
        (r#"{"code":"NotAuthorizedOrNotFound"}"#, 5, "search: "),
        ("", 5, "search: "),
    ] {
        let (desk, server) = (desk(), server(""));
        let receiver = Receiver::with(0, move |_| Reply {
            body: body.to_owned(),
            ..Reply::status(200)
        });
        let configured = oci(&desk, &server, "").replace(&server.url(), &receiver.url());
        desk.write("host.toml", configured);
        let (checked, exit) = check(&desk, &["oci"]);
        assert_eq!(exit, Some(code), "{body}: {checked:?}");
        let message = checked[0]["message"].as_str().unwrap_or_default();
        assert!(message.starts_with(said), "{body}: {message}");
    }
}
