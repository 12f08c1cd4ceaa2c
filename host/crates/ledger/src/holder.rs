//! Who holds a claim: written into its lock file for whoever is refused, and believed by nobody else. The lock itself is
//! the system's.

use std::fmt;
use std::fs::File;
use std::io::{Read as _, Write as _};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The most that is read of a lock file, in bytes.
const LONGEST: u64 = 1024;

/// The process that holds a claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The process's number, as its own machine or container counts.
    pub pid: u32,
    /// When it made the claim.
    pub since: Timestamp,
}

impl Holder {
    /// This process, from now on.
    pub(super) fn this() -> Holder {
        Holder {
            pid: std::process::id(),
            since: Timestamp::now(),
        }
    }

    /// Writes itself into the lock file. A full disk costs the next one the name, nothing else.
    pub(super) fn note(&self, mut file: &File) {
        let Ok(line) = serde_json::to_vec(self) else { return };
        let _ = file.set_len(0).and_then(|()| file.write_all(&line));
    }

    /// Whom the lock file names, where it names one.
    pub(super) fn read(file: &File) -> Option<Holder> {
        let mut text = Vec::new();
        file.take(LONGEST).read_to_end(&mut text).ok()?;
        serde_json::from_slice(&text).ok()
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = self.since.strftime("%Y-%m-%d %H:%M:%S UTC");
        write!(f, "pid {}, since {since}", self.pid)
    }
}
