//! [`OAuthServer`]: oidc-provider, which implements the standards and checks what it is told.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::process::{Process, free_port};

/// A running OAuth 2 server.
pub struct OAuthServer {
    folder: TempDir,
    port: u16,
    _process: Process,
}

impl OAuthServer {
    /// Knows the clients of `oauth_server.mjs` by that secret or by that private key, and withdraws the first access
    /// token after so many uses, 0 for never.
    pub fn start(secret: &str, key: &str, uses: u64) -> OAuthServer {
        let port = free_port();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let modules = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/npm/node_modules"));
        assert!(
            modules.join("oidc-provider").exists(),
            "oidc-provider is not installed; `.ci/run` installs what these tests need"
        );
        std::os::unix::fs::symlink(modules, path.join("node_modules")).unwrap();
        std::fs::write(path.join("server.mjs"), include_str!("oauth_server.mjs")).unwrap();
        let settings = json!({ "port": port, "secret": secret, "key": key, "uses": uses });
        let mut command = Command::new("node");
        command.arg("server.mjs").arg(settings.to_string()).current_dir(path);
        let process = Process::start(&mut command, port, &path.join("said.log"));
        OAuthServer {
            folder,
            port,
            _process: process,
        }
    }

    /// The URL of the server, which is its issuer too.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A refresh token that is good from the start.
    pub fn refresh_token(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("refresh-token")).unwrap()
    }

    /// Every answer of its token endpoint so far: `CLIENT PROOF GRANT`, and the error, if it was one.
    pub fn grants(&self) -> Vec<String> {
        let lines = std::fs::read_to_string(self.folder.path().join("grants.ndjson")).unwrap_or_default();
        lines
            .lines()
            .map(|line| {
                let line: Value = serde_json::from_str(line).unwrap();
                let part = |name: &str| line[name].as_str().map(str::to_owned);
                let parts = ["client", "proof", "grant", "error"].into_iter().filter_map(part);
                parts.collect::<Vec<_>>().join(" ")
            })
            .collect()
    }

    /// The person at the other device signs in.
    pub fn approve(&self, user_code: &str) {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).unwrap();
        let request = format!(
            "POST /approve?user_code={user_code} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 204 "), "{answer}");
    }
}
