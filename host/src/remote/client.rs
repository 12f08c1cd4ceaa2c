//! [`Remote`]: one connection, and the policy that every request over it obeys.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, HeaderValue, LOCATION};
use http::{HeaderMap, StatusCode};
use tracing::{debug, warn};
use url::Url;

use super::auth::Authorizer;
use super::counters::{Counters, Tally};
use super::error::RemoteError;
use super::origin::BaseUrl;
use super::redact::Redactor;
use super::request::{Expect, Request};
use super::response::{Answer, Body, Response, promised_length};
use super::retry::{Backoff, Budget, retry_after};
use super::settings::{RetryPolicy, Settings, Timeouts};
use super::transport::{self, Network, Outgoing, Transport};

const MOST_REDIRECTS: u32 = 5;

/// How much of an error's body is looked at.
const ERROR_BODY: usize = 64 * 1024;

/// A connection to one remote service.
pub struct Remote {
    name: String,
    base: BaseUrl,
    transport: Box<dyn Transport>,
    authorizer: Authorizer,
    redactor: Arc<Redactor>,
    tally: Arc<Tally>,
    budget: Budget,
    retry: RetryPolicy,
    timeouts: Timeouts,
}

impl std::fmt::Debug for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Remote")
            .field("name", &self.name)
            .field("origin", self.base.origin())
            .finish_non_exhaustive()
    }
}

impl Remote {
    /// Checks the settings; sends nothing.
    pub fn new(settings: Settings) -> Result<Remote, RemoteError> {
        let base = BaseUrl::new(settings.base.clone())?;
        transport::admit(&settings, &base)?;
        let redactor = Arc::new(Redactor::default());
        if let Some((_, password)) = settings.proxy.as_ref().and_then(|proxy| proxy.credentials.as_ref()) {
            redactor.add(secrecy::ExposeSecret::expose_secret(password));
        }
        let authorizer = Authorizer::new(&settings.auth, &redactor)?;
        let transport = Network::new(&settings, base.url().scheme() == "https")?;
        Ok(Remote {
            base,
            transport: Box::new(transport),
            authorizer,
            redactor,
            tally: Arc::default(),
            budget: Budget::new(settings.retry.budget),
            retry: settings.retry,
            timeouts: settings.timeouts,
            name: settings.name,
        })
    }

    /// Whether a connection could be made from the settings, as far as that can be told without its secrets.
    pub fn check(settings: &Settings) -> Result<(), RemoteError> {
        transport::admit(settings, &BaseUrl::new(settings.base.clone())?)
    }

    /// The connection's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the connection leads.
    pub fn base(&self) -> &BaseUrl {
        &self.base
    }

    /// What the connection cost so far.
    pub fn counters(&self) -> Counters {
        self.tally.read()
    }

    /// A link that the server handed out, if it stays on the connection's origin.
    pub fn resolve(&self, link: &str) -> Result<Url, RemoteError> {
        self.base.resolve(link)
    }

    /// The text without the connection's secrets, on one line, cut to so many characters.
    pub fn presentable(&self, text: &str, most: usize) -> String {
        super::redact::one_line(&self.redactor.clean(text), most)
    }

    /// Sends a request and returns once the head of the answer is here. What fails up to then is repeated under the
    /// retry policy; what fails while the body is read is not.
    pub async fn send(&self, request: Request) -> Result<Response, RemoteError> {
        self.base.check(&request.url)?;
        let mut retry = self.retry();
        loop {
            match self.attempt(&request).await {
                Ok(response) => return Ok(response),
                Err(error) => retry.again(error, request.repeatable).await?,
            }
        }
    }

    /// Sends a request and reads the whole answer; a failure anywhere is repeated under the retry policy.
    pub async fn exchange(&self, request: Request) -> Result<Answer, RemoteError> {
        self.base.check(&request.url)?;
        let mut retry = self.retry();
        loop {
            let outcome = match self.attempt(&request).await {
                Ok(response) => response.buffered().await,
                Err(error) => Err(error),
            };
            match outcome {
                Ok(answer) => return Ok(answer),
                Err(error) => retry.again(error, request.repeatable).await?,
            }
        }
    }

