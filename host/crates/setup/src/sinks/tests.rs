//! Configured sinks, from the text of a configuration.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::*;
use crate::config::Config;
use event::{Product, Provenance};

fn of(settings: &str) -> String {
    let mut config = Config::parse(&format!("[sinks.x]\n{settings}\n")).unwrap();
    config.file.folder = "/etc/host".into();
    destination(&config, "x", config.sinks.get("x").unwrap())
}

#[test]
fn each_kind_says_where_it_leads() {
    for (settings, expected) in [
        ("kind = \"stdout\"", "stdout"),
        (
            "kind = \"file\"\npath = \"a/{date}.ndjson\"",
            "file /etc/host/a/{date}.ndjson",
        ),
        (
            "kind = \"syslog\"\naddress = \"logs.example:514\"",
            "syslog logs.example:514",
        ),
        (
            "kind = \"otlp\"\nendpoint = { url = \"https://otel.example\" }",
            "otlp https://otel.example/",
        ),
        (
            "kind = \"nats\"\nurl = \"nats://127.0.0.1:4222\"\nstream = \"AUDIT\"",
            "nats nats://127.0.0.1:4222, stream AUDIT",
        ),
        (
            "kind = \"postgres\"\nurl = \"postgres://audit@127.0.0.1/siem\"",
            "postgres siem at 127.0.0.1:5432, table audit_events",
        ),
        (
            "kind = \"object-store\"\nurl = \"archive\"",
            "objects /etc/host/archive",
        ),
        (
            "kind = \"object-store\"\nurl = \"s3://audit/x\"\nendpoint = \"https://s3.example\"",
            "objects s3://audit/x at https://s3.example/",
        ),
        ("plugin = \"cef\"", "plugin cef to stdout"),
        (
            "plugin = \"cef\"\ntransport = { kind = \"tcp\", address = \"arc.example:514\" }",
            "plugin cef to arc.example:514",
        ),
    ] {
        assert_eq!(of(settings), expected);
    }
}

#[test]
fn what_may_be_secret_tells_receivers_apart_and_is_not_shown() {
    let http = |query: &str, tenant: &str| {
        of(&format!(
            "kind = \"http\"\nendpoint = {{ url = \"https://siem.example/in{query}\" }}\nheaders = {{ {tenant} }}"
        ))
    };
    let plain = http("", "");
    assert_eq!(plain, "http https://siem.example/in");
    let (a, b) = (http("?tenant=aaa", ""), http("?tenant=bbb", ""));
    let (c, d) = (http("", "X-Scope-OrgID = \"aaa\""), http("", "X-Scope-OrgID = \"bbb\""));
    let all = [&plain, &a, &b, &c, &d];
    assert_eq!(all.iter().collect::<std::collections::HashSet<_>>().len(), 5);
    for text in &all[1..] {
        assert!(text.starts_with("http https://siem.example/in #") && text.len() == plain.len() + 10);
    }
    let hec = |index: &str| {
        of(&format!(
            "plugin = \"splunk-hec\"\nendpoint = {{ url = \"https://hec.example\" }}\nconfig = {{ index = \"{index}\" }}"
        ))
    };
    assert_ne!(hec("a"), hec("b"));
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .collect()
}

#[tokio::test]
async fn hostile_names_of_reports_and_connections_stay_below_the_configured_folder() {
    for rotate in ["", "rotate = { every = \"1h\" }"] {
        for name in ["../../x", "..", "/etc/x", "a/../../../b", ".hidden", "x\u{0}y", "", "."] {
            let outer = tempfile::tempdir().unwrap();
            let mut config = Config::parse(&format!(
                "[sinks.archive]\nkind = \"file\"\npath = \"inner/{{connection}}/{{report}}.ndjson\"\n{rotate}\n"
            ))
            .unwrap();
            config.file.folder = outer.path().join("a/b");
            let provenance = Arc::new(Provenance::new(name, name, "epm.example.com", Product::epm_cloud()));
            let mut sink = open_alone(&config, "archive", &provenance).unwrap();
            let event = event::samples::full(event::Activity::Logon, event::Outcome::Success);
            sink.deliver(&[event]).await.unwrap();
            sink.close().await.unwrap();
            let files = files(outer.path());
            assert_eq!(files.len(), 1, "{name:?}");
            let below = files[0].strip_prefix(config.file.folder.join("inner")).unwrap();
            assert_eq!(below.components().count(), 2, "{name:?}: {}", below.display());
        }
    }
}

#[test]
fn a_misspelt_address_or_facility_is_found_when_the_file_is_read() {
    for (sink, said) in [
        ("kind = \"syslog\"\naddress = \"siem.example.com\"", "HOST:PORT"),
        (
            "kind = \"syslog\"\naddress = \"s:1\"\nfacility = \"secret\"",
            "facility",
        ),
        (
            "kind = \"syslog\"\naddress = \"s:1\"\ntransport = \"http\"",
            "transport",
        ),
        (
            "kind = \"otlp\"\nendpoint = { url = \"https://o\" }\nprotocol = \"json\"",
            "protocol",
        ),
    ] {
        let error = Config::parse(&format!("[sinks.s]\n{sink}\n")).unwrap_err().to_string();
        assert!(error.contains(said) || error.contains("unknown variant"), "{error}");
    }
}
