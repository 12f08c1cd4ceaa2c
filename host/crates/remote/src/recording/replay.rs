//! A transport that answers from a recording.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use http::header::{CONTENT_LENGTH, HeaderName, HeaderValue, TRANSFER_ENCODING};
use http::{HeaderMap, StatusCode};
use url::{Url, form_urlencoded};

use super::format::{RecordedEntry, Recording, unreadable};
use crate::error::RemoteError;
use crate::transport::{Incoming, Outgoing, Transport};

const PIECE: usize = 64 * 1024;

/// A transport that answers from a recording. Each answer is used once.
///
/// A run is never quite the same twice: file names and dates differ. So a request gets the answer of the most similar
/// recorded one, at least of the same method and with paths that differ in no more than one segment.
pub(crate) struct Replay {
    folder: PathBuf,
    base: Url,
    left: Mutex<Vec<(String, RecordedEntry)>>,
}

impl Replay {
    /// Reads a recording, but for its bodies.
    pub(crate) fn open(folder: &Path) -> Result<Replay, RemoteError> {
        let recording = Recording::read(folder)?;
        let listed = (|| {
            let mut names = Vec::new();
            for entry in std::fs::read_dir(folder)? {
                let name = entry?.file_name().to_string_lossy().into_owned();
                if let Some(number) = name.strip_suffix(".json").filter(|name| is_number(name)) {
                    names.push(number.to_owned());
                }
            }
            names.sort_by_key(|name| name.parse::<u32>().unwrap_or(u32::MAX));
            let mut entries = Vec::with_capacity(names.len());
            for name in names {
                let entry = serde_json::from_slice(&std::fs::read(folder.join(format!("{name}.json")))?)?;
                entries.push((name, entry));
            }
            Ok(entries)
        })();
        let left = listed.map_err(|error: io::Error| unreadable(folder, &error))?;
        Ok(Replay {
            folder: folder.to_owned(),
            base: recording.base,
            left: Mutex::new(left),
        })
    }

    /// The connection's base URL at the time.
    pub(crate) fn base(&self) -> &Url {
        &self.base
    }

    fn take(&self, outgoing: &Outgoing) -> Option<(String, RecordedEntry)> {
        let mut left = self.left.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut best: Option<(usize, usize)> = None;
        for (index, (_, entry)) in left.iter().enumerate() {
            // Of equally similar ones the earliest.
            match similarity(outgoing, entry) {
                Some(score) if best.is_none_or(|(_, top)| score > top) => best = Some((index, score)),
                _ => {}
            }
        }
        best.map(|(index, _)| left.remove(index))
    }
}

fn is_number(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit())
}

/// The degree to which a request resembles a recorded one; none where it is another one.
fn similarity(outgoing: &Outgoing, entry: &RecordedEntry) -> Option<usize> {
    if outgoing.method.as_str() != entry.method {
        return None;
    }
    let (path, query) = entry.target.split_once('?').unwrap_or((&entry.target, ""));
    let mine: Vec<&str> = outgoing.url.path().split('/').collect();
    let theirs: Vec<&str> = path.split('/').collect();
    let different = mine.iter().zip(&theirs).filter(|(mine, theirs)| mine != theirs).count();
    if mine.len() != theirs.len() || different > 1 || (different == 1 && mine.last() != theirs.last()) {
        return None;
    }
    let pairs =
        |query: &str| -> HashSet<(String, String)> { form_urlencoded::parse(query.as_bytes()).into_owned().collect() };
    let shared = pairs(outgoing.url.query().unwrap_or_default())
        .intersection(&pairs(query))
        .count();
    Some(shared + if different == 0 { 1000 } else { 0 })
}

#[async_trait]
impl Transport for Replay {
    async fn execute(&self, outgoing: Outgoing) -> Result<Incoming, RemoteError> {
        let Some((name, entry)) = self.take(&outgoing) else {
            return Err(RemoteError::settings_hint(
                format!(
                    "the recording holds no answer to {} {}",
                    outgoing.method,
                    outgoing.url.path()
                ),
                "replay with the plugin, the window and the parameters of the recording",
            ));
        };
        if entry.withheld {
            return Err(RemoteError::settings_hint(
                format!(
                    "the recording lacks the body of the answer to {} {}, which was too long to be masked",
                    outgoing.method,
                    outgoing.url.path()
                ),
                "record a shorter window",
            ));
        }
        let path = self.folder.join(format!("{name}.body"));
        let file = File::open(&path).map_err(|error| unreadable(&self.folder, &error))?;
        let mut headers = HeaderMap::new();
        for (name, value) in &entry.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
                headers.append(name, value);
            }
        }
        // A replaced secret changes the length.
        headers.remove(CONTENT_LENGTH);
        headers.remove(TRANSFER_ENCODING);
        let status = StatusCode::from_u16(entry.status).map_err(|_| {
            unreadable(
                &self.folder,
                &io::Error::other(format!("{name}.json has an odd status")),
            )
        })?;
        Ok(Incoming {
            status,
            headers,
            body: pieces(file, self.folder.clone(), entry.complete),
        })
    }
}

fn pieces(file: File, folder: PathBuf, complete: bool) -> BoxStream<'static, Result<Bytes, RemoteError>> {
    stream::unfold(Some((file, folder)), move |state| async move {
        let (mut file, folder) = state?;
        let mut piece = vec![0; PIECE];
        match file.read(&mut piece) {
            Ok(0) if complete => None,
            Ok(0) => {
                let reason = "the body broke off here when it was recorded".into();
                Some((Err(RemoteError::Interrupted { reason }), None))
            }
            Ok(count) => {
                piece.truncate(count);
                Some((Ok(Bytes::from(piece)), Some((file, folder))))
            }
            Err(error) => Some((Err(unreadable(&folder, &error)), None)),
        }
    })
    .boxed()
}
