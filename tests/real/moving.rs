//! The move from `audit-events` to `oci-audit`, carried out as docs/moving-to-oci-audit.md writes it, its dates and statements
//! included: a month of a domain that falls silent, in a table of PostgreSQL.

use std::collections::BTreeSet;
use std::process::Output;

use tests::{Server, TestEnv, json_lines, stderr, stdout};

use super::past::SECRET;
use super::postgres_server::{DATABASE, PostgresServer, USER};
use super::{desk, oci_connection};

const GUIDE: &str = include_str!("../../docs/moving-to-oci-audit.md");
/// The month, and the moment at which it falls silent.
const FROM: &str = "2025-03-01T00:00:00Z";
const TO: &str = "2025-04-01T00:00:00Z";
const SILENT: &str = "2025-03-17T10:21:00Z";
/// Collected after that by nobody yet.
const BEFORE: &str = "[[routes]]\nreports = [\"audit-events\"]\nto = [\"siem\"]\n";

/// The blocks of a language in the guide, in order.
fn blocks(language: &str) -> Vec<&'static str> {
    let begin = format!("```{language}\n");
    let blocks = GUIDE.split(begin.as_str()).skip(1);
    blocks.map(|rest| rest.split_once("\n```").unwrap().0).collect()
}

/// The guide's command for `oci-audit` that ends so.
fn command(end: &str) -> &'static str {
    let mut lines = blocks("sh").into_iter().flat_map(str::lines);
    lines
        .find(|line| line.starts_with("host run oci-audit") && line.ends_with(end))
        .unwrap()
}

/// The domain, its tenancy, and what is collected of them.
struct Month<'t> {
    desk: &'t TestEnv,
    database: &'t PostgresServer,
    scenario: &'t str,
    via: &'t str,
    routes: String,
    now: String,
    server: Server,
}

impl<'t> Month<'t> {
    fn begin(desk: &'t TestEnv, database: &'t PostgresServer, scenario: &'t str, via: &'t str) -> Month<'t> {
        let server = Server::start(scenario);
        let (routes, now) = (BEFORE.to_owned(), FROM.to_owned());
        Month {
            desk,
            database,
            scenario,
            via,
            routes,
            now,
            server,
        }
    }

    /// Goes on to a time.
    fn at(&mut self, now: &str) {
        now.clone_into(&mut self.now);
        self.server = Server::start(&format!("{},now={now}", self.scenario));
        self.configure();
    }

    fn configure(&self) {
        tests::adopt(&self.desk.path().join(".local/state/host/ledger.db"));
        let sink = |name: &str, table: &str| {
            format!(
                "[sinks.{name}]\nkind = \"postgres\"\nurl = \"postgres://{USER}@localhost:{}/{DATABASE}\"\ntls = \"disable\"\n\
                 password = {{ env = \"SINK_SECRET\" }}\ncreate-table = true\ntable = \"{table}\"\n",
                self.database.port()
            )
        };
        let domain = format!(
            "[connections.domain]\nkind = \"identity-domain\"\nurl = \"{}\"\nallow-private-addresses = true\n\
             auth = {{ kind = \"oauth2-client-credentials\", client-id = \"demo-client\", client-secret = {{ env = \"SECRET\" }} }}\n",
            self.server.url()
        );
        let parts = [
            domain,
            oci_connection(self.desk, &self.server),
            sink("siem", "audit_events"),
            sink("overlap", "oci_overlap"),
            self.routes.clone(),
        ];
        self.desk.write("host.toml", parts.concat());
    }

    fn host(&self, arguments: &[&str]) -> Output {
        let mut command = self.desk.host(arguments);
        command.env("SECRET", "demo-secret").env("SINK_SECRET", SECRET);
        command.output().unwrap()
    }

    /// A run that ends well.
    fn run(&self, arguments: &[&str]) -> Output {
        let output = self.host(&[&["run"][..], arguments, &["--now", &self.now]].concat());
        assert_eq!(
            output.status.code(),
            Some(0),
            "{} {arguments:?}: {}",
            self.now,
            stderr(&output)
        );
        output
    }

    /// A run of a command of the guide, and more behind it.
    fn run_as_written(&self, line: &str, more: &[&str]) -> Output {
        let compartment = self.server.running().oci_user().compartment;
        let via = format!("via={}", self.via);
        let line = line
            .strip_prefix("host run ")
            .unwrap()
            .replace("$COMPARTMENT", &compartment);
        let arguments: Vec<&str> = line.split_whitespace().chain(["--param", &via]).collect();
        self.run(&[arguments.as_slice(), more].concat())
    }

    fn ask(&self, statement: &str) -> Vec<String> {
        self.database.ask(USER, DATABASE, statement)
    }
}

/// Days of a month, at noon.
fn noons(days: std::ops::RangeInclusive<u32>) -> impl Iterator<Item = String> {
    days.map(|day| format!("2025-03-{day:02}T12:00:00Z"))
}

