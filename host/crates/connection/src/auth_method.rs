//! The key `auth` of a connection or an endpoint.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::secret::SecretSource;

/// The identity of a client, and how it is proved.
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
        /// The text before the secret, such as `Splunk `.
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
        /// The way the secret is sent.
        #[serde(default)]
        #[schemars(extend("default" = "basic"))]
        client_authentication: ClientAuthentication,
        /// The key that signs the client's assertion, PEM.
        private_key: Option<SecretSource>,
        /// The alias of that key's certificate on the server (`kid`).
        key_id: Option<String>,
        /// The certificate's SHA-1 thumbprint (`x5t`), in place of the alias.
        thumbprint: Option<String>,
        /// The audience of assertions.
        audience: Option<String>,
        /// The scope of the token, verbatim.
        scope: Option<String>,
    },
    /// OAuth 2, for the user who signed in with `host login`.
    #[serde(rename = "oauth2-refresh-token", rename_all = "kebab-case")]
    RefreshToken {
        /// The client's id.
        client_id: String,
        /// The client's secret; a public client has none.
        client_secret: Option<SecretSource>,
        /// The way the secret is sent.
        #[serde(default)]
        #[schemars(extend("default" = "basic"))]
        client_authentication: ClientAuthentication,
        /// The first refresh token, where it does not come from `host login`.
        refresh_token: Option<SecretSource>,
        /// The scope of the token, verbatim.
        scope: Option<String>,
    },
    /// OAuth 2, for a user whom the client vouches for with a signed assertion.
    #[serde(rename = "oauth2-user-assertion", rename_all = "kebab-case")]
    UserAssertion {
        /// The client's id.
        client_id: String,
        /// The client's secret; without one, the key proves the client too.
        client_secret: Option<SecretSource>,
        /// The way the secret is sent.
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
        /// The audience of assertions.
        audience: Option<String>,
        /// The scope of the token, verbatim.
        scope: Option<String>,
    },
    /// Requests signed for OCI with an API key of a user; for connections of kind `oci` and `identity-domain`, as all kinds of
    /// `oci-` are.
    #[serde(rename_all = "kebab-case")]
    OciApiKey {
        /// The OCID of the tenancy.
        tenancy: String,
        /// The OCID of the user.
        user: String,
        /// The key's fingerprint, as OCI's console shows it below API keys.
        fingerprint: String,
        /// The key, RSA of 2048 to 4096 bits, PEM, not encrypted.
        private_key: SecretSource,
    },
    /// Signatures of OCI with what a profile of the configuration file of OCI's SDKs says: an API key, or the session of a user who signed
    /// in with `oci session authenticate`.
    OciConfig {
        /// The file.
        #[schemars(extend("x-default" = "`$OCI_CONFIG_FILE`, else `~/.oci/config`"))]
        file: Option<PathBuf>,
        /// The profile.
        #[schemars(extend("default" = DEFAULT_PROFILE))]
        profile: Option<String>,
    },
    /// Signatures of OCI for the compute instance of OCI that `host` runs on.
    OciInstancePrincipal {},
    /// Signatures of OCI for what `host` runs in: a function or another resource that OCI gives a token in `$OCI_RESOURCE_PRINCIPAL_RPST`, or a
    /// pod of OCI Kubernetes Engine.
    OciResourcePrincipal {},
}

/// The profile that is taken where none is named.
pub(crate) const DEFAULT_PROFILE: &str = "DEFAULT";

impl AuthMethod {
    /// The word for a kind that signs requests for OCI; none for all others.
    pub(crate) fn signs_for_oci(&self) -> Option<&'static str> {
        match self {
            AuthMethod::OciApiKey { .. } => Some("oci-api-key"),
            AuthMethod::OciConfig { .. } => Some("oci-config"),
            AuthMethod::OciInstancePrincipal {} => Some("oci-instance-principal"),
            AuthMethod::OciResourcePrincipal {} => Some("oci-resource-principal"),
            _ => None,
        }
    }
}

/// The way in which a client secret is sent: RFC 6749 section 2.3.1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClientAuthentication {
    /// In the `Authorization` header.
    #[default]
    Basic,
    /// In the body.
    Post,
}
