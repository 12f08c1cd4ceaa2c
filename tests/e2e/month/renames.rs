//! A month of daily runs in which everything that has a name gets another one: nothing is missed, and nothing comes twice.

use super::*;

/// The stream without a name, as every stream was once.
const UNNAMED: &str = "";

struct RenamedMonth {
    site: SimulatedMonth,
    siem: Receiver,
}

impl RenamedMonth {
    /// The configuration of now: the connection's name, the stream's (none for a stream without), and its parameters.
    fn configure(&self, connection: &str, name: &str, parameters: &str) {
        let named = match name {
            UNNAMED => String::new(),
            name => stream(name, "invalid-login", connection, parameters),
        };
        let streams = Some(name).filter(|name| *name != UNNAMED);
        self.site.configure(&[
            &self.site.epm(connection),
            &http("siem", &self.siem),
            &file("archive", "archive.ndjson"),
            &named,
            &route(streams, &["siem", "archive"]),
        ]);
    }

    /// A run on each of these days; `what` is the stream's name or its report's.
    fn run(&mut self, days: std::ops::RangeInclusive<u32>, what: &str) {
        for now in mornings(days) {
            self.site.go_to(&now);
            self.site.ends(0, &["run", what]);
        }
    }

    /// All of it so far came once to both sinks, in the order of its days.
    fn assert_whole(&self, to: &str) {
        // Derived ids are made of the name that the connection had when the stream began.
        let served = self.site.served("invalid-login", "epm", ["2026-03-01", to]);
        for held in [taken(&self.siem), self.site.lines("archive.ndjson")] {
            assert_eq!(twice(&held), [""; 0], "{to}");
            assert_eq!(sorted(held), served, "{to}");
        }
    }
}

#[test]
fn a_month_of_renames_has_no_gap_and_no_double() {
    let mut month = RenamedMonth {
        site: SimulatedMonth::begin("2026-03-01T07:00:00Z"),
        siem: Receiver::start(),
    };
    month.configure("epm", UNNAMED, "");
    month.run(1..=5, "invalid-login");
    month.assert_whole("2026-03-05");

    // The stream gets a name in its first week; its report's name goes on with it.
    month.configure("epm", "failed-logins", "");
    month.run(6..=8, "failed-logins");
    month.run(9..=10, "invalid-login");
    month.assert_whole("2026-03-10");
    assert_eq!(month.site.streams().len(), 1);

    // Its connection has another name.
    month.configure("prod", "failed-logins", "");
    month.run(11..=15, "failed-logins");
    month.assert_whole("2026-03-15");

    // A parameter that chooses no events.
    month.configure("prod", "failed-logins", "parameters = { keep-file = \"true\" }\n");
    month.run(16..=18, "failed-logins");
    month.configure("prod", "failed-logins", "parameters = { keep-file = false }\n");
    month.run(19..=20, "failed-logins");
    month.assert_whole("2026-03-20");

    // The stream itself has another name, and some time later the connection once more.
    month
        .site
        .ends(0, &["streams", "rename", "failed-logins", "guessed-passwords"]);
    month.configure("prod", "guessed-passwords", "");
    month.run(21..=25, "guessed-passwords");
    month.configure("epm-prod", "guessed-passwords", "");
    month.run(26..=31, "guessed-passwords");
    month.assert_whole("2026-03-31");

    let streams = month.site.streams();
    assert_eq!(streams.len(), 1, "{streams:?}");
    let line = &streams[0];
    assert_eq!(
        (&line["name"], &line["report"], &line["connection"], &line["state"]),
        (
            &"guessed-passwords".into(),
            &"invalid-login".into(),
            &"epm-prod".into(),
            &"ok".into()
        )
    );
    month.site.ends(0, &["gaps", "--exit-code"]);
    month.site.no_dead_letters();
    // One stream has run all the time.
    let runs = json_lines(&month.site.ends(0, &["runs", "--last", "100", "--json"]));
    assert_eq!(runs.len(), 31);
}
