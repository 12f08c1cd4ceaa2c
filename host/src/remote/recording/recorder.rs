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

use super::scrub::{self, Scrubber};
use super::{CONTENTS, Entry, Recording};
use crate::remote::error::RemoteError;
use crate::remote::origin::BaseUrl;
use crate::remote::redact::Redactor;
use crate::remote::transport::{Incoming, Outgoing, Transport};

/// A transport that writes down what passes through it.
pub(in crate::remote) struct Recorder {
    folder: PathBuf,
    inner: Box<dyn Transport>,
    redactor: Arc<Redactor>,
    count: AtomicU32,
}

impl Recorder {
    /// Starts a recording in a folder that holds none.
    pub(in crate::remote) fn create(
        folder: &Path,
        base: &BaseUrl,
        notes: &BTreeMap<String, String>,
        inner: Box<dyn Transport>,
        redactor: Arc<Redactor>,
    ) -> Result<Recorder, RemoteError> {
        let recording = Recording {
            version: 1,
            base: base.url().clone(),
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
            _ => broken(folder, &error),
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
        let mut entry = Entry {
            method: outgoing.method.to_string(),
            target: scrub::target(&self.redactor, &outgoing.url),
            request_headers: scrub::headers(&self.redactor, &outgoing.headers),
            request_body: outgoing
                .body
                .as_ref()
                .and_then(|body| scrub::body(&self.redactor, body, is_form)),
            status: 0,
            headers: Vec::new(),
        };
        let incoming = self.inner.execute(outgoing).await?;
        entry.status = incoming.status.as_u16();
        entry.headers = scrub::headers(&self.redactor, &incoming.headers);
        let number = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        let written = (|| {
            let text = serde_json::to_vec_pretty(&entry)?;
            create(&self.folder.join(format!("{number:04}.json")))?.write_all(&text)?;
            create(&self.folder.join(format!("{number:04}.body")))
        })();
        let file = written.map_err(|error: io::Error| broken(&self.folder, &error))?;
        let body = tee(incoming.body, file, Scrubber::new(&self.redactor), self.folder.clone());
        Ok(Incoming {
            status: incoming.status,
            headers: incoming.headers,
            body,
        })
    }
}

/// Passes a body on and writes it to a file without its secrets.
fn tee(
    body: BoxStream<'static, Result<Bytes, RemoteError>>,
    file: File,
    scrubber: Scrubber,
    folder: PathBuf,
) -> BoxStream<'static, Result<Bytes, RemoteError>> {
    stream::unfold(Some((body, file, scrubber, folder)), |state| async {
        let (mut body, mut file, mut scrubber, folder) = state?;
        match body.next().await {
            Some(Ok(piece)) => match file.write_all(&scrubber.push(&piece)) {
                Ok(()) => Some((Ok(piece), Some((body, file, scrubber, folder)))),
                Err(error) => Some((Err(broken(&folder, &error)), None)),
            },
            Some(Err(error)) => Some((Err(error), None)),
            None => match file.write_all(&scrubber.finish()) {
                Ok(()) => None,
                Err(error) => Some((Err(broken(&folder, &error)), None)),
            },
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

fn broken(folder: &Path, error: &io::Error) -> RemoteError {
    RemoteError::settings(format!(
        "the recording in {} cannot be written: {error}",
        folder.display()
    ))
}
