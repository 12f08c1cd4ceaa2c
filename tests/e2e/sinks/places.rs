//! The place of each sink in a stream: sinks that are down, removed, added, moved, and how much may wait for them.

use super::*;

/// The domain's events until the evening.
const SCENARIO: &str = "rows=60,plain-names,now=2026-03-05T22:00:00Z";
const ARCHIVE: &str = "[sinks.archive]\nkind = \"file\"\npath = \"archive.ndjson\"\n";

fn configure(desk: &TestEnv, server: &Server, sinks: &[String], routes: &str) {
    desk.write("host.toml", configuration(server, &(sinks.concat() + routes)));
}

fn to(names: &[&str], more: &str) -> String {
    format!("[[routes]]\nto = {names:?}\n{more}\n")
}

/// A run as cron begins it, at that hour; its exit code, summary and what it said.
fn at(desk: &TestEnv, hour: &str, more: &[&str]) -> (Option<i32>, Value, String) {
    let now = format!("2026-03-05T{hour}:00Z");
    let arguments = ["run", "audit-events", "--now", &now, "-q", "--summary", "summary.json"];
    let output = host(desk, &[&arguments[..], more].concat());
    let summary = std::fs::read(desk.path().join("summary.json")).unwrap();
    (
        output.status.code(),
        serde_json::from_slice(&summary).unwrap(),
        stderr(&output),
    )
}

fn collected(desk: &TestEnv) -> Vec<String> {
    uids(&file(desk, "archive.ndjson"))
}

#[test]
fn the_others_go_on_while_a_sink_is_down_and_it_gets_all_of_it_in_order() {
    let (desk, server, up) = (desk(), Server::start(SCENARIO), Receiver::start());
    let down = Place::take();
    let sinks = [
        ARCHIVE.to_owned(),
        http("up", &up.url(), ""),
        http("down", &down.url(), ""),
    ];
    configure(&desk, &server, &sinks, &to(&["archive", "up", "down"], ""));
    for (windows, hour) in ["08:00", "12:00", "16:00"].into_iter().enumerate() {
        let (exit, summary, said) = at(&desk, hour, &[]);
        assert_eq!(exit, Some(7), "{said}");
        assert!(summary["events"].as_u64().unwrap() > 0, "{summary}");
        assert_eq!(summary["code"], "sink-behind");
        let behind = &summary["ledger"]["behind"][0];
        assert_eq!(
            (&behind["sink"], &behind["windows"]),
            (&"down".into(), &(windows + 1).into())
        );
        assert!(said.contains("archive, up have everything up to 2026-03-05T"), "{said}");
        assert!(said.contains("--sink down`"), "{said}");
        assert_eq!(collected(&desk), uids(&up.taken()), "nobody else is behind");
    }
    assert!(collected(&desk).len() > 10);
    let listed = stdout(&host(&desk, &["ledger", "list"]));
    assert!(listed.contains("sink down has everything up to "), "{listed}");
    assert!(
        listed.contains("3 windows wait for it since 2026-03-05T08:00:00Z"),
        "{listed}"
    );
    assert!(stdout(&host(&desk, &["dead-letter", "list"])).starts_with("No dead letters in "));

    let back = down.open(|_| Reply::status(200));
    let (exit, summary, said) = at(&desk, "20:00", &[]);
    assert_eq!(exit, Some(0), "{said}");
    assert_eq!(
        (&summary["ledger"]["resumed"], &summary["ledger"]["in_flight"]),
        (&3.into(), &0.into())
    );
    assert_eq!(uids(&back.taken()), uids(&up.taken()), "all of it, once, in order");
    assert_eq!(collected(&desk), uids(&up.taken()));
    let spool = desk.path().join(".local/state/host/ledger.db-spool");
    assert_eq!(std::fs::read_dir(spool).unwrap().count(), 0);
}

