//! The sinks whose receivers are other programs, held to the rules of `host/crates/sink/src/README.md`.

use std::cell::Cell;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;
use tests::conformance::{Subject, hold};

use super::certificates::Authority;
use super::collector::Decoder;
use super::nats_server::NatsServer;
use super::postgres_server::{DATABASE, PostgresServer, USER};
use super::process::free_port;
use super::rsyslog::Rsyslog;
use super::s3_server::S3Server;

const SECRET: &str = "canary-7c1e-rules";

/// A folder with a secret that only its owner may read.
fn folder(secret: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, secret).unwrap();
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o600)).unwrap();
    folder
}

/// A sink whose receiver keeps an order and forgets nothing. The sink is configured for a port.
struct Keeping<'a> {
    label: &'a str,
    sink: &'a dyn Fn(u16) -> String,
    port: u16,
    folder: &'a Path,
    silent: bool,
    ids: &'a dyn Fn() -> Vec<String>,
}

fn hold_keeping(keeping: &Keeping<'_>) {
    let before = Cell::new(0);
    hold(Subject {
        label: keeping.label,
        up: (keeping.sink)(keeping.port),
        down: Some((keeping.sink)(free_port())),
        folder: keeping.folder,
        received: &mut || (keeping.ids)().split_off(before.get()),
        ordered: true,
        silent: keeping.silent,
        clear: &mut || before.set((keeping.ids)().len()),
    });
}

/// The id in the structured data of a message.
fn syslog_id(message: &Value) -> String {
    let data = message["data"].as_str().unwrap();
    let after = data.strip_prefix("[audit@32473 id=\"").unwrap();
    after.split('"').next().unwrap().to_owned()
}

/// The id in a line of CEF. In values `=` is escaped, so the last such key is the genuine one.
fn cef_id(message: &Value) -> String {
    let (_, after) = message["msg"].as_str().unwrap().rsplit_once(" externalId=").unwrap();
    after.split(' ').next().unwrap().to_owned()
}

#[test]
#[ignore = "needs rsyslog"]
fn syslog_over_tcp_and_udp_keeps_the_rules() {
    for (transport, silent) in [("tcp", false), ("udp", true)] {
        let (receiver, folder) = (Rsyslog::start(), folder(SECRET));
        hold_keeping(&Keeping {
            label: transport,
            // The receiver does not say what is too large for it: it has to be known.
            sink: &|port| {
                format!(
                    "[sinks.it]\nkind = \"syslog\"\ntransport = \"{transport}\"\naddress = \"127.0.0.1:{port}\"\n\
                     max-message = 60000\n"
                )
            },
            port: receiver.port,
            folder: folder.path(),
            silent,
            ids: &|| receiver.understood(0).iter().map(syslog_id).collect(),
        });
    }
}

#[test]
#[ignore = "needs rsyslog"]
fn syslog_over_tls_keeps_the_rules() {
    let authority = Authority::new("A private authority");
    let receiver = Rsyslog::with_tls(&authority.server("localhost"), &authority);
    let (folder, client) = (folder(SECRET), authority.client("host"));
    for (name, content) in [
        ("ca.pem", &authority.pem),
        ("client.pem", &client.certificate),
        ("client.key", &client.key),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o600)).unwrap();
    }
    hold_keeping(&Keeping {
        label: "tls",
        sink: &|port| {
            format!(
                "[sinks.it]\nkind = \"syslog\"\ntransport = \"tls\"\naddress = \"localhost:{port}\"\nmax-message = 60000\n\
                 ca-file = \"ca.pem\"\nclient-certificate = \"client.pem\"\nclient-key = \"client.key\"\n"
            )
        },
        port: receiver.port,
        folder: folder.path(),
        silent: false,
        ids: &|| receiver.understood(0).iter().map(syslog_id).collect(),
    });
}

#[test]
#[ignore = "needs rsyslog"]
fn a_plugin_s_lines_over_syslog_keep_the_rules() {
    let (receiver, folder) = (Rsyslog::start(), folder(SECRET));
    hold_keeping(&Keeping {
        label: "cef over syslog",
        sink: &|port| {
            format!(
                "[sinks.it]\nplugin = \"cef\"\ntransport = {{ kind = \"syslog\", address = \"127.0.0.1:{port}\" }}\n"
            )
        },
        port: receiver.port,
        folder: folder.path(),
        silent: false,
        ids: &|| receiver.understood(0).iter().map(cef_id).collect(),
    });
}