/// Collects the month, and moves on the 21st as the guide says. Says how many events the domain never stored.
fn collect_and_move(month: &mut Month<'_>) -> usize {
    let (sql, routes) = (blocks("sql"), *blocks("toml").last().unwrap());
    let [view, compare, insert, twice, drop] = sql.as_slice() else {
        panic!("{sql:?}");
    };
    let compare = compare.trim_end_matches(';');

    let mut said = String::new();
    for noon in noons(1..=21) {
        month.at(&noon);
        said = stderr(&month.run(&["audit-events"]));
    }
    assert!(said.contains("host run oci-audit --from 2025-03-17"), "{said}");

    // Both sources side by side.
    month.run_as_written(command("--ledger none"), &[]);
    month.ask(view);
    let compared = month.ask(&format!(
        "select pairs, apart, only_audit_events, missed, \
         to_char(least(next, '{SILENT}') at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'), last < least(next, '{SILENT}') \
         from ({compare}) as compared"
    ));
    let compared: Vec<&str> = compared[0].split('|').collect();
    let (pairs, missed): (usize, usize) = (compared[0].parse().unwrap(), compared[3].parse().unwrap());
    assert!(pairs > 90, "{compared:?}");
    assert_eq!([compared[1], compared[2], compared[5]], ["00:00:00", "0", "t"]);
    let cut = compared[4].to_owned();
    // Without the domain's own words of what belongs together it is the same.
    let by_hand = compare.replace("from overlap", "from overlap_by_time");
    month.ask(&view.replace("view overlap", "view overlap_by_time").replace(
        "event->'unmapped'->>'ecId' as ecid, event->'unmapped'->>'rId' as rid",
        "date_trunc('second', time) as ecid, subject as rid",
    ));
    let paired = month.ask(&format!("select pairs, missed from ({by_hand}) as compared"));
    assert_eq!(paired, [format!("{pairs}|{missed}")]);
    month.ask("drop view overlap_by_time");
    assert_eq!(insert.matches(SILENT).count(), 1, "{insert}");
    month.ask(&insert.replace(SILENT, &cut));

    // The cut.
    assert_eq!(routes.matches(SILENT).count(), 2, "{routes}");
    month.routes = routes.replace(SILENT, &cut);
    month.configure();
    let checked = month.host(&["config", "check"]);
    assert_eq!(checked.status.code(), Some(0), "{}", stderr(&checked));
    month.run_as_written(command("--from 2025-03-15"), &[]);
    for noon in noons(22..=31).chain(["2025-04-01T12:00:00Z".to_owned()]) {
        month.at(&noon);
        month.run_as_written(command("$COMPARTMENT"), &[]);
    }
    assert_eq!(month.ask(twice), [""; 0]);
    month.ask(drop);
    missed
}

/// Everything that happened in the domain is a row once, whichever source told of it; and so is whatever else is selected from the
/// log, from the beginning of the overlap on.
fn assert_each_once(month: &Month<'_>) {
    let server = month.server.running();
    let happened = server.domain_events(FROM.parse().unwrap(), TO.parse().unwrap());
    assert!(happened.len() >= 31 * 4 * 12, "{}", happened.len());
    let rows = month.ask(&format!("select report, id from audit_events where time < '{TO}'"));
    let mut rows: BTreeSet<String> = rows.into_iter().collect();
    let mut by = [0; 2];
    for event in &happened {
        let names = [
            format!("audit-events|{}", event.audit_events),
            format!("oci-audit|{}", event.oci_audit),
        ];
        let found = names.map(|name| rows.remove(&name));
        assert_eq!(found.iter().filter(|found| **found).count(), 1, "{event:?}: {found:?}");
        by[usize::from(found[1])] += 1;
    }
    assert!(by.iter().all(|events| *events > 600), "{by:?}");

    let period = [
        "--from",
        "2025-03-15",
        "--to",
        "2025-04-01",
        "--ledger",
        "none",
        "--sink",
        "stdout",
        "--encoding",
        "event",
    ];
    let output = month.run_as_written(command("$COMPARTMENT"), &period);
    let listed = json_lines(&output);
    let others = listed
        .iter()
        .filter(|event| !event["action"].as_str().unwrap().contains('.') && event["time"].as_str().unwrap() < TO);
    let others: BTreeSet<String> = others
        .map(|event| format!("oci-audit|{}", event["id"].as_str().unwrap()))
        .collect();
    assert!(others.len() > 200, "{}", others.len());
    assert_eq!(rows, others);
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_domain_that_falls_silent_in_a_month_is_in_the_table_once_and_whole() {
    let (desk, database) = (desk(), PostgresServer::start(SECRET));
    let scenario = format!("rows=12,stored-late=10,silent-since={SILENT}");
    let mut month = Month::begin(&desk, &database, &scenario, "search");
    assert_eq!(collect_and_move(&mut month), 0);
    assert_each_once(&month);
    let gaps = month.host(&["gaps", "oci-audit", "--exit-code"]);
    assert_eq!(gaps.status.code(), Some(0), "{}", stdout(&gaps));

    // A domain that wakes up, and somebody who still collects it.
    month.scenario = "rows=12,stored-late=10";
    month.at("2025-04-02T12:00:00Z");
    let woken = month.run(&["audit-events"]);
    assert!(stderr(&woken).contains("matched no route"), "{}", stderr(&woken));
    assert_each_once(&month);
}

#[test]
#[ignore = "needs PostgreSQL"]
fn what_a_domain_never_stored_before_it_fell_silent_comes_from_the_log() {
    let (desk, database) = (desk(), PostgresServer::start(SECRET));
    let scenario = format!("rows=24,stored-late=3,stores-until={SILENT}");
    let mut month = Month::begin(&desk, &database, &scenario, "list-events");
    let missed = collect_and_move(&mut month);
    assert!(missed > 0);
    assert_each_once(&month);
}
