//! The `metadata` of an event: most of it is the same in all events of a run.

use serde::Serialize;

use crate::{Collected, Correlation, Provenance, json};

/// The version of the schema, in `metadata.version`.
pub const VERSION: &str = "1.8.0";

#[derive(Serialize)]
pub struct Metadata<'a> {
    pub version: &'static str,
    pub product: MetadataProduct<'a>,
    pub log_name: &'a str,
    pub log_source: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_uid: Option<&'a str>,
    /// The members up to here, from the brace on.
    #[serde(skip)]
    pub(super) ready: &'a [u8],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_provider: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_code: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub labels: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logged_time: Option<&'a Collected>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_uid: Option<&'a Correlation>,
}

#[derive(Serialize)]
pub struct MetadataProduct<'a> {
    pub name: &'a str,
    pub vendor_name: &'a str,
}

impl Metadata<'_> {
    #[inline]
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.ready);
        json::member(out, r#","log_provider":"#, self.log_provider);
        json::member(out, r#","uid":"#, self.uid);
        json::member(out, r#","event_code":"#, self.event_code);
        if !self.labels.is_empty() {
            json::raw(out, r#","labels":"#);
            json::texts(out, self.labels.iter().map(String::as_str));
        }
        if let Some(time) = self.logged_time {
            json::raw(out, r#","logged_time":"#);
            out.extend_from_slice(time.digits());
        }
        if let Some(uid) = self.correlation_uid {
            json::raw(out, r#","correlation_uid":""#);
            out.extend_from_slice(uid.digits());
            out.push(b'"');
        }
        out.push(b'}');
    }
}

/// The beginning of `metadata`, which is the same in every event of a run.
pub(super) fn begun(provenance: &Provenance) -> Vec<u8> {
    let mut begun = Vec::new();
    let out = &mut begun;
    json::known(out, r#"{"version":"#, VERSION);
    json::member(out, r#","product":{"name":"#, Some(&provenance.product.name));
    json::member(out, r#","vendor_name":"#, Some(&provenance.product.vendor));
    json::member(out, r#"},"log_name":"#, Some(&provenance.report));
    json::member(out, r#","log_source":"#, Some(&provenance.connection));
    json::member(out, r#","tenant_uid":"#, provenance.tenant.as_deref());
    begun
}
