//! From the kinds of `auth` that sign requests for OCI to who signs: reads keys, the configuration file of OCI's SDKs, and what
//! the environment of a resource says.

mod profile;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::SecretString;
use url::Url;

use self::profile::Profiles;
use super::auth_method::{AuthMethod, DEFAULT_PROFILE};
use super::config_source::ConfigSource;
use super::endpoint::{Connection, ConnectionKind};
use super::environment::Environment;
use super::owner::Owner;
use super::secret::SecretSource;
use base::SetupError;
use base::secret_file::{self, Trusted};
use remote::{
    MetadataAddress, OciApiKey, OciAuth, OciPrincipal, OciRegion, OciResource, OciSecret, OciSession, OciWorkload,
    RsaKey,
};

/// The configuration file of OCI's SDKs, in the user's folder.
const CONFIG: &str = ".oci/config";

/// The folder in which a pod finds who it is: <https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/>.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// The port of whoever issues tokens to pods, on the host of the cluster's API.
const WORKLOAD_PORT: u16 = 12250;
const WORKLOAD_PATH: &str = "/resourcePrincipalSessionTokens";

/// The version of resource principals that is known.
const RESOURCE_VERSION: &str = "2.2";

/// Checks what can be checked of such an `auth` without a secret; all others pass.
pub(crate) fn check(owner: Owner<'_>, connection: &Connection, file: &ConfigSource) -> Result<(), SetupError> {
    let Some(kind) = connection.auth.signs_for_oci() else {
        return Ok(());
    };
    let place = || owner.place("auth", file);
    if !matches!(
        connection.kind,
        Some(ConnectionKind::Oci | ConnectionKind::IdentityDomain)
    ) {
        let what = match (owner, connection.kind) {
            (Owner::Connection(_) | Owner::CommandLine(_), Some(of)) => format!("{owner} is of kind {of}"),
            _ => format!("{owner} is none"),
        };
        return Err(SetupError::usage(format!(
            "auth of kind {kind} signs requests for OCI, which connections of kind oci and identity-domain take; {what}"
        ))
        .hint("choose another kind of `auth`, such as basic, bearer, header or oauth2-client-credentials")
        .at(&place()));
    }
    match &connection.auth {
        AuthMethod::OciApiKey {
            tenancy,
            user,
            fingerprint,
            ..
        } => OciApiKey::check(tenancy, user, fingerprint).map_err(|error| SetupError::from(error).at(&place())),
        _ => Ok(()),
    }
}

/// Reads what such an `auth` names; none for all others.
pub(crate) fn signing(
    owner: Owner<'_>,
    connection: &Connection,
    file: &ConfigSource,
    environment: Environment<'_>,
) -> Result<Option<OciAuth>, SetupError> {
    let principal = match &connection.auth {
        AuthMethod::OciApiKey {
            tenancy,
            user,
            fingerprint,
            private_key,
        } => api_key(owner, file, tenancy, user, fingerprint, private_key),
        AuthMethod::OciConfig { file: path, profile } => {
            let folder = file.folder.as_path();
            of_profile(
                path.as_deref(),
                folder,
                profile.as_deref(),
                connection.region,
                environment,
            )
        }
        AuthMethod::OciInstancePrincipal {} => {
            let address = MetadataAddress::parse(environment("OCI_METADATA_BASE_URL").as_deref());
            address.map(OciPrincipal::Instance).map_err(SetupError::from)
        }
        AuthMethod::OciResourcePrincipal {} => of_environment(environment),
        _ => return Ok(None),
    };
    let principal = principal.map_err(|error| error.at(&owner.place("auth", file)))?;
    Ok(Some(OciAuth {
        principal,
        token_url: connection.token_url.clone(),
    }))
}

fn api_key(
    owner: Owner<'_>,
    file: &ConfigSource,
    tenancy: &str,
    user: &str,
    fingerprint: &str,
    key: &SecretSource,
) -> Result<OciPrincipal, SetupError> {
    let pem = key.resolve(&format!("{owner} needs its private key"), &file.folder)?;
    Ok(OciPrincipal::ApiKey(OciApiKey::new(tenancy, user, fingerprint, &pem)?))
}

/// The principal of a profile. A profile with a user of its own is that of an API key, even if it names a session's token, as
/// Oracle's SDKs have it; what it does not say itself, `DEFAULT` says for it.
fn of_profile(
    path: Option<&Path>,
    folder: &Path,
    name: Option<&str>,
    region: Option<OciRegion>,
    environment: Environment<'_>,
) -> Result<OciPrincipal, SetupError> {
    let path = match path {
        Some(path) => folder.join(expanded(path, environment)?),
        None => match environment("OCI_CONFIG_FILE") {
            Some(path) => expanded(Path::new(&path), environment)?,
            None => home(environment)?.join(CONFIG),
        },
    };
    let profiles = Profiles::read(&path)?;
    let profile = profiles.profile(name.unwrap_or(DEFAULT_PROFILE))?;
    if profile.get("authentication_type").is_some() || profile.get("delegation_token_file").is_some() {
        return Err(
            SetupError::usage(format!("{profile} asks for another principal than its own"))
                .hint("write auth = { kind = \"oci-instance-principal\" }; delegation tokens are not supported"),
        );
    }
    // Paths start from the file, wherever the user stands.
    let beside = |value: &str| -> Result<PathBuf, SetupError> {
        let path = expanded(Path::new(value), environment)?;
        Ok(profiles.folder().join(path))
    };
    let pem = secret(&beside(profile.needed("key_file")?)?).map_err(|error| error.at(&profile.to_string()))?;
    let of_session = profile.own("security_token_file").is_some() || profile.get("user").is_none();
    if profile.own("user").is_none()
        && of_session
        && let Some(token) = profile.get("security_token_file")
    {
        let told = profile
            .get("region")
            .map(str::to_owned)
            .or_else(|| environment("OCI_REGION"));
        let told = told.as_deref().map(OciRegion::parse).transpose();
        return Ok(OciPrincipal::Session(OciSession {
            token_file: beside(token)?,
            key: Arc::new(RsaKey::from_pem(&pem).map_err(|error| SetupError::from(error).at(&profile.to_string()))?),
            region: told
                .map_err(|error| SetupError::from(error).at(&profile.to_string()))?
                .or(region),
            profile: profile.name().to_owned(),
        }));
    }
    let key = OciApiKey::new(
        profile.needed("tenancy")?,
        profile.needed("user")?,
        profile.needed("fingerprint")?,
        &pem,
    );
    key.map(OciPrincipal::ApiKey)
        .map_err(|error| SetupError::from(error).at(&profile.to_string()))
}

