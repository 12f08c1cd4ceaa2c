//! The identity that a connection gives itself, as configured: [`Auth`].

use secrecy::SecretString;

use super::oauth::OAuth2;
use super::oci::OciAuth;

/// The credential of a connection, and the way in which it is shown.
#[derive(Debug, Clone)]
pub enum Auth {
    /// Not at all.
    None,
    /// RFC 7617.
    Basic {
        /// The user name; EPM Cloud takes `identitydomain.user` as well as `user`.
        username: String,
        /// The password.
        password: SecretString,
    },
    /// RFC 6750: a token that somebody else obtained.
    Bearer(SecretString),
    /// Any other header.
    Header {
        /// The header's name.
        name: String,
        /// The text before the secret, such as `Splunk `.
        prefix: String,
        /// The secret.
        value: SecretString,
    },
    /// A path below the base URL that only those who may send know, as incoming webhooks have it.
    Path(SecretString),
    /// A field of the query, as `sig` and `code` are in the URLs of serverless functions.
    Query {
        /// The field's name.
        name: String,
        /// The secret, not encoded.
        value: SecretString,
    },
    /// RFC 6749: a token that the host obtains.
    OAuth2(Box<OAuth2>),
    /// Version 1 of OCI's request signatures.
    Oci(Box<OciAuth>),
}

impl Auth {
    /// True if TLS is needed beyond the connection's own URL.
    pub(super) fn has_secure_endpoint(&self) -> bool {
        match self {
            Auth::OAuth2(oauth) => oauth.token_url.as_ref().is_some_and(|url| url.scheme() == "https"),
            Auth::Oci(oci) => oci.has_secure_endpoint(),
            _ => false,
        }
    }
}
