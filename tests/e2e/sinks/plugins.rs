//! Sinks that are plugins.

use super::*;

#[test]
fn a_hostile_sink_plugin_costs_its_own_batch_and_nothing_else() {
    let wasm = hostile_plugin();
    let server = Server::start("");
    // behaviour, what the dead letters say
    let cases = [
        ("encode-trap", "crashed"),
        ("encode-loop", "limit `time`"),
        ("encode-fault", "cannot encode"),
        ("hoard", "limit `memory`"),
        ("many", "limit"),
        ("huge", "limit"),
        ("huge-request", "limit"),
        ("escape", "path"),
        ("absolute", "path"),
        ("credential", "uthorization"),
        ("smuggle", "header"),
        ("smuggle-name", "header"),
        ("verdict-trap", "crashed"),
        ("verdict-loop", "limit `time`"),
        ("reject-nobody-there", "rejects item"),
        ("reject-twice", "rejects item"),
    ];
    for (behaviour, said) in cases {
        let (desk, receiver) = (desk(), Receiver::with(0, |_| Reply::status(207)));
        let sinks = format!(
            "[limits]\ntime = \"2s\"\nmemory = 67108864\n[sinks.mine]\nplugin = \"{}\"\nconfig = {{ behaviour = \"{behaviour}\" }}\n\
             endpoint = {{ url = \"{}/base\", allow-private-addresses = true }}\n",
            wasm.display(),
            receiver.url()
        );
        desk.write("host.toml", configuration(&server, &sinks));
        let (summary, output) = run(&desk, "user-login", &["--sink", "mine", "--sink", "file:all.ndjson"]);
        assert_eq!(output.status.code(), Some(8), "{behaviour}: {}", stderr(&output));
        let events = summary["events"].as_u64().unwrap();
        assert_eq!(sink(&summary, "mine")["dead_lettered"], events, "{behaviour}");
        assert_eq!(file(&desk, "all.ndjson").len() as u64, events, "{behaviour}");
        let letters = json_lines(&host(&desk, &["dead-letter", "list", "--json"]));
        let reason = letters[0]["reason"].as_str().unwrap();
        assert!(reason.contains(said), "{behaviour}: {reason}");
        let outside = receiver
            .received()
            .iter()
            .any(|request| !request.path.starts_with("/base/"));
        assert!(!outside, "{behaviour}");
    }
}

#[test]
fn a_plugin_s_item_rejections_are_the_only_dead_letters() {
    let (desk, server, receiver) = (desk(), Server::start(""), Receiver::with(0, |_| Reply::status(207)));
    let sinks = format!(
        "[sinks.mine]\nplugin = \"{}\"\nendpoint = {{ url = \"{}\", allow-private-addresses = true }}\n",
        hostile_plugin().display(),
        receiver.url()
    );
    desk.write("host.toml", configuration(&server, &sinks));
    let (summary, output) = run(&desk, "user-login", &["--sink", "mine"]);
    assert_eq!(output.status.code(), Some(8), "{}", stderr(&output));
    let batches = receiver.received().len() as u64;
    let counts = sink(&summary, "mine");
    assert_eq!(counts["dead_lettered"], batches);
    assert_eq!(
        counts["delivered"].as_u64().unwrap() + batches,
        summary["events"].as_u64().unwrap()
    );
}

#[test]
fn a_plugin_s_configuration_is_held_against_its_schema() {
    let (desk, server) = (desk(), Server::start(""));
    let sinks = format!("[sinks.mine]\nplugin = \"{}\"\n", hostile_plugin().display());
    desk.write("host.toml", configuration(&server, &sinks));
    let output = host(
        &desk,
        &[
            "run",
            "user-login",
            "--since",
            "1d",
            "--sink",
            hostile_plugin().to_str().unwrap(),
            "--sink-config",
            "[1]",
        ],
    );
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("is not of type \"object\""),
        "{}",
        stderr(&output)
    );
    assert_eq!(server.seen().len(), 0, "nothing was sent");
}
