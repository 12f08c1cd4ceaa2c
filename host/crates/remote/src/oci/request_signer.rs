//! The signature by which a request to OCI says who sent it: version 1 of Oracle's, after draft-cavage-http-signatures-08.
//!
//! What is signed are lines `name: value`, joined by a line break, in the order that `headers="…"` of the credential has:
//! `date (request-target) host`, and for what may have a body `content-length content-type x-content-sha256` besides. A
//! server takes a date within five minutes of its own, so a request is signed as it leaves, each attempt anew.

use std::time::SystemTime;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderName, HeaderValue};
use http::{HeaderMap, Method};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use url::{Position, Url};

use super::key::RsaKey;
use crate::credential::sensitive;
use crate::error::RemoteError;
use crate::origin::Origin;

const DIGEST: HeaderName = HeaderName::from_static("x-content-sha256");

/// The type of a body that does not say its own.
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The headers that are signed besides those of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signed {
    /// `date (request-target) host`, as every service takes it.
    WithHost,
    /// `date (request-target)`, as the federation endpoint takes it.
    WithoutHost,
}

/// Signs requests in somebody's name.
pub(crate) struct RequestSigner {
    /// The name of who signs and of the key; holds a session's token where there is one.
    key_id: SecretString,
    key: Arc<RsaKey>,
    signed: Signed,
    /// The number of the credential among those of its connection, counted from 1.
    generation: u64,
}

impl std::fmt::Debug for RequestSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RequestSigner")
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}

impl RequestSigner {
    /// # Errors
    ///
    /// Where the name cannot stand in a header's quotes.
    pub(super) fn new(
        key_id: SecretString,
        key: Arc<RsaKey>,
        signed: Signed,
        generation: u64,
    ) -> Result<RequestSigner, RemoteError> {
        let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
        match key_id.expose_secret().bytes().all(plain) {
            true => Ok(RequestSigner {
                key_id,
                key,
                signed,
                generation,
            }),
            false => Err(RemoteError::settings(
                "the name of the key or the session's token contains a character that no signature may hold",
            )),
        }
    }

    /// The number of the credential among those of its connection.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Signs a request that is ready to leave at that time, and gives the signature back, for nobody to see it.
    pub(crate) fn sign(
        &self,
        method: &Method,
        url: &Url,
        headers: &mut HeaderMap,
        body: &mut Option<Bytes>,
        now: Timestamp,
    ) -> Result<String, RemoteError> {
        let date = httpdate::fmt_http_date(SystemTime::from(now));
        let target = format!(
            "{} {}",
            method.as_str().to_ascii_lowercase(),
            &url[Position::BeforePath..Position::AfterQuery]
        );
        let mut lines = vec![("date", date.clone()), ("(request-target)", target)];
        if self.signed == Signed::WithHost {
            let host = Origin::of(url).map(|origin| origin.authority()).unwrap_or_default();
            lines.push(("host", host));
        }
        headers.insert(DATE, header(&date)?);
        if matches!(*method, Method::POST | Method::PUT | Method::PATCH) {
            let body = body.get_or_insert_default();
            let kind = headers.entry(CONTENT_TYPE).or_insert(JSON);
            let kind = kind.to_str().map_err(|_| {
                RemoteError::settings("the content type of a request that is to be signed is not ASCII")
            })?;
            let (length, digest) = (body.len().to_string(), BASE64_STANDARD.encode(Sha256::digest(&*body)));
            lines.push(("content-length", length.clone()));
            lines.push(("content-type", kind.to_owned()));
            lines.push(("x-content-sha256", digest.clone()));
            headers.insert(CONTENT_LENGTH, header(&length)?);
            headers.insert(DIGEST, header(&digest)?);
        }
        let signature = self.key.sign(signing_text(&lines).as_bytes())?;
        let names: Vec<&str> = lines.iter().map(|(name, _)| *name).collect();
        let credential = format!(
            "Signature version=\"1\",headers=\"{}\",keyId=\"{}\",algorithm=\"rsa-sha256\",signature=\"{signature}\"",
            names.join(" "),
            self.key_id.expose_secret()
        );
        headers.insert(AUTHORIZATION, sensitive(&credential)?);
        Ok(signature)
    }
}

/// The text that is signed; no line break ends it.
fn signing_text(lines: &[(&str, String)]) -> String {
    let lines: Vec<String> = lines.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    lines.join("\n")
}

fn header(value: &str) -> Result<HeaderValue, RemoteError> {
    HeaderValue::from_str(value).map_err(|_| RemoteError::settings("a signed header contains a control character"))
}
