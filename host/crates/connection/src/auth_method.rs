//! The key `auth` of a connection or an endpoint.

use schemars::JsonSchema;
use serde::Deserialize;

use super::secret::SecretSource;

/// Who asks, and how that is proved.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(tag = "kind", deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Auth")]
pub enum AuthMethod {
    /// Nobody.
    #[default]
    None,
    /// HTTP Basic.
    Basic {
        /// The user, with or without the identity domain in front.
        username: String,
        /// The password.
        password: SecretSource,
    },
    /// A token that somebody else got.
    Bearer {
        /// The token.
        token: SecretSource,
    },
    /// A secret in a header of the receiver's own.
    Header {
        /// The header's name.
        name: String,
        /// What stands before the secret, such as `Splunk `.
        #[serde(default)]
        prefix: String,
        /// The secret.
        value: SecretSource,
    },
    /// A secret path below the URL, as incoming webhooks have it.
    Path {
        /// The path.
        value: SecretSource,
    },
    /// A secret in the query, as `sig` and `code` are in the URLs of serverless functions.
    Query {
        /// The field's name.
        name: String,
        /// The secret, not encoded.
        value: SecretSource,
    },
    /// OAuth 2, for the client itself.
    #[serde(rename = "oauth2-client-credentials", rename_all = "kebab-case")]
    ClientCredentials {
        /// The client's id.
        client_id: String,
        /// The client's secret; without one, `private-key` proves the client.
        client_secret: Option<SecretSource>,
        /// How the secret is sent.
        #[serde(default)]
        #[schemars(extend("default" = "basic"))]
        client_authentication: ClientAuthentication,
        /// The key that signs the client's assertion, PEM.
        private_key: Option<SecretSource>,
        /// The alias of that key's certificate on the server (`kid`).
        key_id: Option<String>,
        /// The certificate's SHA-1 thumbprint (`x5t`), in place of the alias.
        thumbprint: Option<String>,
        /// Whom assertions are meant for.
        audience: Option<String>,
        /// What the token may do, verbatim.
        scope: Option<String>,
    },
    /// OAuth 2, for the user who signed in with `host login`.
    #[serde(rename = "oauth2-refresh-token", rename_all = "kebab-case")]
    RefreshToken {
        /// The client's id.
        client_id: String,
        /// The client's secret; a public client has none.
        client_secret: Option<SecretSource>,
        /// How the secret is sent.
        #[serde(default)]
        #[schemars(extend("default" = "basic"))]
        client_authentication: ClientAuthentication,
        /// The first refresh token, where it does not come from `host login`.
        refresh_token: Option<SecretSource>,
        /// What the token may do, verbatim.
        scope: Option<String>,
    },
    /// OAuth 2, for a user whom the client vouches for with a signed assertion.
    #[serde(rename = "oauth2-user-assertion", rename_all = "kebab-case")]
    UserAssertion {
        /// The client's id.
        client_id: String,
        /// The client's secret; without one, the key proves the client too.
        client_secret: Option<SecretSource>,
        /// How the secret is sent.
        #[serde(default)]
        #[schemars(extend("default" = "basic"))]
        client_authentication: ClientAuthentication,
        /// The user's login name.
        username: String,
        /// The key that signs the assertion, PEM.
        private_key: SecretSource,
        /// The alias of that key's certificate on the server (`kid`).
        key_id: Option<String>,
        /// The certificate's SHA-1 thumbprint (`x5t`), in place of the alias.
        thumbprint: Option<String>,
        /// Whom assertions are meant for.
        audience: Option<String>,
        /// What the token may do, verbatim.
        scope: Option<String>,
    },
}

/// How a client secret is sent: RFC 6749 section 2.3.1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClientAuthentication {
    /// In the `Authorization` header.
    #[default]
    Basic,
    /// In the body.
    Post,
}
