//! A request as the rooms above describe it, before credentials.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use url::Url;

use super::error::RemoteError;

/// The answers that count as answers, and not as errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expect {
    /// 2xx; everything else is an error, retried where that makes sense.
    Success,
    /// Any status, once: the caller reads it.
    Any,
    /// Answers of success, of which the body is none where it cannot be decoded, or is too long.
    Readable,
    /// Answers of success, of whose body only the beginning is read: whatever it is, it changes nothing.
    Status,
}

/// A request to a URL on the connection's origin.
#[derive(Debug, Clone)]
pub struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Bytes>,
    pub(super) repeatable: bool,
    pub(super) limit: u64,
    pub(super) expect: Expect,
}

/// Headers that belong to the host.
const RESERVED: &[&str] = &[
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

impl Request {
    /// The most bytes of a body unless [`Request::limit`] says otherwise.
    pub const DEFAULT_LIMIT: u64 = 1024 * 1024;

    /// A request without headers and body. GET, PUT and DELETE may be repeated (RFC 9110 section 9.2.2), others not.
    pub fn new(method: Method, url: Url) -> Request {
        let repeatable = method.is_idempotent();
        Request {
            method,
            url,
            headers: HeaderMap::new(),
            body: None,
            repeatable,
            limit: Request::DEFAULT_LIMIT,
            expect: Expect::Success,
        }
    }

    /// A GET.
    pub fn get(url: Url) -> Request {
        Request::new(Method::GET, url)
    }

    /// A POST, which is not repeated unless [`Request::repeatable`] says so.
    pub fn post(url: Url) -> Request {
        Request::new(Method::POST, url)
    }

    /// Adds a header. Names that belong to the host (`Authorization`, `Cookie`, `Host`, …) are refused.
    pub fn header(mut self, name: &str, value: &str) -> Result<Request, RemoteError> {
        let parsed = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| RemoteError::settings("a request header's name is not a header name"))?;
        if RESERVED.contains(&parsed.as_str()) || parsed.as_str().starts_with("proxy-") {
            return Err(RemoteError::settings(format!(
                "the header {parsed} belongs to the host"
            )));
        }
        let value = HeaderValue::from_str(value).map_err(|_| {
            RemoteError::settings(format!("the value of the header {parsed} contains a control character"))
        })?;
        self.headers.append(parsed, value);
        Ok(self)
    }

    /// Sets the body and its type.
    pub fn body(mut self, content_type: &str, body: impl Into<Bytes>) -> Result<Request, RemoteError> {
        let value = HeaderValue::from_str(content_type)
            .map_err(|_| RemoteError::settings("a content type contains a control character"))?;
        self.headers.insert(CONTENT_TYPE, value);
        self.body = Some(body.into());
        Ok(self)
    }

    /// The request, whose sending twice does no harm where `repeatable`.
    pub fn repeatable(mut self, repeatable: bool) -> Request {
        self.repeatable = repeatable;
        self
    }

    /// The method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The URL that the request goes to.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The body.
    pub fn body_bytes(&self) -> Option<&Bytes> {
        self.body.as_ref()
    }

    /// The most bytes of body that will be read.
    pub fn most_bytes(&self) -> u64 {
        self.limit
    }

    /// The request, to another URL.
    pub fn at(mut self, url: Url) -> Request {
        self.url = url;
        self
    }

    /// The request, with another body of the same type.
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Request {
        self.body = Some(body.into());
        self
    }

    /// True if it must not meet a connection that died unnoticed: nobody could tell what became of it. Requests whose caller
    /// decides about repeating are left to the caller.
    pub(super) fn is_proven(&self) -> bool {
        self.expect == Expect::Success && (!self.repeatable || self.method == Method::DELETE)
    }

    /// True if sending the request twice does no harm.
    pub fn is_repeatable(&self) -> bool {
        self.repeatable
    }

    /// The most bytes of body that will be read.
    pub fn limit(mut self, bytes: u64) -> Request {
        self.limit = bytes;
        self
    }

    /// Hands every status to the caller, and sends the request once only: the caller decides about repeating.
    pub fn any_status(mut self) -> Request {
        self.expect = Expect::Any;
        self.repeatable = false;
        self
    }

    /// Like [`Request::any_status`], for whoever reads the body and can do without: a success whose body cannot be decoded, or is too
    /// long, is one without a body.
    pub fn any_body(self) -> Request {
        Request {
            expect: Expect::Readable,
            ..self.any_status()
        }
    }

    /// Like [`Request::any_status`], for whoever needs nothing but the status: a body that is long, slow, compressed or broken
    /// off makes no difference, and no more than its beginning is read.
    pub fn status_only(self) -> Request {
        Request {
            expect: Expect::Status,
            ..self.any_status()
        }
    }

    /// The request for another place, as a redirect asks for.
    pub(super) fn redirected(&self, status: StatusCode, url: Url) -> Result<Request, RemoteError> {
        let mut next = self.clone();
        next.url = url;
        match status {
            StatusCode::SEE_OTHER => {
                next.method = Method::GET;
                next.body = None;
                next.headers.remove(CONTENT_TYPE);
            }
            StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => {}
            // RFC 9110 section 15.4.3 lets clients turn a POST into a GET here; a job would be lost that way.
            _ if self.method != Method::GET => {
                return Err(RemoteError::Redirect {
                    reason: format!("status {status} to a {} request", self.method),
                });
            }
            _ => {}
        }
        Ok(next)
    }
}
