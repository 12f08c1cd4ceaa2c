//! Failures between here and a server, sorted by whose move is next.

use base::{ErrorKind, SetupError};
use std::net::IpAddr;
use std::time::Duration;

use http::StatusCode;

/// The reason why a request got no usable answer. Messages hold no credential and no query string.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteError {
    /// The connection cannot be used as configured.
    #[error("{message}")]
    Settings {
        /// The fault.
        message: String,
        /// The advice that mends it.
        hint: Option<String>,
    },
    /// A failure of this machine while the exchange was under way: its disk, as a rule.
    #[error("{message}")]
    Local {
        /// The failure.
        message: String,
        /// The advice that mends it.
        hint: Option<String>,
    },
    /// The host name leads to an address that the connection may not use.
    #[error("{host} leads to {address}, a {kind} address")]
    AddressRefused {
        /// The host as written in the URL.
        host: String,
        /// The address.
        address: IpAddr,
        /// The kind of address.
        kind: &'static str,
    },
    /// The server handed out a link or a redirect that leaves the configured origin. It was not followed.
    #[error("the server sent a link to another server ({link} instead of {origin}); it was not followed")]
    OriginEscape {
        /// The target of the link, without path and query.
        link: String,
        /// The configured origin.
        origin: String,
    },
    /// The server answers like to a browser: with a page to sign in on, or a redirect to one. It was not followed, and says
    /// nothing of what was asked.
    #[error("{connection}: the server asks to sign in on a web page ({page}) instead of answering")]
    SignIn {
        /// The connection's name.
        connection: String,
        /// The address, without path and query, or the page's title.
        page: String,
        /// The remedy, for the user.
        hint: String,
    },
    /// Redirects without end, without a target, or for a request that must not be sent twice.
    #[error("the server's redirect cannot be followed: {reason}")]
    Redirect {
        /// The reason.
        reason: String,
    },
    /// 401, 403 or 407; 404 where OCI does not say whether something is missing or hidden.
    #[error("{connection} refused access ({status}){}", detail_text(detail))]
    Refused {
        /// The connection's name.
        connection: String,
        /// The status of the server's answer.
        status: StatusCode,
        /// The server's own words, sanitised.
        detail: Option<String>,
        /// The remedy, for the user.
        hint: String,
    },
    /// The token endpoint issued no token.
    #[error("{connection}: {origin} issued no token, status {status}: {detail}")]
    TokenRefused {
        /// The connection's name.
        connection: String,
        /// The token endpoint's origin.
        origin: String,
        /// The status of its answer.
        status: StatusCode,
        /// The endpoint's own words, sanitised.
        detail: String,
        /// The remedy, for the user.
        hint: String,
    },
    /// Any other status that is no success and will not change by asking again.
    #[error("the server answered with status {status}{}", detail_text(detail))]
    Status {
        /// The status of the server's answer.
        status: StatusCode,
        /// The server's own words, sanitised.
        detail: Option<String>,
        /// The remedy, for the user.
        hint: Option<String>,
    },
    /// 408, 425, 429 or 5xx.
    #[error("the server is unavailable ({status}){}", detail_text(detail))]
    Busy {
        /// The status of the server's answer.
        status: StatusCode,
        /// The server's own words, sanitised.
        detail: Option<String>,
        /// The wait that the server asks for.
        retry_after: Option<Duration>,
    },
    /// No connection: name resolution, refused, unreachable, proxy.
    #[error("cannot connect to {host}: {reason}")]
    Connect {
        /// Host and port.
        host: String,
        /// The operating system's or the proxy's words.
        reason: String,
    },
    /// The host's name is not known, which will not change by asking again.
    #[error("cannot connect to {host}: {reason}")]
    UnknownHost {
        /// Host and port.
        host: String,
        /// The operating system's words.
        reason: String,
    },
    /// The TLS handshake failed: certificate, name, protocol.
    #[error("cannot establish TLS with {host}: {reason}")]
    Tls {
        /// Host and port.
        host: String,
        /// The words of the TLS library.
        reason: String,
        /// True where the exchange failed before anything could be sent.
        connecting: bool,
    },
    /// Nothing, or not everything, arrived in time.
    #[error("{what} took longer than {} s", .after.as_secs_f64())]
    Timeout {
        /// The thing that was awaited.
        what: &'static str,
        /// The time that the host waited.
        after: Duration,
    },
    /// Bytes trickle in too slowly to be worth waiting for.
    #[error("the server sends too slowly: {bytes} bytes in {} s", .over.as_secs_f64())]
    TooSlow {
        /// The number of bytes that came.
        bytes: u64,
        /// In how long.
        over: Duration,
    },
    /// The connection broke after the request was sent.
    #[error("the connection broke: {reason}")]
    Interrupted {
        /// The words of the HTTP library.
        reason: String,
    },
    /// The body is larger than allowed.
    #[error("the body exceeds the limit of {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The answer is no HTTP answer that this client can use.
    #[error("the server broke the protocol: {reason}")]
    Malformed {
        /// The way in which the protocol was broken.
        reason: String,
    },
    /// The request was not sent: there is no token for it. Asking again is up to whoever asked for the token.
    #[error("cannot get a token: {cause}")]
    NoToken {
        /// The failure at the token endpoint.
        #[source]
        cause: Box<RemoteError>,
    },
    /// The metadata service that an instance of OCI has told nothing: this is no instance, as a rule.
    #[error("the instance metadata service of OCI: {cause}")]
    NoMetadata {
        /// The request's own error.
        #[source]
        cause: Box<RemoteError>,
    },
    /// The last of several attempts failed.
    #[error("{last} (after {attempts} attempts)")]
    GaveUp {
        /// The number of requests that were sent.
        attempts: u32,
        /// The failure of the last one.
        #[source]
        last: Box<RemoteError>,
    },
    /// The server redirected a request that must not be sent twice, so it may have carried it out; what came then failed.
    #[error("{cause}")]
    Redirected {
        /// The failure at the target.
        #[source]
        cause: Box<RemoteError>,
    },
}

