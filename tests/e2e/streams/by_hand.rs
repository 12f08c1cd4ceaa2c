//! States of streams, and changes of them by hand.

use super::*;

#[test]
fn the_state_of_each_stream_is_listed() {
    let (desk, receiver) = (desk(), Receiver::start());
    let streams = stream("logins", "user-login", "max-lag = \"13h\"") + &stream("failed", "invalid-login", "");
    let _server = serve(&desk, &receiver, TIMES[1], &(streams + ROUTES));
    run(&desk, "logins", &["--now", TIMES[1]]);
    run(&desk, "user-audit", &["--now", TIMES[1]]);
    let at = |now: &str| states(&desk, now);
    let expected = |logins: &str| {
        let state = |(name, state): (&str, &str)| (name.to_owned(), state.to_owned());
        let all = [
            ("logins", logins),
            ("failed", "never ran"),
            ("user-audit", "not configured"),
        ];
        all.map(state).into_iter().collect::<BTreeMap<_, _>>()
    };
    assert_eq!(at(TIMES[1]), expected("ok"));
    assert_eq!(at(TIMES[2]), expected("late"));
    assert_eq!(at("2026-09-05T20:00:00Z"), expected("losing"));
    let table = done(&host(&desk, &["streams"]));
    let heads: Vec<_> = table.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(
        heads,
        ["NAME", "REPORT", "CONNECTION", "STATE", "WATERMARK", "LAST", "EVENT"]
    );
    assert_eq!(table.lines().count(), 4, "{table}");
    let output = host(&desk, &["streams", "--exit-code"]);
    assert_eq!(output.status.code(), Some(8), "one never ran");
}

#[test]
fn a_stream_is_retired_renamed_adopted_rewound_and_its_sinks_dropped_by_hand() {
    let (desk, receiver) = (desk(), Receiver::start());
    let _server = serve(&desk, &receiver, TIMES[0], ROUTES);
    run(&desk, "user-login", &["--now", TIMES[0]]);
    let sent = receiver.taken().len();
    change(&desk, ROUTES, &(stream("logins", "user-login", "") + ROUTES));

    done(&host(&desk, &["streams", "retire", "logins"]));
    assert_eq!(states(&desk, TIMES[0])["logins"], "retired");
    refused(
        &host(&desk, &["streams", "retire", "user-login", "--connection", "epm"]),
        "already",
    );
    refused(
        &host(&desk, &["run", "user-login", "--ledger", ".local/state/host/ledger.db"]),
        "retired",
    );
    done(&host(&desk, &["streams", "retire", "logins", "--undo"]));
    refused(&host(&desk, &["streams", "retire", "logins", "--undo"]), "not retired");

    // What was collected under no name, or another one, is continued under this.
    done(&host(
        &desk,
        &[
            "streams",
            "adopt",
            "sessions",
            "--of",
            "user-login",
            "--connection",
            "epm",
        ],
    ));
    assert_eq!(in_ledger(&desk), [("user-login".into(), "sessions".into())]);
    refused(
        &host(&desk, &["streams", "rename", "sessions", "user-audit"]),
        "name of a report",
    );
    refused(&host(&desk, &["streams", "rename", "sessions", "-x"]), "");
    refused(
        &host(&desk, &["streams", "rename", "sessions", "sessions"]),
        "is called so already",
    );
    done(&host(&desk, &["streams", "rename", "sessions", "logins"]));
    let (summary, _) = run(&desk, "logins", &["--now", TIMES[0]]);
    assert_eq!(
        (&summary["stream"], &summary["ledger"]["windows"]),
        (&"logins".into(), &0.into())
    );
    assert_eq!(receiver.taken().len(), sent, "it was collected before");
    refused(
        &host(&desk, &["ledger", "rename", "logins", "--to", "prod"]),
        "takes its connection from the configuration",
    );

    let said = done(&host(&desk, &["streams", "rewind", "logins", "--to", "2026-03-04"]));
    assert!(said.contains("continues from 2026-03-04"), "{said}");
    let (summary, _) = run(&desk, "logins", &["--now", TIMES[0]]);
    assert_eq!(summary["window"]["from"], "2026-03-04T00:00:00Z");

    refused(
        &host(&desk, &["streams", "drop", "logins", "--sink", "nowhere"]),
        "owes nothing",
    );
    done(&host(&desk, &["streams", "drop", "logins", "--sink", "siem"]));
    refused(
        &host(&desk, &["streams", "drop", "logins", "--sink", "siem"]),
        "owes nothing",
    );
    refused(
        &host(&desk, &["streams", "drop", "unknown", "--sink", "siem"]),
        "has not been collected yet",
    );
}

#[test]
fn a_stream_that_is_silent_for_longer_than_it_may_is_warned_of() {
    let (desk, receiver) = (desk(), Receiver::start());
    let named = stream("failed", "audit-events", "expect-events-every = \"1s\"").replace("\"epm\"", "\"domain\"");
    let _server = serve(&desk, &receiver, TIMES[0], &(named + ROUTES));
    let mut command = desk.host(["run", "failed", "--now", TIMES[0], "-q"]);
    let output = command
        .env("EPM_PASSWORD", PASSWORD)
        .env("SECRET", "demo-secret")
        .output()
        .unwrap();
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(
        said.contains("expect-events-every") && said.contains("failed (audit-events @ domain)"),
        "{said}"
    );
}

#[test]
fn a_stream_that_begins_beside_one_that_is_no_longer_configured_says_how_to_continue_that_one() {
    let (desk, receiver) = (desk(), Receiver::start());
    let _server = serve(
        &desk,
        &receiver,
        TIMES[0],
        &(stream("logins", "user-login", "") + ROUTES),
    );
    run(&desk, "logins", &["--now", TIMES[0]]);
    change(&desk, "name = \"logins\"", "name = \"sessions\"");
    let output = host(&desk, &["run", "sessions", "-q", "--now", TIMES[0]]);
    done(&output);
    let said = stderr(&output);
    assert!(said.contains("run `host streams rename logins sessions`"), "{said}");
    // Once: what has begun is a stream of its own.
    let output = host(&desk, &["run", "sessions", "-q", "--now", TIMES[0]]);
    assert!(!stderr(&output).contains("rename"), "{}", stderr(&output));
}
