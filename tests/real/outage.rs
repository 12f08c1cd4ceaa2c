//! A run to three servers of different kinds, of which one is not there.

use std::collections::BTreeSet;
use std::process::Output;

use serde_json::Value;
use tests::{Server, TestEnv, json_lines, stderr, stdout};

use super::nats_server::NatsServer;
use super::past::SECRET;
use super::postgres_server::{DATABASE, PostgresServer, USER};
use super::rsyslog::Rsyslog;
use super::{PASSWORD, connect, desk};

/// Retries that a test can wait for.
const QUICK: &str = "retry = { min-delay = \"10ms\", max-delay = \"50ms\", max-elapsed = \"1s\" }";

struct Servers {
    db: PostgresServer,
    bus: NatsServer,
    siem: Rsyslog,
}

impl Servers {
    fn start() -> Servers {
        Servers {
            db: PostgresServer::start(SECRET),
            bus: NatsServer::start(),
            siem: Rsyslog::start(),
        }
    }

    fn sinks(&self) -> String {
        format!(
            "[sinks.db]\nkind = \"postgres\"\nurl = \"postgres://{USER}@localhost:{}/{DATABASE}\"\n\
             password = {{ env = \"SINK_SECRET\" }}\ntls = \"disable\"\ncreate-table = true\nwhen-down = \"dead-letters\"\n{QUICK}\n\
             [sinks.bus]\nkind = \"nats\"\nurl = \"nats://{}\"\nstream = \"AUDIT\"\ncreate-stream = true\nwhen-down = \"dead-letters\"\n{QUICK}\n\
             [sinks.siem]\nkind = \"syslog\"\naddress = \"127.0.0.1:{}\"\n{QUICK}\n",
            self.db.port(),
            self.bus.address(),
            self.siem.port
        )
    }

    fn halt(&mut self, sink: &str) {
        match sink {
            "db" => self.db.halt(),
            _ => self.bus.halt(),
        }
    }

    fn resume(&mut self, sink: &str) {
        match sink {
            "db" => self.db.resume(),
            _ => self.bus.resume(),
        }
    }

    /// The ids that the server behind a sink has.
    fn ids(&self, sink: &str, events: usize) -> Vec<String> {
        match sink {
            "db" => self.db.ask(USER, DATABASE, "select id from audit_events"),
            "bus" => {
                let messages = self.bus.messages("AUDIT");
                let event = |event: &Value| event["metadata"]["uid"].as_str().unwrap().to_owned();
                messages.iter().map(|(_, _, body)| event(body)).collect()
            }
            _ => {
                let messages = self.siem.understood(events);
                let id = |message: &Value| {
                    let data = message["data"].as_str().unwrap();
                    let after = data.strip_prefix("[audit@32473 id=\"").unwrap();
                    after.split('"').next().unwrap().to_owned()
                };
                messages.iter().map(id).collect()
            }
        }
    }
}

fn host(desk: &TestEnv, arguments: &[&str]) -> Output {
    let mut command = desk.host(arguments);
    command
        .env("EPM_PASSWORD", PASSWORD)
        .env("DOMAIN_SECRET", "demo-secret")
        .env("SINK_SECRET", SECRET);
    let output = command.output().unwrap();
    assert!(!stderr(&output).contains(SECRET) && !stdout(&output).contains(SECRET));
    output
}

fn count(summary: &Value, sink: &str, counter: &str) -> u64 {
    let mut sinks = summary["sinks"].as_array().unwrap().iter();
    let found = sinks.find(|found| found["name"] == sink).unwrap();
    found[counter].as_u64().unwrap()
}

/// Each event once.
fn assert_complete(servers: &Servers, sink: &str, expected: &BTreeSet<String>) {
    let ids = servers.ids(sink, expected.len());
    assert_eq!(ids.len(), expected.len(), "{sink}");
    assert_eq!(&ids.into_iter().collect::<BTreeSet<_>>(), expected, "{sink}");
}

#[test]
#[ignore = "needs PostgreSQL, nats-server and rsyslog"]
fn what_one_of_three_servers_missed_is_delivered_once_it_is_back() {
    for down in ["db", "bus"] {
        let (desk, server, mut servers) = (desk(), Server::start(""), Servers::start());
        let url = server.url();
        let domain = format!(
            "[connections.domain]\nkind = \"identity-domain\"\nurl = \"{url}\"\nallow-private-addresses = true\n\
             auth = {{ kind = \"oauth2-client-credentials\", client-id = \"demo-client\", client-secret = {{ env = \"DOMAIN_SECRET\" }} }}\n"
        );
        connect(&desk, &url, &(domain + &servers.sinks()));
        servers.halt(down);
        let output = host(
            &desk,
            &[
                "run",
                "audit-events",
                "--since",
                "7d",
                "--sink",
                "db",
                "--sink",
                "bus",
                "--sink",
                "siem",
                "--summary",
                "summary.json",
            ],
        );
        assert_eq!(output.status.code(), Some(8), "{}", stderr(&output));
        assert!(
            stderr(&output).contains("host dead-letter replay"),
            "{}",
            stderr(&output)
        );
        let summary: Value = serde_json::from_slice(&std::fs::read(desk.path().join("summary.json")).unwrap()).unwrap();
        let events = summary["events"].as_u64().unwrap();
        let expected: BTreeSet<_> = servers.ids("siem", events as usize).into_iter().collect();
        assert!(events > 10 && expected.len() as u64 == events);
        for sink in ["db", "bus", "siem"] {
            let (delivered, dead) = if sink == down { (0, events) } else { (events, 0) };
            assert_eq!(count(&summary, sink, "delivered"), delivered, "{sink}");
            assert_eq!(count(&summary, sink, "dead_lettered"), dead, "{sink}");
            assert_eq!(count(&summary, sink, "undelivered"), 0, "{sink}");
            if sink != down {
                assert_complete(&servers, sink, &expected);
            }
        }

        // Still not there: nothing is lost by trying.
        let vain = host(&desk, &["dead-letter", "replay"]);
        assert_eq!(vain.status.code(), Some(8), "{}", stderr(&vain));
        let letters = json_lines(&host(&desk, &["dead-letter", "list", "--json"]));
        assert_eq!(letters.len() as u64, events);
        assert!(letters.iter().all(|letter| letter["sink"] == down));

        servers.resume(down);
        let replayed = host(&desk, &["dead-letter", "replay"]);
        assert_eq!(replayed.status.code(), Some(0), "{}", stderr(&replayed));
        assert!(stdout(&host(&desk, &["dead-letter", "list"])).starts_with("No dead letters in "));
        let nothing = host(&desk, &["dead-letter", "replay"]);
        assert_eq!(nothing.status.code(), Some(0), "{}", stderr(&nothing));
        for sink in ["db", "bus", "siem"] {
            assert_complete(&servers, sink, &expected);
        }
    }
}
