//! Events in a JetStream stream.

use std::collections::BTreeSet;

use event::Encoding;
use sink::{NatsCredential, NatsOptions, NatsSink, NatsUrl, Sink, SubjectTemplate, Verdict};
use tokio::runtime::Runtime;

use super::certificates::Authority;
use super::desk;
use super::nats_server::{NatsServer, USER};
use super::past::{Past, SECRET, event, provenance};

fn sink(server: &NatsServer, more: &str) -> String {
    format!(
        "kind = \"nats\"\nurl = \"nats://{}\"\nencoding = \"event\"\nstream = \"AUDIT\"\n{more}\n",
        server.address()
    )
}

/// The ids of all messages, each of which names its event.
fn ids(server: &NatsServer) -> Vec<String> {
    let messages = server.messages("AUDIT");
    for (subject, id, event) in &messages {
        assert_eq!(subject, "audit.invalid-login.epm");
        assert_eq!(event["id"].as_str(), Some(id.as_str()));
    }
    messages.into_iter().map(|(_, id, _)| id).collect()
}

fn sorted(ids: &[String]) -> BTreeSet<String> {
    ids.iter().cloned().collect()
}

#[test]
#[ignore = "needs nats-server"]
fn every_event_is_in_the_stream_once_however_often_it_is_delivered() {
    let (past, desk, mut server) = (Past::new(), desk(), NatsServer::start());
    past.configure(&desk, &sink(&server, "create-stream = true\nbatch-events = 70"));
    past.assert_usable(&desk, "will be created");
    for _ in 0..2 {
        past.deliver(&desk);
        let found = ids(&server);
        assert_eq!(sorted(&found), past.ids(&desk));
        assert_eq!(sorted(&found).len(), found.len());
    }
    past.assert_usable(&desk, "stream AUDIT exists");
    server.halt();
    past.assert_refused(&desk, "cannot connect");
    server.resume();
    past.deliver(&desk);
    assert_eq!(ids(&server).len(), past.ids(&desk).len());
}

#[test]
#[ignore = "needs nats-server"]
fn a_missing_stream_is_a_refusal() {
    let (past, desk, server) = (Past::new(), desk(), NatsServer::start());
    past.configure(&desk, &sink(&server, ""));
    past.assert_refused(&desk, "there is no stream");
    let anywhere = sink(&server, "").replace("stream = \"AUDIT\"\n", "");
    past.configure(&desk, &anywhere);
    past.assert_refused(&desk, "no stream listens to the subject");

    server.create_stream("AUDIT", "audit.>", -1);
    past.deliver(&desk);
    assert_eq!(sorted(&ids(&server)), past.ids(&desk));

    past.configure(&desk, &sink(&server, "create-stream = true").replace("AUDIT", "OTHER"));
    past.assert_undelivered(&desk, "the stream cannot be created");
}

#[test]
#[ignore = "needs nats-server"]
fn a_message_too_large_for_the_stream_is_named() {
    let (past, desk, server) = (Past::new(), desk(), NatsServer::start());
    server.create_stream("AUDIT", "audit.>", 200);
    past.configure(&desk, &sink(&server, ""));
    past.assert_undelivered(&desk, "larger than the stream accepts");
}

#[test]
#[ignore = "needs nats-server"]
fn a_user_needs_the_password() {
    let (past, desk) = (Past::new(), desk());
    let server = NatsServer::with_password(SECRET);
    let auth = format!(
        "create-stream = true\nauth = {{ kind = \"user\", username = \"{USER}\", password = {{ env = \"SINK_SECRET\" }} }}"
    );
    past.configure(&desk, &sink(&server, &auth));
    past.deliver(&desk);
    assert_eq!(sorted(&ids(&server)), past.ids(&desk));

    past.configure(&desk, &sink(&server, &auth.replace(USER, "nobody")));
    past.assert_refused(&desk, "refuses the credential");
    past.configure(&desk, &sink(&server, ""));
    past.assert_refused(&desk, "refuses the credential");
}

#[test]
#[ignore = "needs nats-server"]
fn an_encrypted_server_is_believed_only_with_its_authority() {
    let (past, desk) = (Past::new(), desk());
    let authority = Authority::new("A private authority");
    let server = NatsServer::with_tls(SECRET, &authority);
    let auth = format!(
        "create-stream = true\nauth = {{ kind = \"user\", username = \"{USER}\", password = {{ env = \"SINK_SECRET\" }} }}"
    );
    let encrypted = sink(&server, &auth).replace("nats://", "tls://");
    past.configure(&desk, &encrypted);
    past.assert_refused(&desk, "certificate");
    desk.write("ca.pem", &authority.pem);
    past.configure(&desk, &format!("{encrypted}ca-file = \"ca.pem\"\n"));
    past.deliver(&desk);
    assert_eq!(sorted(&ids(&server)), past.ids(&desk));
}