#[test]
fn a_sink_that_is_removed_is_said_each_time_and_has_missed_nothing_when_it_is_back() {
    let (desk, server, up) = (desk(), Server::start(SCENARIO), Receiver::start());
    let sinks = [ARCHIVE.to_owned(), http("up", &up.url(), "")];
    configure(&desk, &server, &sinks, &to(&["archive", "up"], ""));
    assert_eq!(at(&desk, "08:00", &[]).0, Some(0));
    let before = up.taken().len();
    configure(&desk, &server, &sinks[..1], &to(&["archive"], ""));
    for hour in ["12:00", "16:00"] {
        let (exit, _, said) = at(&desk, hour, &[]);
        assert_eq!(exit, Some(7), "{said}");
        assert!(
            said.contains("sink up is behind: ") && said.contains("no route leads to it any more"),
            "{said}"
        );
        let drop = "host streams drop audit-events --connection domain --sink up";
        assert!(said.contains(drop), "{said}");
    }
    assert_eq!(up.taken().len(), before);
    configure(&desk, &server, &sinks, &to(&["archive", "up"], ""));
    let (exit, _, said) = at(&desk, "20:00", &[]);
    assert_eq!(exit, Some(0), "{said}");
    assert_eq!(uids(&up.taken()), collected(&desk));
}

#[test]
fn a_sink_that_is_dropped_leaves_nothing_behind_wherever_that_is_cut_short() {
    for place in [None, Some("dropped.before"), Some("dropped.after")] {
        let (desk, server, up) = (desk(), Server::start(SCENARIO), Receiver::start());
        let down = Place::take();
        let sinks = [http("up", &up.url(), ""), http("down", &down.url(), "")];
        configure(&desk, &server, &sinks, &to(&["up", "down"], ""));
        assert_eq!(at(&desk, "08:00", &[]).0, Some(7));
        let arguments = [
            "streams",
            "drop",
            "audit-events",
            "--connection",
            "domain",
            "--sink",
            "down",
        ];
        if let Some(place) = place {
            let mut killed = desk.host(arguments);
            killed.env("EPM_PASSWORD", PASSWORD).env("SECRET", SECRET);
            let killed = killed.env("HOST_FAILPOINT", format!("{place}:0")).output().unwrap();
            assert_eq!(killed.status.code(), None, "{place}: {}", stderr(&killed));
        }
        let spooled = || std::fs::read_dir(desk.path().join(".local/state/host/ledger.db-spool")).unwrap();
        if place != Some("dropped.after") {
            let said = stdout(&host(&desk, &arguments));
            assert!(said.contains("1 window waited for it"), "{place:?}: {said}");
            assert_eq!(spooled().count(), 0, "{place:?}");
            let shown = host(&desk, &["ledger", "show", "audit-events"]);
            let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
            let of_sinks = [&shown["places"], &shown["sinks"]].map(Value::to_string);
            assert!(!of_sinks.concat().contains("\"down\""), "{shown}");
        }
        configure(&desk, &server, &sinks[..1], &to(&["up"], ""));
        let (exit, summary, said) = at(&desk, "12:00", &[]);
        assert_eq!(exit, Some(0), "{place:?}: {said}");
        assert_eq!(summary["ledger"]["in_flight"], 0, "{place:?}");
        assert_eq!(spooled().count(), 0, "{place:?}");
    }
}

#[test]
fn a_sink_that_is_added_begins_now_and_a_backfill_for_it_alone_gets_what_was_before() {
    let (desk, server, new) = (desk(), Server::start(SCENARIO), Receiver::start());
    let sinks = [ARCHIVE.to_owned(), http("new", &new.url(), "")];
    configure(&desk, &server, &sinks[..1], &to(&["archive"], ""));
    assert_eq!(at(&desk, "12:00", &[]).0, Some(0));
    let before = collected(&desk);
    configure(
        &desk,
        &server,
        &sinks,
        &to(&["archive", "new"], "from = \"2026-03-05\""),
    );
    let (exit, _, said) = at(&desk, "16:00", &[]);
    assert_eq!(exit, Some(0), "{said}");
    let lacks =
        "sink new is new to audit-events @ domain and begins with 2026-03-05T16:00:00Z, not with 2026-03-05T00:00:00Z";
    assert!(said.contains(lacks) && said.contains("--sink new`"), "{said}");
    assert!(!uids(&new.taken()).iter().any(|id| before.contains(id)));

    let fill = |windows: u64| {
        let period = ["--from", "2026-03-05", "--to", "2026-03-05T16:00:00Z", "--sink", "new"];
        let arguments = [
            "backfill",
            "audit-events",
            "--now",
            "2026-03-05T18:00:00Z",
            "-q",
            "--summary",
            "summary.json",
        ];
        let output = host(&desk, &[&arguments[..], &period].concat());
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let summary: Value = serde_json::from_slice(&std::fs::read(desk.path().join("summary.json")).unwrap()).unwrap();
        assert_eq!(summary["ledger"]["windows"], windows, "{summary}");
    };
    let archived = collected(&desk);
    fill(1);
    assert_eq!(collected(&desk), archived, "only the sink that lacks it gets it");
    let held: BTreeSet<String> = uids(&new.taken()).into_iter().collect();
    assert!(before.iter().all(|id| held.contains(id)));
    fill(0);
    assert_eq!(at(&desk, "20:00", &[]).0, Some(0));
    let held: BTreeSet<String> = uids(&new.taken()).into_iter().collect();
    assert_eq!(held, collected(&desk).into_iter().collect());
}

