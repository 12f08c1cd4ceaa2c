//! The seam below the policy: takes one request to the network, brings the answer back, decides nothing.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use http::{HeaderMap, Method, StatusCode};
use url::Url;

use super::credential::QueryField;
use super::error::RemoteError;
use super::oauth::Redemption;
use super::oci::RequestSigner;

/// The bytes of a body, as they come.
pub(super) type BodyStream = BoxStream<'static, Result<Bytes, RemoteError>>;

/// One request, credentials included.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Bytes>,
    /// True if request and answer are secret through and through, as those of a token endpoint.
    pub(super) confidential: bool,
    /// True if it waits for its turn, and a 429 is a word to all.
    pub(super) paced: bool,
    /// True if it goes over a connection of its own.
    pub(super) fresh: bool,
    /// The exchange that it is the request of, where it spends something that is good once.
    pub(super) redemption: Option<Arc<Redemption>>,
    /// The field that joins the query last: whoever stands between does not see it.
    pub(super) query: Option<Arc<QueryField>>,
    /// The signer of the request, once it is about to leave.
    pub(super) signer: Option<Arc<RequestSigner>>,
}

/// The answer to a request, the body still to come.
pub(super) struct Incoming {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: BodyStream,
}

#[async_trait]
pub(super) trait Transport: Send + Sync {
    async fn execute(&self, outgoing: Outgoing) -> Result<Incoming, RemoteError>;
}
