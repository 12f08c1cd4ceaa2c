//! Copies the body of an answer to the spool, and goes on where a connection broke.
//!
//! A server that names the version of a file (RFC 9110 section 8.8: a strong `ETag`, or `Last-Modified`) may be asked
//! for the rest of it (section 14): 206 goes on, 200 begins again. Without a version it always begins again: two halves
//! of different files make no file.

use http::StatusCode;
use http::header::{ACCEPT_RANGES, CONTENT_RANGE, DATE, ETAG, LAST_MODIFIED};

use super::error::FetchError;
use super::progress::FetchProgress;
use super::received_document::AnsweredRequest;
use super::spool::{Spool, Spooled};
use super::spool_writer::SpoolWriter;
use remote::{Remote, RemoteError, Request, Response};

/// A complete body.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) file: Spooled,
    /// The media type in lower case, without parameters.
    pub(super) media_type: Option<String>,
    /// The `fileExtension` header, where it is a word.
    pub(super) extension: Option<String>,
    /// The request, and how it was answered.
    pub(super) answered: AnsweredRequest,
}

/// The part of a body that has arrived.
struct PartialBody {
    file: SpoolWriter,
    received: u64,
    total: Option<u64>,
    /// The version that `If-Range` may name.
    version: Option<String>,
    media_type: Option<String>,
    extension: Option<String>,
    status: StatusCode,
    date: Option<String>,
}

/// Sends a request and copies the body of its answer to the spool. Where it breaks off, it is gone on with or started
/// again up to `restarts` times, if the request may be repeated.
pub(super) async fn receive(
    remote: &Remote,
    request: &Request,
    spool: &Spool,
    restarts: u32,
    progress: &dyn FetchProgress,
) -> Result<Received, FetchError> {
    let mut retry = remote.retry();
    let mut left = restarts;
    let mut partial: Option<PartialBody> = None;
    loop {
        let failure = match attempt(remote, request, spool, &mut partial, progress).await {
            Ok(()) => match partial {
                Some(partial) => return partial.finish(remote, request).await,
                None => continue,
            },
            Err(FetchError::Remote(error)) => error,
            Err(error) => return Err(error),
        };
        // Only what broke off on the way is worth another try; what `send` gave up on is not.
        if left == 0 || partial.is_none() {
            return Err(failure.into());
        }
        left -= 1;
        retry.again(failure, request.is_repeatable()).await?;
    }
}

/// One request and its body. `partial` is what there was before, and what there is after.
async fn attempt(
    remote: &Remote,
    request: &Request,
    spool: &Spool,
    partial: &mut Option<PartialBody>,
    progress: &dyn FetchProgress,
) -> Result<(), FetchError> {
    let resumable = partial.take().and_then(|partial| {
        let version = partial.version.clone().filter(|_| partial.received > 0)?;
        Some((partial, version))
    });
    let (mut response, current) = match resumable {
        None => fresh(remote, request, spool).await?,
        Some((before, version)) => {
            let rest = request
                .clone()
                .header("range", &format!("bytes={}-", before.received))?
                .header("if-range", &version)?
                .limit(request.most_bytes().saturating_sub(before.received));
            match remote.send(rest).await {
                Ok(response) if response.status() == StatusCode::PARTIAL_CONTENT && before.continues(&response) => {
                    (response, before)
                }
                // Another part than asked for, or none: from the beginning.
                Ok(response) if response.status() == StatusCode::PARTIAL_CONTENT => {
                    drop(response);
                    fresh(remote, request, spool).await?
                }
                Ok(response) => {
                    let file = SpoolWriter::create(spool).await?;
                    let current = PartialBody::new(&response, file);
                    (response, current)
                }
                Err(error) if error.status() == Some(StatusCode::RANGE_NOT_SATISFIABLE) => {
                    fresh(remote, request, spool).await?
                }
                Err(error) => return Err(error.into()),
            }
        }
    };
    let current = partial.insert(current);
    while let Some(piece) = response.chunk().await? {
        current.file.write(&piece).await?;
        current.received += piece.len() as u64;
        progress.received(current.received, current.total);
    }
    match current.total {
        Some(total) if total != current.received => Err(RemoteError::Interrupted {
            reason: format!("the body ended after {} of {total} bytes", current.received),
        }
        .into()),
        _ => Ok(()),
    }
}

async fn fresh(remote: &Remote, request: &Request, spool: &Spool) -> Result<(Response, PartialBody), FetchError> {
    let response = remote.send(request.clone()).await?;
    if response.status() == StatusCode::PARTIAL_CONTENT {
        return Err(RemoteError::Malformed {
            reason: "it sent a part although the whole was asked for".into(),
        }
        .into());
    }
    let file = SpoolWriter::create(spool).await?;
    let partial = PartialBody::new(&response, file);
    Ok((response, partial))
}

impl PartialBody {
    fn new(response: &Response, file: SpoolWriter) -> PartialBody {
        PartialBody {
            file,
            received: 0,
            total: response.content_length(),
            version: version(response),
            media_type: response.media_type(),
            extension: extension(response),
            status: response.status(),
            date: response.header(DATE.as_str()).map(str::to_owned),
        }
    }

    /// True if a part is the rest of this body.
    fn continues(&self, part: &Response) -> bool {
        let Some((start, end, total)) = part.header(CONTENT_RANGE.as_str()).and_then(content_range) else {
            return false;
        };
        start == self.received
            && end.checked_add(1) == Some(total)
            && self.total.is_none_or(|known| known == total)
            && version(part).is_none_or(|version| Some(version) == self.version)
    }

    async fn finish(self, remote: &Remote, request: &Request) -> Result<Received, FetchError> {
        Ok(Received {
            file: self.file.finish().await?,
            media_type: self.media_type,
            extension: self.extension,
            answered: AnsweredRequest {
                method: request.method().to_string(),
                target: remote.recordable_target(request.url()),
                status: Some(self.status.as_u16()),
                date: self.date.map(|date| remote.presentable(&date, 100)),
            },
        })
    }
}

/// The version that `If-Range` may name: RFC 9110 section 13.1.5 wants a strong tag or a date.
fn version(response: &Response) -> Option<String> {
    if response
        .header(ACCEPT_RANGES.as_str())
        .is_some_and(|units| units.eq_ignore_ascii_case("none"))
    {
        return None;
    }
    let tag = response
        .header(ETAG.as_str())
        .filter(|tag| tag.starts_with('"') && tag.len() > 2);
    tag.or_else(|| response.header(LAST_MODIFIED.as_str()))
        .map(str::to_owned)
}

/// `bytes 100-199/200`: first, last, total.
fn content_range(text: &str) -> Option<(u64, u64, u64)> {
    let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (start, end) = range.split_once('-')?;
    Some((
        start.trim().parse().ok()?,
        end.trim().parse().ok()?,
        total.trim().parse().ok()?,
    ))
}

/// The `fileExtension` header, where it is a word.
fn extension(response: &Response) -> Option<String> {
    let text = response.header("fileExtension")?.trim().trim_start_matches('.');
    let plain = (1..=10).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    plain.then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_range_is_read_only_where_it_is_whole() {
        for (text, range) in [
            ("bytes 100-199/200", Some((100, 199, 200))),
            (" bytes 0-0/1 ", Some((0, 0, 1))),
            ("bytes 100-199/*", None),
            ("bytes */200", None),
            ("items 0-1/2", None),
            ("bytes -1-2/3", None),
            ("", None),
        ] {
            assert_eq!(content_range(text), range, "{text}");
        }
    }
}
