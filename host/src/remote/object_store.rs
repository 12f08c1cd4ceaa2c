//! Object stores under the same policy: [`StoreConnector`] is how the requests that `object_store` signs leave.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::TryStreamExt;
use http::StatusCode;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
};
use url::Url;

use super::error::RemoteError;
use super::origin::BaseUrl;
use super::settings::Settings;
use super::transport::{Incoming, Network, admit};

/// The largest answer read: what a store says about an upload is short.
const ANSWER_BYTES: usize = 1 << 20;

/// How much of a store's explanation is kept.
const MESSAGE_CHARS: usize = 200;

/// An answer that is no success, as S3 gives it. It becomes the cause of the store's error, since the errors of
/// `object_store` do not tell the status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreRefusal {
    /// The status.
    pub status: StatusCode,
    /// The error code, such as `NoSuchBucket`.
    pub code: Option<String>,
    /// The explanation, in one line. What else an answer says may repeat what was signed.
    pub message: Option<String>,
}

impl StoreRefusal {
    fn of(status: StatusCode, body: &str) -> StoreRefusal {
        let text = |name| element(body, name).map(|text| super::one_line(text, MESSAGE_CHARS));
        StoreRefusal {
            status,
            code: text("Code"),
            message: text("Message"),
        }
    }
}

impl std::fmt::Display for StoreRefusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "status {}", self.status)?;
        for text in [&self.code, &self.message].into_iter().flatten() {
            write!(f, ": {text}")?;
        }
        Ok(())
    }
}

impl std::error::Error for StoreRefusal {}

/// The text of the first element of that name: an answer of S3 is flat.
fn element<'a>(body: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = body.split_once(&format!("<{name}>"))?;
    let (text, _) = after.split_once(&format!("</{name}>"))?;
    Some(text)
}

/// What the store made of a request.
type Answered = Result<HttpResponse, StoreRefusal>;

/// Connects an object store to the network: only to the base URL of its settings, under their rules about addresses, TLS
/// and time. Repeats nothing.
#[derive(Clone)]
pub struct StoreConnector {
    network: Arc<Network>,
    base: BaseUrl,
    total: Duration,
}

impl StoreConnector {
    /// A connector to the base URL of the settings; what they say of credentials and repetitions does not matter here.
    ///
    /// # Errors
    ///
    /// Where the settings cannot be used. Sends nothing.
    pub fn new(settings: &Settings) -> Result<StoreConnector, RemoteError> {
        let base = BaseUrl::new(settings.base.clone())?;
        admit(settings, &base)?;
        let secure = base.url().scheme() == "https";
        Ok(StoreConnector {
            network: Arc::new(Network::new(settings, secure)?),
            base,
            total: settings.timeouts.total,
        })
    }

    async fn exchange(&self, request: HttpRequest) -> Result<Answered, RemoteError> {
        let (head, body) = request.into_parts();
        let url: Url = head.uri.to_string().parse().map_err(|_| RemoteError::Malformed {
            reason: "the store's client made no URL".into(),
        })?;
        self.base.check(&url)?;
        let body = reqwest::Body::wrap(body);
        let Incoming { status, headers, body } = self.network.send(head.method, url, head.headers, Some(body)).await?;
        let answer = body
            .try_fold(Vec::new(), async |mut read, piece| {
                if read.len() + piece.len() > ANSWER_BYTES {
                    return Err(RemoteError::Malformed {
                        reason: "the store's answer is too long".into(),
                    });
                }
                read.extend_from_slice(&piece);
                Ok(read)
            })
            .await?;
        if !status.is_success() {
            return Ok(Err(StoreRefusal::of(status, &String::from_utf8_lossy(&answer))));
        }
        let mut response = HttpResponse::new(HttpResponseBody::from(answer));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(Ok(response))
    }
}

impl std::fmt::Debug for StoreConnector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("StoreConnector").field(self.base.origin()).finish()
    }
}

