//! An answer: its head, and a body that is read under limits of size, pause and throughput.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use futures_util::stream;
use futures_util::{Stream, StreamExt as _};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use tokio::sync::OwnedSemaphorePermit;
use url::Url;

use super::counters::Tally;
use super::error::RemoteError;
use super::settings::Timeouts;
use super::transport::BodyStream;

/// The bytes that are read of a body that only explains its status.
pub(super) const ERROR_BODY: usize = 64 * 1024;

/// The longest time that such a body may take: that of a failure says what to do, that of a success nothing.
const SOON: Duration = Duration::from_secs(5);
const AT_ONCE: Duration = Duration::from_secs(1);

/// An answer whose body has not been read yet.
pub struct Response {
    status: StatusCode,
    headers: HeaderMap,
    url: Url,
    body: Body,
    /// Among the requests that are under way.
    place: Option<OwnedSemaphorePermit>,
}

impl Response {
    pub(super) fn new(
        status: StatusCode,
        headers: HeaderMap,
        url: Url,
        body: Body,
        place: Option<OwnedSemaphorePermit>,
    ) -> Response {
        Response {
            status,
            headers,
            url,
            body,
            place,
        }
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// All headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The value of a header, where it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The URL that the answer came from, after redirects.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The media type in lower case, without parameters.
    pub fn media_type(&self) -> Option<String> {
        media_type(&self.headers)
    }

    /// The length that the server promised.
    pub fn content_length(&self) -> Option<u64> {
        self.body.promised
    }

    /// The next piece of the body, none at its end. A body that ends early is an error.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, RemoteError> {
        self.body.chunk().await
    }

    /// The whole body.
    pub async fn bytes(mut self) -> Result<Bytes, RemoteError> {
        self.body.collect().await
    }

    /// The head, and the body read to its end; of a failure, which is told by its status, no more than the beginning.
    pub(super) async fn buffered(mut self) -> Result<Answer, RemoteError> {
        if !self.status.is_success() {
            return Ok(self.brief().await);
        }
        let body = self.body.collect().await?;
        Ok(self.with(body))
    }

    /// The whole answer, where what cannot be decoded or is too long counts as nothing.
    pub(super) async fn readable(mut self) -> Result<Answer, RemoteError> {
        if !self.status.is_success() {
            return Ok(self.brief().await);
        }
        match self.body.collect().await {
            Ok(body) => Ok(self.with(body)),
            Err(RemoteError::Malformed { .. } | RemoteError::TooLarge { .. }) => Ok(self.with(Bytes::new())),
            Err(error) => Err(error),
        }
    }

    /// The head, and the beginning of the body.
    pub(super) async fn brief(mut self) -> Answer {
        let body = self.beginning(ERROR_BODY).await.into();
        self.with(body)
    }

    fn with(self, body: Bytes) -> Answer {
        drop(self.place);
        Answer {
            status: self.status,
            headers: self.headers,
            url: self.url,
            body,
        }
    }

    /// The beginning of the body, as far as it comes soon and can be read. A body that ends there leaves its connection fit
    /// for the next request.
    pub(super) async fn beginning(&mut self, most: usize) -> Vec<u8> {
        let patience = if self.status.is_success() { AT_ONCE } else { SOON };
        let body = &mut self.body;
        let pieces = stream::unfold(body, async |body| Some((body.chunk().await.transpose()?, body)));
        beginning_within(pieces, most, patience).await
    }
}

impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// The beginning of a failure's body, as far as it comes soon and can be read.
#[cfg(feature = "object-store")]
pub(super) async fn beginning(body: impl Stream<Item = Result<Bytes, RemoteError>>, most: usize) -> Vec<u8> {
    beginning_within(body, most, SOON).await
}

async fn beginning_within(
    body: impl Stream<Item = Result<Bytes, RemoteError>>,
    most: usize,
    patience: Duration,
) -> Vec<u8> {
    let deadline = tokio::time::Instant::now() + patience;
    let mut body = std::pin::pin!(body);
    let mut start = Vec::new();
    while let Ok(Some(Ok(piece))) = tokio::time::timeout_at(deadline, body.next()).await {
        let room = most.saturating_sub(start.len()).min(piece.len());
        start.extend_from_slice(piece.get(..room).unwrap_or_default());
        if start.len() >= most {
            break;
        }
    }
    start
}

/// An answer with its whole body.
#[derive(Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// All headers.
    pub headers: HeaderMap,
    /// The URL that the answer came from, after redirects.
    pub url: Url,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// The media type in lower case, without parameters.
    pub fn media_type(&self) -> Option<String> {
        media_type(&self.headers)
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

fn media_type(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    (!essence.is_empty()).then_some(essence)
}

/// The length in the head, where there is exactly one and it is a number.
pub(super) fn promised_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// A body under limits.
pub(super) struct Body {
    stream: BodyStream,
    tally: Arc<Tally>,
    timeouts: Timeouts,
    deadline: Instant,
    limit: u64,
    promised: Option<u64>,
    received: u64,
    /// Time spent waiting for the server, and bytes got, since throughput was last judged.
    waited: Duration,
    gained: u64,
}

impl Body {
    pub(super) fn new(
        stream: BodyStream,
        promised: Option<u64>,
        limit: u64,
        timeouts: Timeouts,
        deadline: Instant,
        tally: Arc<Tally>,
    ) -> Body {
        Body {
            stream,
            tally,
            timeouts,
            deadline,
            limit,
            promised,
            received: 0,
            waited: Duration::ZERO,
            gained: 0,
        }
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, RemoteError> {
        if self.promised.is_some_and(|length| length > self.limit) {
            return Err(RemoteError::TooLarge { limit: self.limit });
        }
        let began = Instant::now();
        let left = self.deadline.saturating_duration_since(began);
        let patience = left.min(self.timeouts.idle);
        let Ok(next) = tokio::time::timeout(patience, self.stream.next()).await else {
            return Err(if left <= self.timeouts.idle {
                RemoteError::Timeout {
                    what: "the whole answer",
                    after: self.timeouts.total,
                }
            } else {
                RemoteError::Timeout {
                    what: "the next piece of the answer",
                    after: self.timeouts.idle,
                }
            });
        };
        let Some(piece) = next.transpose()? else {
            return match self.promised {
                Some(length) if length != self.received => Err(RemoteError::Interrupted {
                    reason: format!("the body ended after {} of {length} bytes", self.received),
                }),
                _ => Ok(None),
            };
        };
        let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
        self.received = self.received.saturating_add(length);
        self.tally.received(length);
        if self.received > self.limit {
            return Err(RemoteError::TooLarge { limit: self.limit });
        }
        self.waited += began.elapsed();
        self.gained = self.gained.saturating_add(length);
        if self.waited >= self.timeouts.throughput_period {
            if self.gained < self.timeouts.throughput_bytes {
                return Err(RemoteError::TooSlow {
                    bytes: self.gained,
                    over: self.timeouts.throughput_period,
                });
            }
            self.waited = Duration::ZERO;
            self.gained = 0;
        }
        Ok(Some(piece))
    }

    async fn collect(&mut self) -> Result<Bytes, RemoteError> {
        let mut whole = BytesMut::new();
        while let Some(piece) = self.chunk().await? {
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    }
}