    /// The retry policy for something made of several requests.
    pub(crate) fn retry(&self) -> Retry<'_> {
        Retry {
            remote: self,
            backoff: Backoff::new(self.retry, &self.budget),
        }
    }

    /// One request, redirects followed.
    async fn attempt(&self, request: &Request) -> Result<Response, RemoteError> {
        let deadline = Instant::now() + self.timeouts.total;
        let mut current = None;
        for _ in 0..=MOST_REDIRECTS {
            let request = current.as_ref().unwrap_or(request);
            let response = self.once(request, deadline).await?;
            let status = response.status();
            if !is_redirect(status) {
                return self.judge(request, response).await;
            }
            let Some(location) = response.header(LOCATION.as_str()) else {
                return Err(RemoteError::Redirect {
                    reason: format!("status {status} without a target"),
                });
            };
            let target = self.base.resolve_from(response.url(), location)?;
            debug!(connection = %self.name, path = target.path(), %status, "redirected");
            current = Some(request.redirected(status, target)?);
        }
        Err(RemoteError::Redirect {
            reason: format!("more than {MOST_REDIRECTS} in a row"),
        })
    }

    /// One request and the head of its answer.
    async fn once(&self, request: &Request, deadline: Instant) -> Result<Response, RemoteError> {
        let mut headers = request.headers.clone();
        if !headers.contains_key(ACCEPT) {
            headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        }
        // A compressed body would evade the size limit and the length check.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if let Some((name, value)) = self.authorizer.header().await? {
            headers.insert(name, value);
        }
        let outgoing = Outgoing {
            method: request.method.clone(),
            url: request.url.clone(),
            headers,
            body: request.body.clone(),
        };
        let began = Instant::now();
        self.tally.sent();
        let answered = tokio::time::timeout(self.timeouts.head, self.transport.execute(outgoing)).await;
        let incoming = match answered {
            Ok(Ok(incoming)) => incoming,
            Ok(Err(error)) => {
                debug!(connection = %self.name, method = %request.method, path = request.url.path(), "{error}");
                return Err(error);
            }
            Err(_) => {
                return Err(RemoteError::Timeout {
                    what: "the answer",
                    after: self.timeouts.head,
                });
            }
        };
        debug!(
            connection = %self.name,
            method = %request.method,
            path = request.url.path(),
            status = incoming.status.as_u16(),
            elapsed_ms = began.elapsed().as_millis(),
            "answered"
        );
        check_encoding(&incoming.headers)?;
        let has_body = incoming.status != StatusCode::NO_CONTENT && request.method != http::Method::HEAD;
        let promised = promised_length(&incoming.headers).filter(|_| has_body);
        // An error's body is only looked at, so its length is nobody's concern.
        let limit = if incoming.status.is_success() {
            request.limit
        } else {
            u64::MAX
        };
        let body = Body::new(
            incoming.body,
            promised,
            limit,
            self.timeouts,
            deadline,
            self.tally.clone(),
        )?;
        Ok(Response::new(
            incoming.status,
            incoming.headers,
            request.url.clone(),
            body,
        ))
    }

    /// Whether the answer is one.
    async fn judge(&self, request: &Request, mut response: Response) -> Result<Response, RemoteError> {
        let status = response.status();
        if status.is_success() || request.expect == Expect::Any {
            return Ok(response);
        }
        let retry_after = retry_after(response.headers(), SystemTime::now());
        let detail = self.redactor.detail(&response.beginning(ERROR_BODY).await);
        Err(match status.as_u16() {
            401 | 403 | 407 => RemoteError::Refused {
                connection: self.name.clone(),
                status,
                detail,
                hint: self.authorizer.hint(status),
            },
            408 | 425 | 429 | 500..=599 => RemoteError::Busy {
                status,
                detail,
                retry_after,
            },
            _ => RemoteError::Status { status, detail },
        })
    }
}

/// The attempts at one thing.
pub(crate) struct Retry<'a> {
    remote: &'a Remote,
    backoff: Backoff<'a>,
}

impl Retry<'_> {
    /// Waits before the next attempt, or gives the failure back where there shall be none.
    pub(crate) async fn again(&mut self, error: RemoteError, repeatable: bool) -> Result<(), RemoteError> {
        let Some(wait) = self.backoff.next(&error, repeatable) else {
            return Err(match self.backoff.attempts() {
                0 | 1 => error,
                attempts => RemoteError::GaveUp {
                    attempts,
                    last: Box::new(error),
                },
            });
        };
        warn!(connection = %self.remote.name, wait_ms = wait.as_millis(), "{error}; trying again");
        self.remote.tally.repeated();
        tokio::time::sleep(wait).await;
        Ok(())
    }
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

fn check_encoding(headers: &HeaderMap) -> Result<(), RemoteError> {
    match headers.get(CONTENT_ENCODING) {
        Some(encoding) if !encoding.as_bytes().eq_ignore_ascii_case(b"identity") => Err(RemoteError::Malformed {
            reason: "the body is compressed although that was not asked for".into(),
        }),
        _ => Ok(()),
    }
}
