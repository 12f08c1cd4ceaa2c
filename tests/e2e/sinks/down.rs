//! Sinks that are down or cannot be used: what becomes of their events and of those of other sinks.

use super::*;

/// An instant of JSON as a line for people has it.
fn to_the_second(instant: &Value) -> String {
    format!("{}Z", &instant.as_str().unwrap()[..19])
}

#[test]
fn one_of_three_sinks_is_down_and_its_dead_letters_are_delivered_once_it_is_back() {
    let (desk, server, up) = (desk(), Server::start(""), Receiver::start());
    let down = Place::take();
    let sinks = [
        "[sinks.archive]\nkind = \"file\"\npath = \"archive.ndjson\"\n".to_owned(),
        http("up", &up.url(), ""),
        http("down", &down.url(), "when-down = \"dead-letters\""),
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
fn events_of_a_sink_that_is_down_wait_for_the_next_run() {
    let (desk, server, up) = (desk(), Server::start(""), Receiver::start());
    let down = Place::take();
    let sinks = http("up", &up.url(), "") + &http("down", &down.url(), "");
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
    let waits = format!("sink down is behind: 1 window waits for it since {since}");
    assert!(said.contains(&waits) && said.contains("nothing is lost"), "{said}");
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
    assert_eq!(summary["ledger"]["behind"], Value::Array(Vec::new()));
    assert_eq!(sink(&summary, "up")["delivered"], 0, "it has them");
    assert_eq!(uids(&back.taken()), uids(&up.taken()));
    assert!(stdout(&host(&desk, &["dead-letter", "list"])).starts_with("No dead letters in "));
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
