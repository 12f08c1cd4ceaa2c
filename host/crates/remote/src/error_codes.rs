//! The stable words of this room's errors, as `docs/errors.md` explains them.

use super::Class;

/// A stable word that stands for one kind of error in JSON.
#[derive(Debug, Clone, Copy)]
pub struct ErrorCode {
    /// The word, as [`super::RemoteError::code`] gives it.
    pub word: &'static str,
    /// Whose move is next; decides the exit code.
    pub class: Class,
    /// What happened, in one sentence.
    pub meaning: &'static str,
    /// What to do about it, in one sentence.
    pub advice: &'static str,
}

/// All words of [`super::RemoteError::code`].
pub const ERROR_CODES: &[ErrorCode] = &[
    ErrorCode {
        word: "connection-settings",
        class: Class::Usage,
        meaning: "A connection or an endpoint cannot be used as configured.",
        advice: "Change what the message names; `host config check` finds most of it.",
    },
    ErrorCode {
        word: "local-failed",
        class: Class::Internal,
        meaning: "This machine could not write a recording or keep a new refresh token.",
        advice: "Make room, or let the folder that the message names be writable.",
    },
    ErrorCode {
        word: "address-refused",
        class: Class::Usage,
        meaning: "The host name leads to a loopback, private or link-local address.",
        advice: "If that is meant, set `allow-private-addresses = true`.",
    },
    ErrorCode {
        word: "origin-escape",
        class: Class::Failed,
        meaning: "The server sent a link or a redirect to another server; it was not followed.",
        advice: "A gateway in front of the server must rewrite links to its own address.",
    },
    ErrorCode {
        word: "sign-in-page",
        class: Class::Refused,
        meaning: "The server asks to sign in on a web page instead of answering.",
        advice: "Use OAuth 2 for a user with single sign-on or multi-factor sign-in; check the URL.",
    },
    ErrorCode {
        word: "redirect-refused",
        class: Class::Failed,
        meaning: "A redirect has no end or no target, or belongs to a request that must not be sent twice.",
        advice: "Write the final address into `url`.",
    },
    ErrorCode {
        word: "access-refused",
        class: Class::Refused,
        meaning: "The server answered 401, 403 or 407.",
        advice: "Check the credential and the roles of its user; `host check` names the roles.",
    },
    ErrorCode {
        word: "token-refused",
        class: Class::Refused,
        meaning: "The token endpoint issued no token.",
        advice: "Check the client, its secret or key and the scope; sign in again with `host login`.",
    },
    ErrorCode {
        word: "unexpected-status",
        class: Class::Failed,
        meaning: "The server answered with a status that is no success and will not change by asking again.",
        advice: "Check `url` and its path prefix, and what the server says.",
    },
    ErrorCode {
        word: "remote-unavailable",
        class: Class::Unavailable,
        meaning: "The server answered 408, 425, 429 or 5xx, also when asked again.",
        advice: "Run again later: the daily maintenance may be under way.",
    },
    ErrorCode {
        word: "connect-failed",
        class: Class::Unavailable,
        meaning: "There is no connection: the name is not known, or host or proxy cannot be reached.",
        advice: "Check the URL, the network and the proxy.",
    },
    ErrorCode {
        word: "tls-failed",
        class: Class::Unavailable,
        meaning: "TLS could not be established: certificate, name or protocol.",
        advice: "Name the authority that signs the server's certificate with `ca-file`.",
    },
    ErrorCode {
        word: "timeout",
        class: Class::Unavailable,
        meaning: "Nothing, or not everything, arrived in time.",
        advice: "Run again later, or raise `timeout`.",
    },
    ErrorCode {
        word: "too-slow",
        class: Class::Unavailable,
        meaning: "The server sends too slowly to be worth waiting for.",
        advice: "Run again later; check the network.",
    },
    ErrorCode {
        word: "connection-broken",
        class: Class::Unavailable,
        meaning: "The connection broke after the request was sent.",
        advice: "Run again.",
    },
    ErrorCode {
        word: "response-limit",
        class: Class::Failed,
        meaning: "A body is larger than allowed.",
        advice: "Check that `url` leads to the server that is meant.",
    },
    ErrorCode {
        word: "malformed-response",
        class: Class::Failed,
        meaning: "The server broke the protocol.",
        advice: "Check `url`, and what stands between here and the server.",
    },
];
