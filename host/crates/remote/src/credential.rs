//! The credential that goes with a request: a header, or a field of the query.

use std::sync::Arc;

use http::header::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use url::{Url, form_urlencoded};

use super::error::RemoteError;
use super::oci::RequestSigner;

/// A header that says who we are.
#[derive(Debug, Clone)]
pub(super) struct Credential {
    pub(super) name: HeaderName,
    pub(super) value: HeaderValue,
    /// The number of the token among those of its connection, counted from 1; none for what cannot be renewed.
    pub(super) generation: Option<u64>,
}

/// The proof of who we are that goes with a request, beside a field of the query.
#[derive(Debug, Clone)]
pub(super) enum Proof {
    Header(Credential),
    Signature(Arc<RequestSigner>),
}

impl Proof {
    /// True if another attempt may fare better where the server refused this one: with another token, or signed anew.
    pub(super) fn is_renewable(&self) -> bool {
        match self {
            Proof::Header(credential) => credential.generation.is_some(),
            Proof::Signature(_) => true,
        }
    }
}

/// A field of the query that says who we are. It joins a URL only where the request leaves: what is told of the URL, followed
/// from it or written down is without.
#[derive(Debug)]
pub(super) struct QueryField {
    name: String,
    value: SecretString,
}

impl QueryField {
    pub(super) fn new(name: &str, value: &SecretString) -> Result<QueryField, RemoteError> {
        if name.is_empty() {
            return Err(RemoteError::settings("the secret in the query has no name"));
        }
        Ok(QueryField {
            name: name.to_owned(),
            value: value.clone(),
        })
    }

    /// The URL with the field at the end of its query. A server that was told it may have handed out links that hold it already.
    pub(super) fn put_on(&self, url: &Url) -> Url {
        let is_it = |part: &str| form_urlencoded::parse(part.as_bytes()).any(|(name, _)| name == self.name.as_str());
        let others = url.query().unwrap_or_default().split('&');
        let others: Vec<_> = others.filter(|part| !part.is_empty() && !is_it(part)).collect();
        let mut query = others.join("&");
        if !query.is_empty() {
            query.push('&');
        }
        let mut field = form_urlencoded::Serializer::new(String::new());
        field.append_pair(&self.name, self.value.expose_secret());
        query.push_str(&field.finish());
        let mut url = url.clone();
        url.set_query(Some(&query));
        url
    }
}

/// A header value that no log shows.
pub(super) fn sensitive(value: &str) -> Result<HeaderValue, RemoteError> {
    let mut value = HeaderValue::from_bytes(value.as_bytes())
        .map_err(|_| RemoteError::settings("the credential contains a character that no header may hold"))?;
    value.set_sensitive(true);
    Ok(value)
}
