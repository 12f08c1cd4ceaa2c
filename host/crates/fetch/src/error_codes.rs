//! The stable words of this room's errors, as `docs/errors.md` explains them.

use base::ErrorKind;
use remote::ErrorCode;

/// All words of [`super::FetchError::code`] but those that come of a request and are `remote`'s.
pub const ERROR_CODES: &[ErrorCode] = &[
    ErrorCode {
        word: "access-refused",
        kind: ErrorKind::Refused,
        meaning: "EPM Cloud says in its envelope that access is refused (EPMCSS-21192, EPMCSS-21193).",
        advice: "Ask the administrator for the roles that the report needs.",
    },
    ErrorCode {
        word: "remote-failed",
        kind: ErrorKind::Failed,
        meaning: "The job or the call ended with an error on the server.",
        advice: "The next run asks for the period again; where the parameters are refused, say with `retention` how long the server keeps events.",
    },
    ErrorCode {
        word: "job-timeout",
        kind: ErrorKind::Unavailable,
        meaning: "The job was still running when `job-timeout` was over.",
        advice: "Run again later, which continues with that job; or ask for a shorter window.",
    },
    ErrorCode {
        word: "malformed-response",
        kind: ErrorKind::Failed,
        meaning: "An answer is not what the interface promises, or a web page.",
        advice: "Check `url`; record the exchange with `--record` for a bug report.",
    },
    ErrorCode {
        word: "no-file",
        kind: ErrorKind::Failed,
        meaning: "The server sent something else than the file of a job that is done.",
        advice: "The user may lack the right to download, which needs the role Service Administrator or Migrations - Administer.",
    },
    ErrorCode {
        word: "archive-refused",
        kind: ErrorKind::Failed,
        meaning: "An archive cannot be opened safely, or goes over a limit.",
        advice: "If it is a report all the same, raise the key under `[fetch]` that the hint names.",
    },
    ErrorCode {
        word: "incomplete-list",
        kind: ErrorKind::Failed,
        meaning: "A list changed while it was read, or the server miscounts: records are missing.",
        advice: "Run again, with an end further back, or for a shorter window.",
    },
    ErrorCode {
        word: "fetch-limit",
        kind: ErrorKind::Failed,
        meaning: "A document, a page or a list is larger than allowed.",
        advice: "Ask for a shorter window, or raise the limit under `[fetch]`.",
    },
    ErrorCode {
        word: "plan-refused",
        kind: ErrorKind::Plugin,
        meaning: "The plugin planned a request that no host would send.",
        advice: "Fix the plugin; `host plan` shows what it asks for.",
    },
    ErrorCode {
        word: "ledger-failed",
        kind: ErrorKind::Internal,
        meaning: "What a fetch had reached could not be kept.",
        advice: "Make room for the ledger, and let it be writable; the next run continues.",
    },
    ErrorCode {
        word: "spool-full",
        kind: ErrorKind::Internal,
        meaning: "The documents of a run that wait for their parser exceed `spool-bytes` under `[fetch]`.",
        advice: "Ask for a shorter window, lower `windows-ahead` under `[ledger]`, or raise `spool-bytes`.",
    },
    ErrorCode {
        word: "spool-failed",
        kind: ErrorKind::Internal,
        meaning: "The spool folder cannot be written or read.",
        advice: "Check the free space and the permissions of the folder.",
    },
];
