//! The way a connection obtains its tokens, as configured.

use std::path::PathBuf;

use secrecy::SecretString;
use url::Url;

use super::key::SigningKey;

/// A grant by which tokens are obtained.
#[derive(Debug, Clone)]
pub struct OAuth2 {
    /// The URL at which tokens are issued. None: `/oauth2/v1/token` on the connection's own origin.
    pub token_url: Option<Url>,
    /// The URL at which a device login starts. None: `device` beside the token URL.
    pub device_url: Option<Url>,
    /// The client's id.
    pub client_id: String,
    /// The client's proof of who it is.
    pub client: ClientAuth,
    /// The grant that tokens are issued for.
    pub grant: GrantType,
    /// The scope: what the token may do, verbatim.
    pub scope: Option<String>,
}

/// The client's proof of who it is to the token endpoint.
#[derive(Debug, Clone)]
pub enum ClientAuth {
    /// Not at all: a public client.
    Public,
    /// `client_secret_basic`, RFC 6749 section 2.3.1.
    Basic(SecretString),
    /// `client_secret_post`, the same section.
    Post(SecretString),
    /// `private_key_jwt`, RFC 7523 section 2.2.
    Assertion(SigningKey),
}

/// The grant that tokens are issued for.
#[derive(Debug, Clone)]
pub enum GrantType {
    /// For the client itself, RFC 6749 section 4.4.
    ClientCredentials,
    /// For the user who once signed in, RFC 6749 section 6.
    RefreshToken {
        /// The first token, where it does not come from a device login.
        initial: Option<SecretString>,
        /// The file that holds the current one; written atomically, readable by its owner only.
        store: PathBuf,
    },
    /// For a user whom the client vouches for, RFC 7523 section 2.1.
    UserAssertion {
        /// The user's login name.
        user: String,
        /// The key that vouches.
        key: SigningKey,
    },
}
