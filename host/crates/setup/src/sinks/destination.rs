//! What a configured sink leads to, in a short text without secrets.
//!
//! Configurations of one user may share a store of dead letters and name different receivers alike. So a letter is kept with
//! the destination of its sink, and only a sink of the same name and destination gets it.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::{nats, postgres};
use crate::config::{self, Config, SinkKind, Transport};
use sink::hex;

/// Bytes of the digest that are shown: enough to tell settings apart, too few to find out what they say.
const DIGEST: usize = 4;

/// As `http https://siem.example/in`. What else decides who gets the events, and may not be shown (the query of a URL,
/// headers, a plugin's own configuration), stands behind it as a short digest: `http https://siem.example/in #5d41402a`.
/// Credentials play no part: they are renewed, and the receiver stays the same.
pub fn destination(config: &Config, name: &str, sink: &config::Sink) -> String {
    match &sink.kind {
        SinkKind::Stdout(_) => "stdout".into(),
        SinkKind::File(file) => format!("file {}", whole(config, Path::new(&file.path))),
        SinkKind::Http(http) => {
            let headers = http.headers.iter().flat_map(|(name, value)| [name.as_str(), value]);
            addressed("http", &http.endpoint.url, headers)
        }
        SinkKind::Otlp(otlp) => addressed("otlp", &otlp.endpoint.url, []),
        SinkKind::Syslog(syslog) => format!("syslog {}", syslog.address),
        // A URL that does not pass may hold a password.
        SinkKind::Nats(set) => match nats::check(config, name, set) {
            Ok((url, _)) => {
                let stream = (set.stream.iter()).map(|stream| format!(", stream {stream}"));
                let subject = (set.subject.iter()).map(|subject| format!(", subject {subject}"));
                format!("nats {url}{}", stream.chain(subject).collect::<String>())
            }
            Err(_) => "nats".into(),
        },
        SinkKind::Postgres(set) => match postgres::check(config, name, set) {
            // `siem at db.example:5432`
            Ok((url, table)) => format!("postgres {url}, table {table}"),
            Err(_) => "postgres".into(),
        },
        SinkKind::ObjectStore(set) => match (&set.endpoint, set.url.contains("://")) {
            (Some(endpoint), _) => format!("objects {} at {}", set.url, bare(endpoint)),
            (None, true) => format!("objects {}", set.url),
            (None, false) => format!("objects {}", whole(config, Path::new(&set.url))),
        },
        SinkKind::Plugin(plugin) => {
            let own = match plugin.config.is_empty() {
                true => None,
                false => toml::to_string(&plugin.config).ok(),
            };
            let kind = format!("plugin {}", plugin.plugin);
            match (&plugin.endpoint, &plugin.transport) {
                (Some(endpoint), _) => addressed(&kind, &endpoint.url, own.as_deref()),
                (None, None | Some(Transport::Stdout)) => kind + " to stdout",
                (None, Some(Transport::File { path })) => format!("{kind} to {}", whole(config, Path::new(path))),
                (None, Some(Transport::Tcp { address } | Transport::Tls { address, .. })) => {
                    format!("{kind} to {address}")
                }
                (None, Some(Transport::Syslog(syslog))) => format!("{kind} to {}", syslog.address),
            }
        }
    }
}

/// A URL, and a digest of what belongs to it and is not shown.
fn addressed<'a>(kind: &str, url: &'a url::Url, more: impl IntoIterator<Item = &'a str>) -> String {
    let hidden: Vec<&str> = url.query().into_iter().chain(more).collect();
    let shown = format!("{kind} {}", bare(url));
    if hidden.is_empty() {
        return shown;
    }
    let mut digest = Sha256::new();
    for part in hidden {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    let digest = hex(digest.finalize().get(..DIGEST).unwrap_or_default());
    format!("{shown} #{digest}")
}

/// The URL without what may be secret.
fn bare(url: &url::Url) -> String {
    let mut bare = url.clone();
    bare.set_query(None);
    bare.set_fragment(None);
    // Neither can be set where there is no host, and then there is nothing to take away.
    let _ = bare.set_username("");
    let _ = bare.set_password(None);
    bare.into()
}

/// The whole of a path that stands in the configuration, whatever folder the program was started in.
fn whole(config: &Config, path: &Path) -> String {
    let folder = match config.folder.as_os_str().is_empty() {
        true => PathBuf::from("."),
        false => config.folder.clone(),
    };
    let folder = folder.canonicalize().unwrap_or(folder);
    folder.join(path).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(settings: &str) -> String {
        let mut config = Config::parse(&format!("[sinks.x]\n{settings}\n")).unwrap();
        config.folder = "/etc/host".into();
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
}
