//! The sinks that need no other program, held to the rules.

use std::net::TcpListener;

use serde_json::Value;
use tests::Receiver;
use tests::conformance::{Subject, hold};

use super::sinks::hostile_plugin;

fn uids(values: &[Value]) -> Vec<String> {
    values
        .iter()
        .map(|value| value["metadata"]["uid"].as_str().unwrap().to_owned())
        .collect()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Without the requests that only looked whether the receiver is there.
fn bodies(receiver: &Receiver) -> Vec<String> {
    let requests = receiver.received();
    let posts = requests.iter().filter(|request| request.method == "POST");
    posts
        .map(|request| String::from_utf8(request.body.to_vec()).unwrap())
        .collect()
}

#[test]
fn http_keeps_the_rules() {
    let receiver = Receiver::start();
    let configuration = |url: &str| {
        format!(
            "[sinks.it]\nkind = \"http\"\nendpoint = {{ url = \"{url}\", allow-private-addresses = true, retry = {{ attempts = 1 }} }}\n"
        )
    };
    let folder = tempfile::tempdir().unwrap();
    hold(Subject {
        label: "http",
        up: configuration(&receiver.url()),
        down: Some(configuration(&format!("http://127.0.0.1:{}", free_port()))),
        folder: folder.path(),
        received: &mut || uids(&receiver.taken()),
        ordered: true,
        clear: &mut || receiver.clear(),
    });
}

#[test]
fn a_plugin_that_sends_keeps_the_rules() {
    let receiver = Receiver::start();
    let configuration = |url: &str| {
        format!(
            "[sinks.it]\nplugin = \"{}\"\nendpoint = {{ url = \"{url}\", allow-private-addresses = true, retry = {{ attempts = 1 }} }}\n",
            hostile_plugin().display()
        )
    };
    let folder = tempfile::tempdir().unwrap();
    let lines = || {
        bodies(&receiver)
            .iter()
            .flat_map(|body| body.lines())
            .map(str::to_owned)
            .collect()
    };
    hold(Subject {
        label: "plugin",
        up: configuration(&receiver.url()),
        down: Some(configuration(&format!("http://127.0.0.1:{}", free_port()))),
        folder: folder.path(),
        received: &mut || lines(),
        ordered: true,
        clear: &mut || receiver.clear(),
    });
}

#[test]
fn a_growing_file_keeps_the_rules() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it.ndjson");
    let lines = || -> Vec<Value> {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    hold(Subject {
        label: "file",
        up: "[sinks.it]\nkind = \"file\"\npath = \"it.ndjson\"\n".into(),
        down: None,
        folder: folder.path(),
        received: &mut || uids(&lines()),
        ordered: true,
        clear: &mut || drop(std::fs::remove_file(&path)),
    });
}
