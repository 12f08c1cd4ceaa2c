//! One of three sinks is down for three days. A site beside it with the same past, and no outage, says what is due.

use super::*;

/// The run before the outage, those of three days in it, the one that finds the sink back, and one more.
const BEFORE: &str = "2026-03-02T06:00:00Z";
const DOWN: [&str; 10] = [
    "2026-03-02T14:00:00Z",
    "2026-03-02T22:00:00Z",
    "2026-03-03T06:00:00Z",
    "2026-03-03T14:00:00Z",
    "2026-03-03T22:00:00Z",
    "2026-03-04T06:00:00Z",
    "2026-03-04T14:00:00Z",
    "2026-03-04T22:00:00Z",
    "2026-03-05T06:00:00Z",
    "2026-03-05T14:00:00Z",
];
const BACK: &str = "2026-03-05T22:00:00Z";
const AFTER: &str = "2026-03-06T06:00:00Z";

/// The most that may wait on disk: far more than ten documents of these days take, far less than without any bound.
const SPOOL_BYTES: u64 = 8 << 20;

/// A site, and the two receivers of its stream beside `archive.ndjson`.
struct ThreeSinks {
    site: SimulatedMonth,
    up: Receiver,
    siem: Receiver,
}

impl ThreeSinks {
    fn begin(report: &str) -> ThreeSinks {
        let (site, up, siem) = (SimulatedMonth::begin(BEFORE), Receiver::start(), Receiver::start());
        let connection = match report {
            "audit-events" => site.domain("epm"),
            _ => site.epm("epm"),
        };
        site.configure(&[
            &format!("[ledger]\nspool-bytes = {SPOOL_BYTES}\n"),
            &connection,
            &http("up", &up),
            &http("siem", &siem),
            &file("archive", "archive.ndjson"),
            &stream("watched", report, "epm", ""),
            &route(Some("watched"), &["up", "siem", "archive"]),
        ]);
        ThreeSinks { site, up, siem }
    }

    /// A run at that time, which ends so.
    fn run(&mut self, now: &str, exit: i32) -> String {
        self.site.go_to(now);
        stderr(&self.site.ends(exit, &["run", "watched"]))
    }
}

