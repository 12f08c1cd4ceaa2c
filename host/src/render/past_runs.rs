//! Runs of the past: a table for people, JSON for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{seconds, took};
use base::counted::counted;
use ledger::{ListedRun, RunEnd, RunState};
use sink::terminal;

/// The cells of a run's line.
type RunCells = [String; 5];

/// All that is known of a run. Counts are null until it has ended.
pub fn as_json(listed: &ListedRun) -> Value {
    let (run, facts) = (&listed.run, &listed.run.facts);
    let end = facts.end.as_ref();
    json!({
        "run_id": run.run_id,
        "stream": run.stream.name,
        "report": run.stream.report,
        "connection": run.stream.connection,
        "parameters": run.stream.parameters,
        "mode": facts.mode,
        "pid": facts.pid,
        "plugin": facts.plugin,
        "started": facts.started,
        "ended": end.map(|end| end.ended),
        "state": word(listed.state),
        "exit": facts.exit(),
        "code": end.map(|end| &end.code),
        "message": end.and_then(|end| end.message.as_ref()),
        "window": facts.window,
        "windows": end.map(|end| end.windows),
        "events": end.map(|end| end.events),
        "duplicates": end.map(|end| end.duplicates),
        "rejected": end.map(|end| end.rejected),
        "late": end.map(|end| end.late),
        "dead_lettered": end.map(dead_lettered),
        "sinks": end.map(|end| &end.sinks),
    })
}

/// The end of a run, in few words.
pub fn as_short_json(listed: &ListedRun) -> Value {
    let end = listed.run.facts.end.as_ref();
    json!({
        "run_id": listed.run.run_id,
        "started": listed.run.facts.started,
        "ended": end.map(|end| end.ended),
        "state": word(listed.state),
        "exit": listed.run.facts.exit(),
        "code": end.map(|end| &end.code),
    })
}

/// A line for each run, one more for the error of each that failed, and one where rows were rejected; cut where there are only so
/// many columns.
pub fn table(runs: &[ListedRun], columns: Option<usize>) -> String {
    let heads = ["STARTED", "EXIT", "NEW", "TOOK", "STREAM"].map(str::to_owned);
    let rows: Vec<RunCells> = std::iter::once(heads).chain(runs.iter().map(cells)).collect();
    let widest = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let (started, exit, new, time) = (widest(0), widest(1), widest(2), widest(3));
    let below = std::iter::once(Vec::new()).chain(runs.iter().map(below));
    let mut text = String::new();
    let mut add = |line: &str| {
        let shown = match columns {
            Some(columns) => terminal::cut(line, columns),
            None => terminal::printable(line),
        };
        // Writing into a String cannot fail.
        let _ = writeln!(text, "{shown}");
    };
    for (row, below) in rows.iter().zip(below) {
        let [a, b, c, d, stream] = row;
        add(&format!("{a:<started$}  {b:<exit$}  {c:>new$}  {d:>time$}  {stream}"));
        for line in below {
            add(&format!("  {line}"));
        }
    }
    text
}

fn cells(listed: &ListedRun) -> RunCells {
    let facts = &listed.run.facts;
    let end = facts.end.as_ref();
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let exit = match (listed.state, end) {
        (RunState::Running, _) => "running".to_owned(),
        (RunState::Unfinished, _) | (_, None) => "did not end".to_owned(),
        (RunState::Ended, Some(end)) => format!("{} {}", end.exit, end.code),
    };
    let time = end.map(|end| {
        let ms = end.ended.duration_since(facts.started).as_millis();
        took(u64::try_from(ms).unwrap_or_default())
    });
    [
        seconds(facts.started),
        exit,
        or_none(end.map(|end| end.events.saturating_sub(end.duplicates).to_string())),
        or_none(time),
        listed.run.stream.to_string(),
    ]
}

/// The lines below a run: its error, and how many rows it rejected.
fn below(listed: &ListedRun) -> Vec<String> {
    let Some(end) = &listed.run.facts.end else {
        return Vec::new();
    };
    let rejected = (end.rejected > 0).then(|| counted(end.rejected, "row rejected", "rows rejected"));
    end.message.clone().into_iter().chain(rejected).collect()
}

fn dead_lettered(end: &RunEnd) -> u64 {
    end.sinks.iter().map(|sink| sink.dead_lettered).sum()
}

