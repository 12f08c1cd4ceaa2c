//! A server as a child process: [`Process`], alive from when its port answers until it is dropped.

use std::collections::HashSet;
use std::fs::File;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant};

/// The time that a server may take to start, or to write what it was sent.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The pause between two looks.
pub const PAUSE: Duration = Duration::from_millis(10);

/// A running server.
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts it, what it says going to that file, and returns as soon as it answers at the port of loopback.
    pub fn start(command: &mut Command, port: u16, log: &Path) -> Process {
        let file = File::create(log).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap_or_else(|error| panic!("{:?} cannot be started: {error}", command.get_program()));
        let mut process = Process { child };
        let said = || std::fs::read_to_string(log).unwrap_or_default();
        let began = Instant::now();
        loop {
            let answers = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
            // Asked for after the port: an answer of a process that is gone is somebody else's.
            if let Some(status) = process.child.try_wait().unwrap() {
                panic!("{:?} ended with {status}: {}", command.get_program(), said());
            }
            if answers {
                return process;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "{:?} does not answer: {}",
                command.get_program(),
                said()
            );
            std::thread::park_timeout(PAUSE);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port of loopback that nothing listens at, and that no other test of this run was given.
pub fn free_port() -> u16 {
    static GIVEN: LazyLock<Mutex<HashSet<u16>>> = LazyLock::new(Mutex::default);
    loop {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        if GIVEN.lock().unwrap().insert(port) {
            return port;
        }
    }
}

/// The first of these paths that exists.
pub fn installed(paths: &[&str]) -> PathBuf {
    paths
        .iter()
        .map(PathBuf::from)
        .find(|path| path.exists())
        .unwrap_or_else(|| panic!("none of {paths:?} is installed; `.ci/run` installs what these tests need"))
}