impl HttpConnector for StoreConnector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for StoreConnector {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let answered = tokio::time::timeout(self.total, self.exchange(request)).await;
        let answered = answered.unwrap_or(Err(RemoteError::Timeout {
            what: "the answer",
            after: self.total,
        }));
        // The kind decides about repetitions, of which there are none; what happened is the source.
        match answered {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(refusal)) => Err(HttpError::new(HttpErrorKind::Unknown, refusal)),
            Err(error) => Err(HttpError::new(HttpErrorKind::Unknown, error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use axum::Router;
    use axum::http::{HeaderMap, Method, StatusCode};
    use object_store::client::HttpRequestBody;

    use super::*;

    async fn server() -> Url {
        let answer = |method: Method, headers: HeaderMap, body: String| async move {
            let length = headers
                .get("content-length")
                .map(|length| length.to_str().unwrap().to_owned());
            (
                StatusCode::CREATED,
                [("etag", "\"x\"")],
                format!("{method} {length:?} {body}"),
            )
        };
        let long = || async { "x".repeat(ANSWER_BYTES + 1) };
        let redirect = || async { (StatusCode::FOUND, [("location", "http://127.0.0.1:1/")]) };
        let router = Router::new()
            .route("/long", axum::routing::get(long))
            .route("/redirect", axum::routing::get(redirect))
            .fallback(answer);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        url.parse().unwrap()
    }

    fn request(url: &str, body: impl Into<HttpRequestBody>) -> HttpRequest {
        let request = http::Request::builder().method("PUT").uri(url);
        request.body(body.into()).unwrap()
    }

    fn settings(base: &Url) -> Settings {
        let mut settings = Settings::new("store", base.clone());
        settings.allow_private_addresses = true;
        settings
    }

    fn cause(error: &HttpError) -> &RemoteError {
        error.source().unwrap().downcast_ref().unwrap()
    }

    #[test]
    fn an_answer_of_s3_is_read_by_its_elements() {
        let body = "<?xml version=\"1.0\"?><Error><Code>NoSuchBucket</Code><Message>a\nb</Message><Key>x</Key></Error>";
        let refusal = StoreRefusal::of(StatusCode::NOT_FOUND, body);
        assert_eq!(refusal.to_string(), "status 404 Not Found: NoSuchBucket: a b");
        for body in ["", "<Code>", "</Code><Code>", "<Code"] {
            assert_eq!(StoreRefusal::of(StatusCode::NOT_FOUND, body).code, None);
        }
    }

    #[tokio::test]
    async fn a_request_arrives_with_its_body_and_length() {
        let base = server().await;
        let connector = StoreConnector::new(&settings(&base)).unwrap();
        let body = object_store::PutPayload::from_static(b"events");
        let answer = connector
            .call(request(&format!("{base}bucket/key"), body))
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::CREATED);
        assert_eq!(answer.headers()["etag"], "\"x\"");
        let pieces: Vec<bytes::Bytes> = answer.into_body().bytes_stream().try_collect().await.unwrap();
        let text = String::from_utf8(pieces.concat()).unwrap();
        assert_eq!(text, "PUT Some(\"6\") events");
    }

    #[tokio::test]
    async fn another_origin_is_never_asked_and_a_redirect_not_followed() {
        let base = server().await;
        let connector = StoreConnector::new(&settings(&base)).unwrap();
        let error = connector
            .call(request("http://127.0.0.1:1/bucket", Vec::new()))
            .await
            .unwrap_err();
        assert!(matches!(cause(&error), RemoteError::OriginEscape { .. }), "{error}");
        let mut get = request(&format!("{base}redirect"), Vec::new());
        *get.method_mut() = Method::GET;
        let error = connector.call(get).await.unwrap_err();
        let refusal: &StoreRefusal = error.source().unwrap().downcast_ref().unwrap();
        assert_eq!(refusal.status, StatusCode::FOUND);
        let mut get = request(&format!("{base}long"), Vec::new());
        *get.method_mut() = Method::GET;
        assert!(matches!(
            cause(&connector.call(get).await.unwrap_err()),
            RemoteError::Malformed { .. }
        ));
    }

    #[tokio::test]
    async fn addresses_are_refused_as_for_every_connection() {
        let base = server().await;
        let mut settings = settings(&base);
        settings.allow_private_addresses = false;
        assert!(matches!(
            StoreConnector::new(&settings).unwrap_err(),
            RemoteError::AddressRefused { .. }
        ));
        let plain = Settings::new("store", "http://s3.example.com".parse().unwrap());
        assert!(StoreConnector::new(&plain).is_err());
    }
}
