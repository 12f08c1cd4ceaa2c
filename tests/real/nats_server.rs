//! [`NatsServer`]: NATS with JetStream.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use async_nats::ConnectOptions;
use async_nats::jetstream;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::certificates::Authority;
use super::process::{Process, free_port, installed};

/// The user of a server that knows one.
pub const USER: &str = "audit";

/// A running NATS server.
pub struct NatsServer {
    folder: TempDir,
    port: u16,
    process: Option<Process>,
    more: String,
    client: Option<(String, Option<PathBuf>)>,
    runtime: Runtime,
}

impl NatsServer {
    /// Lets anybody in.
    pub fn start() -> NatsServer {
        NatsServer::with("", None, None)
    }

    /// Lets [`USER`] in with that password, and nobody else.
    pub fn with_password(password: &str) -> NatsServer {
        let users = format!("authorization {{ user: {USER}, password: \"{password}\" }}\n");
        NatsServer::with(&users, Some(password), None)
    }

    /// Starts a server over TLS.
    pub fn with_tls(password: &str, authority: &Authority) -> NatsServer {
        let users = format!("authorization {{ user: {USER}, password: \"{password}\" }}\n");
        NatsServer::with(&users, Some(password), Some(authority))
    }

    fn with(more: &str, password: Option<&str>, authority: Option<&Authority>) -> NatsServer {
        let folder = tempfile::tempdir().unwrap();
        let mut more = more.to_owned();
        let mut trusted = None;
        if let Some(authority) = authority {
            let identity = authority.server("localhost");
            let write = |name: &str, content: &str| {
                let path = folder.path().join(name);
                std::fs::write(&path, content).unwrap();
                path
            };
            let certificate = write("server.pem", &identity.certificate);
            let key = write("server.key", &identity.key);
            more += &format!(
                "tls {{ cert_file: \"{}\", key_file: \"{}\" }}\n",
                certificate.display(),
                key.display()
            );
            trusted = Some(write("ca.pem", &authority.pem));
        }
        let mut server = NatsServer {
            folder,
            port: free_port(),
            process: None,
            more,
            client: password.map(|password| (password.to_owned(), trusted)),
            runtime: tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .unwrap(),
        };
        server.resume();
        server
    }

    /// Ends the process; what it stored stays.
    pub fn halt(&mut self) {
        self.process = None;
    }

    /// Starts the process at the same port, with what it stored.
    pub fn resume(&mut self) {
        let path = self.folder.path();
        let configuration = format!(
            "host: 127.0.0.1\nport: {}\nmax_payload: 64KB\njetstream {{ store_dir: \"{}\" }}\n{}",
            self.port,
            path.join("store").display(),
            self.more
        );
        std::fs::write(path.join("nats.conf"), configuration).unwrap();
        let mut command = Command::new(installed(&[
            "/usr/sbin/nats-server",
            "/usr/bin/nats-server",
            "/usr/local/bin/nats-server",
        ]));
        command.arg("-c").arg(path.join("nats.conf"));
        self.process = Some(Process::start(&mut command, self.port, &path.join("said.log")));
    }

    /// `HOST:PORT`.
    pub fn address(&self) -> String {
        format!("localhost:{}", self.port)
    }

    async fn jetstream(&self) -> jetstream::Context {
        let mut options = ConnectOptions::new();
        if let Some((password, authority)) = &self.client {
            options = options.user_and_password(USER.to_owned(), password.clone());
            if let Some(authority) = authority {
                options = options.add_root_certificates(authority.clone()).require_tls(true);
            }
        }
        jetstream::new(options.connect(format!("nats://{}", self.address())).await.unwrap())
    }

    /// Creates a stream that listens to these subjects and takes messages of so many bytes.
    pub fn create_stream(&self, name: &str, subjects: &str, message_bytes: i32) {
        self.runtime.block_on(async {
            let config = jetstream::stream::Config {
                name: name.to_owned(),
                subjects: vec![subjects.to_owned()],
                duplicate_window: Duration::from_secs(3600),
                max_message_size: message_bytes,
                ..Default::default()
            };
            self.jetstream().await.create_stream(config).await.unwrap();
        });
    }

    /// Removes a stream, where there is one, and what it knows of ids.
    pub fn delete_stream(&self, name: &str) {
        self.runtime.block_on(async {
            let _ = self.jetstream().await.delete_stream(name).await;
        });
    }

    /// Subject, message id and content of everything in a stream, in order; nothing where there is no such stream.
    pub fn messages(&self, stream: &str) -> Vec<(String, String, Value)> {
        self.runtime.block_on(async {
            let mut messages = Vec::new();
            let Ok(mut stream) = self.jetstream().await.get_stream(stream).await else {
                return messages;
            };
            let state = stream.info().await.unwrap().state.clone();
            if state.messages == 0 {
                return messages;
            }
            for sequence in state.first_sequence..=state.last_sequence {
                let message = stream.get_raw_message(sequence).await.unwrap();
                let id = message.headers.get("Nats-Msg-Id").unwrap().to_string();
                let content = serde_json::from_slice(&message.payload).unwrap();
                messages.push((message.subject.to_string(), id, content));
            }
            messages
        })
    }
}
