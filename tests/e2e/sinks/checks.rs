//! Sinks before they get events: what `check` says, and what is refused.

use super::*;

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
