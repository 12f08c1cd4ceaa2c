//! The identity that writes to a bucket, and who issues the credential where it is not a lasting one.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use remote::{Redactor, Settings};

/// The address at which a machine of EC2 asks for its role's credential.
pub const METADATA: &str = "http://169.254.169.254";

/// The address at which a task of ECS asks.
const TASK: &str = "http://169.254.170.2";

/// The longest time that a service of the same machine may take.
const NEARBY: Duration = Duration::from_secs(5);

/// The identity that writes to a bucket.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// Whoever has the secret of a key.
    Key {
        /// The key's id.
        id: String,
        /// The secret of the key, to sign with.
        secret: SecretString,
        /// The token that proves a temporary key.
        token: Option<SecretString>,
    },
    /// Whoever AWS STS gives a role for a token of an identity provider (AssumeRoleWithWebIdentity).
    WebIdentity {
        /// The role's ARN.
        role: String,
        /// The file with the token, read again each time.
        token_file: PathBuf,
        /// The name of the session in AWS's own audit log.
        session: Option<String>,
        /// The URL of STS, where it is not the region's.
        endpoint: Option<Url>,
    },
    /// The role of a task of ECS.
    Task {
        /// The path that the task was told (`AWS_CONTAINER_CREDENTIALS_RELATIVE_URI`).
        path: String,
    },
    /// The role of a pod of EKS.
    Pod {
        /// The URL that the pod was told (`AWS_CONTAINER_CREDENTIALS_FULL_URI`).
        url: Url,
        /// The file with what it proves itself by (`AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE`).
        token_file: PathBuf,
    },
    /// The role of a machine of EC2; IMDSv2.
    Instance {
        /// The metadata service; [`METADATA`] unless set.
        endpoint: Option<Url>,
    },
}

impl Credentials {
    /// The way to whoever issues the credential for a bucket of that region, which is reached with these settings; none where
    /// there is a lasting one.
    ///
    /// # Errors
    ///
    /// What is wrong with the address.
    pub(super) fn issuer(&self, region: &str, bucket: &Settings) -> Result<Option<Settings>, String> {
        let parsed = |url: &str| url.parse::<Url>().map_err(|_| format!("{url:?} is not a URL"));
        let url = match self {
            Credentials::Key { .. } => return Ok(None),
            Credentials::WebIdentity { endpoint, .. } => {
                let url = match endpoint {
                    Some(endpoint) => endpoint.clone(),
                    None => parsed(&format!("https://sts.{region}.amazonaws.com"))?,
                };
                let mut settings = Settings::new(&bucket.name, url);
                settings.allow_private_addresses = bucket.allow_private_addresses;
                settings.ca_file = bucket.ca_file.clone();
                settings.timeouts.total = Duration::from_secs(30);
                return Ok(Some(settings));
            }
            Credentials::Task { path } if path.starts_with('/') => parsed(TASK)?,
            Credentials::Task { .. } => {
                return Err("the path of a task's credential does not begin with a slash".into());
            }
            Credentials::Pod { url, .. } => nearby(url)?,
            Credentials::Instance { endpoint: Some(url) } => nearby(url)?,
            Credentials::Instance { endpoint: None } => parsed(METADATA)?,
        };
        let mut origin = url;
        origin.set_path("/");
        let mut settings = Settings::new(&bucket.name, origin);
        settings.allow_http = true;
        settings.allow_private_addresses = true;
        settings.ca_file = bucket.ca_file.clone();
        settings.timeouts.connect = NEARBY;
        settings.timeouts.total = NEARBY;
        Ok(Some(settings))
    }

    /// Has the store sign with it.
    pub(super) fn sign(&self, builder: AmazonS3Builder, secrets: &Redactor) -> AmazonS3Builder {
        match self {
            Credentials::Key { id, secret, token } => {
                secrets.add(secret.expose_secret());
                let builder = builder
                    .with_access_key_id(id)
                    .with_secret_access_key(secret.expose_secret());
                match token {
                    Some(token) => {
                        secrets.add(token.expose_secret());
                        builder.with_token(token.expose_secret())
                    }
                    None => builder,
                }
            }
            Credentials::WebIdentity {
                role,
                token_file,
                session,
                endpoint,
            } => {
                let mut builder = builder
                    .with_config(
                        AmazonS3ConfigKey::WebIdentityTokenFile,
                        token_file.display().to_string(),
                    )
                    .with_config(AmazonS3ConfigKey::RoleArn, role)
                    .with_config(
                        AmazonS3ConfigKey::RoleSessionName,
                        session.clone().unwrap_or_else(|| "host".into()),
                    );
                if let Some(endpoint) = endpoint {
                    builder = builder.with_config(AmazonS3ConfigKey::StsEndpoint, endpoint.as_str());
                }
                builder
            }
            Credentials::Task { path } => builder.with_config(AmazonS3ConfigKey::ContainerCredentialsRelativeUri, path),
            Credentials::Pod { url, token_file } => builder
                .with_config(AmazonS3ConfigKey::ContainerCredentialsFullUri, url.as_str())
                .with_config(
                    AmazonS3ConfigKey::ContainerAuthorizationTokenFile,
                    token_file.display().to_string(),
                ),
            Credentials::Instance { endpoint } => {
                let endpoint = endpoint.as_ref().map_or(METADATA, Url::as_str);
                builder.with_metadata_endpoint(endpoint.trim_end_matches('/'))
            }
        }
    }
}

/// The URL, where whoever answers there may be believed without a certificate: a service of this machine, or of the
/// machine's own network that AWS keeps these addresses for.
fn nearby(url: &Url) -> Result<Url, String> {
    instance_url(url).map(|()| url.clone())
}

/// Checks that a service which hands out credentials may be asked there: over https, or at this machine's own addresses.
///
/// # Errors
///
/// A sentence that says why not.
pub fn instance_url(url: &Url) -> Result<(), String> {
    const AWS: [&str; 5] = [
        "169.254.169.254",
        "169.254.170.2",
        "169.254.170.23",
        "fd00:ec2::254",
        "fd00:ec2::23",
    ];
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let address = host.parse::<IpAddr>();
    let here = host == "localhost"
        || address.as_ref().is_ok_and(IpAddr::is_loopback)
        || address.is_ok_and(|address| AWS.iter().any(|known| known.parse() == Ok(address)));
    match (url.scheme(), here) {
        ("https", _) | ("http", true) => Ok(()),
        _ => Err(format!("credentials are not taken from {host} without TLS")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_taken_over_tls_or_from_this_machine() {
        for (url, good) in [
            ("http://169.254.169.254", true),
            ("http://[fd00:ec2::254]", true),
            ("http://169.254.170.23/v1/credentials", true),
            ("http://127.0.0.1:1338", true),
            ("http://localhost:1338", true),
            ("https://credentials.example.com", true),
            ("http://credentials.example.com", false),
            ("http://10.0.0.1", false),
            ("ftp://127.0.0.1", false),
        ] {
            assert_eq!(instance_url(&url.parse().unwrap()).is_ok(), good, "{url}");
        }
    }
}