#[test]
#[ignore = "needs Python's opentelemetry-proto and grpcio"]
fn otlp_over_http_and_grpc_keeps_the_rules() {
    for protocol in ["http", "grpc"] {
        let (collector, folder) = (Decoder::start("", None), folder(SECRET));
        let id = |line: Value| {
            let attributes = line["record"]["attributes"].as_array().unwrap().clone();
            let mut ids = attributes.iter().filter(|attribute| attribute["key"] == "event.id");
            let id = ids.next().unwrap()["value"]["stringValue"].as_str().unwrap().to_owned();
            assert!(ids.next().is_none());
            id
        };
        hold_keeping(&Keeping {
            label: protocol,
            sink: &|port| {
                format!(
                    "[sinks.it]\nkind = \"otlp\"\nprotocol = \"{protocol}\"\nencoding = \"event\"\n\
                     endpoint = {{ url = \"http://127.0.0.1:{port}\", allow-private-addresses = true, retry = {{ attempts = 1 }} }}\n"
                )
            },
            port: if protocol == "http" {
                collector.http
            } else {
                collector.grpc
            },
            folder: folder.path(),
            silent: false,
            ids: &|| collector.records(0).into_iter().map(id).collect(),
        });
    }
}

#[test]
#[ignore = "needs nats-server"]
fn nats_keeps_the_rules() {
    let (server, folder) = (NatsServer::start(), folder(SECRET));
    let sink = |address: &str| {
        format!(
            "[sinks.it]\nkind = \"nats\"\nurl = \"nats://{address}\"\nstream = \"AUDIT\"\ncreate-stream = true\n\
             encoding = \"event\"\n"
        )
    };
    let ids = || {
        let messages = server.messages("AUDIT");
        let ids = messages.into_iter().map(|(_, id, event)| {
            assert_eq!(event["id"].as_str(), Some(id.as_str()));
            id
        });
        ids.collect()
    };
    hold(Subject {
        label: "nats",
        up: sink(&server.address()),
        down: Some(sink(&format!("localhost:{}", free_port()))),
        folder: folder.path(),
        received: &mut || ids(),
        ordered: true,
        silent: false,
        clear: &mut || server.delete_stream("AUDIT"),
    });
}

#[test]
#[ignore = "needs PostgreSQL"]
fn postgres_keeps_the_rules() {
    let (server, folder) = (PostgresServer::start(SECRET), folder(SECRET));
    let sink = |port: u16| {
        format!(
            "[sinks.it]\nkind = \"postgres\"\nurl = \"postgres://{USER}@localhost:{port}/{DATABASE}\"\n\
             password = {{ file = \"secret\" }}\ntls = \"disable\"\ncreate-table = true\nencoding = \"event\"\n"
        )
    };
    let ask = |statement: &str| server.ask(USER, DATABASE, statement);
    let ids = || match ask("select to_regclass('audit_events') is null")[0].as_str() {
        "t" => Vec::new(),
        _ => ask("select event->>'id' from audit_events where event->>'id' = id"),
    };
    hold(Subject {
        label: "postgres",
        up: sink(server.port()),
        down: Some(sink(free_port())),
        folder: folder.path(),
        received: &mut || ids(),
        ordered: false,
        silent: false,
        clear: &mut || drop(ask("drop table if exists audit_events")),
    });
}

#[test]
#[ignore = "needs moto"]
fn objects_in_a_bucket_keep_the_rules() {
    const BUCKET: &str = "audit-archive";
    let server = S3Server::start(BUCKET, r#"["s3:PutObject"]"#);
    let (id, secret) = server.key();
    let folder = folder(secret);
    let sink = |url: &str| {
        format!(
            "[sinks.it]\nkind = \"object-store\"\nurl = \"s3://{BUCKET}/team\"\nendpoint = \"{url}\"\n\
             allow-private-addresses = true\naccess-key-id = \"{id}\"\nsecret-access-key = {{ file = \"secret\" }}\n\
             encoding = \"event\"\n"
        )
    };
    let ids = || {
        let objects = server.objects(BUCKET);
        let texts = objects.iter().map(|(_, content)| {
            let mut text = String::new();
            flate2::read::GzDecoder::new(content.as_slice())
                .read_to_string(&mut text)
                .unwrap();
            text
        });
        let lines: Vec<_> = texts
            .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
            .collect();
        let events = lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
        events.map(|event| event["id"].as_str().unwrap().to_owned()).collect()
    };
    hold(Subject {
        label: "objects",
        up: sink(&server.url()),
        down: Some(sink(&format!("http://127.0.0.1:{}", free_port()))),
        folder: folder.path(),
        received: &mut || ids(),
        ordered: false,
        silent: false,
        clear: &mut || server.clear(BUCKET),
    });
}
