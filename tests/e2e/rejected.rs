//! Rows that the plugin of the day cannot read: a document of nothing else waits, all others are kept, and a later plugin
//! makes events of them.

mod replay;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::Value;
use tests::{Receiver, Reply, Server, TestEnv, json_lines, stderr, stdout};

use super::desk;
use super::ledger::{configure, expected, host, once, submissions};

const NOW: &str = "2026-03-05T22:00:00Z";
/// A day that is over.
const DAY: [&str; 6] = ["--from", "2026-03-04", "--to", "2026-03-04", "--now", NOW];

/// The plugin, allowed what it asks for, and where its events go.
const CONFIGURED: &str = "[plugins.pupil]\npath = \"pupil.wasm\"\n\
                          allow = [\"POST /interop/rest/security/v1/invalidloginreport\"]\n\
                          [[routes]]\nto = [\"siem\"]\n";

/// The plugin `pupil` in the version that reads what the word says.
pub fn pupil(word: &str) -> Vec<u8> {
    static WASM: OnceLock<Vec<u8>> = OnceLock::new();
    let mut wasm = WASM.get_or_init(|| guest("pupil")).clone();
    let mark = b"skill:reads-";
    let places: Vec<_> = (0..wasm.len()).filter(|at| wasm[*at..].starts_with(mark)).collect();
    assert_eq!(places.len(), 1);
    let word_at = places[0] + mark.len();
    wasm[word_at..word_at + 4].copy_from_slice(word.as_bytes());
    wasm
}

/// The module of a plugin under `tests/guests`.
pub fn guest(package: &str) -> Vec<u8> {
    // Where build.rs has built the plugins, and with them most of what a guest needs.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("plugins");
    let mut cargo = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()));
    cargo.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    cargo.args(["build", "--quiet", "--locked", "--profile", "plugin"]);
    cargo.args([
        "--target",
        "wasm32-unknown-unknown",
        "--package",
        package,
        "--target-dir",
    ]);
    cargo.arg(&target);
    // The outer build's flags and wrappers (clippy's among them) are for the native target.
    for variable in [
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTFLAGS",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "CARGO_BUILD_TARGET",
        "CLIPPY_ARGS",
    ] {
        cargo.env_remove(variable);
    }
    assert!(cargo.status().unwrap().success(), "{package} did not compile");
    std::fs::read(target.join(format!("wasm32-unknown-unknown/plugin/{package}.wasm"))).unwrap()
}

/// A desk, a server, a receiver that knows batches by their key, and the plugin in that version.
struct Scene {
    desk: TestEnv,
    server: Server,
    receiver: Receiver,
}

impl Scene {
    fn new(word: &str, more: &str) -> Scene {
        let (desk, receiver) = (desk(), Receiver::start());
        let server = Server::start(&format!("rows=60,plain-names,now={NOW}"));
        configure(&desk, &server, &receiver.url(), &format!("{CONFIGURED}{more}"));
        let scene = Scene { desk, server, receiver };
        scene.learn(word);
        scene
    }

    /// From now on the plugin reads what the word says.
    fn learn(&self, word: &str) {
        self.desk.write("pupil.wasm", pupil(word));
    }

    fn host(&self, arguments: &[&str]) -> Output {
        host(&self.desk, arguments)
    }

    /// `host run pupil` with these arguments: how it ended, and its summary.
    #[track_caller]
    fn run(&self, arguments: &[&str], exit: i32) -> (Value, Output) {
        let run = ["run", "pupil", "--summary", "summary.json"];
        let output = self.host(&[&run[..], arguments].concat());
        assert_eq!(output.status.code(), Some(exit), "{}", stderr(&output));
        let summary = std::fs::read(self.desk.path().join("summary.json")).unwrap();
        (serde_json::from_slice(&summary).unwrap(), output)
    }

    /// The rejected rows that are kept.
    fn rows(&self) -> Vec<Value> {
        json_lines(&self.host(&["rejected", "list", "--json"]))
    }

