//! Object stores under the same policy: [`StoreConnector`] is how the requests that `object_store` signs leave.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::TryStreamExt;
use futures_util::stream::BoxStream;
use http::{HeaderMap, Method, StatusCode};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse, HttpResponseBody,
    HttpService,
};
use url::Url;

use super::admission::admit;
use super::coding;
use super::error::RemoteError;
use super::network::Network;
use super::origin::BaseUrl;
use super::redact::Redactor;
use super::response::{ERROR_BODY, beginning};
use super::settings::Settings;
use super::transport::Incoming;

/// The largest answer read: what a store says about an upload is short.
const ANSWER_BYTES: usize = 1 << 20;

/// The characters of a store's explanation that are kept.
const MESSAGE_CHARS: usize = 200;

/// An answer that is no success, as S3 gives it. It becomes the cause of the store's error, since the errors of
/// `object_store` do not tell the status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreRefusal {
    /// The party that answered, where that was not the store but whoever issues its credentials.
    pub issuer: Option<String>,
    /// The status.
    pub status: StatusCode,
    /// The error code, such as `NoSuchBucket`.
    pub code: Option<String>,
    /// The explanation, in one line. What else an answer says may repeat what was signed.
    pub message: Option<String>,
    /// The region that the bucket is in, where the store says that it is another one.
    pub region: Option<String>,
}

impl StoreRefusal {
    fn of(status: StatusCode, headers: &HeaderMap, body: &str, secrets: &Redactor) -> StoreRefusal {
        let line = |text: &str| secrets.line(text, MESSAGE_CHARS);
        let text = |name| element(body, name).map(line);
        let region = headers
            .get("x-amz-bucket-region")
            .and_then(|region| region.to_str().ok());
        StoreRefusal {
            issuer: None,
            status,
            code: text("Code"),
            message: text("Message"),
            region: region.map(line).or_else(|| text("Region")),
        }
    }

    /// True if the store says that the bucket is in another region.
    fn is_elsewhere(&self) -> bool {
        let codes = [
            "AuthorizationHeaderMalformed",
            "PermanentRedirect",
            "IllegalLocationConstraintException",
        ];
        self.status.is_redirection() || self.code.as_deref().is_some_and(|code| codes.contains(&code))
    }
}

/// True if an answer with a status of success is a failure all the same: S3 sends the status before it knows, and a
/// gateway before it asks.
fn is_failure(method: &Method, body: &str) -> bool {
    let mut body = body.trim_start_matches('\u{feff}').trim_start();
    if let Some(after) = body.strip_prefix("<?xml") {
        body = after.split_once("?>").map_or("", |(_, rest)| rest).trim_start();
    }
    *method != Method::GET && body.starts_with("<Error>")
}

impl std::fmt::Display for StoreRefusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(issuer) = &self.issuer {
            write!(f, "no credential from {issuer}: ")?;
        }
        write!(f, "status {}", self.status)?;
        for text in [&self.code, &self.message].into_iter().flatten() {
            write!(f, ": {text}")?;
        }
        match &self.region {
            Some(region) if self.is_elsewhere() => write!(f, "; the bucket is in the region {region}: set `region`"),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for StoreRefusal {}

/// The text of the first element of that name: an answer of S3 is flat.
fn element<'a>(body: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = body.split_once(&format!("<{name}>"))?;
    let (text, _) = after.split_once(&format!("</{name}>"))?;
    Some(text)
}

/// A body to its end.
async fn whole(body: BoxStream<'static, Result<Bytes, RemoteError>>) -> Result<Vec<u8>, RemoteError> {
    body.try_fold(Vec::new(), async |mut read, piece| {
        if read.len() + piece.len() > ANSWER_BYTES {
            return Err(RemoteError::Malformed {
                reason: "the store's answer is too long".into(),
            });
        }
        read.extend_from_slice(&piece);
        Ok(read)
    })
    .await
}

/// The outcome of a request to the store.
type Answered = Result<HttpResponse, StoreRefusal>;