/// For programs; these words stay.
fn word(state: RunState) -> &'static str {
    match state {
        RunState::Running => "running",
        RunState::Unfinished => "did-not-end",
        RunState::Ended => "ended",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use ledger::{Interval, PastRun, RunFacts, RunPlugin, SinkTotals, Stream};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn run(state: RunState, end: Option<(u8, &str, Option<&str>)>) -> ListedRun {
        let end = end.map(|(exit, code, message)| RunEnd {
            ended: at("2026-11-21T12:00:07.5Z"),
            exit,
            code: code.to_owned(),
            message: message.map(str::to_owned),
            events: 48,
            duplicates: 39,
            rejected: 1,
            late: 2,
            windows: 1,
            sinks: vec![
                SinkTotals {
                    name: "siem".into(),
                    delivered: 7,
                    dead_lettered: 2,
                    undelivered: 0,
                },
                SinkTotals {
                    name: "archive".into(),
                    delivered: 9,
                    dead_lettered: 0,
                    undelivered: 0,
                },
            ],
        });
        let facts = RunFacts {
            mode: "incremental".into(),
            pid: 4711,
            started: at("2026-11-21T12:00:03Z"),
            plugin: RunPlugin {
                name: "user-login".into(),
                version: "0.1.0".into(),
                sha256: "5f2c".into(),
            },
            window: (end.is_some()).then(|| Interval::new(at("2026-11-21T11:45:00Z"), at("2026-11-21T11:59:00Z"))),
            end,
            stream: None,
        };
        ListedRun {
            run: PastRun {
                stream: Stream::new("prod", "user-login", &[("userlogin".into(), "jdoe".into())]),
                run_id: "20261121T120003-5f2c9a1be07d4c33".into(),
                facts,
            },
            state,
        }
    }

    fn runs() -> Vec<ListedRun> {
        vec![
            run(RunState::Running, None),
            run(RunState::Ended, Some((0, "done", None))),
            run(
                RunState::Ended,
                Some((3, "access-refused", Some("prod refused\n\u{1b}[2J access"))),
            ),
            run(RunState::Unfinished, None),
        ]
    }

    #[test]
    fn a_run_is_a_line_and_its_error_another_that_obeys_nobody() {
        insta::assert_snapshot!(table(&runs(), None), @r"
        STARTED               EXIT              NEW   TOOK  STREAM
        2026-11-21T12:00:03Z  running             -      -  user-login @ prod (userlogin=jdoe)
        2026-11-21T12:00:03Z  0 done              9  4.5 s  user-login @ prod (userlogin=jdoe)
          1 row rejected
        2026-11-21T12:00:03Z  3 access-refused    9  4.5 s  user-login @ prod (userlogin=jdoe)
          prod refused  access
          1 row rejected
        2026-11-21T12:00:03Z  did not end         -      -  user-login @ prod (userlogin=jdoe)
        ");
    }

    #[test]
    fn an_ordinary_line_fits_80_columns_and_any_fits_a_terminal() {
        let mut long = run(RunState::Ended, Some((8, "partial", None)));
        long.run.stream = Stream::new("epm-prod", "invalid-login", &[]);
        assert!(table(&[long], None).lines().all(|line| line.len() <= 80));
        let cut = table(&runs(), Some(40));
        assert!(cut.lines().all(|line| line.chars().count() <= 40), "{cut}");
    }

    #[test]
    fn programs_get_the_same_keys_whether_a_run_has_ended_or_not() {
        let [running, ended] = [0, 1].map(|place| as_json(&runs()[place]));
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&running), keys(&ended));
        assert_eq!((&running["state"], &running["exit"]), (&"running".into(), &Value::Null));
        assert_eq!(as_json(&runs()[3])["state"], "did-not-end");
        insta::assert_snapshot!(serde_json::to_string(&ended).unwrap(), @r#"{"code":"done","connection":"prod","dead_lettered":2,"duplicates":39,"ended":"2026-11-21T12:00:07.5Z","events":48,"exit":0,"late":2,"message":null,"mode":"incremental","parameters":[["userlogin","jdoe"]],"pid":4711,"plugin":{"name":"user-login","sha256":"5f2c","version":"0.1.0"},"rejected":1,"report":"user-login","run_id":"20261121T120003-5f2c9a1be07d4c33","sinks":[{"dead_lettered":2,"delivered":7,"name":"siem","undelivered":0},{"dead_lettered":0,"delivered":9,"name":"archive","undelivered":0}],"started":"2026-11-21T12:00:03Z","state":"ended","stream":null,"window":{"from":"2026-11-21T11:45:00Z","to":"2026-11-21T11:59:00Z"},"windows":1}"#);
        insta::assert_snapshot!(serde_json::to_string(&as_short_json(&runs()[2])).unwrap(), @r#"{"code":"access-refused","ended":"2026-11-21T12:00:07.5Z","exit":3,"run_id":"20261121T120003-5f2c9a1be07d4c33","started":"2026-11-21T12:00:03Z","state":"ended"}"#);
    }
}
