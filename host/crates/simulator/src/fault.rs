//! Faults of an answer, and the requests that meet them.

use std::sync::atomic::{AtomicU64, Ordering};

/// The purpose of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Getting a token.
    Token,
    /// A report that comes in the answer.
    Call,
    /// Creating a job.
    Submit,
    /// Asking how a job stands.
    Poll,
    /// Listing files.
    List,
    /// One page of a query.
    Page,
    /// Downloading a file.
    Download,
    /// Deleting a file.
    Delete,
    /// Anything else that only reads.
    Read,
}

impl Phase {
    /// Every phase with the name that switches use.
    pub(super) const ALL: [(&'static str, Self); 9] = [
        ("token", Self::Token),
        ("call", Self::Call),
        ("submit", Self::Submit),
        ("poll", Self::Poll),
        ("list", Self::List),
        ("page", Self::Page),
        ("download", Self::Download),
        ("delete", Self::Delete),
        ("read", Self::Read),
    ];

    /// The phase of a request to this path, below the prefix.
    pub(super) fn of(method: &str, path: &str) -> Self {
        let has = |part: &str| path.contains(part);
        if has("/oauth2/") || has("/v1/x509") || has("/v1/authentication/") || has("/resourcePrincipalSessionTokens") {
            Self::Token
        } else if method == "DELETE" || has("/files/delete") {
            Self::Delete
        } else if has("/userloginreport") {
            Self::Call
        } else if has("/status/") || has("/jobs/") {
            Self::Poll
        } else if has("/files/download") || path.ends_with("/contents") {
            Self::Download
        } else if has("/files/list") || path.ends_with("/applicationsnapshots") {
            Self::List
        } else if has("/AuditEvents") || has("/pages/") || has("/auditEvents") || path.ends_with("/20190909/search") {
            Self::Page
        } else if method == "POST" {
            Self::Submit
        } else {
            Self::Read
        }
    }
}

/// Something that goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// With which requests; none for all.
    pub phase: Option<Phase>,
    /// The kind of fault.
    pub kind: FaultKind,
    /// The number of requests that go well before.
    pub after: u64,
    /// The number of requests that then fail; none for all.
    pub times: Option<u64>,
}

/// The ways to go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// An answer with this HTTP status and a body that suits it.
    Status(u16),
    /// 200 with an HTML page.
    Html,
    /// 200 without a body.
    Empty,
    /// 200 with bytes that are not text.
    Garbage,
    /// 200 with JSON that breaks off.
    TruncatedJson,
    /// 200 with JSON in which no member has the expected type.
    WrongTypes,
    /// 200 with 2 GiB of JSON that never closes.
    Oversized,
    /// 200 with the JSON that stands in for a file which is not there.
    NotAFile,
    /// The answer breaks off half-way and the connection with it.
    Cut,
    /// The answer ends half-way as if it were complete.
    Short,
    /// The answer comes one byte at a time.
    Drip,
    /// No answer comes.
    Hang,
    /// No answer comes over a connection that carried a request before, as behind a firewall that forgot it.
    Forgotten,
    /// A byte that is not UTF-8 in a text of the first record.
    RawByte,
    /// A raw tab in a text of the first record.
    RawTab,
    /// Half of a surrogate pair in a text of the first record.
    HalfCharacter,
    /// A quote without a backslash in a text of the first record.
    StrayQuote,
    /// 2 MiB in a text of the first record.
    LongRecord,
    /// 302 to the sign-in page of an identity domain.
    SignIn,
    /// 307 to the same path on another server.
    Redirect,
    /// 307 to the same server and path, over `http`.
    RedirectHttp,
    /// 307 to the address where clouds keep their instance metadata.
    RedirectMetadata,
    /// 307 to itself, for ever.
    RedirectLoop,
    /// 307 to itself, once, with a query parameter that says so.
    RedirectOnce,
}

