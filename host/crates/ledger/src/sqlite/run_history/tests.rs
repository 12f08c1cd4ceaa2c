//! The history of runs as a file has it: order, bounds, other processes, and what it does not touch.

use jiff::Timestamp;

use super::*;
use crate::{Claim, Interval, Ledger as _, RunEnd, RunFacts, RunPlugin, SinkTotals};

fn stream(connection: &str) -> Stream {
    Stream::new(connection, "user-login", &[("userlogin".into(), "jdoe".into())])
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn begun(connection: &str, run_id: &str) -> PastRun {
    PastRun {
        stream: stream(connection),
        run_id: run_id.into(),
        facts: RunFacts {
            mode: "incremental".into(),
            pid: std::process::id(),
            started: at(0),
            plugin: RunPlugin {
                name: "user-login".into(),
                version: "1.2.3".into(),
                sha256: "ab".into(),
            },
            window: None,
            end: None,
            stream: None,
        },
    }
}

fn ended(connection: &str, run_id: &str, exit: u8) -> PastRun {
    let mut run = begun(connection, run_id);
    run.facts.window = Some(Interval::new(at(0), at(60)));
    run.facts.end = Some(RunEnd {
        ended: at(2),
        exit,
        code: if exit == 0 { "done" } else { "refused" }.into(),
        message: (exit != 0).then(|| "epm refused access".into()),
        events: 7,
        duplicates: 3,
        rejected: 2,
        late: 1,
        windows: 1,
        sinks: vec![SinkTotals {
            name: "siem".into(),
            delivered: 3,
            dead_lettered: 1,
            undelivered: 0,
        }],
    });
    run
}

fn all() -> RunSelection {
    RunSelection {
        last: usize::MAX,
        ..RunSelection::default()
    }
}

fn ids(runs: &[ListedRun]) -> Vec<&str> {
    runs.iter().map(|listed| listed.run.run_id.as_str()).collect()
}

/// A ledger in a folder that goes with it, and its history.
fn opened() -> (tempfile::TempDir, SqliteLedger, RunHistory) {
    let folder = tempfile::tempdir().unwrap();
    let ledger = SqliteLedger::open(folder.path().join("ledger.db")).unwrap();
    let history = ledger.history().unwrap();
    (folder, ledger, history)
}

fn claimed(ledger: &SqliteLedger, stream: &Stream) -> Claim {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(ledger.claim(&stream.key())).unwrap()
}

#[test]
fn a_run_is_listed_as_it_was_written_when_it_began_and_when_it_ended() {
    let (folder, ledger, history) = opened();
    let place = history.put(None, &begun("epm", "a")).unwrap();
    assert_eq!(history.list(&all()).unwrap()[0].run, begun("epm", "a"));
    let end = ended("epm", "a", 0);
    assert_eq!(history.put(Some(place), &end).unwrap(), place);
    // By another process.
    drop((ledger, history));
    let ledger = SqliteLedger::open(folder.path().join("ledger.db")).unwrap();
    let listed = ledger.history().unwrap().list(&all()).unwrap();
    let expected = ListedRun {
        run: end,
        state: RunState::Ended,
    };
    assert_eq!(listed, [expected]);
}

#[test]
fn runs_are_selected_by_stream_and_end_the_latest_first() {
    let (_folder, _ledger, history) = opened();
    for (connection, run_id, exit) in [("epm", "a", 0), ("other", "b", 3), ("epm", "c", 3), ("epm", "d", 0)] {
        history.put(None, &ended(connection, run_id, exit)).unwrap();
    }
    let selected = |selection: RunSelection| {
        let listed = history.list(&selection).unwrap();
        ids(&listed).join("")
    };
    assert_eq!(selected(all()), "dcba");
    assert_eq!(selected(RunSelection { last: 2, ..all() }), "dc");
    assert_eq!(selected(RunSelection { failed: true, ..all() }), "cb");
    let of = |report: Option<&str>, connection: Option<&str>, parameters: &[(String, String)]| RunSelection {
        report: report.map(str::to_owned),
        connection: connection.map(str::to_owned),
        parameters: parameters.to_vec(),
        ..all()
    };
    assert_eq!(selected(of(Some("user-login"), Some("epm"), &[])), "dca");
    assert_eq!(selected(of(None, None, &stream("epm").parameters)), "dcba");
    assert_eq!(selected(of(None, None, &[("userlogin".into(), "other".into())])), "");
    assert_eq!(selected(of(Some("user-audit"), None, &[])), "");
    assert_eq!(selected(RunSelection::default()), "");
    assert_eq!(history.reports().unwrap(), ["user-login"]);
    let latest = |connection| {
        history
            .latest(&stream(connection))
            .unwrap()
            .map(|listed| listed.run.run_id)
    };
    assert_eq!(
        (latest("epm"), latest("other"), latest("none")),
        (Some("d".into()), Some("b".into()), None)
    );
}

#[test]
fn the_oldest_runs_of_a_stream_make_room_and_those_of_others_stay() {
    let (_folder, _ledger, history) = opened();
    history.put(None, &ended("other", "first", 0)).unwrap();
    let long = history.put(None, &begun("epm", "long")).unwrap();
    for number in 0..1005 {
        history.put(None, &ended("epm", &number.to_string(), 9)).unwrap();
    }
    let of = |connection: &str| {
        let listed = history.list(&RunSelection {
            connection: Some(connection.into()),
            ..all()
        });
        let listed = listed.unwrap();
        (
            listed.len(),
            ids(&listed).last().copied().unwrap_or_default().to_owned(),
        )
    };
    assert_eq!(of("epm"), (1000, "5".to_owned()));
    assert_eq!(of("other"), (1, "first".to_owned()));
    // The end of a run whose beginning had to go is kept all the same.
    assert_ne!(history.put(Some(long), &ended("epm", "long", 0)).unwrap(), long);
    assert_eq!(of("epm"), (1000, "6".to_owned()));
    assert_eq!(history.latest(&stream("epm")).unwrap().unwrap().run.run_id, "long");
}

#[test]
fn a_run_without_an_end_is_at_work_only_while_its_process_holds_the_stream() {
    let (_folder, ledger, history) = opened();
    let states = || {
        let listed = history.list(&all()).unwrap();
        listed.into_iter().map(|listed| listed.state).collect::<Vec<_>>()
    };
    history.put(None, &begun("epm", "killed")).unwrap();
    let claim = claimed(&ledger, &stream("epm"));
    history.put(None, &begun("epm", "at work")).unwrap();
    assert_eq!(states(), [RunState::Running, RunState::Unfinished]);
    let failed = RunSelection { failed: true, ..all() };
    assert_eq!(ids(&history.list(&failed).unwrap()), ["killed"]);
    // The stream of another connection is held by nobody.
    history.put(None, &begun("other", "killed too")).unwrap();
    assert_eq!(
        history.latest(&stream("other")).unwrap().unwrap().state,
        RunState::Unfinished
    );
    assert_eq!(
        history.latest(&stream("epm")).unwrap().unwrap().state,
        RunState::Running
    );
    drop(claim);
    assert_eq!(states(), [RunState::Unfinished; 3]);
    // Another process holds the stream: not this run's.
    let _claim = claimed(&ledger, &stream("epm"));
    let mut elsewhere = begun("epm", "elsewhere");
    elsewhere.facts.pid = elsewhere.facts.pid.wrapping_add(1);
    history.put(None, &elsewhere).unwrap();
    assert_eq!(states()[0], RunState::Unfinished);
}

#[test]
fn runs_go_with_their_stream_or_along_with_it() {
    let (_folder, _ledger, history) = opened();
    for (connection, run_id) in [("epm", "a"), ("new", "b"), ("epm", "c"), ("other", "d")] {
        history.put(None, &ended(connection, run_id, 0)).unwrap();
    }
    history.hand_over(&stream("epm"), &stream("new")).unwrap();
    let listed = history.list(&all()).unwrap();
    assert_eq!(ids(&listed), ["d", "c", "b", "a"]);
    assert_eq!(listed[1].run.stream, stream("new"));
    assert_eq!(history.latest(&stream("epm")).unwrap(), None);
    history.forget(&stream("new")).unwrap();
    assert_eq!(ids(&history.list(&all()).unwrap()), ["d"]);
}

#[tokio::test]
async fn the_history_leaves_the_ledger_s_own_writes_as_durable_as_they_are() {
    let (folder, ledger, history) = opened();
    history.put(None, &begun("epm", "a")).unwrap();
    let synchronous =
        |connection: &mut Connection| connection.pragma_query_value(None, "synchronous", |row| row.get::<_, i64>(0));
    assert_eq!(ledger.work(synchronous).await.unwrap(), 2);
    assert_eq!(history.work(synchronous).unwrap(), 1);
    // Whoever closes the file last leaves nothing beside it, in whichever order.
    let wal = folder.path().join("ledger.db-wal");
    drop(ledger);
    assert!(wal.exists());
    drop(history);
    assert!(!wal.exists());
    let ledger = SqliteLedger::open(folder.path().join("ledger.db")).unwrap();
    drop(ledger.history().unwrap());
    ledger.swap("stream.a", None, "{}".into()).await.unwrap();
    assert_eq!(ledger.check().await.unwrap(), 1, "runs are no documents");
    drop(ledger);
    assert!(!wal.exists());
}

#[test]
fn a_history_that_cannot_be_written_says_so_and_costs_the_ledger_nothing() {
    let (_folder, ledger, history) = opened();
    let read_only = |connection: &mut Connection| connection.pragma_update(None, "query_only", true);
    history.work(read_only).unwrap();
    let error = history.put(None, &begun("epm", "a")).unwrap_err();
    assert!(error.to_string().contains("ledger.db"), "{error}");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(ledger.swap("stream.a", None, "{}".into())).unwrap();
}

#[test]
fn a_row_that_cannot_be_read_costs_no_other() {
    let (folder, _ledger, history) = opened();
    for (connection, run_id) in [("epm", "a"), ("epm", "b"), ("other", "c")] {
        history.put(None, &ended(connection, run_id, 0)).unwrap();
    }
    let direct = Connection::open(folder.path().join("ledger.db")).unwrap();
    for body in ["{}", "no JSON", "{\"started\":7}"] {
        let changed = direct.execute("UPDATE run SET body = ?1 WHERE run_id = 'b'", [body]);
        assert_eq!(changed.unwrap(), 1);
        assert_eq!(ids(&history.list(&all()).unwrap()), ["c", "a"]);
        assert_eq!(history.latest(&stream("epm")).unwrap(), None);
        assert!(history.latest(&stream("other")).unwrap().is_some());
    }
    // What another version did not write is not missed.
    let end = r#"{"ended":"2026-03-05T22:00:01Z","exit":0,"code":"done"}"#;
    let body = format!(r#"{{"started":"2026-03-05T22:00:00Z","end":{end}}}"#);
    direct
        .execute("UPDATE run SET body = ?1 WHERE run_id = 'b'", [body])
        .unwrap();
    assert_eq!(ids(&history.list(&all()).unwrap()), ["c", "b", "a"]);
    assert!(history.latest(&stream("epm")).unwrap().is_some());
}

#[test]
fn the_parameters_that_are_asked_for_may_mean_streams_that_have_others() {
    let (_folder, _ledger, history) = opened();
    history.put(None, &ended("epm", "a", 0)).unwrap();
    let asked = |is_meant: Option<crate::StreamTest>| {
        let parameters = vec![("keep-file".to_owned(), "true".to_owned())];
        let selection = RunSelection {
            parameters,
            is_meant,
            ..all()
        };
        history.list(&selection).unwrap().len()
    };
    assert_eq!(asked(None), 0);
    assert_eq!(asked(Some(|stream, _| stream.connection == "epm")), 1);
    assert_eq!(asked(Some(|stream, _| stream.connection == "other")), 0);
}

#[test]
fn the_runs_of_a_name_are_those_of_its_stream_whatever_that_was_called() {
    let (_folder, _ledger, history) = opened();
    let before = stream("epm");
    let named = before.clone().with_name("prod");
    history.put(None, &ended("epm", "a", 0)).unwrap();
    history.put(None, &ended("other", "b", 0)).unwrap();
    let run = PastRun {
        stream: named.clone().moved_to("epm2", &[]),
        ..ended("epm2", "c", 0)
    };
    history.put(None, &run).unwrap();
    let selected = |name: &str, key: Option<String>| {
        let selection = RunSelection {
            name: Some(name.to_owned()),
            key,
            ..all()
        };
        let listed = history.list(&selection).unwrap();
        ids(&listed).join("")
    };
    assert_eq!(selected("prod", Some(named.key())), "ca");
    assert_eq!(selected("prod", None), "c");
    assert_eq!(selected("test", None), "");
    let latest = history.latest(&named).unwrap().unwrap().run;
    assert_eq!((latest.stream.key(), latest.stream.name), (before.key(), named.name));
}