/// The ids of the events of all messages. What a message itself is called names the stream too, and is a plain word.
fn events_of(server: &NatsServer) -> Vec<String> {
    let messages = server.messages("AUDIT");
    assert!(
        messages
            .iter()
            .all(|(_, id, _)| id.chars().all(|c| c.is_ascii_alphanumeric()))
    );
    let events = messages
        .iter()
        .map(|(_, _, event)| event["id"].as_str().unwrap().to_owned());
    events.collect()
}

/// The sink itself, for what a run of ordinary events does not show.
fn direct(server: &NatsServer) -> NatsSink {
    NatsSink::new("bus", options(server), provenance())
}

fn options(server: &NatsServer) -> NatsOptions {
    NatsOptions {
        url: NatsUrl::parse(&format!("nats://{}", server.address())).unwrap(),
        credential: NatsCredential::None,
        tls: remote::client_tls(None, None).unwrap(),
        subject: SubjectTemplate::default(),
        stream: Some("AUDIT".into()),
        create_stream: true,
        encoding: Encoding::Event.into(),
        batch_events: 2,
    }
}

#[test]
#[ignore = "needs nats-server"]
fn events_wait_while_nobody_answers_for_the_stream_and_are_there_once_afterwards() {
    let server = NatsServer::start();
    let runtime = Runtime::new().unwrap();
    // It publishes to whoever listens, and learns of nobody by a 503.
    let anybody = NatsOptions {
        stream: None,
        create_stream: false,
        ..options(&server)
    };
    let mut sink = NatsSink::new("bus", anybody, provenance());
    let mut deliver = |events: &[_]| runtime.block_on(sink.deliver(events)).unwrap();
    let (first, second) = ([event("1", "a"), event("2", "b")], [event("3", "c")]);
    for _ in 0..2 {
        let verdict = deliver(&first);
        assert!(matches!(verdict, Verdict::Retry { .. }), "{verdict:?}");
    }
    server.create_stream("AUDIT", "audit.>", -1);
    assert_eq!(deliver(&first), Verdict::Accepted);
    assert_eq!(events_of(&server), ["1", "2"]);
    // One that was there may come back.
    server.delete_stream("AUDIT");
    let verdict = deliver(&second);
    assert!(matches!(verdict, Verdict::Retry { .. }), "{verdict:?}");
    server.create_stream("AUDIT", "audit.>", -1);
    assert_eq!(deliver(&second), Verdict::Accepted);
    assert_eq!(events_of(&server), ["3"]);
}

#[test]
#[ignore = "needs nats-server"]
fn only_the_message_that_is_too_large_is_refused() {
    let server = NatsServer::start();
    let events = [
        event("1", "a"),
        event("2", "b\r\nNats-Msg-Id: 1"),
        event("3", &"x".repeat(100_000)),
        event("4", "d"),
        event("id\r\nNats-Rollup: all", "e"),
    ];
    let verdict = Runtime::new()
        .unwrap()
        .block_on(direct(&server).deliver(&events))
        .unwrap();
    let Verdict::Rejected(rejections) = verdict else {
        panic!("{verdict:?}");
    };
    let indices: Vec<_> = rejections.iter().map(|rejection| rejection.index).collect();
    assert_eq!(indices, [2]);
    assert_eq!(events_of(&server), ["1", "2", "4", "id\r\nNats-Rollup: all"]);
}

#[test]
#[ignore = "needs nats-server"]
fn a_server_that_goes_and_comes_back_has_everything_once() {
    let mut server = NatsServer::start();
    let runtime = Runtime::new().unwrap();
    let mut sink = direct(&server);
    let (first, second) = ([event("1", "a"), event("2", "b")], [event("2", "b"), event("3", "c")]);
    assert_eq!(runtime.block_on(sink.deliver(&first)).unwrap(), Verdict::Accepted);
    server.halt();
    let verdict = runtime.block_on(sink.deliver(&second)).unwrap();
    assert!(matches!(verdict, Verdict::Retry { .. }), "{verdict:?}");
    server.resume();
    assert_eq!(runtime.block_on(sink.deliver(&second)).unwrap(), Verdict::Accepted);
    assert_eq!(events_of(&server), ["1", "2", "3"]);
}
