//! OTLP over HTTP: protobuf in the body of a POST.

use std::sync::Arc;

use http::Method;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use prost::Message as _;
use url::Url;

use super::config::OtlpCompression;
use super::outcome::{self, RpcStatus};
use super::{DETAIL_CHARS, receipt};
use crate::{Compression, Verdict, answer};
use remote::{Answer, Remote, RemoteError, Request};

const PROTOBUF: &str = "application/x-protobuf";

/// `/v1/logs` below a collector's base URL.
pub(super) struct Http {
    remote: Arc<Remote>,
    url: Url,
    compression: OtlpCompression,
}

impl Http {
    pub(super) fn new(remote: Arc<Remote>, compression: OtlpCompression) -> Result<Http, RemoteError> {
        let url = remote.base().join(["v1", "logs"])?;
        Ok(Http {
            remote,
            url,
            compression,
        })
    }

    /// Sends a request of so many events.
    pub(super) async fn export(&self, request: &ExportLogsServiceRequest, events: usize) -> Verdict {
        let sent = match self.request(request) {
            Ok(request) => self.remote.exchange(request).await,
            Err(error) => Err(error),
        };
        match sent {
            Ok(answer) => self.read(answer, events),
            Err(error) => answer::unanswered(&error),
        }
    }

    fn request(&self, request: &ExportLogsServiceRequest) -> Result<Request, RemoteError> {
        let bytes = request.encode_to_vec();
        let plain = Request::new(Method::POST, self.url.clone()).any_status();
        match self.compression {
            OtlpCompression::None => plain.body(PROTOBUF, bytes),
            OtlpCompression::Gzip => {
                let compressed = Compression::Gzip.compress(bytes);
                let compressed = compressed.map_err(|error| RemoteError::Malformed {
                    reason: format!("the body cannot be compressed: {error}"),
                })?;
                plain.body(PROTOBUF, compressed)?.header("content-encoding", "gzip")
            }
        }
    }

    fn read(&self, mut answer: Answer, events: usize) -> Verdict {
        let media_type = answer.media_type();
        if !answer.status.is_success() {
            // The words of a failure stand in a message of their own.
            if media_type.as_deref() == Some(PROTOBUF)
                && let Ok(status) = RpcStatus::decode(answer.body.as_ref())
            {
                answer.body = status.message.into();
            }
            return answer::verdict(&self.remote, &answer);
        }
        match receipt::read(media_type.as_deref(), &answer.body) {
            Some(response) => outcome::success(&response, events, |text| self.remote.presentable(text, DETAIL_CHARS)),
            None => {
                let kind =
                    media_type.map_or_else(|| "an unnamed type".into(), |kind| self.remote.presentable(&kind, 60));
                let reason = answer::reason(&self.remote, &answer);
                Verdict::Unusable {
                    reason: format!("the server is not an OTLP collector: it answered with {kind}, {reason}"),
                }
            }
        }
    }
}