/// Connects an object store to the network: only to the base URL of its settings and to where its credentials are issued,
/// under their rules about addresses, TLS and time. Repeats nothing.
#[derive(Clone)]
pub struct StoreConnector {
    /// The way to the store, and after it the way to whoever issues credentials.
    ways: Vec<Arc<Way>>,
    secrets: Arc<Redactor>,
}

/// The way to one origin.
struct Way {
    network: Network,
    base: BaseUrl,
    total: Duration,
}

impl Way {
    fn new(settings: &Settings) -> Result<Way, RemoteError> {
        let base = BaseUrl::new(settings.base.clone())?;
        admit(settings, &base)?;
        let secure = base.url().scheme() == "https";
        Ok(Way {
            network: Network::new(settings, secure)?,
            base,
            total: settings.timeouts.total,
        })
    }
}

impl StoreConnector {
    /// A connector to the base URL of the settings; what they say of credentials and repetitions does not matter here.
    ///
    /// # Errors
    ///
    /// Where the settings cannot be used. Sends nothing.
    pub fn new(settings: &Settings) -> Result<StoreConnector, RemoteError> {
        Ok(StoreConnector {
            ways: vec![Arc::new(Way::new(settings)?)],
            secrets: Arc::default(),
        })
    }

    /// The connector, with a way also to whoever issues the store's credentials.
    ///
    /// # Errors
    ///
    /// As [`StoreConnector::new`].
    pub fn with_issuer(mut self, settings: &Settings) -> Result<StoreConnector, RemoteError> {
        self.ways.push(Arc::new(Way::new(settings)?));
        Ok(self)
    }

    /// The secrets that are taken out of whatever is said about requests: those that were told, and those that requests carried.
    pub fn secrets(&self) -> &Arc<Redactor> {
        &self.secrets
    }

    /// Remembers what of a request nobody may see: a signature is good for minutes, a token for hours.
    fn note_secrets(&self, head: &http::request::Parts) {
        for name in ["x-amz-security-token", "x-aws-ec2-metadata-token", "authorization"] {
            if let Some(value) = head.headers.get(name).and_then(|value| value.to_str().ok()) {
                let signature = value.rsplit_once("Signature=").map(|(_, signature)| signature);
                self.secrets.add(signature.unwrap_or(value));
            }
        }
        let query = head.uri.query().unwrap_or_default();
        let fields = url::form_urlencoded::parse(query.as_bytes());
        for (_, token) in fields.filter(|(name, _)| name == "WebIdentityToken") {
            self.secrets.add(token.trim());
        }
    }

