//! OTLP over gRPC: tonic, over connections of our own.

use std::error::Error as _;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Uri};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use tonic::codegen::{CompressionEncoding, Service};
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use super::{DETAIL_CHARS, outcome};
use crate::{Verdict, answer};
use remote::{ByteStream, RawConnection, RemoteError, Settings};

/// A gRPC service at one place; connects when there is something to send.
pub(super) struct Grpc {
    direct: Arc<RawConnection>,
    client: LogsServiceClient<Channel>,
    metadata: HeaderMap,
}

impl Grpc {
    /// Checks the settings; sends nothing.
    pub(super) fn new(settings: &Settings, gzip: bool) -> Result<Grpc, RemoteError> {
        let direct = Arc::new(RawConnection::new(settings, b"h2")?);
        let refuse = |message: String, hint: &str| RemoteError::Settings {
            message,
            hint: Some(hint.to_owned()),
        };
        let url = direct.base().url();
        if url.path() != "/" {
            return Err(refuse(
                format!(
                    "the URL of {} has a path, and gRPC services have none",
                    direct.base().origin()
                ),
                "leave the path out, or use protocol = \"http\"",
            ));
        }
        let endpoint = Endpoint::from_shared(url.to_string())
            .and_then(|endpoint| endpoint.user_agent(concat!("host/", env!("CARGO_PKG_VERSION"))))
            .map_err(|_| {
                refuse(
                    format!("{} cannot be used for gRPC", direct.base().origin()),
                    "check the URL",
                )
            })?;
        let channel = endpoint.connect_with_connector_lazy(Connector(Arc::clone(&direct)));
        let mut client = LogsServiceClient::new(channel);
        if gzip {
            client = client.send_compressed(CompressionEncoding::Gzip);
        }
        Ok(Grpc {
            metadata: direct.credential().into_iter().collect(),
            direct,
            client,
        })
    }

    /// Sends a request of so many events.
    pub(super) async fn export(&mut self, request: ExportLogsServiceRequest, events: usize) -> Verdict {
        let mut request = Request::new(request);
        *request.metadata_mut() = MetadataMap::from_headers(self.metadata.clone());
        let patience = self.direct.patience();
        let direct = &self.direct;
        let words = |text: &str| direct.presentable(text, DETAIL_CHARS);
        match tokio::time::timeout(patience, self.client.export(request)).await {
            Ok(Ok(answer)) => outcome::success(answer.get_ref(), events, words),
            Ok(Err(status)) => match unanswered(&status) {
                Some(verdict) => verdict,
                None => outcome::failure(&status, &words(status.message())),
            },
            Err(_) => answer::unanswered(&RemoteError::Timeout {
                what: "the answer",
                after: patience,
            }),
        }
    }
}

/// The fate of a request that no server answered: tonic makes a status of that as well, and keeps the cause in it.
fn unanswered(status: &Status) -> Option<Verdict> {
    let mut cause = status.source();
    while let Some(current) = cause {
        if let Some(error) = current.downcast_ref::<RemoteError>() {
            return Some(answer::unanswered(error));
        }
        cause = current.source();
    }
    if let Some(cause) = status.source() {
        return Some(answer::unanswered(&RemoteError::interrupted(cause)));
    }
    // These have no cause: the channel gave up, and a stream that ended without saying how.
    let unsaid = ["Service was not ready", "protocol error: missing grpc-status"];
    unsaid.iter().any(|words| status.message().starts_with(words)).then(|| {
        answer::unanswered(&RemoteError::Interrupted {
            reason: "there was no gRPC answer".into(),
        })
    })
}

/// Makes connections for tonic.
#[derive(Clone)]
struct Connector(Arc<RawConnection>);

impl Service<Uri> for Connector {
    type Response = TokioIo<ByteStream>;
    type Error = RemoteError;
    type Future = BoxFuture<'static, Result<Self::Response, RemoteError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), RemoteError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let direct = Arc::clone(&self.0);
        async move { Ok(TokioIo::new(direct.connect().await?)) }.boxed()
    }
}
