//! Events through rsyslog, which reads RFC 5424 its own way.

use std::process::Output;

use serde_json::Value;
use tests::{Server, TestEnv, json_lines, stderr};

use super::certificates::Authority;
use super::process::free_port;
use super::rsyslog::Rsyslog;
use super::{connect, desk, run};

/// A run to stdout and to the sink, which is configured like this.
fn deliver(desk: &TestEnv, server: &Server, sink: &str) -> Output {
    connect(
        desk,
        &server.url(),
        &format!("[sinks.siem]\nkind = \"syslog\"\n{sink}\n"),
    );
    run(desk, "user-login", &["--sink", "stdout", "--sink", "siem"])
}

/// Every event of stdout arrived once, in order and whole.
fn assert_arrived(output: &Output, receiver: &Rsyslog, facility: u64) {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
    let events = json_lines(output);
    assert!(events.len() > 20, "{}", events.len());
    let messages = receiver.understood(events.len());
    assert_eq!(messages.len(), events.len());
    for (event, message) in events.iter().zip(&messages) {
        let body: Value = serde_json::from_str(message["msg"].as_str().unwrap().trim()).unwrap();
        assert_eq!(body, *event);
        assert_eq!(message["version"], "1");
        assert_eq!(message["hostname"], "127.0.0.1");
        assert_eq!(message["msgid"], "logon");
        let severity = if event["status_id"] == 2 { 4 } else { 6 };
        assert_eq!(message["pri"], (facility * 8 + severity).to_string());
        let data = message["data"].as_str().unwrap();
        let id = event["metadata"]["uid"].as_str().unwrap();
        assert!(
            data.starts_with(&format!("[audit@32473 id=\"{id}\" activity=\"logon\"")),
            "{data}"
        );
        assert!(data.ends_with(" report=\"user-login\" connection=\"epm\"]"), "{data}");
    }
}

#[test]
#[ignore = "needs rsyslog"]
fn events_arrive_over_tcp_and_udp() {
    for transport in ["tcp", "udp"] {
        let receiver = Rsyslog::start();
        let server = Server::start("");
        let desk = desk();
        let sink = format!(
            "address = \"127.0.0.1:{}\"\ntransport = \"{transport}\"\nfacility = \"local3\"",
            receiver.port
        );
        assert_arrived(&deliver(&desk, &server, &sink), &receiver, 19);
        let checked = desk.host(["check", "siem"]).output().unwrap();
        assert_eq!(checked.status.code(), Some(0), "{}", stderr(&checked));
    }
}

#[test]
#[ignore = "needs rsyslog"]
fn events_arrive_over_tls_and_both_sides_know_each_other() {
    let authority = Authority::new("A private authority");
    let receiver = Rsyslog::with_tls(&authority.server("localhost"), &authority);
    let server = Server::start("");
    let desk = desk();
    desk.write("ca.pem", &authority.pem);
    desk.write("other.pem", Authority::new("Another authority").pem);
    let client = authority.client("host");
    desk.write("client.pem", &client.certificate);
    desk.write_secret("client.key", &client.key);
    let place = format!("address = \"localhost:{}\"\ntransport = \"tls\"", receiver.port);
    let certificate = "client-certificate = \"client.pem\"\nclient-key = \"client.key\"";

    let sink = format!("{place}\nca-file = \"ca.pem\"\n{certificate}");
    assert_arrived(&deliver(&desk, &server, &sink), &receiver, 10);
    let arrived = receiver.understood(1).len();

    // A receiver whom nobody vouches for gets nothing.
    let sink = format!("{place}\nca-file = \"other.pem\"\n{certificate}\nretry = {{ max-elapsed = \"1s\" }}");
    let output = deliver(&desk, &server, &sink);
    assert_ne!(output.status.code(), Some(0));
    assert!(stderr(&output).contains("certificate"), "{}", stderr(&output));
    // Nor does a client without a certificate pass for one that delivered.
    let sink = format!("{place}\nca-file = \"ca.pem\"\nretry = {{ max-elapsed = \"1s\" }}");
    let output = deliver(&desk, &server, &sink);
    assert_ne!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(receiver.understood(1).len(), arrived);
}

#[test]
#[ignore = "needs rsyslog"]
fn the_events_of_a_receiver_that_is_not_there_are_dead_letters() {
    let server = Server::start("");
    let desk = desk();
    let sink = format!(
        "address = \"127.0.0.1:{}\"\nretry = {{ max-elapsed = \"1s\" }}",
        free_port()
    );
    let output = deliver(&desk, &server, &sink);
    assert_eq!(output.status.code(), Some(8), "{}", stderr(&output));
    assert!(stderr(&output).contains("refused"), "{}", stderr(&output));
}
