//! [`Rsyslog`]: a syslog receiver that writes what it understood, a JSON object a message.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use serde_json::Value;
use tempfile::TempDir;

use super::certificates::{Authority, Certified};
use super::process::{PATIENCE, PAUSE, Process, free_port, installed};

/// The template that stands between a message and the file.
const TEMPLATE: &str = r#"
template(name="understood" type="list" option.jsonf="on") {
    property(outname="pri" name="pri" format="jsonf")
    property(outname="version" name="protocol-version" format="jsonf")
    property(outname="time" name="timereported" dateFormat="rfc3339" format="jsonf")
    property(outname="hostname" name="hostname" format="jsonf")
    property(outname="app" name="app-name" format="jsonf")
    property(outname="msgid" name="msgid" format="jsonf")
    property(outname="data" name="structured-data" format="jsonf")
    property(outname="msg" name="msg" format="jsonf")
}
*.* action(type="omfile" file="OUT" template="understood")
"#;

/// A running rsyslogd.
pub struct Rsyslog {
    folder: TempDir,
    /// The port at which the server listens: TCP or TLS, and UDP.
    pub port: u16,
    _process: Process,
}

impl Rsyslog {
    /// Listens at one port, over TCP and UDP.
    pub fn start() -> Rsyslog {
        Rsyslog::listen(tempfile::tempdir().unwrap(), "", "")
    }

    /// Listens with TLS, and asks every client for a certificate of the authority.
    pub fn with_tls(identity: &Certified, authority: &Authority) -> Rsyslog {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            path.display().to_string()
        };
        let global = format!(
            "defaultNetstreamDriver=\"gtls\" defaultNetstreamDriverCAFile=\"{}\" \
             defaultNetstreamDriverCertFile=\"{}\" defaultNetstreamDriverKeyFile=\"{}\"",
            file("ca.pem", &authority.pem),
            file("server.pem", &identity.certificate),
            file("server.key", &identity.key),
        );
        let tls = "streamDriver.name=\"gtls\" streamDriver.mode=\"1\" streamDriver.authMode=\"x509/certvalid\"";
        Rsyslog::listen(folder, &global, tls)
    }

    fn listen(folder: TempDir, global: &str, tls: &str) -> Rsyslog {
        let port = free_port();
        let path = folder.path();
        let out = path.join("understood.ndjson").display().to_string();
        let configuration = format!(
            "global(workDirectory=\"{}\" maxMessageSize=\"64k\" {global})\n\
             module(load=\"imtcp\" {tls})\n\
             module(load=\"imudp\")\n\
             input(type=\"imtcp\" address=\"127.0.0.1\" port=\"{port}\")\n\
             input(type=\"imudp\" address=\"127.0.0.1\" port=\"{port}\")\n\
             {}",
            path.display(),
            TEMPLATE.replace("OUT", &out)
        );
        std::fs::write(path.join("rsyslog.conf"), configuration).unwrap();
        let mut command = Command::new(installed(&["/usr/sbin/rsyslogd", "/usr/local/sbin/rsyslogd"]));
        command
            .args(["-n", "-i", "NONE", "-f"])
            .arg(path.join("rsyslog.conf"))
            .current_dir(path);
        let process = Process::start(&mut command, port, &path.join("said.log"));
        Rsyslog {
            folder,
            port,
            _process: process,
        }
    }

    /// The messages as the server understood them, in its order, once there are so many messages of the program.
    pub fn understood(&self, messages: usize) -> Vec<Value> {
        let ours = |message: &Value| message["app"] == "host";
        let said = self.folder.path().join("said.log");
        await_lines(&self.folder.path().join("understood.ndjson"), messages, ours, &said)
    }
}

/// The JSON lines of a file that are wanted, once there are so many.
pub fn await_lines(path: &Path, lines: usize, wanted: impl Fn(&Value) -> bool, log: &Path) -> Vec<Value> {
    let began = Instant::now();
    loop {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let complete = text.rfind('\n').map_or("", |end| &text[..end]);
        let found: Vec<Value> = complete
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
            .filter(&wanted)
            .collect();
        if found.len() >= lines {
            return found;
        }
        assert!(
            began.elapsed() < PATIENCE,
            "{} of {lines} came: {}",
            found.len(),
            std::fs::read_to_string(log).unwrap_or_default()
        );
        std::thread::park_timeout(PAUSE);
    }
}
