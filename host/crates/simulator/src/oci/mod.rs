//! The audit log of a tenancy: ListEvents of OCI Audit, and the search of OCI Logging, for whoever signs requests with an API key.
//!
//! A [`TenancyLog`](log::TenancyLog) interleaves what happened in the identity domain, the same events that `AuditEvents` and
//! the reports of EPM Cloud tell of, with other API calls. [`records`] writes an entry in either of its two envelopes;
//! [`list_events`] and [`search`] choose entries and go from page to page; [`signature`] checks who asks. Whoever has no API key
//! gets a session token from [`federation`]: an instance, whose certificate [`instance`] has, or a pod.

mod api_calls;
mod audit_record;
pub(super) mod demo_user;
pub(super) mod domain_events;
pub(super) mod federation;
mod identity;
pub(super) mod instance;
pub(super) mod instance_certificate;
pub(super) mod list_events;
pub(super) mod log;
mod page_token;
mod pages;
mod query;
mod query_reader;
mod records;
pub(super) mod refusal;
pub(super) mod scenario;
pub(super) mod search;
pub(super) mod secrets;
pub(super) mod sessions;
pub(super) mod settings;
pub(super) mod signature;

pub(crate) use identity::domain_ocid;

/// True where a request to this path, below the prefix, is for OCI.
pub(super) fn covers(path: &str) -> bool {
    ["/20190901/", "/20190909/", "/v1/x509", "/v1/authentication/"]
        .iter()
        .any(|version| path.starts_with(version))
}
