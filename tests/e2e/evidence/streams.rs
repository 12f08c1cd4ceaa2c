//! The owners of a stream's progress: that of its sinks, its server, its parameters, its connection.

use super::*;

#[test]
fn a_look_at_events_takes_none_away_from_the_sinks() {
    let (desk, receiver) = (desk(), Receiver::start());
    let times = ["2026-03-05T09:00:00Z", "2026-03-05T15:00:00Z", "2026-03-05T20:00:00Z"];
    let _first = serve(&desk, &receiver, "rows=40", times[0], ROUTES);
    run(&desk, "user-login", &["--now", times[0]]);
    let _second = serve(&desk, &receiver, "rows=40", times[1], ROUTES);
    for look in [
        &[
            "run",
            "user-login",
            "--sink",
            "stdout",
            "--format",
            "csv",
            "--now",
            times[1],
        ][..],
        &[
            "run",
            "user-login",
            "--since",
            "26h",
            "--sink",
            "stdout",
            "--now",
            times[1],
        ],
        &[
            "run",
            "user-login",
            "--from",
            "2026-03-05",
            "--sink",
            "file:look.csv",
            "--now",
            times[1],
        ],
    ] {
        let output = host(&desk, look);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert!(
            stderr(&output).contains("does not count as collected"),
            "{}",
            stderr(&output)
        );
    }
    let _third = serve(&desk, &receiver, "rows=40", times[2], ROUTES);
    run(&desk, "user-login", &["--now", times[2]]);
    let period = ["--from", "2026-03-05", "--now", times[2]];
    assert_eq!(once(&receiver), served(&desk, "user-login", &period));
    let backfill = [
        "backfill",
        "user-login",
        "--from",
        "2026-03-01",
        "--to",
        "2026-03-02",
        "--sink",
        "stdout",
        "--now",
        times[2],
    ];
    let refused = host(&desk, &backfill);
    let said = stderr(&refused);
    assert_eq!(
        refused.status.code(),
        Some(2),
        "it would count for siem, which gets nothing"
    );
    assert!(
        said.contains("this backfill leaves out siem, which user-login @ ") && said.contains("add --sink siem"),
        "{said}"
    );
    // A run that does not begin looks at nothing.
    let nowhere = host(&desk, &["run", "user-login", "--sink", "nosuch", "--now", times[2]]);
    assert_eq!(nowhere.status.code(), Some(2));
    assert!(!stderr(&nowhere).contains("does not count"), "{}", stderr(&nowhere));
}

#[test]
fn a_stream_without_routes_is_collected_for_the_sinks_that_were_named_first() {
    let other = "[[routes]]\nreports = [\"invalid-login\"]\nto = [\"siem\"]\n";
    for routes in ["", other] {
        let (desk, receiver) = (desk(), Receiver::start());
        let times = ["2026-03-05T09:00:00Z", "2026-03-05T15:00:00Z", "2026-03-06T12:00:00Z"];
        let _first = serve(&desk, &receiver, "rows=40", times[0], routes);
        run(&desk, "user-login", &["--sink", "siem", "--now", times[0]]);
        let _second = serve(&desk, &receiver, "rows=40", times[1], routes);
        let look = host(
            &desk,
            &["run", "user-login", "-q", "--sink", "stdout", "--now", times[1]],
        );
        assert_eq!(look.status.code(), Some(0), "{}", stderr(&look));
        assert!(
            stderr(&look).contains("does not count as collected"),
            "{}",
            stderr(&look)
        );
        // Another sink besides the first ones changes nothing of that.
        let more = ["--sink", "siem", "--sink", "archive", "--now", times[2]];
        let _third = serve(&desk, &receiver, "rows=40", times[2], routes);
        run(&desk, "user-login", &more);
        let period = ["--from", "2026-03-05", "--now", times[2]];
        assert_eq!(once(&receiver), served(&desk, "user-login", &period), "{routes}");
        let listed = json_lines(&host(&desk, &["ledger", "list", "--json"]));
        assert_eq!(listed[0]["sinks"], serde_json::json!(["siem"]));
    }
}

#[test]
fn a_pipe_is_nobody_that_a_stream_is_collected_for() {
    let (desk, receiver) = (desk(), Receiver::start());
    let times = ["2026-03-05T09:00:00Z", "2026-03-05T15:00:00Z"];
    let _first = serve(&desk, &receiver, "rows=40", times[0], "");
    let (printed, _) = run(&desk, "user-login", &["--now", times[0]]);
    let _second = serve(&desk, &receiver, "rows=40", times[1], "");
    let (delivered, output) = run(&desk, "user-login", &["--sink", "siem", "--now", times[1]]);
    assert!(!stderr(&output).contains("does not count"), "{}", stderr(&output));
    assert!(printed["events"].as_u64() > Some(0) && delivered["events"].as_u64() > Some(0));
    // From now on somebody keeps it.
    let look = host(&desk, &["run", "user-login", "--now", times[1]]);
    assert!(
        stderr(&look).contains("does not count as collected"),
        "{}",
        stderr(&look)
    );
}

