//! From the configured `auth` of a connection to credentials: reads the secrets.

use secrecy::SecretString;

use super::auth_method::{AuthMethod, ClientAuthentication};
use super::config_source::ConfigSource;
use super::endpoint::{Connection, ConnectionKind};
use super::environment::environment;
use super::oci;
use super::owner::Owner;
use super::secret::SecretSource;
use super::state_folder::token_file;
use base::SetupError;
use remote::{Auth, ClientAuth, GrantType, KeyId, OAuth2, SigningKey};

/// The scope that stands for everything the client may do in its own identity domain.
const DOMAIN_SCOPE: &str = "urn:opc:idm:__myscopes__";

/// Reads the secrets that a connection's `auth` names.
pub(crate) fn resolve(owner: Owner<'_>, connection: &Connection, file: &ConfigSource) -> Result<Auth, SetupError> {
    let secrets = ConnectionSecrets { owner, file };
    let (client_id, client, grant, scope) = match &connection.auth {
        AuthMethod::None => return Ok(Auth::None),
        AuthMethod::Basic { username, password } => {
            return Ok(Auth::Basic {
                username: username.clone(),
                password: secrets.get(password, "password")?,
            });
        }
        AuthMethod::Bearer { token } => return Ok(Auth::Bearer(secrets.get(token, "token")?)),
        AuthMethod::Path { value } => return Ok(Auth::Path(secrets.get(value, "secret path")?)),
        AuthMethod::Query { name, value } => {
            return Ok(Auth::Query {
                name: name.clone(),
                value: secrets.get(value, "secret")?,
            });
        }
        AuthMethod::Header {
            name: header,
            prefix,
            value,
        } => {
            return Ok(Auth::Header {
                name: header.clone(),
                prefix: prefix.clone(),
                value: secrets.get(value, "secret")?,
            });
        }
        AuthMethod::OciApiKey { .. }
        | AuthMethod::OciConfig { .. }
        | AuthMethod::OciInstancePrincipal {}
        | AuthMethod::OciResourcePrincipal {} => {
            let signing = oci::signing(owner, connection, file, &environment)?;
            return Ok(signing.map_or(Auth::None, |signing| Auth::Oci(Box::new(signing))));
        }
        AuthMethod::ClientCredentials {
            client_id,
            client_secret,
            client_authentication,
            private_key,
            key_id,
            thumbprint,
            audience,
            scope,
        } => {
            let client = match (client_secret, private_key) {
                (Some(secret), None) => secrets.client(Some(secret), *client_authentication)?,
                (None, Some(key)) => ClientAuth::Assertion(secrets.key(key, key_id, thumbprint, audience)?),
                _ => {
                    return Err(SetupError::usage(format!("{owner} needs client-secret or private-key"))
                        .hint("give one of the two"));
                }
            };
            (client_id, client, GrantType::ClientCredentials, scope)
        }
        AuthMethod::RefreshToken {
            client_id,
            client_secret,
            client_authentication,
            refresh_token,
            scope,
        } => {
            let client = secrets.client(client_secret.as_ref(), *client_authentication)?;
            let initial = refresh_token
                .as_ref()
                .map(|token| secrets.get(token, "refresh token"))
                .transpose()?;
            (
                client_id,
                client,
                GrantType::RefreshToken {
                    initial,
                    store: token_file(owner.name())?,
                },
                scope,
            )
        }
        AuthMethod::UserAssertion {
            client_id,
            client_secret,
            client_authentication,
            username,
            private_key,
            key_id,
            thumbprint,
            audience,
            scope,
        } => {
            let key = secrets.key(private_key, key_id, thumbprint, audience)?;
            let client = match client_secret {
                Some(secret) => secrets.client(Some(secret), *client_authentication)?,
                None => ClientAuth::Assertion(key.clone()),
            };
            (
                client_id,
                client,
                GrantType::UserAssertion {
                    user: username.clone(),
                    key,
                },
                scope,
            )
        }
    };
    Ok(Auth::OAuth2(Box::new(OAuth2 {
        token_url: connection.token_url.clone(),
        device_url: connection.device_url.clone(),
        client_id: client_id.clone(),
        client,
        grant,
        scope: scope.clone().or_else(|| connection.kind.and_then(default_scope)),
    })))
}

/// Client credentials with a secret, as `--auth oauth2:CLIENT_ID` means.
pub fn client_credentials(client_id: &str, secret: SecretString, kind: ConnectionKind) -> Auth {
    Auth::OAuth2(Box::new(OAuth2 {
        token_url: None,
        device_url: None,
        client_id: client_id.to_string(),
        client: ClientAuth::Basic(secret),
        grant: GrantType::ClientCredentials,
        scope: default_scope(kind),
    }))
}

fn default_scope(kind: ConnectionKind) -> Option<String> {
    (kind == ConnectionKind::IdentityDomain).then(|| DOMAIN_SCOPE.to_string())
}

/// The secrets of one connection or endpoint.
struct ConnectionSecrets<'a> {
    owner: Owner<'a>,
    file: &'a ConfigSource,
}

impl ConnectionSecrets<'_> {
    fn get(&self, source: &SecretSource, what: &str) -> Result<SecretString, SetupError> {
        source.resolve(&format!("{} needs its {what}", self.owner), &self.file.folder)
    }

    fn client(&self, secret: Option<&SecretSource>, sent: ClientAuthentication) -> Result<ClientAuth, SetupError> {
        let Some(secret) = secret else {
            return Ok(ClientAuth::Public);
        };
        let secret = self.get(secret, "client secret")?;
        Ok(match sent {
            ClientAuthentication::Basic => ClientAuth::Basic(secret),
            ClientAuthentication::Post => ClientAuth::Post(secret),
        })
    }

    fn key(
        &self,
        key: &SecretSource,
        alias: &Option<String>,
        thumbprint: &Option<String>,
        audience: &Option<String>,
    ) -> Result<SigningKey, SetupError> {
        let id = match (alias, thumbprint) {
            (Some(alias), None) => KeyId::Alias(alias.clone()),
            (None, Some(thumbprint)) => KeyId::Thumbprint(thumbprint.clone()),
            _ => {
                return Err(SetupError::usage(format!("{} needs key-id or thumbprint", self.owner))
                    .hint("key-id is the alias of the key's certificate on the server; give one of the two"));
            }
        };
        Ok(SigningKey::new(&self.get(key, "private key")?, id, audience.clone())?)
    }
}