/// The principal that the environment of a function or a pod names.
fn of_environment(environment: Environment<'_>) -> Result<OciPrincipal, SetupError> {
    const HINT: &str = "OCI sets OCI_RESOURCE_PRINCIPAL_VERSION, …_RPST and …_PRIVATE_PEM for functions and the like, and Kubernetes \
                        KUBERNETES_SERVICE_HOST for pods; elsewhere use another kind of `auth`";
    let Some(token) = environment("OCI_RESOURCE_PRINCIPAL_RPST") else {
        let Some(host) = environment("KUBERNETES_SERVICE_HOST") else {
            return Err(SetupError::usage(
                "neither $OCI_RESOURCE_PRINCIPAL_RPST nor $KUBERNETES_SERVICE_HOST is set: this is no resource of OCI that has a principal",
            )
            .hint(HINT));
        };
        return workload(&host, environment).map(OciPrincipal::Workload);
    };
    let version = environment("OCI_RESOURCE_PRINCIPAL_VERSION").unwrap_or_default();
    if version != RESOURCE_VERSION {
        return Err(SetupError::usage(format!(
            "$OCI_RESOURCE_PRINCIPAL_VERSION is {version:?}; resource principals of version {RESOURCE_VERSION} are supported"
        ))
        .hint(HINT));
    }
    if environment("OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM_PASSPHRASE").is_some() {
        return Err(SetupError::usage(
            "$OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM_PASSPHRASE is set: encrypted keys are not supported",
        )
        .hint("let the platform provide the key unencrypted"));
    }
    let Some(key) = environment("OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM") else {
        return Err(SetupError::usage("$OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM is not set").hint(HINT));
    };
    Ok(OciPrincipal::Resource(OciResource {
        token: text_or_file(token),
        private_key: text_or_file(key),
    }))
}

/// An absolute path names a file; anything else is the secret itself.
fn text_or_file(value: String) -> OciSecret {
    match Path::new(&value).is_absolute() {
        true => OciSecret::File(value.into()),
        false => OciSecret::Text(SecretString::from(value)),
    }
}

fn workload(host: &str, environment: Environment<'_>) -> Result<OciWorkload, SetupError> {
    // An IPv6 address stands there without its brackets.
    let host = match host.contains(':') && !host.starts_with('[') {
        true => format!("[{host}]"),
        false => host.to_owned(),
    };
    let address = format!("https://{host}:{WORKLOAD_PORT}{WORKLOAD_PATH}");
    let issuer = Url::parse(&address)
        .ok()
        .filter(|url| url.username().is_empty() && url.port() == Some(WORKLOAD_PORT) && url.path() == WORKLOAD_PATH);
    let account = Path::new(SERVICE_ACCOUNT);
    let ca_file = environment("OCI_KUBERNETES_SERVICE_ACCOUNT_CERT_PATH").map(PathBuf::from);
    Ok(OciWorkload {
        issuer: issuer.ok_or_else(|| {
            SetupError::usage("$KUBERNETES_SERVICE_HOST is no host")
                .hint("Kubernetes sets it for each pod; leave it as it is")
        })?,
        ca_file: ca_file.unwrap_or_else(|| account.join("ca.crt")),
        token_file: account.join("token"),
    })
}

/// A secret of the user's own files, under the rule for such files.
fn secret(path: &Path) -> Result<SecretString, SetupError> {
    let text = secret_file::text(path, &Trusted::of_this_process())
        .map_err(|refusal| SetupError::usage(refusal.reason).hint(refusal.hint))?;
    Ok(SecretString::from(text))
}

/// A path whose `~` stands for the user's folder.
fn expanded(path: &Path, environment: Environment<'_>) -> Result<PathBuf, SetupError> {
    match path.strip_prefix("~") {
        Ok(rest) => Ok(home(environment)?.join(rest)),
        Err(_) => Ok(path.to_owned()),
    }
}

fn home(environment: Environment<'_>) -> Result<PathBuf, SetupError> {
    let home = environment("HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    home.ok_or_else(|| {
        SetupError::usage("the configuration file of OCI's SDKs is not found: $HOME is not set")
            .hint("name it: auth = { kind = \"oci-config\", file = \"/path/to/config\" }")
    })
}
