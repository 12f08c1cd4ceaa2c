//! Sink plugins that make several deliveries of one batch: what a failure in the middle leaves is told as it is.

use std::process::Output;

use serde_json::Value;
use tests::{Receiver, Reply, Server, TestEnv, json_lines, stderr};

use super::sinks::hostile_plugin;
use super::{PASSWORD, desk};

/// Runs a report into the plugin, three deliveries a batch; the receiver's answers by number of request, then the last.
fn run(answers: &'static [u16]) -> (TestEnv, Receiver, Value, Output) {
    let (desk, server) = (desk(), Server::start("rows=60,plain-names"));
    let mut requests = 0;
    let receiver = Receiver::with(0, move |_| {
        requests += 1;
        Reply::status(answers[(requests - 1).min(answers.len() - 1)])
    });
    desk.write(
        "host.toml",
        format!(
            "[connections.epm]\nkind = \"epm\"\nurl = \"{}\"\nallow-private-addresses = true\n\
             auth = {{ kind = \"basic\", username = \"demo.user\", password = {{ env = \"EPM_PASSWORD\" }} }}\n\
             [sinks.mine]\nplugin = \"{}\"\nconfig = {{ behaviour = \"thirds\" }}\n\
             endpoint = {{ url = \"{}\", allow-private-addresses = true, timeout = \"5s\", retry = {{ attempts = 1 }} }}\n\
             retry = {{ min-delay = \"10ms\", max-delay = \"20ms\", max-elapsed = \"100ms\" }}\n",
            server.url(),
            hostile_plugin().display(),
            receiver.url()
        ),
    );
    let mut command = desk.host([
        "run",
        "user-login",
        "--since",
        "1d",
        "--ledger",
        "none",
        "--sink",
        "mine",
        "--summary",
        "summary.json",
    ]);
    let output = command.env("EPM_PASSWORD", PASSWORD).output().unwrap();
    let summary = std::fs::read(desk.path().join("summary.json")).unwrap_or_else(|_| panic!("{}", stderr(&output)));
    (desk, receiver, serde_json::from_slice(&summary).unwrap(), output)
}

fn reasons(desk: &TestEnv) -> Vec<String> {
    let letters = json_lines(&desk.host(["dead-letter", "list", "--json"]).output().unwrap());
    letters
        .iter()
        .map(|letter| letter["reason"].as_str().unwrap().to_owned())
        .collect()
}

/// Ids in requests that were taken.
fn taken(receiver: &Receiver) -> usize {
    let requests = receiver.received();
    let taken = requests.iter().filter(|request| (200..300).contains(&request.status));
    taken
        .map(|request| std::str::from_utf8(&request.body).unwrap().lines().count())
        .sum()
}

#[test]
fn after_a_refusal_in_the_middle_every_event_is_kept_and_says_that_it_may_have_been_taken() {
    for (answers, said) in [(&[200, 400][..], "status 400"), (&[200, 503], "gave up: status 503")] {
        let (desk, _, summary, output) = run(answers);
        assert_eq!(output.status.code(), Some(8), "{}", stderr(&output));
        let sink = &summary["sinks"][0];
        assert_eq!(sink["dead_lettered"], summary["events"]);
        let reasons = reasons(&desk);
        let first = reasons.first().unwrap();
        assert!(
            first.contains(said) && first.contains("after 1 of 3 deliveries"),
            "{first}"
        );
    }
}

#[test]
fn what_was_rejected_before_a_refusal_keeps_its_own_reason() {
    let (desk, _, summary, output) = run(&[207, 400]);
    assert_eq!(output.status.code(), Some(8), "{}", stderr(&output));
    assert_eq!(summary["sinks"][0]["dead_lettered"], summary["events"]);
    let reasons = reasons(&desk);
    assert_eq!(reasons[1], "too old");
    assert!(reasons[0].contains("after 1 of 3 deliveries"), "{}", reasons[0]);
}

#[test]
fn a_delivery_in_the_middle_that_is_too_large_is_sent_in_halves_and_the_repetition_is_said() {
    let (_, receiver, summary, output) = run(&[200, 413, 200]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(summary["sinks"][0]["delivered"], summary["events"]);
    assert!(stderr(&output).contains("come twice"), "{}", stderr(&output));
    assert!(taken(&receiver) as u64 > summary["events"].as_u64().unwrap());
}
