//! In the place of signing where the feature `oci` is not built in: nobody can sign, so there is never a [`NoOci`].

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use jiff::Timestamp;
use url::Url;

use crate::channel::Channel;
use crate::error::RemoteError;
use crate::settings::Settings;

/// A principal of OCI, the source of its signers, such a signer, and the remedies for it: all that a build without the feature has none of.
#[derive(Debug, Clone)]
pub enum NoOci {}

impl NoOci {
    /// The OCID of the tenancy that the principal belongs to.
    pub fn tenancy(&self) -> Option<&str> {
        match *self {}
    }

    pub(crate) fn has_secure_endpoint(&self) -> bool {
        match *self {}
    }

    pub(crate) fn new(auth: &NoOci, _: &Settings, _: &Arc<Channel>) -> Result<NoOci, RemoteError> {
        match *auth {}
    }

    pub(crate) async fn signer(&self) -> Result<Arc<NoOci>, RemoteError> {
        match *self {}
    }

    pub(crate) async fn forget(&self, _: &NoOci) {
        match *self {}
    }

    pub(crate) fn remedy(&self) -> &NoOci {
        match *self {}
    }

    pub(crate) fn sign(
        &self,
        _: &Method,
        _: &Url,
        _: &mut HeaderMap,
        _: &mut Option<Bytes>,
        _: Timestamp,
    ) -> Result<String, RemoteError> {
        match *self {}
    }

    pub(crate) fn hint(&self, _: StatusCode, _: &Url, _: Option<i64>) -> Option<String> {
        match *self {}
    }
}

pub(crate) fn is_hidden(_: StatusCode, _: &[u8]) -> bool {
    false
}

pub(crate) fn skew_of(_: &HeaderMap, _: Timestamp) -> Option<i64> {
    None
}