fn three_days(report: &str, to: &str) {
    let (mut watched, mut beside) = (ThreeSinks::begin(report), ThreeSinks::begin(report));
    watched.run(BEFORE, 0);
    beside.run(BEFORE, 0);
    let before = watched.site.stream("watched");
    assert_eq!(at(&before, "siem")["waiting"], 0, "{before}");
    let (held, removed) = (taken(&watched.siem).len(), watched.site.removed());
    assert!(held > 0);

    watched.siem.set_down(true);
    let (mut waiting, mut since) = (0, Value::Null);
    for now in DOWN {
        let said = watched.run(now, 7);
        beside.run(now, 0);
        assert!(said.contains("siem"), "{now}: {said}");
        // Nobody else is late, and nobody is asked for anything twice.
        assert_eq!(taken(&watched.up), taken(&beside.up), "{now}");
        assert_eq!(
            watched.site.lines("archive.ndjson"),
            beside.site.lines("archive.ndjson"),
            "{now}"
        );
        assert_eq!(watched.site.asked(), beside.site.asked(), "{now}");
        assert_eq!(watched.site.removed(), removed, "{now}: the server's files are kept");

        let (stream, due) = (watched.site.stream("watched"), beside.site.stream("watched"));
        let (siem, place) = (at(&stream, "siem"), &at(&due, "up")["place"]);
        assert_eq!(
            (&at(&stream, "up")["place"], &at(&stream, "archive")["place"]),
            (place, place),
            "{now}"
        );
        assert_eq!(siem["place"], at(&before, "siem")["place"], "{now}: {stream}");
        assert_eq!(stream["watermark"], siem["place"], "{now}: {stream}");
        assert_ne!(stream["state"], "ok", "{now}: {stream}");
        assert_eq!(at(&stream, "up")["waiting"], 0, "{now}: {stream}");
        let more = siem["waiting"].as_u64().unwrap();
        assert!(more > 0 && more >= waiting, "{now}: {stream}");
        waiting = more;
        if since.is_null() {
            since = siem["waiting_since"].clone();
        }
        assert!(since.is_string() && siem["waiting_since"] == since, "{now}: {stream}");
        let (documents, bytes) = watched.site.spooled();
        assert!(
            documents > 0 && bytes <= SPOOL_BYTES,
            "{now}: {documents} of {bytes} bytes"
        );
    }
    assert!(waiting >= DOWN.len() as u64, "{waiting}");
    assert_eq!(taken(&watched.siem).len(), held);

    watched.siem.set_down(false);
    for now in [BACK, AFTER] {
        watched.run(now, 0);
        beside.run(now, 0);
        assert_eq!(watched.site.asked(), beside.site.asked(), "{now}: what waited is here");
        assert_eq!(watched.site.spooled(), (0, 0), "{now}");
        let (stream, due) = (watched.site.stream("watched"), beside.site.stream("watched"));
        assert_eq!(
            (&stream["state"], &stream["watermark"]),
            (&"ok".into(), &due["watermark"])
        );
        for sink in ["up", "siem", "archive"] {
            assert_eq!(at(&stream, sink)["place"], at(&due, sink)["place"], "{now}: {sink}");
            assert_eq!(at(&stream, sink)["waiting"], 0, "{now}: {sink}");
        }
    }
    assert_eq!(watched.site.removed(), beside.site.removed());
    watched.site.no_dead_letters();

    // In the order in which the others got them, each once, and all that there is.
    assert_eq!(taken(&watched.siem), taken(&watched.up));
    let served = watched.site.served(report, "epm", ["2026-03-02", to]);
    for held in [
        taken(&watched.up),
        taken(&watched.siem),
        watched.site.lines("archive.ndjson"),
    ] {
        assert_eq!(sorted(held), served);
    }
}

#[test]
fn a_sink_that_is_down_for_three_days_holds_nobody_up_and_gets_all_of_it_once_and_in_order() {
    three_days("invalid-login", "2026-03-06");
}

#[test]
fn three_days_of_pages_wait_for_a_sink_that_is_down() {
    three_days("audit-events", "2026-03-06T05:45:00Z");
}

#[test]
fn a_window_that_a_killed_run_left_and_one_that_looks_back_into_it_wait_for_a_sink_and_double_nothing() {
    let (mut site, down) = (SimulatedMonth::begin("2026-03-05T02:00:00Z"), Receiver::start());
    site.configure(&[
        &site.domain("domain"),
        &file("archive", "archive.ndjson"),
        &http("down", &down),
        &stream("audits", "audit-events", "domain", ""),
        &route(Some("audits"), &["archive", "down"]),
    ]);
    site.ends(0, &["run", "audits"]);
    site.go_to("2026-03-05T07:00:00Z");
    let killed = site
        .desk
        .host(["run", "audits"])
        .env("HOST_NOW", &site.now)
        .env("SECRET", "demo-secret")
        .env("HOST_FAILPOINT", "planned.after:0")
        .output()
        .unwrap();
    assert_eq!(killed.status.code(), None);
    down.set_down(true);
    site.go_to("2026-03-05T07:05:00Z");
    site.ends(7, &["run", "audits"]);
    assert_eq!(at(&site.stream("audits"), "down")["waiting"], 2);
    down.set_down(false);
    site.go_to("2026-03-05T07:10:00Z");
    site.ends(0, &["run", "audits"]);
    let archived = site.events("archive.ndjson");
    let [from, to] = ["2026-03-05T06:05:00Z", "2026-03-05T06:45:00Z"].map(|at| {
        let at: jiff::Timestamp = at.parse().unwrap();
        at.as_millisecond()
    });
    let in_both = |event: &Value| (from..to).contains(&event["time"].as_i64().unwrap());
    assert!(archived.iter().any(in_both), "the windows share events");
    assert_eq!(taken(&down), ids(&archived));
}
