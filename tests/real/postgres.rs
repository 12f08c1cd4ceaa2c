//! Events in a table of PostgreSQL.

use std::collections::BTreeSet;
use std::sync::Arc;

use event::{Encoding, Provenance};
use sink::{Conflict, PostgresOptions, PostgresSink, PostgresTls, PostgresUrl, Sink, TableName, Verdict};
use tokio::runtime::Runtime;

use super::certificates::Authority;
use super::desk;
use super::past::{Past, SECRET, event, provenance};
use super::postgres_server::{DATABASE, PostgresServer, USER};

fn sink(server: &PostgresServer, more: &str) -> String {
    // The password does not leave this machine.
    let plain = if more.contains("tls =") {
        ""
    } else {
        "tls = \"disable\"\n"
    };
    format!(
        "kind = \"postgres\"\nurl = \"postgres://{USER}@localhost:{}/{DATABASE}\"\n\
         password = {{ env = \"SINK_SECRET\" }}\nencoding = \"event\"\n{plain}{more}\n",
        server.port()
    )
}

fn ids(server: &PostgresServer, table: &str) -> Vec<String> {
    server.ask(USER, DATABASE, &format!("select id from {table}"))
}

fn sorted(ids: &[String]) -> BTreeSet<String> {
    ids.iter().cloned().collect()
}

