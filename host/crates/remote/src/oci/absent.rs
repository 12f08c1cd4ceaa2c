//! In the place of signing where the feature `oci` is not built in: nobody can sign, so none of these is ever made.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use jiff::Timestamp;
use url::Url;

use crate::channel::Channel;
use crate::error::RemoteError;
use crate::settings::Settings;

/// How requests to OCI would be signed.
#[derive(Debug, Clone)]
pub enum OciAuth {}

impl OciAuth {
    /// The OCID of the tenancy that the principal belongs to.
    pub fn tenancy(&self) -> Option<&str> {
        match *self {}
    }

    pub(crate) fn has_secure_endpoint(&self) -> bool {
        match *self {}
    }
}

pub(crate) enum PrincipalSource {}

impl PrincipalSource {
    pub(crate) fn new(auth: &OciAuth, _: &Settings, _: &Arc<Channel>) -> Result<PrincipalSource, RemoteError> {
        match *auth {}
    }

    pub(crate) async fn signer(&self) -> Result<Arc<RequestSigner>, RemoteError> {
        match *self {}
    }

    pub(crate) async fn forget(&self, _: &RequestSigner) {
        match *self {}
    }

    pub(crate) fn remedy(&self) -> &Remedy {
        match *self {}
    }
}

#[derive(Debug)]
pub(crate) enum RequestSigner {}

impl RequestSigner {
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
}

pub(crate) enum Remedy {}

impl Remedy {
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
