//! Collectors of OpenTelemetry logs: [`Decoder`], the project's own messages in Python, and [`Rotel`], a collector that
//! passes on what it gets.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::certificates::Certified;
use super::process::{Process, free_port};
use super::rsyslog::await_lines;

/// A file of the environment into which `.ci/requirements.txt` is installed.
fn python(file: &str) -> PathBuf {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/venv")).join(file);
    assert!(
        path.exists(),
        "{} is not installed; `.ci/run` installs what these tests need",
        path.display()
    );
    path
}

/// Listens for HTTP and gRPC, and writes what it decoded.
pub struct Decoder {
    folder: TempDir,
    /// Of HTTP.
    pub http: u16,
    /// Of gRPC.
    pub grpc: u16,
    _process: Process,
}

impl Decoder {
    /// Takes requests with that `Authorization`, none meaning that there must be none. A certificate is for gRPC.
    pub fn start(authorization: &str, identity: Option<&Certified>) -> Decoder {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let (http, grpc) = (free_port(), free_port());
        std::fs::write(path.join("server.py"), include_str!("otlp_server.py")).unwrap();
        let mut command = Command::new(python("bin/python"));
        command
            .args([
                "server.py",
                &http.to_string(),
                &grpc.to_string(),
                "records.ndjson",
                authorization,
            ])
            .current_dir(path);
        if let Some(identity) = identity {
            std::fs::write(path.join("server.key"), &identity.key).unwrap();
            std::fs::write(path.join("server.pem"), &identity.certificate).unwrap();
            command.args(["server.key", "server.pem"]);
        }
        // It listens for gRPC first.
        let process = Process::start(&mut command, http, &path.join("said.log"));
        Decoder {
            folder,
            http,
            grpc,
            _process: process,
        }
    }

    /// The records that the collector decoded, in its order, once there are so many records.
    pub fn records(&self, records: usize) -> Vec<Value> {
        let path = self.folder.path();
        await_lines(&path.join("records.ndjson"), records, |_| true, &path.join("said.log"))
    }
}

/// Listens for HTTP and gRPC, and passes everything on.
pub struct Rotel {
    /// Of HTTP.
    pub http: u16,
    /// Of gRPC.
    pub grpc: u16,
    _folder: TempDir,
    _process: Process,
}

impl Rotel {
    /// Passes on to that one, over HTTP and compressed.
    pub fn before(decoder: &Decoder) -> Rotel {
        let folder = tempfile::tempdir().unwrap();
        let (http, grpc) = (free_port(), free_port());
        let site = python("lib").read_dir().unwrap().next().unwrap().unwrap().path();
        let mut command = Command::new(site.join("site-packages/rotel/rotel-agent"));
        command
            .arg("start")
            .args(["--otlp-http-endpoint", &format!("127.0.0.1:{http}")])
            .args(["--otlp-grpc-endpoint", &format!("127.0.0.1:{grpc}")])
            .args(["--exporter", "otlp", "--otlp-exporter-protocol", "http"])
            .args([
                "--otlp-exporter-endpoint",
                &format!("http://127.0.0.1:{}", decoder.http),
            ])
            .args(["--batch-timeout", "100ms"])
            .current_dir(folder.path());
        let process = Process::start(&mut command, http, &folder.path().join("said.log"));
        Rotel {
            http,
            grpc,
            _folder: folder,
            _process: process,
        }
    }
}
