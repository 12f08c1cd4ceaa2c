//! The metadata service of an instance of OCI: plain HTTP to one link-local address, past the rules about addresses and past
//! every proxy. What it tells is secret, and never recorded.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderValue};
use http::{HeaderMap, Method};
use url::Url;

use super::principal::MetadataAddress;
use crate::allowance::asked_to_wait;
use crate::channel::Channel;
use crate::error::RemoteError;
use crate::network::Network;
use crate::request::Request;
use crate::settings::{RetryPolicy, Settings, Timeouts};
use crate::transport::Outgoing;

/// Bytes of what it tells, of each thing: a chain of certificates is the longest.
const MOST: u64 = Request::DEFAULT_LIMIT / 4;

/// The time that the metadata service, which is on the same machine, has for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The credential that the metadata service demands, so that no web page can have a browser ask it.
const GREETING: HeaderValue = HeaderValue::from_static("Bearer Oracle");

/// The metadata service.
pub(super) struct MetadataService {
    channel: Arc<Channel>,
    base: Url,
}

impl MetadataService {
    /// A way to the service and nowhere else, with the name and the secrets of the connection that needs it.
    pub(super) fn new(
        address: &MetadataAddress,
        settings: &Settings,
        connection: &Channel,
    ) -> Result<MetadataService, RemoteError> {
        let mut own = Settings::new(&settings.name, address.0.clone());
        own.now = settings.now;
        own.timeouts = Timeouts {
            connect: Duration::from_secs(2),
            head: PATIENCE,
            idle: PATIENCE,
            total: PATIENCE,
            ..Timeouts::default()
        };
        own.retry = RetryPolicy {
            attempts: settings.retry.attempts.min(4),
            max_delay: settings.retry.max_delay.min(Duration::from_secs(4)),
            ..settings.retry
        };
        let network = Network::new(&own, false)?;
        Ok(MetadataService {
            channel: Arc::new(Channel::new(&own, Box::new(network), Arc::clone(&connection.redactor))),
            base: address.0.clone(),
        })
    }

    /// The service's answer at a path.
    pub(super) async fn get(&self, path: &str) -> Result<Bytes, RemoteError> {
        let mut retry = self.channel.retry();
        loop {
            match self.once(path).await {
                Ok(told) => return Ok(told),
                Err(error) => retry
                    .again(error, true)
                    .await
                    .map_err(|cause| RemoteError::NoMetadata { cause: Box::new(cause) })?,
            }
        }
    }

    async fn once(&self, path: &str) -> Result<Bytes, RemoteError> {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/{path}", self.base.path().trim_end_matches('/')));
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, GREETING);
        let outgoing = Outgoing {
            method: Method::GET,
            url,
            headers,
            body: None,
            confidential: true,
            paced: false,
            fresh: false,
            redemption: None,
            query: None,
            signer: None,
        };
        let response = self.channel.once(outgoing, MOST, self.channel.deadline()).await?;
        let status = response.status();
        let retry_after = asked_to_wait(response.headers(), SystemTime::now());
        match status.as_u16() {
            200 => response.bytes().await,
            408 | 425 | 429 | 500..=599 => Err(RemoteError::Busy {
                status,
                detail: None,
                retry_after,
            }),
            _ => Err(RemoteError::Status {
                status,
                detail: None,
                hint: None,
            }),
        }
    }
}
