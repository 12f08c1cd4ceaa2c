//! Answers of receivers that are not as their vendors' pages say, through the built-in sink plugins: every event is counted
//! once, and no answer makes a storm.

use std::collections::BTreeSet;
use std::process::Output;

use serde_json::{Value, json};
use tests::{Received, Receiver, Reply, Server, TestEnv, json_lines, stderr, stdout};

use super::{PASSWORD, desk};

fn reply(status: u16, body: impl ToString) -> Reply {
    Reply {
        body: body.to_string(),
        ..Reply::status(status)
    }
}

/// The traces that a run left behind.
struct Ran {
    desk: TestEnv,
    receiver: Receiver,
    output: Output,
    summary: Value,
}

/// A run whose sink has as much time as it needs.
fn run(plugin: &str, config: &str, answers: impl FnMut(&Received) -> Reply + Send + 'static) -> Ran {
    run_for("30s", plugin, config, answers)
}

/// A run whose sink gives up after so long.
fn run_for(budget: &str, plugin: &str, config: &str, answers: impl FnMut(&Received) -> Reply + Send + 'static) -> Ran {
    let (desk, server) = (desk(), Server::start("rows=20,plain-names"));
    let receiver = Receiver::with(0, answers);
    desk.write(
        "host.toml",
        format!(
            "[connections.epm]\nkind = \"epm\"\nurl = \"{}\"\nallow-private-addresses = true\n\
             auth = {{ kind = \"basic\", username = \"demo.user\", password = {{ env = \"EPM_PASSWORD\" }} }}\n\
             [sinks.mine]\nplugin = \"{plugin}\"\nconfig = {{ {config} }}\n\
             endpoint = {{ url = \"{}\", allow-private-addresses = true, timeout = \"5s\", retry = {{ attempts = 1 }} }}\n\
             retry = {{ min-delay = \"10ms\", max-delay = \"20ms\", max-elapsed = \"{budget}\" }}\n",
            server.url(),
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
    let summary = serde_json::from_slice(&summary).unwrap();
    Ran {
        desk,
        receiver,
        output,
        summary,
    }
}

impl Ran {
    fn events(&self) -> u64 {
        self.summary["events"].as_u64().filter(|events| *events > 1).unwrap()
    }

    fn sink(&self, member: &str) -> u64 {
        self.summary["sinks"][0][member].as_u64().unwrap()
    }

    /// Everything was delivered, with so many requests.
    fn delivered(&self, requests: usize) {
        assert_eq!(self.output.status.code(), Some(0), "{}", stderr(&self.output));
        assert_eq!(self.sink("delivered"), self.events());
        assert_eq!(self.receiver.received().len(), requests);
    }

    /// So many events are dead letters, all for that reason, and the others were delivered.
    fn dead_letters(&self, count: u64, reason: &str) {
        assert_eq!(self.output.status.code(), Some(8), "{}", stderr(&self.output));
        assert_eq!(self.sink("dead_lettered"), count);
        assert_eq!(self.sink("delivered"), self.events() - count);
        let letters = json_lines(&self.desk.host(["dead-letter", "list", "--json"]).output().unwrap());
        for letter in letters {
            let said = letter["reason"].as_str().unwrap();
            assert!(said.contains(reason), "{said}");
        }
    }
}

/// The ids of a bulk request, in their order.
fn ids(request: &Received) -> Vec<String> {
    let text = std::str::from_utf8(&request.body).unwrap();
    let actions = text.lines().step_by(2);
    actions
        .map(|action| serde_json::from_str::<Value>(action).unwrap()["create"]["_id"].to_string())
        .collect()
}

#[test]
fn elasticsearch_that_says_no_errors_has_taken_the_batch() {
    for body in [
        json!({"errors": false}),
        json!({"errors": false, "items": [{"": {"status": 200}}]}),
        json!({"errors": false, "items": null, "took": 1}),
    ] {
        run("elastic-bulk", "", move |_| reply(200, &body)).delivered(1);
    }
}

#[test]
fn an_answer_that_says_nothing_is_one_refusal_and_no_storm() {
    for (plugin, body) in [
        ("elastic-bulk", "<html>Sign in</html>"),
        ("elastic-bulk", "{\"errors\":true}"),
        ("splunk-hec", "<html>Sign in</html>"),
        ("slack", "<html>Sign in</html>"),
    ] {
        let ran = run(plugin, "", move |_| reply(200, body));
        ran.dead_letters(ran.events(), body);
        assert_eq!(ran.receiver.received().len(), 1, "{plugin}");
    }
}

#[test]
fn elasticsearch_is_sent_the_failed_documents_alone_and_each_event_counts_once() {
    let mut requests = 0;
    let ran = run("elastic-bulk", "", move |request| {
        requests += 1;
        let items: Vec<Value> = (0..ids(request).len())
            .map(|number| match (requests, number) {
                (1, 1) => json!({"create": {"status": 500, "error": {"type": "exception", "reason": null}}}),
                (1, 2) => {
                    json!({"create": {"status": 403, "error": {"type": "cluster_block_exception", "reason": "full"}}})
                }
                (1, 3) => {
                    json!({"create": {"status": 400, "error": {"type": "document_parsing_exception", "reason": null}}})
                }
                (2, 0) => json!({"create": {"status": 429}}),
                _ => json!({"create": {"status": 201}}),
            })
            .collect();
        reply(200, json!({"errors": true, "items": items}))
    });
    ran.dead_letters(1, "document_parsing_exception");
    let requests: Vec<Vec<String>> = ran.receiver.received().iter().map(ids).collect();
    let [all, again, last] = requests.as_slice() else {
        panic!("{requests:?}")
    };
    assert_eq!(again[..], all[1..3]);
    assert_eq!(last[..], all[1..2]);
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len() as u64, ran.events());
}

#[test]
fn documents_that_stay_unstored_are_the_only_dead_letters() {
    let ran = run_for("400ms", "elastic-bulk", "", |request| {
        let all = ids(request).len();
        let items: Vec<Value> = (0..all)
            .map(|number| match number {
                0 => json!({"create": {"status": 503, "error": {"type": "unavailable_shards_exception", "reason": "no shard"}}}),
                _ => json!({"create": {"status": 201}}),
            })
            .collect();
        reply(200, json!({"errors": true, "items": items}))
    });
    ran.dead_letters(1, "gave up: unavailable_shards_exception: no shard");
}

#[test]
fn a_full_disk_of_elasticsearch_is_waited_for() {
    let mut requests = 0;
    run("elastic-bulk", "", move |_| {
        requests += 1;
        let full = json!({"error": {"type": "cluster_block_exception", "reason": "blocked"}, "status": 403});
        match requests {
            1 | 2 => reply(403, full),
            _ => reply(200, json!({"errors": false})),
        }
    })
    .delivered(3);
}

#[test]
fn a_missing_index_is_the_sinks_trouble_and_asked_for_once() {
    let ran = run("elastic-bulk", "index = \"logs-{dataset}-default\"", |request| {
        let gone = json!({"create": {"status": 404, "error": {"type": "index_not_found_exception", "reason": "no such index"}}});
        reply(200, json!({"errors": true, "items": vec![gone; ids(request).len()]}))
    });
    ran.dead_letters(ran.events(), "index_not_found_exception");
    assert_eq!(ran.receiver.received().len(), 1);
    assert!(
        stderr(&ran.output).contains("the sink cannot be used"),
        "{}",
        stderr(&ran.output)
    );
    let body = String::from_utf8(ran.receiver.received()[0].body.to_vec()).unwrap();
    assert!(
        body.starts_with(r#"{"create":{"_index":"logs-oracle.user_login-default","#),
        "{body}"
    );
}

#[test]
fn a_receiver_that_takes_no_ids_is_sent_none_and_the_guarantee_says_so() {
    let ran = run("elastic-bulk", "id = false", |_| reply(200, json!({"errors": false})));
    ran.delivered(1);
    assert!(ids(&ran.receiver.received()[0]).iter().all(|id| id == "null"));
    assert_eq!(ran.summary["sinks"][0]["guarantee"], "at-least-once");
    let check = stdout(&ran.desk.host(["check", "mine"]).output().unwrap());
    assert!(check.contains("guarantee: at-least-once"), "{check}");

    let ran = run("elastic-bulk", "", |_| reply(200, json!({"errors": false})));
    assert_eq!(ran.summary["sinks"][0]["guarantee"], "idempotent-by-id");
    let check = stdout(&ran.desk.host(["check", "mine"]).output().unwrap());
    assert!(check.contains("guarantee: idempotent-by-id"), "{check}");
}

#[test]
fn a_success_that_splunk_did_not_write_is_one_all_the_same() {
    for body in [r#"{"text":"Success","code":200}"#, "", "OK", "{}"] {
        run("splunk-hec", "", move |_| reply(200, body)).delivered(1);
    }
    // Nobody asked for brotli, and this is none.
    let compressed = |_: &Received| Reply {
        headers: vec![("content-encoding", "br".into())],
        ..reply(200, "no brotli")
    };
    run("splunk-hec", "", compressed).delivered(1);
    let ran = run("splunk-hec", "", |_| {
        reply(200, r#"{"text":"Data channel is missing","code":10}"#)
    });
    ran.dead_letters(ran.events(), "Data channel is missing (code 10)");
}

#[test]
fn splunks_events_name_connection_and_report_and_every_request_its_channel() {
    let ran = run("splunk-hec", "", |_| reply(200, r#"{"text":"Success","code":0}"#));
    ran.delivered(1);
    let request = &ran.receiver.received()[0];
    let channel = request.headers["x-splunk-request-channel"].to_str().unwrap();
    assert_eq!(channel.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
    for line in std::str::from_utf8(&request.body).unwrap().lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        assert_eq!(
            (&event["host"], &event["source"]),
            (&json!("epm"), &json!("user-login"))
        );
    }
}

#[test]
fn splunk_is_sent_what_comes_after_an_invalid_event_again_and_nothing_twice() {
    let mut requests = 0;
    let ran = run("splunk-hec", "", move |_| {
        requests += 1;
        match requests {
            1 => reply(
                400,
                r#"{"text":"Invalid data format","code":6,"invalid-event-number":2}"#,
            ),
            _ => reply(200, r#"{"text":"Success","code":0}"#),
        }
    });
    ran.dead_letters(1, "Invalid data format (code 6)");
    let lines = |request: &Received| -> Vec<String> {
        let text = std::str::from_utf8(&request.body).unwrap();
        text.lines().map(str::to_owned).collect()
    };
    let received = ran.receiver.received();
    assert_eq!(lines(&received[1])[..], lines(&received[0])[3..]);

    // One that stops each time is asked a few times, and no event is lost.
    let ran = run("splunk-hec", "", |_| {
        reply(
            400,
            r#"{"text":"Invalid data format","code":6,"invalid-event-number":0}"#,
        )
    });
    ran.dead_letters(ran.events(), "");
    assert_eq!(ran.receiver.received().len(), 3);
}

/// Splunk with acknowledgement: `said` is what it says of an id, by the number of the question.
fn acknowledging(said: impl Fn(u32) -> bool + Send + 'static) -> impl FnMut(&Received) -> Reply + Send + 'static {
    let mut questions = 0;
    move |request| match request.path.as_str() {
        "/services/collector/event" => reply(200, r#"{"text":"Success","code":0,"ackId":7}"#),
        "/services/collector/ack" => {
            assert_eq!(
                serde_json::from_slice::<Value>(&request.body).unwrap(),
                json!({"acks": [7]})
            );
            questions += 1;
            match questions {
                1 => Reply::status(503),
                number => reply(200, json!({"acks": {"7": said(number)}})),
            }
        }
        _ => Reply::status(404),
    }
}

#[test]
fn events_count_once_the_indexer_acknowledges_them_and_are_sent_once() {
    let ran = run("splunk-hec", "acknowledge = true", acknowledging(|number| number >= 3));
    ran.delivered(4);
    assert_eq!(ran.sink("retries"), 0);
    let received = ran.receiver.received();
    let channel = |request: &Received| request.headers["x-splunk-request-channel"].clone();
    assert!(received.iter().all(|request| channel(request) == channel(&received[0])));
    assert_eq!(
        received
            .iter()
            .filter(|request| request.path.ends_with("/event"))
            .count(),
        1
    );
}

#[test]
fn events_that_nobody_acknowledges_are_not_delivered() {
    let ran = run_for("400ms", "splunk-hec", "acknowledge = true", acknowledging(|_| false));
    ran.dead_letters(ran.events(), "has not acknowledged them");
    let received = ran.receiver.received();
    assert_eq!(
        received
            .iter()
            .filter(|request| request.path.ends_with("/event"))
            .count(),
        1
    );

    let ran = run("splunk-hec", "acknowledge = true", |_| {
        reply(200, r#"{"text":"Success","code":0}"#)
    });
    ran.dead_letters(ran.events(), "no ackId");
}

#[test]
fn slacks_word_counts_more_than_its_status() {
    run("slack", "", |_| reply(200, r#"{"ok":true}"#)).delivered(1);
    for (status, body) in [
        (200, "no_service"),
        (500, "invalid_payload"),
        (404, "channel_is_archived"),
    ] {
        let ran = run("slack", "", move |_| reply(status, body));
        ran.dead_letters(ran.events(), body);
        assert_eq!(ran.receiver.received().len(), 1, "{body}");
    }
    let mut requests = 0;
    run("slack", "", move |_| {
        requests += 1;
        match requests {
            1 => reply(200, "rate_limited"),
            _ => reply(200, "ok"),
        }
    })
    .delivered(2);
}