#[test]
fn a_sink_may_begin_later_than_now() {
    let (desk, server, new) = (desk(), Server::start(SCENARIO), Receiver::start());
    let sinks = [ARCHIVE.to_owned(), http("new", &new.url(), "")];
    configure(&desk, &server, &sinks[..1], &to(&["archive"], ""));
    assert_eq!(at(&desk, "08:00", &[]).0, Some(0));
    configure(
        &desk,
        &server,
        &sinks,
        &to(&["archive", "new"], "from = \"2026-03-05T14:00:00Z\""),
    );
    for hour in ["12:00", "18:00"] {
        let (exit, _, said) = at(&desk, hour, &[]);
        assert_eq!(exit, Some(0), "{said}");
    }
    let times: Vec<i64> = new
        .taken()
        .iter()
        .map(|event| event["time"].as_i64().unwrap())
        .collect();
    // The same instant, in ms since 1970.
    let begins = 1_772_719_200_000;
    let later = file(&desk, "archive.ndjson");
    let later = later
        .iter()
        .filter(|event| event["time"].as_i64().unwrap() >= begins)
        .count();
    assert!(later > 0 && times.len() == later && times.iter().all(|time| *time >= begins));
}

#[test]
fn a_sink_that_delivers_elsewhere_is_said_with_both_places() {
    let (desk, server) = (desk(), Server::start(SCENARIO));
    let (first, second) = (Receiver::start(), Receiver::start());
    let configured = |receiver: &Receiver| {
        configure(&desk, &server, &[http("siem", &receiver.url(), "")], &to(&["siem"], ""));
    };
    configured(&first);
    let (exit, _, said) = at(&desk, "08:00", &[]);
    assert!(exit == Some(0) && !said.contains("delivered to"), "{said}");
    configured(&second);
    let (exit, _, said) = at(&desk, "12:00", &[]);
    assert_eq!(exit, Some(0), "{said}");
    assert!(said.contains(&first.url()) && said.contains(&second.url()), "{said}");
    assert!(
        said.contains("host run audit-events --connection domain --from DAY --sink siem"),
        "{said}"
    );
    assert!(!at(&desk, "16:00", &[]).2.contains("delivered to"), "once");
}

#[test]
fn nothing_more_is_fetched_where_no_more_may_wait_and_nothing_is_thrown_away() {
    let (desk, server, up) = (desk(), Server::start(SCENARIO), Receiver::start());
    let down = Place::take();
    let sinks = [http("up", &up.url(), ""), http("down", &down.url(), "")];
    let bounds = |ledger: &str| configure(&desk, &server, &sinks, &(to(&["up", "down"], "") + ledger));
    bounds("");
    assert_eq!(at(&desk, "08:00", &[]).0, Some(7));
    let listed = json_lines(&host(&desk, &["ledger", "list", "--json"]));
    let bytes = listed[0]["spooled"]["bytes"].as_u64().unwrap();
    let (asked, taken) = (server.seen().len(), up.taken().len());
    assert!(bytes > 0 && taken > 0);
    for (ledger, code) in [
        (format!("[ledger]\nspool-bytes = {bytes}\n"), "spool-full"),
        ("[ledger]\nspool-age = \"1h\"\n".to_owned(), "spool-age"),
    ] {
        bounds(&ledger);
        let (exit, summary, said) = at(&desk, "12:00", &[]);
        assert_eq!((exit, &summary["code"]), (Some(7), &code.into()), "{said}");
        assert!(said.contains("down") && said.contains("--sink down`"), "{said}");
        assert_eq!(
            (server.seen().len(), up.taken().len()),
            (asked, taken),
            "nothing is fetched"
        );
    }
    let back = down.open(|_| Reply::status(200));
    let (exit, _, said) = at(&desk, "16:00", &[]);
    assert_eq!(exit, Some(0), "{said}");
    assert_eq!(uids(&back.taken()), uids(&up.taken()));
    assert!(up.taken().len() > taken);
}