#[test]
fn a_report_that_no_route_takes_is_refused_before_anything_is_sent() {
    let (desk, receiver) = (desk(), Receiver::start());
    let routes = "[[routes]]\nreports = [\"invalid-login\"]\nto = [\"siem\"]\n";
    let server = serve(&desk, &receiver, "rows=40", "2026-03-05T09:00:00Z", routes);
    let output = host(&desk, &["run", "user-login", "-q"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("no route matches the events of user-login"),
        "{}",
        stderr(&output)
    );
    assert!(server.seen().is_empty());
}

#[test]
fn a_connection_that_leads_elsewhere_is_refused_until_it_is_adopted() {
    let (desk, receiver) = (desk(), Receiver::start());
    let now = "2026-03-05T12:00:00Z";
    let first = serve(&desk, &receiver, "rows=10", now, ROUTES);
    run(&desk, "user-login", &["--now", now]);
    let other = Server::start(&format!("rows=10,seed=2,now={now}"));
    let text = std::fs::read_to_string(desk.path().join("host.toml")).unwrap();
    desk.write("host.toml", text.replace(&first.url(), &other.url()));
    let output = host(&desk, &["run", "user-login", "--now", "2026-03-05T13:00:00Z"]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    for part in [
        first.url().trim_end_matches('/'),
        other.url().trim_end_matches('/'),
        "host ledger adopt user-login --connection epm",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(other.seen().is_empty(), "nothing was sent");
    assert_eq!(
        host(&desk, &["ledger", "adopt", "user-login", "--connection", "epm"])
            .status
            .code(),
        Some(0)
    );
    run(&desk, "user-login", &["--now", "2026-03-05T13:00:00Z"]);
}

#[test]
fn a_parameter_that_chooses_no_events_goes_on_with_the_same_stream() {
    let (desk, receiver) = (desk(), Receiver::start());
    let first = serve(&desk, &receiver, "rows=40", "2026-03-02T12:00:00Z", ROUTES);
    run(&desk, "user-login", &["--now", "2026-03-02T12:00:00Z"]);
    drop(first);
    let now = "2026-03-05T12:00:00Z";
    let _server = serve(&desk, &receiver, "rows=40", now, ROUTES);
    run(
        &desk,
        "user-login",
        &["--now", now, "--param", "keep-file=true", "--param", "output=file"],
    );
    let period = ["--from", "2026-03-02", "--now", now];
    assert_eq!(once(&receiver), served(&desk, "user-login", &period));
    let (_, output) = run(&desk, "user-login", &["--now", now, "--param", "userlogin=nobody"]);
    assert!(
        stderr(&output).contains("beside user-login @ epm"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_renamed_connection_goes_on_with_the_same_ids() {
    let (desk, receiver) = (desk(), Receiver::start());
    let first = serve(&desk, &receiver, "rows=40", "2026-03-04T12:00:00Z", ROUTES);
    run(&desk, "user-login", &["--now", "2026-03-04T12:00:00Z"]);
    drop(first);
    let now = "2026-03-05T12:00:00Z";
    let _server = serve(&desk, &receiver, "rows=40", now, ROUTES);
    let expected = served(&desk, "user-login", &["--from", "2026-03-04", "--now", now]);
    let text = std::fs::read_to_string(desk.path().join("host.toml")).unwrap();
    desk.write("host.toml", text.replace("[connections.epm]", "[connections.prod]"));
    let renamed = host(
        &desk,
        &["ledger", "rename", "user-login", "--connection", "epm", "--to", "prod"],
    );
    assert_eq!(renamed.status.code(), Some(0), "{}", stderr(&renamed));
    run(&desk, "user-login", &["--now", now]);
    assert_eq!(once(&receiver), expected, "each once, under the ids of before");
    let listed = stdout(&host(&desk, &["ledger", "list", "--json"]));
    assert!(listed.contains("\"prod\"") && !listed.contains("\"epm\""), "{listed}");
    // Under its own name it is held by nobody but the command itself.
    let again = host(
        &desk,
        &["ledger", "rename", "user-login", "--connection", "prod", "--to", "prod"],
    );
    assert_eq!(again.status.code(), Some(2), "{}", stderr(&again));
    assert!(stderr(&again).contains("has that name already"), "{}", stderr(&again));
}