fn detail_text(detail: &Option<String>) -> String {
    detail.as_deref().map(|text| format!(": {text}")).unwrap_or_default()
}

impl RemoteError {
    pub fn settings(message: impl Into<String>) -> Self {
        RemoteError::Settings {
            message: message.into(),
            hint: None,
        }
    }

    pub(super) fn settings_hint(message: impl Into<String>, hint: impl Into<String>) -> Self {
        RemoteError::Settings {
            message: message.into(),
            hint: Some(hint.into()),
        }
    }

    /// A file of ours that failed before anything was sent: somebody must change something where it is in the wrong place, and
    /// otherwise this machine has failed.
    pub(super) fn file(error: &std::io::Error, message: String, hint: impl Into<String>) -> Self {
        use std::io::ErrorKind::{
            AlreadyExists, InvalidInput, IsADirectory, NotADirectory, NotFound, PermissionDenied, ReadOnlyFilesystem,
        };
        let hint = Some(hint.into());
        match error.kind() {
            AlreadyExists | InvalidInput | IsADirectory | NotADirectory | NotFound | PermissionDenied
            | ReadOnlyFilesystem => RemoteError::Settings { message, hint },
            _ => RemoteError::Local { message, hint },
        }
    }

    /// A connection that broke, in the words of what is at the bottom of the error.
    pub fn interrupted(error: &(dyn std::error::Error + 'static)) -> Self {
        RemoteError::Interrupted {
            reason: super::cause::innermost(error),
        }
    }

    /// The kind of error: whose move is next.
    pub fn kind(&self) -> ErrorKind {
        match self {
            RemoteError::Settings { .. } | RemoteError::AddressRefused { .. } => ErrorKind::Usage,
            RemoteError::Local { .. } => ErrorKind::Internal,
            RemoteError::Refused { .. } | RemoteError::TokenRefused { .. } | RemoteError::SignIn { .. } => {
                ErrorKind::Refused
            }
            RemoteError::Busy { .. }
            | RemoteError::Connect { .. }
            | RemoteError::UnknownHost { .. }
            | RemoteError::Tls { .. }
            | RemoteError::Timeout { .. }
            | RemoteError::TooSlow { .. }
            | RemoteError::Interrupted { .. } => ErrorKind::Unavailable,
            RemoteError::OriginEscape { .. }
            | RemoteError::Redirect { .. }
            | RemoteError::Status { .. }
            | RemoteError::TooLarge { .. }
            | RemoteError::Malformed { .. } => ErrorKind::Failed,
            RemoteError::NoToken { cause } | RemoteError::NoMetadata { cause } | RemoteError::Redirected { cause } => {
                cause.kind()
            }
            RemoteError::GaveUp { last, .. } => last.kind(),
        }
    }

    /// A stable name for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            RemoteError::Settings { .. } => "connection-settings",
            RemoteError::Local { .. } => "local-failed",
            RemoteError::AddressRefused { .. } => "address-refused",
            RemoteError::OriginEscape { .. } => "origin-escape",
            RemoteError::SignIn { .. } => "sign-in-page",
            RemoteError::Redirect { .. } => "redirect-refused",
            RemoteError::Refused { .. } => "access-refused",
            RemoteError::TokenRefused { .. } => "token-refused",
            RemoteError::Status { .. } => "unexpected-status",
            RemoteError::Busy { .. } => "remote-unavailable",
            RemoteError::Connect { .. } | RemoteError::UnknownHost { .. } => "connect-failed",
            RemoteError::Tls { .. } => "tls-failed",
            RemoteError::Timeout { .. } => "timeout",
            RemoteError::TooSlow { .. } => "too-slow",
            RemoteError::Interrupted { .. } => "connection-broken",
            RemoteError::TooLarge { .. } => "response-limit",
            RemoteError::Malformed { .. } => "malformed-response",
            RemoteError::NoToken { cause } | RemoteError::NoMetadata { cause } | RemoteError::Redirected { cause } => {
                cause.code()
            }
            RemoteError::GaveUp { last, .. } => last.code(),
        }
    }

    /// True where the server did not accept the credentials: it would not accept them for another request either.
    pub fn is_sign_in(&self) -> bool {
        match self {
            RemoteError::Refused { status, .. } => *status == StatusCode::UNAUTHORIZED,
            RemoteError::TokenRefused { .. } | RemoteError::SignIn { .. } => true,
            RemoteError::NoToken { cause } | RemoteError::Redirected { cause } => cause.is_sign_in(),
            RemoteError::GaveUp { last, .. } => last.is_sign_in(),
            _ => false,
        }
    }

    /// The remedy, for the user.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            RemoteError::Settings { hint, .. } | RemoteError::Local { hint, .. } => return hint.clone(),
            RemoteError::Refused { hint, .. }
            | RemoteError::TokenRefused { hint, .. }
            | RemoteError::SignIn { hint, .. } => return Some(hint.clone()),
            RemoteError::Status { hint, .. } => return hint.clone(),
            RemoteError::NoToken { cause } | RemoteError::Redirected { cause } => return cause.hint(),
            RemoteError::GaveUp { last, .. } => return last.hint(),
            RemoteError::NoMetadata { .. } => {
                "`oci-instance-principal` is for compute instances of OCI; elsewhere use `oci-api-key` or `oci-config`"
            }
            RemoteError::AddressRefused { .. } => {
                "if that is meant, set `allow-private-addresses = true` on the connection, \
                 or give --allow-private-addresses with --url"
            }
            RemoteError::OriginEscape { .. } => {
                "no credential was sent there; where a gateway stands in front of the server, \
                 it must rewrite links to its own address"
            }
            RemoteError::Busy {
                retry_after: Some(after),
                ..
            } => {
                return Some(format!("the server asks to wait {} s", after.as_secs().max(1)));
            }
            RemoteError::Busy { .. } => "the daily maintenance may be running; try again later",
            RemoteError::Connect { .. } | RemoteError::UnknownHost { .. } => "check the URL, the network and the proxy",
            RemoteError::Tls { .. } => "where a private authority signed the certificate, name it with `ca-file`",
            RemoteError::Timeout { .. } | RemoteError::TooSlow { .. } | RemoteError::Interrupted { .. } => {
                "try again; a larger `timeout` on the connection may help"
            }
            RemoteError::TooLarge { .. } => "ask for a shorter window",
            RemoteError::Redirect { .. } | RemoteError::Malformed { .. } => return None,
        };
        Some(text.to_owned())
    }

    /// The status that the server answered the request with, where it answered. That of the token endpoint is not an answer to it.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            RemoteError::Refused { status, .. }
            | RemoteError::Status { status, .. }
            | RemoteError::Busy { status, .. } => Some(*status),
            RemoteError::Redirected { cause } => cause.status(),
            RemoteError::GaveUp { last, .. } => last.status(),
            _ => None,
        }
    }

    /// True if the server certainly did nothing with the request: it never got it, or refused whoever asked.
    pub fn nothing_done(&self) -> bool {
        match self {
            RemoteError::Connect { .. }
            | RemoteError::UnknownHost { .. }
            | RemoteError::AddressRefused { .. }
            | RemoteError::Refused { .. }
            | RemoteError::TokenRefused { .. }
            | RemoteError::SignIn { .. }
            | RemoteError::NoMetadata { .. }
            | RemoteError::NoToken { .. } => true,
            RemoteError::Tls { connecting, .. } => *connecting,
            RemoteError::GaveUp { last, .. } => last.nothing_done(),
            _ => false,
        }
    }

    /// The wait that the server asks for, if it turned the request away because there are too many, and says how long, where it
    /// says so.
    pub(crate) fn throttled(&self) -> Option<Option<Duration>> {
        match self {
            RemoteError::Busy {
                status, retry_after, ..
            } if *status == StatusCode::TOO_MANY_REQUESTS => Some(*retry_after),
            RemoteError::Redirected { cause } => cause.throttled(),
            _ => None,
        }
    }

    /// True if the same request may fare better a little later.
    pub fn is_transient(&self) -> bool {
        match self {
            RemoteError::Busy { status, .. } => *status != StatusCode::NOT_IMPLEMENTED,
            RemoteError::Connect { .. } | RemoteError::Timeout { .. } | RemoteError::Interrupted { .. } => true,
            RemoteError::Redirected { cause } => cause.is_transient(),
            _ => false,
        }
    }
}

