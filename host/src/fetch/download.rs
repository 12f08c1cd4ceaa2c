//! Brings a file from the server to the spool.
//!
//! "Download (11.1.2.3.600)" of the EPM Cloud REST interface answers HTTP 200 either way: bytes are the file, JSON is
//! an error.

use std::fs::File;

use tokio::io::{AsyncWriteExt as _, BufWriter};

use super::envelope::{Envelope, Status};
use super::error::FetchError;
use super::limits::Limits;
use super::progress::Progress;
use super::spool::{Spool, Spooled};
use crate::remote::{Remote, Request, Response};

/// JSON that is longer than this is a file, not an error.
const LONGEST_ERROR: u64 = 64 * 1024;

/// A downloaded file.
#[derive(Debug)]
pub(super) struct Downloaded {
    pub(super) file: Spooled,
    /// What the server says the file is: `zip`, `csv`, …
    pub(super) extension: Option<String>,
}

/// Downloads a file by its name.
pub(super) async fn by_name(
    remote: &Remote,
    name: &str,
    spool: &Spool,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<Downloaded, FetchError> {
    let url = remote
        .base()
        .join([
            "interop",
            "rest",
            "11.1.2.3.600",
            "applicationsnapshots",
            name,
            "contents",
        ])
        .map_err(|error| FetchError::Plan(error.to_string()))?;
    let request = Request::get(url).limit(limits.document_bytes);
    let mut retry = remote.retry();
    let mut restarts = 0;
    loop {
        let response = remote.send(request.clone()).await?;
        let extension = extension(&response);
        let is_json = response
            .media_type()
            .is_some_and(|kind| kind == "application/json" || kind.ends_with("+json"));
        let is_html = response.media_type().is_some_and(|kind| kind == "text/html");
        match to_spool(response, spool, progress).await {
            Ok(file) => {
                check_content(remote, name, &file, is_json, is_html)?;
                return Ok(Downloaded { file, extension });
            }
            Err(FetchError::Remote(error)) if restarts < limits.restarts => {
                restarts += 1;
                retry.again(error, true).await?;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Copies a body to the spool.
pub(super) async fn to_spool(
    mut response: Response,
    spool: &Spool,
    progress: &dyn Progress,
) -> Result<Spooled, FetchError> {
    let total = response.content_length();
    let file = tokio::fs::File::from_std(create(spool).await?);
    let mut out = BufWriter::with_capacity(256 * 1024, file);
    let mut received: u64 = 0;
    while let Some(piece) = response.chunk().await? {
        out.write_all(&piece).await?;
        received += piece.len() as u64;
        progress.received(received, total);
    }
    out.flush().await?;
    let file = out.into_inner().into_std().await;
    Ok(Spooled::new(file)?)
}

async fn create(spool: &Spool) -> Result<File, FetchError> {
    let spool = spool.clone();
    blocking(move || Ok(spool.create()?)).await
}

/// Runs blocking work beside the asynchronous.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, FetchError> + Send + 'static,
) -> Result<T, FetchError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => Err(FetchError::Spool(std::io::Error::other(error))),
        },
    }
}

/// Whether what came is the file: not an error in JSON, not a sign-in page.
fn check_content(remote: &Remote, name: &str, file: &Spooled, is_json: bool, is_html: bool) -> Result<(), FetchError> {
    let no_file = |why: String| FetchError::NoFile {
        file: remote.presentable(name, 100),
        why,
    };
    let head = file.head(LONGEST_ERROR)?;
    let start = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&head).trim_ascii_start();
    if start.first() == Some(&b'{') && (is_json || file.len() < LONGEST_ERROR) {
        match Envelope::read(remote, "the download", start) {
            Ok(envelope) => {
                let text = envelope.text.clone();
                return Err(match (envelope.status, envelope.check()) {
                    (Status::Failed(_), Err(error @ FetchError::Refused { .. })) => error,
                    (_, _) => no_file(text.unwrap_or_else(|| "it answered with JSON instead".into())),
                });
            }
            Err(_) if !is_json => {}
            Err(_) => return Err(no_file("it answered with JSON that says nothing".into())),
        }
    }
    if is_json {
        return Err(no_file("it answered with JSON instead".into()));
    }
    if is_html || start.to_ascii_lowercase().starts_with(b"<!doctype html") {
        return Err(no_file("it answered with a web page, perhaps to sign in".into()));
    }
    Ok(())
}

/// The `fileExtension` header, where it is a word.
fn extension(response: &Response) -> Option<String> {
    let text = response.header("fileExtension")?.trim().trim_start_matches('.');
    let plain = (1..=10).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    plain.then(|| text.to_ascii_lowercase())
}
