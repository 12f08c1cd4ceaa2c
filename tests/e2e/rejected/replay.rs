//! Rejected rows that are read and delivered again.

use super::*;

#[test]
fn a_replay_needs_to_know_where_events_go_and_keeps_standard_output_for_them() {
    let scene = Scene::new("some", "");
    let (summary, _) = scene.run(&DAY, 0);
    scene.learn("all!");
    let text = std::fs::read_to_string(scene.desk.path().join("host.toml")).unwrap();
    scene
        .desk
        .write("host.toml", text.replace("[[routes]]\nto = [\"siem\"]\n", ""));
    let nowhere = scene.host(&["rejected", "replay"]);
    assert_eq!(nowhere.status.code(), Some(2));
    assert!(stderr(&nowhere).contains("--sink"), "{}", stderr(&nowhere));

    let output = scene.host(&["rejected", "replay", "--sink", "stdout"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(json_lines(&output).len() as u64, summary["rejected"].as_u64().unwrap());
    assert!(stderr(&output).contains("Replay: "), "{}", stderr(&output));
}

#[test]
fn rows_that_were_collected_from_elsewhere_stay_for_the_configuration_that_leads_there() {
    let scene = Scene::new("some", "");
    scene.run(&DAY, 0);
    let rows = scene.rows();
    let own = scene.server.url();
    assert_eq!(rows[0]["source"], own.trim_end_matches('/'));
    scene.learn("all!");

    // Another configuration of the same user, whose connection has the same name.
    let own_file = std::fs::read_to_string(scene.desk.path().join("host.toml")).unwrap();
    let other = Server::start("");
    let (own_name, other_name) = (own.trim_end_matches('/').to_owned(), other.url());
    scene.desk.write(
        "host.toml",
        own_file.replace(&own_name, other_name.trim_end_matches('/')),
    );
    for command in [
        &["replay"][..],
        &["replay", "--sink", "stdout"],
        &["drop", "--all"],
        &["drop", "--report", "pupil"],
    ] {
        let output = scene.host(&[&["rejected"], command].concat());
        assert_eq!(output.status.code(), Some(2), "{command:?}: {}", stderr(&output));
        for said in [own_name.as_str(), other_name.trim_end_matches('/'), "--any-source"] {
            assert!(stderr(&output).contains(said), "{command:?}: {}", stderr(&output));
        }
        assert_eq!(stdout(&output), "");
    }
    let taken = scene.receiver.taken().len();
    assert_eq!(scene.rows().len(), rows.len());

    // Those of an earlier version say nothing of it, and are this configuration's.
    let store = rusqlite::Connection::open(scene.desk.path().join(".local/state/host/rejected.db")).unwrap();
    let first = rows[0]["number"].as_i64().unwrap();
    store
        .execute("UPDATE row SET source = '' WHERE number = ?1", [first])
        .unwrap();
    drop(store);
    let some = scene.host(&["rejected", "replay"]);
    assert_eq!(some.status.code(), Some(8), "{}", stderr(&some));
    assert_eq!(
        stderr(&some).matches("an earlier version").count(),
        1,
        "{}",
        stderr(&some)
    );
    assert_eq!(
        (scene.receiver.taken().len(), scene.rows().len()),
        (taken + 1, rows.len() - 1)
    );

    let moved = scene.host(&["rejected", "replay", "--any-source"]);
    assert_eq!(moved.status.code(), Some(0), "{}", stderr(&moved));
    assert_eq!(
        (scene.receiver.taken().len(), scene.rows().len()),
        (taken + rows.len(), 0)
    );
}

#[test]
fn a_row_whose_events_no_route_takes_stays() {
    let scene = Scene::new("some", "");
    scene.run(&DAY, 0);
    let (rows, taken) = (scene.rows().len(), scene.receiver.taken().len());
    scene.learn("all!");
    let text = std::fs::read_to_string(scene.desk.path().join("host.toml")).unwrap();
    let none = "no route matches the events of pupil".to_owned();
    let some = format!("{rows} rows are kept: their events match no route");
    for (route, exit, said) in [
        ("reports = [\"user-login\"]\nto", 2, none),
        ("when = 'outcome == \"success\"'\nto", 8, some),
    ] {
        scene.desk.write(
            "host.toml",
            text.replace("[[routes]]\nto", &format!("[[routes]]\n{route}")),
        );
        let output = scene.host(&["rejected", "replay"]);
        assert_eq!(output.status.code(), Some(exit), "{}", stderr(&output));
        assert!(stderr(&output).contains(&said), "{}", stderr(&output));
        assert_eq!((scene.rows().len(), scene.receiver.taken().len()), (rows, taken));
    }
    scene.desk.write("host.toml", text);
    assert_eq!(scene.host(&["rejected", "replay"]).status.code(), Some(0));
    assert_eq!((scene.rows().len(), scene.receiver.taken().len()), (0, taken + rows));
}

#[test]
fn a_replay_to_a_sink_that_nobody_configured_is_refused_before_anything_is_read() {
    let desk = desk();
    desk.write("host.toml", "[sinks.siem]\nkind = \"stdout\"\n");
    let output = host(&desk, &["rejected", "replay", "--sink", "siem", "--sink", "simm"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("there is no sink \"simm\""),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_replay_to_other_sinks_than_the_stream_s_takes_no_row_away_from_them() {
    let scene = Scene::new("some", "");
    scene.run(&DAY, 0);
    let (rows, taken) = (scene.rows().len(), scene.receiver.taken().len());
    let whole = scene.whole_day();
    let look = ["rejected", "replay", "--sink", "archive"];
    let output = scene.host(&look);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(
        stdout(&output),
        format!("Replay: {rows} delivered, {rows} rows stay.\n")
    );
    let said = stderr(&output);
    assert!(
        said.contains("pupil @ epm is collected for siem") && said.contains("--forget"),
        "{said}"
    );
    let archived = std::fs::read_to_string(scene.desk.path().join("archive.ndjson")).unwrap();
    assert_eq!((archived.lines().count(), scene.rows().len()), (rows, rows));

    // With the stream's own among them they are done.
    let both = scene.host(&["rejected", "replay", "--sink", "archive", "--sink", "siem"]);
    assert_eq!(both.status.code(), Some(0), "{}", stderr(&both));
    assert_eq!((scene.rows().len(), scene.receiver.taken().len()), (0, taken + rows));
    assert_eq!(once(&scene.receiver), whole);

    // And where that is meant.
    let other = Scene::new("some", "");
    other.run(&DAY, 0);
    other.learn("all!");
    let meant = other.host(&["rejected", "replay", "--sink", "stdout", "--forget"]);
    assert_eq!(meant.status.code(), Some(0), "{}", stderr(&meant));
    assert_eq!((json_lines(&meant).is_empty(), other.rows().len()), (false, 0));
}