    /// The way to a URL.
    fn way(&self, url: &Url) -> Result<(&Way, bool), RemoteError> {
        let mut refused = None;
        for (place, way) in self.ways.iter().enumerate() {
            match way.base.check(url) {
                Ok(()) => return Ok((way, place > 0)),
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        Err(refused.unwrap_or_else(|| RemoteError::settings("there is no way to the store")))
    }

    async fn exchange(&self, request: HttpRequest) -> Result<Answered, RemoteError> {
        let (head, body) = request.into_parts();
        let url: Url = head.uri.to_string().parse().map_err(|_| RemoteError::Malformed {
            reason: "the store's client made no URL".into(),
        })?;
        self.note_secrets(&head);
        let (way, issues) = self.way(&url)?;
        let exchange = self.exchange_over(way, issues, head, url, body);
        match tokio::time::timeout(way.total, exchange).await {
            Ok(answered) => answered,
            Err(_) => Err(RemoteError::Timeout {
                what: "the answer",
                after: way.total,
            }),
        }
    }

    async fn exchange_over(
        &self,
        way: &Way,
        issues: bool,
        head: http::request::Parts,
        url: Url,
        body: HttpRequestBody,
    ) -> Result<Answered, RemoteError> {
        let body = reqwest::Body::wrap(body);
        let method = head.method.clone();
        let incoming = way.network.send(head.method, url, head.headers, Some(body)).await?;
        // The head alone tells of an object as it is kept.
        let incoming = match method == Method::HEAD {
            true => incoming,
            false => coding::decoded(incoming),
        };
        let Incoming { status, headers, body } = incoming;
        let answer = match status.is_success() {
            true => whole(body).await?,
            // The status decides; what comes with it explains it.
            false => beginning(body, ERROR_BODY).await,
        };
        let text = String::from_utf8_lossy(&answer);
        if !status.is_success() || (!issues && is_failure(&method, &text)) {
            let mut refusal = StoreRefusal::of(status, &headers, &text, &self.secrets);
            refusal.issuer = issues.then(|| way.base.origin().to_string());
            return Ok(Err(refusal));
        }
        let is_empty = answer.is_empty();
        let mut response = HttpResponse::new(HttpResponseBody::from(answer));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        if method == Method::PUT && is_empty {
            // The store's client takes an object without a tag for one that was not stored; gateways drop tags, and nobody reads this one.
            (response.headers_mut().entry(http::header::ETAG)).or_insert(http::HeaderValue::from_static("\"\""));
        }
        Ok(Ok(response))
    }
}

impl std::fmt::Debug for StoreConnector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let origins = self.ways.iter().map(|way| way.base.origin());
        f.debug_list().entries(origins).finish()
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
        // The kind decides about repetitions, of which there are none; what happened is the source.
        match self.exchange(request).await {
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
        let of = |status, body: &str| StoreRefusal::of(status, &HeaderMap::new(), body, &Redactor::default());
        let refusal = of(StatusCode::NOT_FOUND, body);
        assert_eq!(refusal.to_string(), "status 404 Not Found: NoSuchBucket: a b");
        for body in ["", "<Code>", "</Code><Code>", "<Code"] {
            assert_eq!(of(StatusCode::NOT_FOUND, body).code, None);
        }
        let elsewhere = "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region></Error>";
        let told = of(StatusCode::BAD_REQUEST, elsewhere).to_string();
        assert!(
            told.ends_with("the bucket is in the region eu-west-1: set `region`"),
            "{told}"
        );
    }

    #[test]
    fn a_success_that_says_error_is_none() {
        let error = "\u{feff}<?xml version=\"1.0\"?>\n<Error><Code>InternalError</Code></Error>";
        assert!(is_failure(&Method::PUT, error));
        assert!(!is_failure(&Method::GET, error), "an object may hold anything");
        for body in ["", "<?xml version=\"1.0\"?>", "<Result/>", "text <Error>"] {
            assert!(!is_failure(&Method::PUT, body), "{body}");
        }
    }

    #[tokio::test]
    async fn what_a_request_carried_is_not_told() {
        let base = server().await;
        let connector = StoreConnector::new(&settings(&base)).unwrap();
        let url = format!("{base}bucket/key?WebIdentityToken=canary%2Bidentity");
        let mut request = request(&url, Vec::new());
        for (name, value) in [
            ("x-amz-security-token", "canary-session"),
            (
                "authorization",
                "AWS4-HMAC-SHA256 Credential=AKIA/x, Signature=canary77",
            ),
        ] {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        connector.call(request).await.unwrap();
        let told = connector
            .secrets()
            .clean("canary-session, canary77, canary+identity, canary%2Bidentity");
        assert_eq!(told, "[redacted], [redacted], [redacted], [redacted]");
    }

    #[tokio::test]
    async fn only_the_store_and_the_issuer_of_its_credentials_are_asked() {
        let (store, issuer) = (server().await, server().await);
        let connector = StoreConnector::new(&settings(&store)).unwrap();
        let url = format!("{issuer}latest/api/token");
        assert!(connector.call(request(&url, Vec::new())).await.is_err());
        let connector = connector.with_issuer(&settings(&issuer)).unwrap();
        connector.call(request(&url, Vec::new())).await.unwrap();
        let mut get = request(&format!("{issuer}redirect"), Vec::new());
        *get.method_mut() = Method::GET;
        let error = connector.call(get).await.unwrap_err();
        let refusal: &StoreRefusal = error.source().unwrap().downcast_ref().unwrap();
        assert!(refusal.issuer.is_some(), "{refusal}");
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
