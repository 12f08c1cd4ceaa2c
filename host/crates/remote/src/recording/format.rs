//! The files of a recording.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::error::RemoteError;

/// The file of a folder that describes its recording.
pub(super) const CONTENTS: &str = "recording.json";

/// The description of a recording in its folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recording {
    /// 1.
    pub(super) version: u32,
    /// The connection's base URL, a secret path replaced.
    #[serde(with = "as_text")]
    pub base: Url,
    /// The notes of whoever recorded: see [`Exchange::Record`](crate::Exchange::Record).
    pub notes: BTreeMap<String, String>,
}

impl Recording {
    /// Reads the description in a folder.
    pub fn read(folder: &Path) -> Result<Recording, RemoteError> {
        let text = std::fs::read(folder.join(CONTENTS)).map_err(|error| unreadable(folder, &error))?;
        let recording: Recording =
            serde_json::from_slice(&text).map_err(|error| unreadable(folder, &io::Error::other(error)))?;
        match recording.version {
            1 => Ok(recording),
            version => Err(unreadable(
                folder,
                &io::Error::other(format!("its version {version} is not known")),
            )),
        }
    }

    /// The number of answers of the recording in a folder that are without their bodies, since these were too long to be masked.
    pub fn withheld(folder: &Path) -> Result<u64, RemoteError> {
        let unreadable = |error: io::Error| unreadable(folder, &error);
        let mut withheld = 0;
        for file in std::fs::read_dir(folder).map_err(unreadable)? {
            let path = file.map_err(unreadable)?.path();
            let is_entry = path.extension().is_some_and(|extension| extension == "json")
                && path.file_name().is_some_and(|name| name != CONTENTS);
            if !is_entry {
                continue;
            }
            let text = std::fs::read(&path).map_err(unreadable)?;
            let entry: RecordedEntry =
                serde_json::from_slice(&text).map_err(|error| unreadable(io::Error::other(error)))?;
            withheld += u64::from(entry.withheld);
        }
        Ok(withheld)
    }
}

mod as_text {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};
    use url::Url;

    pub(super) fn serialize<S: Serializer>(url: &Url, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(url.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
        Url::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// One request and the head of its answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct RecordedEntry {
    pub(super) method: String,
    /// Path and query.
    pub(super) target: String,
    pub(super) request_headers: Vec<(String, String)>,
    /// The request's body, where it is text.
    pub(super) request_body: Option<String>,
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    /// True if the body was seen to its end. Recordings that do not say so yet hold whole bodies only.
    #[serde(default = "whole")]
    pub(super) complete: bool,
    /// True if the body is not there, since it was too long to be masked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) withheld: bool,
}

fn whole() -> bool {
    true
}

/// The error of a folder without a recording that can be read.
pub(super) fn unreadable(folder: &Path, error: &io::Error) -> RemoteError {
    RemoteError::settings_hint(
        format!("the recording in {} cannot be read: {error}", folder.display()),
        "`--record DIR` makes one",
    )
}