    /// The number of files that were removed from the server.
    fn removed(&self) -> usize {
        let removes = |seen: &&String| seen.starts_with("DELETE") || seen.ends_with("/files/delete");
        self.server.seen().iter().filter(removes).count()
    }

    /// The events of the day, each once.
    fn whole_day(&self) -> BTreeMap<String, u32> {
        self.learn("all!");
        expected(&self.desk, "pupil", &DAY)
    }
}

#[test]
fn a_document_of_which_no_row_is_an_event_waits_for_a_plugin_that_can_read_it() {
    let scene = Scene::new("none", "");
    for _ in 0..2 {
        let (summary, output) = scene.run(&DAY, 5);
        assert_eq!((&summary["events"], &summary["rejected"]), (&0.into(), &60.into()));
        assert_eq!(
            (&summary["rejected_kept"], &summary["ledger"]["in_flight"]),
            (&0.into(), &1.into())
        );
        let said = stderr(&output);
        for part in [
            "User Name,Remote IP Address,Timestamp",
            "line 2: unknown time format",
            "its 60 rows",
            "March 4, 2026",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert!(said.contains("run again"), "{said}");
    }
    assert_eq!(
        submissions(&scene.server),
        1,
        "the document is kept, and no other is asked for"
    );
    assert_eq!(
        (scene.removed(), scene.receiver.taken().len(), scene.rows().len()),
        (0, 0, 0)
    );

    scene.learn("all!");
    // Whatever is due; the window that waits comes first.
    let (summary, _) = scene.run(&["--now", NOW], 0);
    assert_eq!(summary["rejected"], 0);
    let all = once(&scene.receiver);
    assert!(scene.whole_day().keys().all(|id| all.contains_key(id)));
    assert!(scene.removed() > 0);
}

#[test]
fn without_a_ledger_the_file_of_such_a_document_stays_on_the_server() {
    let scene = Scene::new("none", "");
    let (_, output) = scene.run(&[&DAY[..], &["--ledger", "none"]].concat(), 5);
    assert!(stderr(&output).contains("no file was removed"), "{}", stderr(&output));
    assert_eq!((scene.removed(), scene.rows().len()), (0, 0));
}

#[test]
fn rows_that_were_accepted_unread_become_events_once_the_plugin_can_read_them() {
    let scene = Scene::new("none", "");
    let (summary, _) = scene.run(&[&DAY[..], &["--max-rejected", "any"]].concat(), 0);
    assert_eq!(
        (&summary["rejected"], &summary["rejected_kept"]),
        (&60.into(), &60.into())
    );
    let rows = scene.rows();
    assert_eq!(rows.len(), 60);
    assert_eq!(
        (&rows[0]["line"], &rows[0]["report"], &rows[0]["whole"]),
        (&2.into(), &"pupil".into(), &true.into())
    );

    // Today's plugin is yesterday's.
    let vain = scene.host(&["rejected", "replay"]);
    assert_eq!(vain.status.code(), Some(8), "{}", stderr(&vain));
    assert_eq!(stdout(&vain), "Replay: 0 delivered.\n");
    assert_eq!(scene.rows()[0]["times_rejected"], 2);

    let whole = scene.whole_day();
    let healed = scene.host(&["rejected", "replay"]);
    assert_eq!(healed.status.code(), Some(0), "{}", stderr(&healed));
    assert_eq!(stdout(&healed), "Replay: 60 delivered.\n");
    assert_eq!(
        once(&scene.receiver),
        whole,
        "with the ids that the run would have given"
    );
    assert_eq!(scene.rows().len(), 0);
}

#[test]
fn some_rejected_rows_fail_no_run_are_kept_once_and_complete_the_day_later() {
    let scene = Scene::new("some", "");
    let (first, _) = scene.run(&DAY, 0);
    let rejected = first["rejected"].as_u64().unwrap() as usize;
    assert!(rejected > 0 && rejected < 60);
    assert_eq!(scene.rows().len(), rejected);
    assert_eq!(scene.removed(), 1);
    // The same day again, and with it the same rows.
    scene.run(&DAY, 0);
    assert_eq!(scene.rows().len(), rejected);
    let listed = scene.host(&["rejected", "list", "--exit-code"]);
    assert_eq!(listed.status.code(), Some(8));

    let whole = scene.whole_day();
    let more = ["rejected", "replay", "--report", "pupil", "--connection", "epm"];
    assert_eq!(scene.host(&more).status.code(), Some(0));
    assert_eq!(once(&scene.receiver), whole);
    let listed = scene.host(&["rejected", "list", "--exit-code"]);
    assert_eq!(listed.status.code(), Some(0));
    assert!(stdout(&listed).contains("No rejected rows in ") && stdout(&listed).contains("rejected.db"));
}

#[test]
fn a_share_of_rejected_rows_fails_the_document_before_anything_of_it_is_sent() {
    let scene = Scene::new("some", "");
    let (summary, output) = scene.run(&[&DAY[..], &["--max-rejected", "10%"]].concat(), 5);
    assert!(stderr(&output).contains("more than 10%"), "{}", stderr(&output));
    assert_eq!((&summary["events"], scene.receiver.taken().len()), (&0.into(), 0));
    assert!(summary["rejected"].as_u64() > Some(0));
    assert_eq!((scene.removed(), scene.rows().len()), (0, 0));
    // The connection's share holds where the run has none, and the run's goes before it.
    let text = std::fs::read_to_string(scene.desk.path().join("host.toml")).unwrap();
    let strict = text.replacen("[connections.epm]\n", "[connections.epm]\nmax-rejected = \"0%\"\n", 1);
    scene.desk.write("host.toml", strict);
    scene.run(&DAY, 5);
    scene.run(&[&DAY[..], &["--max-rejected", "99%"]].concat(), 0);
    assert!(!scene.receiver.taken().is_empty());
}

#[test]
fn a_window_that_waits_holds_no_other_window_back() {
    let scene = Scene::new("days", "");
    let backfill = [
        "backfill",
        "pupil",
        "--from",
        "2026-03-01",
        "--to",
        "2026-03-04",
        "--now",
        NOW,
        "--summary",
        "summary.json",
    ];
    let output = scene.host(&backfill);
    assert_eq!(output.status.code(), Some(5), "{}", stderr(&output));
    let two_days = once(&scene.receiver).len();
    assert_eq!((two_days, scene.removed()), (120, 2));
    let files = scene.host(
        &[
            &backfill[..],
            &["--sink", "archive", "--ledger", ".local/state/host/ledger.db"],
        ]
        .concat(),
    );
    assert_eq!(files.status.code(), Some(5), "{}", stderr(&files));

    scene.learn("all!");
    let output = scene.host(&backfill);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(
        (once(&scene.receiver).len(), scene.removed(), submissions(&scene.server)),
        (240, 4, 4)
    );
}

#[test]
fn rows_for_which_there_is_no_room_are_said_to_be_lost_and_their_file_stays() {
    let scene = Scene::new("some", "[rejected]\nrows = 3\n");
    let (summary, output) = scene.run(&DAY, 8);
    let rejected = summary["rejected"].as_u64().unwrap();
    assert_eq!(summary["rejected_kept"], 3);
    let said = stderr(&output);
    let lost = format!("{} rejected rows were not kept", rejected - 3);
    assert!(
        said.contains(&lost) && said.contains("holds at most 3 rows") && said.contains("stays on the server"),
        "{said}"
    );
    assert_eq!((scene.rows().len(), scene.removed()), (3, 0));
}

#[test]
fn a_run_that_is_killed_while_it_keeps_rows_keeps_them_once() {
    for place in ["rejects.before:0", "rejects.after:0"] {
        let scene = Scene::new("some", "");
        let mut command = scene.desk.host([&["run", "pupil"], &DAY[..]].concat());
        command
            .env("EPM_PASSWORD", super::PASSWORD)
            .env("HOST_FAILPOINT", place);
        assert_eq!(command.output().unwrap().status.code(), None, "{place}");
        let (summary, _) = scene.run(&["--now", NOW], 0);
        let whole = scene.whole_day();
        let day: Vec<_> = (scene.rows().into_iter())
            .filter(|row| row["window"]["from"] == "2026-03-04T00:00:00Z")
            .collect();
        assert!(!day.is_empty() && summary["rejected"].as_u64() >= Some(day.len() as u64));
        let replayed = scene.host(&["rejected", "replay"]);
        assert_eq!(replayed.status.code(), Some(0), "{}", stderr(&replayed));
        let held = once(&scene.receiver);
        assert!(whole.keys().all(|id| held.get(id) == Some(&1)), "{place}");
    }
}

#[test]
fn a_rejected_row_is_shown_as_it_came_and_dropped_when_that_is_meant() {
    let scene = Scene::new("some", "");
    scene.run(&DAY, 0);
    let rows = scene.rows();
    let number = rows[0]["number"].to_string();
    let shown: Value = serde_json::from_str(&stdout(&scene.host(&["rejected", "show", &number]))).unwrap();
    assert_eq!(shown["preamble"], "User Name,Remote IP Address,Timestamp\n");
    assert!(shown["row"].as_str().unwrap().contains("March 4, 2026"), "{shown}");
    assert_eq!(
        shown["document"]["file"].as_str().unwrap().rsplit('.').next(),
        Some("csv")
    );
    assert!(shown["document"]["job"].is_string(), "{shown}");
    assert_eq!(shown["plugin"]["sha256"].as_str().unwrap().len(), 64);

    for (arguments, said) in [
        (&["drop"][..], "every rejected row"),
        (&["show", "99999"], "99999"),
        (&["replay", "99999"], "99999"),
        (&["drop", "1", "99999"], "99999"),
        (&["list", "--connection", "epn"], "did you mean `epm`?"),
        (&["replay", "--plugin", "user-login"], "user-login"),
    ] {
        let output = scene.host(&[&["rejected"], arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(said), "{}", stderr(&output));
    }
    assert_eq!(scene.rows().len(), rows.len(), "all or nothing");
    assert_eq!(stdout(&scene.host(&["rejected", "drop", &number])), "1 dropped\n");
    assert_eq!(scene.rows().len(), rows.len() - 1);
    scene.host(&["rejected", "drop", "--all"]);
    assert_eq!(scene.rows().len(), 0);
}

#[test]
fn where_there_is_no_place_for_rejected_rows_that_is_said() {
    let scene = Scene::new("some", "");
    let mut command = scene
        .desk
        .host([&["run", "pupil", "--ledger", "none", "--sink", "stdout"], &DAY[..]].concat());
    command.env("EPM_PASSWORD", super::PASSWORD).env_remove("HOME");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(8), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("no place for rejected rows"),
        "{}",
        stderr(&output)
    );
    assert!(!json_lines(&output).is_empty());
}

#[test]
fn why_a_window_waits_is_said_where_the_run_ends_with_something_else() {
    let days = ["--from", "2026-03-01", "--to", "2026-03-04", "--now", NOW];
    let backfill = [&["backfill", "pupil", "--windows-ahead", "1"][..], &days].concat();
    // The third window cannot be fetched; or the receiver is gone by then.
    for (fault, exit) in [(",download:403=@2", 3), ("", 7)] {
        let mut scene = Scene::new("days", "");
        scene.server = Server::start(&format!("rows=60,plain-names,now={NOW}{fault}"));
        let mut taken = 0;
        if fault.is_empty() {
            scene.receiver = Receiver::with(0, move |request| {
                taken += request
                    .body
                    .split(|byte| *byte == b'\n')
                    .filter(|line| !line.is_empty())
                    .count();
                Reply::status(if taken <= 60 { 200 } else { 503 })
            });
        }
        configure(&scene.desk, &scene.server, &scene.receiver.url(), CONFIGURED);
        let output = scene.host(&backfill);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(exit), "{said}");
        assert!(said.contains("its 60 rows") && said.contains("March 2, 2026"), "{said}");
    }
}
