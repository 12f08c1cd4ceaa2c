//! The stable words of this room's errors, as `docs/errors.md` explains them.

use base::ErrorKind;

/// A stable word that stands for one kind of error in JSON.
#[derive(Debug, Clone, Copy)]
pub struct ErrorCode {
    /// The word, as [`super::RemoteError::code`] gives it.
    pub word: &'static str,
    /// The party whose move is next; decides the exit code.
    pub kind: ErrorKind,
    /// The meaning of the code, in one sentence.
    pub meaning: &'static str,
    /// The remedy, in one sentence.
    pub advice: &'static str,
}

/// All words of [`super::RemoteError::code`].
pub const ERROR_CODES: &[ErrorCode] = &[
    ErrorCode {
        word: "connection-settings",
        kind: ErrorKind::Usage,
        meaning: "A connection or an endpoint cannot be used as configured.",
        advice: "Change what the message names; `host config check` finds most of it.",
    },
    ErrorCode {
        word: "local-failed",
        kind: ErrorKind::Internal,
        meaning: "This machine could not write a recording or keep a new refresh token.",
        advice: "Make room, or let the folder that the message names be writable.",
    },
    ErrorCode {
        word: "address-refused",
        kind: ErrorKind::Usage,
        meaning: "The host name leads to a loopback, private or link-local address.",
        advice: "If that is meant, set `allow-private-addresses = true`.",
    },
    ErrorCode {
        word: "origin-escape",
        kind: ErrorKind::Failed,
        meaning: "The server sent a link or a redirect to another server; it was not followed.",
        advice: "A gateway in front of the server must rewrite links to its own address.",
    },
    ErrorCode {
        word: "sign-in-page",
        kind: ErrorKind::Refused,
        meaning: "The server asks to sign in on a web page instead of answering.",
        advice: "Use OAuth 2 for a user with single sign-on or multi-factor sign-in; check the URL.",
    },
    ErrorCode {
        word: "redirect-refused",
        kind: ErrorKind::Failed,
        meaning: "A redirect has no end or no target, or belongs to a request that must not be sent twice.",
        advice: "Write the final address into `url`.",
    },
    ErrorCode {
        word: "access-refused",
        kind: ErrorKind::Refused,
        meaning: "The server answered 401, 403 or 407, or OCI 404 with `NotAuthorizedOrNotFound`.",
        advice: "Check the credential and the roles of its user; `host check` names the roles, and the hint the policy that OCI needs.",
    },
    ErrorCode {
        word: "token-refused",
        kind: ErrorKind::Refused,
        meaning: "The token endpoint issued no token.",
        advice: "Check the client, its secret or key and the scope; sign in again with `host login`.",
    },
    ErrorCode {
        word: "unexpected-status",
        kind: ErrorKind::Failed,
        meaning: "The server answered with a status that is not a success and will not change by asking again.",
        advice: "Check `url` and its path prefix, and what the server says.",
    },
    ErrorCode {
        word: "remote-unavailable",
        kind: ErrorKind::Unavailable,
        meaning: "The server answered 408, 425, 429 or 5xx, also when asked again.",
        advice: "Run again later: the daily maintenance may be running.",
    },
    ErrorCode {
        word: "connect-failed",
        kind: ErrorKind::Unavailable,
        meaning: "There is no connection: the name is not known, or host or proxy cannot be reached.",
        advice: "Check the URL, the network and the proxy.",
    },
    ErrorCode {
        word: "tls-failed",
        kind: ErrorKind::Unavailable,
        meaning: "TLS could not be established: certificate, name or protocol.",
        advice: "Name the authority that signs the server's certificate with `ca-file`.",
    },
    ErrorCode {
        word: "timeout",
        kind: ErrorKind::Unavailable,
        meaning: "Nothing, or not everything, arrived in time.",
        advice: "Run again later, or raise `timeout`.",
    },
    ErrorCode {
        word: "too-slow",
        kind: ErrorKind::Unavailable,
        meaning: "The server sends too slowly to be worth waiting for.",
        advice: "Run again later; check the network.",
    },
    ErrorCode {
        word: "connection-broken",
        kind: ErrorKind::Unavailable,
        meaning: "The connection broke after the request was sent.",
        advice: "Run again.",
    },
    ErrorCode {
        word: "response-limit",
        kind: ErrorKind::Failed,
        meaning: "A body is larger than allowed.",
        advice: "Check that `url` leads to the server that is meant.",
    },
    ErrorCode {
        word: "malformed-response",
        kind: ErrorKind::Failed,
        meaning: "The server broke the protocol.",
        advice: "Check `url`, and what stands between here and the server.",
    },
];
