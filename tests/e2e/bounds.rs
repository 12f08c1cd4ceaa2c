//! Bounds of what a run takes and keeps: beyond, it says which, and loses nothing.

use serde_json::Value;
use tests::{Receiver, Server, stderr};

use super::desk;
use super::ledger::{configure, expected, host, once, run};

const NOW: &str = "2026-03-05T22:00:00Z";

#[test]
fn a_spool_without_room_ends_the_run_and_the_next_one_delivers_everything() {
    for (setting, said, named) in [
        (
            "[ledger]\nspool-bytes = 10\n",
            "has no room for a document of",
            "raise `spool-bytes` under [ledger]",
        ),
        (
            "[fetch]\nspool-bytes = 10\n",
            "would exceed the limit of 10 bytes",
            "raise `spool-bytes` under [fetch]",
        ),
    ] {
        let (desk, receiver) = (desk(), Receiver::start());
        let server = Server::start(&format!("rows=60,plain-names,now={NOW}"));
        configure(&desk, &server, &receiver.url(), setting);
        let more = ["--now", NOW, "--sink", "siem"];
        let output = host(&desk, &[&["run", "invalid-login"][..], &more].concat());
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains(said) && text.contains(named), "{text}");
        assert_eq!(receiver.received().len(), 0);

        configure(&desk, &server, &receiver.url(), "");
        run(&desk, "invalid-login", &more);
        let period = ["--from", "2026-03-05", "--now", NOW];
        assert_eq!(once(&receiver), expected(&desk, "invalid-login", &period));
    }
}

/// Collects a day of OCI Audit by ListEvents, in pages of so many events; says how many events came, how many requests it took,
/// and the most memory that the process had, in MiB.
fn list_events(events_page: usize) -> (u64, u64, u64) {
    let desk = desk();
    // 20,000 events a day, of 4 kB.
    let server = Server::start(&format!(
        "rows=5000,api-calls=0,event-padding=3000,events-page={events_page},plain-names,now={NOW}"
    ));
    let user = server.running().oci_user();
    desk.write_secret("oci.pem", user.private_key_pem());
    desk.write(
        "host.toml",
        format!(
            "[connections.tenancy]\nkind = \"oci\"\nurl = \"{}\"\nallow-private-addresses = true\nauth = {{ kind = \"oci-api-key\", \
             tenancy = \"{}\", user = \"{}\", fingerprint = \"{}\", private-key = {{ file = \"oci.pem\" }} }}\n",
            server.url(),
            user.tenancy,
            user.user,
            user.fingerprint
        ),
    );
    let compartment = format!("compartment={}", user.tenancy);
    let run = |period: [&str; 4]| {
        let parameters = [
            "--param",
            &compartment,
            "--param",
            "via=list-events",
            "--param",
            "all=true",
        ];
        let more = [
            "--now",
            NOW,
            "--ledger",
            "none",
            "--sink",
            "file:events.ndjson",
            "--summary",
            "summary.json",
        ];
        let output = host(
            &desk,
            &[&["run", "oci-audit"][..], &period, &parameters, &more].concat(),
        );
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        serde_json::from_slice::<Value>(&std::fs::read(desk.path().join("summary.json")).unwrap()).unwrap()
    };
    // Compiles the plugin, which takes memory of its own.
    run(["--from", "2026-03-04T03:00:00Z", "--to", "2026-03-04T03:01:00Z"]);
    let summary = run(["--from", "2026-03-04", "--to", "2026-03-04"]);
    let [from, to] = ["2026-03-04T00:00:00Z", "2026-03-05T00:00:00Z"].map(|time| time.parse().unwrap());
    let expected = server.running().oci_event_ids(&user.tenancy, from, to).len() as u64;
    assert_eq!(summary["events"], expected);
    let requests = summary["remote"]["requests"].as_u64().unwrap();
    (
        expected,
        requests,
        summary["usage"]["peak_bytes"].as_u64().unwrap() >> 20,
    )
}

#[test]
fn a_page_of_80_megabytes_takes_no_more_memory_than_short_ones() {
    let (events, _, short) = list_events(500);
    let (same, requests, long) = list_events(20_000);
    assert!(
        events == same && events > 19_000 && requests <= 4,
        "{events} {same} {requests}"
    );
    assert!(long < short + 24, "{long} MiB for one page, {short} MiB for many");
}