impl From<RemoteError> for SetupError {
    fn from(error: RemoteError) -> Self {
        SetupError::told(error.kind(), &error, error.hint()).code(error.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_request_met_after_a_redirect_says_nothing_of_what_was_done_before() {
        let connect = || RemoteError::Connect {
            host: "h:1".into(),
            reason: "refused".into(),
        };
        assert!(connect().nothing_done() && connect().is_transient());
        let redirected = RemoteError::Redirected {
            cause: Box::new(connect()),
        };
        assert!(!redirected.nothing_done() && redirected.is_transient());
        assert_eq!(
            (redirected.code(), redirected.kind()),
            ("connect-failed", ErrorKind::Unavailable)
        );
    }

    #[test]
    fn what_the_token_endpoint_answers_is_no_answer_to_the_request() {
        let refused = || RemoteError::TokenRefused {
            connection: "domain".into(),
            origin: "https://idcs.example.com".into(),
            status: StatusCode::BAD_REQUEST,
            detail: "invalid_grant".into(),
            hint: String::new(),
        };
        let no_token = RemoteError::NoToken {
            cause: Box::new(refused()),
        };
        assert_eq!((refused().status(), no_token.status()), (None, None));
        assert_eq!(no_token.kind(), ErrorKind::Refused);
    }

    #[test]
    fn the_hint_is_that_of_what_failed_last() {
        let tls = || RemoteError::Tls {
            host: "h".into(),
            reason: "UnknownIssuer".into(),
            connecting: true,
        };
        let gave_up = |last| RemoteError::GaveUp {
            attempts: 4,
            last: Box::new(last),
        };
        let no_token = |cause| RemoteError::NoToken { cause: Box::new(cause) };
        for error in [tls(), gave_up(tls()), no_token(tls()), no_token(gave_up(tls()))] {
            assert!(error.hint().unwrap().contains("ca-file"), "{error}");
            assert!(!error.is_transient(), "{error}");
        }
    }
}