impl FaultKind {
    /// Every kind but [`Status`](Self::Status) with the name of its switch and what it does.
    pub(super) const ALL: [(&'static str, Self, &'static str); 23] = [
        ("html", Self::Html, "200 with an HTML page"),
        ("empty", Self::Empty, "200 without a body"),
        ("garbage", Self::Garbage, "200 with bytes that are not text"),
        ("truncated-json", Self::TruncatedJson, "200 with JSON that breaks off"),
        (
            "wrong-types",
            Self::WrongTypes,
            "200 with JSON in which every member has the wrong type",
        ),
        ("oversized", Self::Oversized, "200 with 2 GiB of JSON that never closes"),
        (
            "not-a-file",
            Self::NotAFile,
            "200 with the JSON that stands in for a missing file",
        ),
        (
            "cut",
            Self::Cut,
            "the answer breaks off half-way and the connection with it",
        ),
        ("short", Self::Short, "the answer ends half-way as if it were complete"),
        ("drip", Self::Drip, "the answer comes one byte at a time"),
        ("hang", Self::Hang, "no answer at all"),
        (
            "forgotten",
            Self::Forgotten,
            "no answer over a connection that carried a request before",
        ),
        (
            "raw-byte",
            Self::RawByte,
            "a byte that is not UTF-8 in a text of the first record",
        ),
        ("raw-tab", Self::RawTab, "a raw tab in a text of the first record"),
        (
            "half-character",
            Self::HalfCharacter,
            "half of a surrogate pair in a text of the first record",
        ),
        (
            "stray-quote",
            Self::StrayQuote,
            "a quote without a backslash in a text of the first record",
        ),
        ("long-record", Self::LongRecord, "2 MiB in a text of the first record"),
        ("sign-in", Self::SignIn, "302 to the sign-in page of an identity domain"),
        ("redirect", Self::Redirect, "307 to the same path at `elsewhere`"),
        (
            "redirect-http",
            Self::RedirectHttp,
            "307 to the same server and path over http",
        ),
        (
            "redirect-metadata",
            Self::RedirectMetadata,
            "307 to http://169.254.169.254/",
        ),
        ("redirect-loop", Self::RedirectLoop, "307 to itself, for ever"),
        ("redirect-once", Self::RedirectOnce, "307 to itself, once"),
    ];
}

/// Counts the requests that each fault has seen.
#[derive(Debug)]
pub(super) struct Faults {
    faults: Vec<(Fault, AtomicU64)>,
}

impl Faults {
    pub(super) fn new(faults: &[Fault]) -> Self {
        Self {
            faults: faults.iter().map(|fault| (fault.clone(), AtomicU64::new(0))).collect(),
        }
    }

    /// The fault that befalls this request.
    pub(super) fn next(&self, phase: Phase) -> Option<FaultKind> {
        for (fault, seen) in &self.faults {
            if fault.phase.is_some_and(|wanted| wanted != phase) {
                continue;
            }
            let number = seen.fetch_add(1, Ordering::Relaxed);
            let last = fault.times.map_or(u64::MAX, |times| fault.after.saturating_add(times));
            if number >= fault.after && number < last {
                return Some(fault.kind);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_tells_what_a_request_is_for() {
        for (method, path, phase) in [
            ("POST", "/oauth2/v1/token", Phase::Token),
            ("POST", "/interop/rest/security/v1/invalidloginreport", Phase::Submit),
            ("GET", "/interop/rest/security/v1/jobs/7", Phase::Poll),
            ("GET", "/interop/rest/security/v1/report/userloginreport", Phase::Call),
            ("POST", "/interop/rest/v1/reports", Phase::Submit),
            ("GET", "/interop/rest/11.1.2.3.600/applicationsnapshots", Phase::List),
            ("GET", "/interop/rest/v2/files/list", Phase::List),
            (
                "GET",
                "/interop/rest/11.1.2.3.600/applicationsnapshots/a.csv/contents",
                Phase::Download,
            ),
            ("POST", "/interop/rest/v2/files/download", Phase::Download),
            ("DELETE", "/interop/rest/v2/files/download/12", Phase::Delete),
            ("GET", "/interop/rest/v2/status/download/12", Phase::Poll),
            ("POST", "/interop/rest/v3/files/delete", Phase::Delete),
            ("GET", "/admin/v1/AuditEvents", Phase::Page),
            ("POST", "/admin/v1/AuditEvents/.search", Phase::Page),
            ("POST", "/v1/x509", Phase::Token),
            ("GET", "/20190901/auditEvents", Phase::Page),
            ("POST", "/20190909/search", Phase::Page),
            ("GET", "/20190901/configuration", Phase::Read),
            ("POST", "/interop/rest/v2/reports/groupaudit", Phase::Submit),
            ("GET", "/interop/rest/v2/jobs/7", Phase::Poll),
            ("GET", "/interop/rest/v1/services/dailymaintenance", Phase::Read),
        ] {
            assert_eq!(Phase::of(method, path), phase, "{method} {path}");
        }
    }

    #[test]
    fn a_fault_starts_and_ends_when_told() {
        let fault = Fault {
            phase: Some(Phase::Page),
            kind: FaultKind::Status(503),
            after: 2,
            times: Some(1),
        };
        let faults = Faults::new(&[fault]);
        assert_eq!(faults.next(Phase::Poll), None);
        let seen: Vec<_> = (0..4).map(|_| faults.next(Phase::Page).is_some()).collect();
        assert_eq!(seen, [false, false, true, false]);
    }
}