#[test]
#[ignore = "needs PostgreSQL"]
fn every_event_is_a_row_once_however_often_it_is_delivered() {
    let (past, desk, server) = (Past::new(), desk(), PostgresServer::start(SECRET));
    past.configure(&desk, &sink(&server, "create-table = true\nbatch-events = 100"));
    past.assert_usable(&desk, "will be created");
    for _ in 0..2 {
        past.deliver(&desk);
        let found = ids(&server, "audit_events");
        assert_eq!(sorted(&found), past.ids(&desk));
        assert_eq!(sorted(&found).len(), found.len());
    }
    past.assert_usable(&desk, "table audit_events exists");
    let odd = server.ask(
        USER,
        DATABASE,
        "select count(*) from audit_events where event->>'id' <> id \
         or to_char(time at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') <> event->>'time' \
         or subject <> event->'subject'->>'name' and subject <> event->>'subject' \
         or (report, connection, activity, outcome) <> ('invalid-login', 'epm', 'logon', 'failure')",
    );
    assert_eq!(odd, ["0"]);
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_socket_and_a_schema_will_do() {
    let (past, desk, server) = (Past::new(), desk(), PostgresServer::start(SECRET));
    server.ask(USER, DATABASE, "create schema \"Siem\"");
    let socket = server.socket().to_str().unwrap().replace('/', "%2F");
    let by_socket = sink(&server, "create-table = true\ntable = \"Siem.Audit-Events\"").replace(
        &format!("localhost:{}", server.port()),
        &format!("{socket}:{}", server.port()),
    );
    past.configure(&desk, &by_socket);
    past.deliver(&desk);
    assert_eq!(sorted(&ids(&server, "\"Siem\".\"Audit-Events\"")), past.ids(&desk));
}

#[test]
#[ignore = "needs PostgreSQL"]
fn what_the_database_refuses_is_told() {
    let (past, desk, server) = (Past::new(), desk(), PostgresServer::start(SECRET));
    past.configure(&desk, &sink(&server, ""));
    past.assert_refused(&desk, "create-table = true");

    server.ask(
        "postgres",
        DATABASE,
        "create table forbidden (id text primary key, time timestamptz, report text, connection text, activity text, \
         outcome text, subject text, actor text, target text, source_ip text, event jsonb)",
    );
    past.configure(&desk, &sink(&server, "table = \"forbidden\""));
    past.assert_refused(&desk, "INSERT and SELECT");

    past.configure(&desk, &sink(&server, "").replace(USER, "nobody"));
    past.assert_refused(&desk, "28P01");
    past.configure(&desk, &sink(&server, "").replace("/siem", "/elsewhere"));
    past.assert_refused(&desk, "elsewhere");
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_row_that_breaks_a_rule_of_the_table_is_told_without_its_content() {
    let (past, desk, server) = (Past::new(), desk(), PostgresServer::start(SECRET));
    past.configure(&desk, &sink(&server, "create-table = true"));
    past.deliver(&desk);
    server.ask(USER, DATABASE, "truncate audit_events");
    server.ask(
        USER,
        DATABASE,
        "alter table audit_events add constraint nobody_fails check (outcome <> 'failure')",
    );
    past.assert_undelivered(&desk, "SQLSTATE 23514, constraint nobody_fails");
    assert_eq!(ids(&server, "audit_events").len(), 0);
}

#[test]
#[ignore = "needs PostgreSQL"]
fn an_encrypted_server_is_believed_only_with_its_authority() {
    let (past, desk) = (Past::new(), desk());
    let authority = Authority::new("A private authority");
    let server = PostgresServer::with_tls(SECRET, &authority.server("localhost"));
    let encrypted = sink(&server, "create-table = true\ntls = \"require\"");
    past.configure(&desk, &encrypted);
    past.assert_refused(&desk, "certificate");
    desk.write("ca.pem", &authority.pem);
    past.configure(&desk, &format!("{encrypted}ca-file = \"ca.pem\"\n"));
    past.deliver(&desk);
    assert_eq!(sorted(&ids(&server, "audit_events")), past.ids(&desk));

    let plain = PostgresServer::start(SECRET);
    // Whoever answers could say that it has no TLS: the password is not for them.
    for tls in ["require", "prefer"] {
        past.configure(&desk, &sink(&plain, &format!("tls = \"{tls}\"")));
        past.assert_refused(&desk, "does not support TLS");
        let without = format!(
            "kind = \"postgres\"\nurl = \"postgres://{USER}@localhost:{}/{DATABASE}\"\n",
            plain.port()
        );
        past.configure(&desk, &format!("{without}password = {{ env = \"SINK_SECRET\" }}\n"));
        past.assert_refused(&desk, "tls = \"disable\"");
    }
}

/// The sink itself, for what a run of ordinary events does not show.
fn direct(server: &PostgresServer) -> PostgresSink {
    of_connection(server, "epm")
}

/// A sink for the events of another connection.
fn of_connection(server: &PostgresServer, connection: &str) -> PostgresSink {
    with_conflict(server, connection, None)
}

/// A sink whose rows are known again by these columns.
fn with_conflict(server: &PostgresServer, connection: &str, conflict: Option<&[&str]>) -> PostgresSink {
    let options = PostgresOptions {
        url: PostgresUrl::parse(&format!("postgres://{USER}@127.0.0.1:{}/{DATABASE}", server.port())).unwrap(),
        password: Some(SECRET.to_owned().into()),
        encryption: Some(PostgresTls::Disable),
        tls: remote::client_tls(None, None).unwrap(),
        table: TableName::default(),
        create_table: true,
        conflict: conflict
            .map(|columns| Conflict::of(&columns.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap()),
        encoding: Encoding::Event.into(),
        batch_events: 1000,
    };
    let of = provenance();
    let provenance = Provenance::new(&of.report, connection, &of.service, of.product.clone());
    PostgresSink::new("db", options, Arc::new(provenance))
}

/// The columns that a table has besides its key.
const COLUMNS: &str = "time timestamptz not null, report text not null, connection text not null, activity text not null, \
     outcome text not null, subject text not null, actor text, target text, source_ip text, event jsonb not null";

/// Delivers the events of two connections, twice and in turn, and says what is in the table: connection and subject.
fn both_twice(server: &PostgresServer) -> Vec<String> {
    let runtime = Runtime::new().unwrap();
    for (connection, typed) in [("epm", "a"), ("test", "b"), ("epm", "a"), ("test", "b")] {
        let mut sink = of_connection(server, connection);
        let batch = [event("evt-1", typed), event("evt-2", typed)];
        assert_eq!(runtime.block_on(sink.deliver(&batch)).unwrap(), Verdict::Accepted);
    }
    server.ask(
        USER,
        DATABASE,
        "select connection, subject, event->>'id' from audit_events order by 1, 3",
    )
}

const BOTH: [&str; 4] = ["epm|a|evt-1", "epm|a|evt-2", "test|b|evt-1", "test|b|evt-2"];

#[test]
#[ignore = "needs PostgreSQL"]
fn two_connections_may_have_the_same_id() {
    let server = PostgresServer::start(SECRET);
    assert_eq!(both_twice(&server), BOTH);
    assert_eq!(
        sorted(&ids(&server, "audit_events")),
        sorted(&["evt-1".into(), "evt-2".into()])
    );
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_table_whose_key_is_the_id_alone_keeps_its_rows_and_takes_the_other_connection_s() {
    for key in ["primary key (id)", "primary key (id), unique (connection, report, id)"] {
        let server = PostgresServer::start(SECRET);
        let table = format!("create table audit_events (id text, {COLUMNS}, {key})");
        server.ask(USER, DATABASE, &table);
        // What an earlier version has put there.
        server.ask(
            USER,
            DATABASE,
            "insert into audit_events select 'evt-1', to_timestamp(1741608000.123), 'user-login', 'epm', 'logon', 'failure', \
             'a', null, null, null, '{\"id\": \"evt-1\"}'",
        );
        assert_eq!(both_twice(&server), BOTH);
        let own = server.ask(
            USER,
            DATABASE,
            "select id from audit_events where connection = 'epm' order by 1",
        );
        assert_eq!(own, ["evt-1", "evt-2"]);
    }
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_table_that_is_partitioned_by_time_will_do() {
    for key in ["connection, report, id, time", "id, time"] {
        let server = PostgresServer::start(SECRET);
        let table =
            format!("create table audit_events (id text, {COLUMNS}, primary key ({key})) partition by range (time)");
        server.ask(USER, DATABASE, &table);
        server.ask(
            USER,
            DATABASE,
            "create table audit_events_2025 partition of audit_events for values from ('2025-01-01') to ('2026-01-01')",
        );
        assert_eq!(both_twice(&server), BOTH, "{key}");
    }
}

#[test]
#[ignore = "needs PostgreSQL"]
fn the_columns_of_conflict_say_how_a_row_is_known_again() {
    let (past, desk, server) = (Past::new(), desk(), PostgresServer::start(SECRET));
    let by = |columns: &str| sink(&server, &format!("create-table = true\nconflict = {columns}"));
    past.configure(&desk, &by("[\"id\", \"time\"]"));
    for _ in 0..2 {
        past.deliver(&desk);
        let found = ids(&server, "audit_events");
        assert_eq!((sorted(&found).len(), sorted(&found)), (found.len(), past.ids(&desk)));
    }
    let key = "select pg_get_constraintdef(oid) from pg_constraint where conrelid = 'audit_events'::regclass and contype = 'p'";
    assert_eq!(server.ask(USER, DATABASE, key), ["PRIMARY KEY (id, \"time\")"]);
    // PostgreSQL would say 42P10 at the first row.
    past.configure(&desk, &by("[\"id\"]"));
    past.assert_refused(&desk, "add primary key (id)");
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_partitioned_table_with_two_keys_takes_the_one_that_is_chosen() {
    let server = PostgresServer::start(SECRET);
    let table = format!(
        "create table audit_events (id text, {COLUMNS}, primary key (connection, report, id, time), unique (id, time)) \
         partition by range (time)"
    );
    server.ask(USER, DATABASE, &table);
    server.ask(USER, DATABASE, "create table rest partition of audit_events default");
    let runtime = Runtime::new().unwrap();
    for _ in 0..2 {
        let mut sink = with_conflict(&server, "epm", Some(&["id", "time"]));
        let batch = [event("1", "a"), event("2", "b")];
        assert_eq!(runtime.block_on(sink.deliver(&batch)).unwrap(), Verdict::Accepted);
    }
    assert_eq!(ids(&server, "audit_events").len(), 2);
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_created_table_has_addresses_and_says_when_a_row_came() {
    let server = PostgresServer::start(SECRET);
    let with = |id: &str, address: Option<&str>| {
        let mut event = event(id, "a");
        event.source_ip = address.map(str::to_owned);
        event
    };
    let batch = [
        with("1", Some("203.0.113.7")),
        with("2", Some("2001:DB8::1")),
        with("3", Some("10.xxx.xxx.7")),
        with("4", None),
    ];
    let verdict = Runtime::new()
        .unwrap()
        .block_on(direct(&server).deliver(&batch))
        .unwrap();
    assert_eq!(verdict, Verdict::Accepted);
    let rows = server.ask(
        USER,
        DATABASE,
        "select id, host(source_ip), event->>'source_ip' from audit_events order by id",
    );
    assert_eq!(
        rows,
        [
            "1|203.0.113.7|203.0.113.7",
            "2|2001:db8::1|2001:DB8::1",
            "3||10.xxx.xxx.7",
            "4||"
        ]
    );
    let within = "select count(*) from audit_events where source_ip <<= '203.0.113.0/24'";
    assert_eq!(server.ask(USER, DATABASE, within), ["1"]);
    let late = "select count(*) from audit_events where ingested_at between now() - interval '10 minutes' and now()";
    assert_eq!(server.ask(USER, DATABASE, late), ["4"]);
    let indexed = "select count(*) from pg_index where indrelid = 'audit_events'::regclass";
    assert_eq!(server.ask(USER, DATABASE, indexed), ["4"]);
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_partition_that_is_missing_is_waited_for() {
    let (past, desk, server) = (Past::new(), desk(), PostgresServer::start(SECRET));
    let table =
        format!("create table audit_events (id text, {COLUMNS}, primary key (id, time)) partition by range (time)");
    server.ask(USER, DATABASE, &table);
    let runtime = Runtime::new().unwrap();
    let mut sink = direct(&server);
    let batch = [event("1", "a"), event("2", "b")];
    let verdict = runtime.block_on(sink.deliver(&batch)).unwrap();
    let Verdict::Unusable { reason } = verdict else {
        panic!("{verdict:?}");
    };
    assert!(reason.contains("create the partition"), "{reason}");
    past.configure(&desk, &crate::postgres::sink(&server, "when-down = \"wait\""));
    past.assert_undelivered(&desk, "create the partition");

    server.ask(USER, DATABASE, "create table rest partition of audit_events default");
    assert_eq!(runtime.block_on(sink.deliver(&batch)).unwrap(), Verdict::Accepted);
    assert_eq!(sorted(&ids(&server, "audit_events")), sorted(&["1".into(), "2".into()]));
    server.ask(USER, DATABASE, "truncate audit_events");
    past.deliver(&desk);
    assert_eq!(sorted(&ids(&server, "audit_events")), past.ids(&desk));
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_table_without_a_key_is_refused_before_anything_is_sent() {
    let (past, desk, server) = (Past::new(), desk(), PostgresServer::start(SECRET));
    let table = format!("create table audit_events (id text, {COLUMNS})");
    server.ask(USER, DATABASE, &table);
    // None of these can tell whether a row is there.
    for index in ["(lower(id))", "(id) where id > 'a'", "(id, subject)"] {
        server.ask(USER, DATABASE, &format!("create unique index on audit_events {index}"));
    }
    past.configure(&desk, &sink(&server, ""));
    past.assert_refused(&desk, "add primary key (connection, report, id)");
}

#[test]
#[ignore = "needs PostgreSQL"]
fn one_event_that_cannot_be_kept_is_found_and_the_others_are_kept() {
    let server = PostgresServer::start(SECRET);
    let runtime = Runtime::new().unwrap();
    let mut sink = direct(&server);
    let mut deliver = |events: &[_]| runtime.block_on(sink.deliver(events)).unwrap();
    let mut impossible = event("never", "a");
    impossible.time = i64::MAX;
    let batch = [event("1", "a"), impossible.clone(), event("2", "b")];
    assert!(matches!(deliver(&batch), Verdict::TooLarge { .. }));
    let Verdict::Refused { reason } = deliver(&[impossible]) else {
        panic!("an event of no time");
    };
    assert!(reason.contains("SQLSTATE 22008"), "{reason}");
    // An id that fits into no index.
    let noise: String = (0..20_000)
        .map(|number| format!("{:x}", number * 2_654_435_761_u64))
        .collect();
    assert!(matches!(deliver(&[event(&noise, "a")]), Verdict::Refused { .. }));
    assert_eq!(deliver(&batch[..1]), Verdict::Accepted);
    assert_eq!(deliver(&batch[2..]), Verdict::Accepted);
    assert_eq!(sorted(&ids(&server, "audit_events")), sorted(&["1".into(), "2".into()]));
}

#[test]
#[ignore = "needs PostgreSQL"]
fn what_a_session_refuses_of_the_events_does_not_end_it() {
    let server = PostgresServer::start(SECRET);
    let runtime = Runtime::new().unwrap();
    let mut sink = direct(&server);
    let mut deliver = |events: &[_]| runtime.block_on(sink.deliver(events)).unwrap();
    assert_eq!(deliver(&[event("1", "a")]), Verdict::Accepted);
    let sql = "alter table audit_events add column process integer default pg_backend_pid()";
    server.ask(USER, DATABASE, sql);
    assert_eq!(deliver(&[event("2", "a")]), Verdict::Accepted);
    let mut impossible = event("never", "a");
    impossible.time = i64::MAX;
    assert!(matches!(deliver(&[impossible]), Verdict::Refused { .. }));
    assert_eq!(deliver(&[event("3", "a")]), Verdict::Accepted);
    let sql = "select count(distinct process) from audit_events where id in ('2', '3')";
    assert_eq!(server.ask(USER, DATABASE, sql), ["1"]);
}

#[test]
#[ignore = "needs PostgreSQL"]
fn what_an_attacker_typed_is_kept_but_for_its_nul() {
    let server = PostgresServer::start(SECRET);
    let typed = "'); drop table audit_events; --\0\\u0000{\"}";
    let batch = [event("1\0", typed), event("2", typed), event("2", typed)];
    let verdict = Runtime::new()
        .unwrap()
        .block_on(direct(&server).deliver(&batch))
        .unwrap();
    assert_eq!(verdict, Verdict::Accepted);
    let rows = server.ask(
        USER,
        DATABASE,
        "select distinct id, subject, event->'attributes'->>'typed' from audit_events order by id",
    );
    let kept = typed.replace('\0', "\u{fffd}");
    assert_eq!(rows, [format!("1\u{fffd}|{kept}|{kept}"), format!("2|{kept}|{kept}")]);
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_connection_that_was_ended_is_opened_again() {
    let server = PostgresServer::start(SECRET);
    let runtime = Runtime::new().unwrap();
    let mut sink = direct(&server);
    assert_eq!(
        runtime.block_on(sink.deliver(&[event("1", "a")])).unwrap(),
        Verdict::Accepted
    );
    server.ask(
        "postgres",
        "postgres",
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'host'",
    );
    let again = (0..3).find(|_| runtime.block_on(sink.deliver(&[event("2", "b")])).unwrap() == Verdict::Accepted);
    assert!(again.is_some());
    assert_eq!(ids(&server, "audit_events").len(), 2);
}
