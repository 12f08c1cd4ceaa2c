//! [`PostgresServer`]: PostgreSQL, with one user who has a password.

use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::certificates::Certified;
use super::process::{Process, free_port, installed};

/// The user who writes events.
pub const USER: &str = "audit";
/// The database of the user.
pub const DATABASE: &str = "siem";

/// The user `nobody`: PostgreSQL refuses to be root.
const NOBODY: u32 = 65534;

/// A running PostgreSQL.
pub struct PostgresServer {
    folder: TempDir,
    port: u16,
    password: String,
    settings: Vec<String>,
    process: Option<Process>,
}

impl PostgresServer {
    /// Starts one in which [`USER`] owns [`DATABASE`].
    pub fn start(password: &str) -> PostgresServer {
        PostgresServer::with(password, None)
    }

    /// Starts a server whose connections are encrypted.
    pub fn with_tls(password: &str, identity: &Certified) -> PostgresServer {
        PostgresServer::with(password, Some(identity))
    }

    fn with(password: &str, identity: Option<&Certified>) -> PostgresServer {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let write = |name: &str, content: &str| {
            let file = path.join(name);
            std::fs::write(&file, content).unwrap();
            std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
            give(&file);
            file
        };
        give(path);
        let secret = write("password", password);
        let data = path.join("data");
        let mut command = tool("initdb");
        command
            .args([
                "--username=postgres",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--no-locale",
                "--no-sync",
            ])
            .arg("--pwfile")
            .arg(secret)
            .arg("--pgdata")
            .arg(&data)
            .current_dir(path);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

        let mut settings = vec!["fsync=off".to_owned()];
        if let Some(identity) = identity {
            let certificate = write("server.pem", &identity.certificate);
            let key = write("server.key", &identity.key);
            settings.push("ssl=on".to_owned());
            settings.push(format!("ssl_cert_file={}", certificate.display()));
            settings.push(format!("ssl_key_file={}", key.display()));
        }
        let mut server = PostgresServer {
            folder,
            port: free_port(),
            password: password.to_owned(),
            settings,
            process: None,
        };
        server.resume();
        server.ask(
            "postgres",
            "postgres",
            &format!("create role {USER} login password '{password}'"),
        );
        server.ask(
            "postgres",
            "postgres",
            &format!("create database {DATABASE} owner {USER}"),
        );
        server
    }

    /// Ends the server; what it stored stays.
    pub fn halt(&mut self) {
        // Killed, it would leave shared memory and processes behind for a while.
        let mut command = tool("pg_ctl");
        command
            .args(["stop", "--silent", "--mode=immediate", "--pgdata"])
            .arg(self.folder.path().join("data"))
            .current_dir(self.folder.path());
        let _ = command.status();
        self.process = None;
    }

    /// Starts the server at the same port, with what it stored.
    pub fn resume(&mut self) {
        let path = self.folder.path();
        let mut command = tool("postgres");
        command
            .arg("-D")
            .arg(path.join("data"))
            .arg("-k")
            .arg(path)
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string()])
            .args(self.settings.iter().flat_map(|setting| ["-c", setting]))
            .current_dir(path);
        self.process = Some(Process::start(&mut command, self.port, &path.join("said.log")));
        // It answers before it is ready.
        let ready = (0..200).any(|_| self.psql("postgres", "postgres", "select 1").status.success());
        assert!(ready, "PostgreSQL does not become ready");
    }

    /// The port of loopback that it listens at.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder of its Unix socket.
    pub fn socket(&self) -> &Path {
        self.folder.path()
    }

    /// The rows of a statement, a line each, columns between bars.
    pub fn ask(&self, user: &str, database: &str, statement: &str) -> Vec<String> {
        let output = self.psql(user, database, statement);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    fn psql(&self, user: &str, database: &str, statement: &str) -> std::process::Output {
        let mut command = Command::new(program("psql"));
        command
            .args(["-X", "-A", "-t", "-q", "-h", "127.0.0.1", "-p", &self.port.to_string()])
            .args(["-U", user, "-d", database, "-c", statement])
            .env("PGPASSWORD", &self.password)
            .output()
            .unwrap()
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        self.halt();
    }
}

fn program(name: &str) -> PathBuf {
    let versions = ["17", "16", "15", "14", "13"];
    let paths: Vec<_> = versions
        .iter()
        .map(|version| format!("/usr/lib/postgresql/{version}/bin/{name}"))
        .collect();
    installed(&paths.iter().map(String::as_str).collect::<Vec<_>>())
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

/// A program that runs as nobody where the tests run as root.
fn tool(name: &str) -> Command {
    let mut command = Command::new(program(name));
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

fn give(path: &Path) {
    if is_root() {
        chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
}
