//! Errors as OCI's services answer them: JSON of `code` and `message`, and now and then a gateway's page instead.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// A request that is refused, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OciRefusal {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl OciRefusal {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }

    /// A parameter that makes no sense.
    pub(super) fn parameter(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "InvalidParameter", message)
    }

    /// No policy, an OCID that does not exist, or one of another region: which, the vendor does not say.
    pub(super) fn not_found() -> Self {
        Self::plain(StatusCode::NOT_FOUND)
    }

    /// The refusal that goes with a status, in the words of the vendor's pages.
    fn plain(status: StatusCode) -> Self {
        let (code, message) = match status {
            StatusCode::BAD_REQUEST => ("InvalidParameter", "The request is invalid."),
            StatusCode::UNAUTHORIZED => (
                "NotAuthenticated",
                "The required information to complete authentication was not provided or was incorrect.",
            ),
            StatusCode::FORBIDDEN => ("NotAuthorized", "Authorization failed."),
            StatusCode::NOT_FOUND => (
                "NotAuthorizedOrNotFound",
                "Authorization failed or requested resource not found.",
            ),
            StatusCode::CONFLICT => ("IncorrectState", "The resource is in an incorrect state."),
            StatusCode::TOO_MANY_REQUESTS => ("TooManyRequests", "Too many requests for the user"),
            StatusCode::NOT_IMPLEMENTED => ("MethodNotImplemented", "The method is not implemented."),
            StatusCode::SERVICE_UNAVAILABLE => ("ServiceUnavailable", "The service is currently unavailable."),
            _ => ("InternalServerError", "Internal Server Error"),
        };
        Self::new(status, code, message)
    }
}

impl IntoResponse for OciRefusal {
    /// Laid out as the vendor does.
    fn into_response(self) -> Response {
        let message = serde_json::Value::from(self.message);
        let body = format!("{{\n  \"code\" : \"{}\",\n  \"message\" : {message}\n}}", self.code);
        typed(self.status, "application/json", body)
    }
}

/// The answer that goes with a status: a gateway in front of the service says it in HTML.
pub(crate) fn refusal(status: StatusCode) -> Response {
    if matches!(status, StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT) {
        let reason = status.canonical_reason().unwrap_or("Error");
        let page = format!("<html>\n<head><title>{reason}</title></head>\n<body><h1>{reason}</h1></body>\n</html>\n");
        return typed(status, "text/html", page);
    }
    OciRefusal::plain(status).into_response()
}

fn typed(status: StatusCode, content_type: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static(content_type);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}
