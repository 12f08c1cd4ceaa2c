//! A transport that writes down what passes through it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use http::header::CONTENT_TYPE;

use super::body::RecordedBody;
use super::format::{CONTENTS, RecordedEntry, Recording};
use super::scrub;
use crate::error::RemoteError;
use crate::origin::BaseUrl;
use crate::redact::Redactor;
use crate::transport::{Incoming, Outgoing, Transport};

/// A transport that writes down what passes through it.
pub(crate) struct Recorder {
    folder: PathBuf,
    inner: Box<dyn Transport>,
    redactor: Arc<Redactor>,
    count: AtomicU32,
}

impl Recorder {
    /// Starts a recording in a folder that holds none.
    pub(crate) fn create(
        folder: &Path,
        base: &BaseUrl,
        notes: &BTreeMap<String, String>,
        inner: Box<dyn Transport>,
        redactor: Arc<Redactor>,
    ) -> Result<Recorder, RemoteError> {
        let recording = Recording {
            version: 1,
            base: scrub::address(&redactor, base.url()),
            notes: notes.clone(),
        };
        let started = (|| {
            let mut builder = std::fs::DirBuilder::new();
            builder.recursive(true);
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            builder.create(folder)?;
            let text = serde_json::to_vec_pretty(&recording)?;
            create(&folder.join(CONTENTS))?.write_all(&text)
        })();
        started.map_err(|error: io::Error| match error.kind() {
            io::ErrorKind::AlreadyExists => RemoteError::settings_hint(
                format!("{} holds a recording already", folder.display()),
                "give an empty folder to --record",
            ),
            _ => RemoteError::file(&error, said(folder, &error), HINT),
        })?;
        Ok(Recorder {
            folder: folder.to_owned(),
            inner,
            redactor,
            count: AtomicU32::new(0),
        })
    }
}

#[async_trait]
impl Transport for Recorder {
    async fn execute(&self, outgoing: Outgoing) -> Result<Incoming, RemoteError> {
        if outgoing.confidential {
            return self.inner.execute(outgoing).await;
        }
        let is_form = outgoing
            .headers
            .get(CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
        let mut entry = RecordedEntry {
            method: outgoing.method.to_string(),
            target: scrub::target(&self.redactor, &outgoing.url),
            request_headers: scrub::headers(&self.redactor, &outgoing.headers),
            request_body: outgoing
                .body
                .as_ref()
                .and_then(|body| scrub::body(&self.redactor, body, is_form)),
            status: 0,
            headers: Vec::new(),
            complete: false,
            withheld: false,
        };
        let incoming = self.inner.execute(outgoing).await?;
        entry.status = incoming.status.as_u16();
        entry.headers = scrub::headers(&self.redactor, &incoming.headers);
        let number = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        let head = self.folder.join(format!("{number:04}.json"));
        let written = (|| {
            create(&head)?.write_all(&serde_json::to_vec_pretty(&entry)?)?;
            create(&self.folder.join(format!("{number:04}.body")))
        })();
        let file = written.map_err(|error: io::Error| broken(&self.folder, &error))?;
        let tape = Tape {
            file,
            body: Some(RecordedBody::new(&self.redactor)),
            entry,
            head,
        };
        Ok(Incoming {
            status: incoming.status,
            headers: incoming.headers,
            body: tee(incoming.body, tape, self.folder.clone()),
        })
    }
}

/// A body as it is written down. Dropped before its end, it stays marked as broken off.
struct Tape {
    file: File,
    /// The body that is being written; none once the end is written.
    body: Option<RecordedBody>,
    entry: RecordedEntry,
    /// The path of the entry.
    head: PathBuf,
}

impl Tape {
    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        match &mut self.body {
            Some(body) => self.file.write_all(&body.push(piece)),
            None => Ok(()),
        }
    }

    fn finish(mut self) -> io::Result<()> {
        match self.body.take().map(RecordedBody::finish) {
            Some(Some(rest)) => self.file.write_all(&rest)?,
            Some(None) => {
                self.entry.withheld = true;
                let target = &self.entry.target;
                tracing::warn!(
                    target: base::EVIDENCE,
                    "the answer to {target} is too long to be masked as a whole: the recording lacks its body"
                );
            }
            None => {}
        }
        self.entry.complete = true;
        // Renamed, so that there is a readable entry at any time.
        let part = self.head.with_extension("part");
        create(&part)?.write_all(&serde_json::to_vec_pretty(&self.entry)?)?;
        std::fs::rename(&part, &self.head)
    }
}

impl Drop for Tape {
    fn drop(&mut self) {
        if let Some(rest) = self.body.take().and_then(RecordedBody::break_off) {
            // What is missing then was not going to be whole anyway.
            let _ = self.file.write_all(&rest);
        }
    }
}

/// Passes a body on and writes it to a file without its secrets.
fn tee(
    body: BoxStream<'static, Result<Bytes, RemoteError>>,
    tape: Tape,
    folder: PathBuf,
) -> BoxStream<'static, Result<Bytes, RemoteError>> {
    stream::unfold(Some((body, tape, folder)), |state| async {
        let (mut body, mut tape, folder) = state?;
        match body.next().await {
            Some(Ok(piece)) => match tape.write(&piece) {
                Ok(()) => Some((Ok(piece), Some((body, tape, folder)))),
                Err(error) => Some((Err(broken(&folder, &error)), None)),
            },
            Some(Err(error)) => Some((Err(error), None)),
            None => {
                // Masking a whole body takes its time.
                let finished = base::blocking(move || tape.finish()).await;
                match finished.map_err(io::Error::from).flatten() {
                    Ok(()) => None,
                    Err(error) => Some((Err(broken(&folder, &error)), None)),
                }
            }
        }
    })
    .boxed()
}

/// A new file, for its owner only.
fn create(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

const HINT: &str = "give a folder that can be written to --record, on a device that has room";

fn said(folder: &Path, error: &io::Error) -> String {
    format!("the recording in {} cannot be written: {error}", folder.display())
}

/// While the exchange is under way.
fn broken(folder: &Path, error: &io::Error) -> RemoteError {
    RemoteError::Local {
        message: said(folder, error),
        hint: Some(HINT.to_owned()),
    }
}
