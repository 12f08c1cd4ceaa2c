//! The principal that signs requests to OCI, as configured.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use secrecy::SecretString;
use url::{Host, Url};

use super::key::RsaKey;
use super::region::OciRegion;
use crate::error::RemoteError;

/// The metadata service of an instance of OCI: the one address of that kind that may be asked.
const METADATA: &str = "http://169.254.169.254/opc/v2";

/// A principal of OCI, and who issues its tokens.
#[derive(Debug, Clone)]
pub struct OciAuth {
    /// The principal that signs.
    pub principal: OciPrincipal,
    /// The endpoint that issues tokens of sessions. None: where OCI issues them for such a principal.
    pub token_url: Option<Url>,
}

impl OciAuth {
    /// The OCID of the tenancy that the principal belongs to, where it is known without asking anybody.
    pub fn tenancy(&self) -> Option<&str> {
        match &self.principal {
            OciPrincipal::ApiKey(key) => key.id.split('/').next(),
            _ => None,
        }
    }

    /// True if TLS is needed beyond the connection's own URL.
    pub(crate) fn has_secure_endpoint(&self) -> bool {
        match (&self.principal, &self.token_url) {
            (_, Some(url)) => url.scheme() == "https",
            // A cluster's issuer has a channel of its own.
            (principal, None) => matches!(principal, OciPrincipal::Session(_) | OciPrincipal::Instance(_)),
        }
    }
}

/// A principal that signs requests to OCI.
#[derive(Debug, Clone)]
pub enum OciPrincipal {
    /// A user, with an API key.
    ApiKey(OciApiKey),
    /// A user who signed in with `oci session authenticate`.
    Session(OciSession),
    /// The instance that this process runs on.
    Instance(MetadataAddress),
    /// A resource such as a function, which its environment gives a token.
    Resource(OciResource),
    /// A pod of a cluster of OCI Kubernetes Engine.
    Workload(OciWorkload),
}

/// A user's API key.
#[derive(Debug, Clone)]
pub struct OciApiKey {
    /// The name of the key in signatures.
    pub(super) id: String,
    pub(super) user: String,
    pub(super) key: Arc<RsaKey>,
}

impl OciApiKey {
    /// Reads a user's key, and checks that it is the one that the fingerprint names.
    ///
    /// # Errors
    ///
    /// As for [`OciApiKey::check`] and [`RsaKey::from_pem`], and where the fingerprint is another key's.
    pub fn new(tenancy: &str, user: &str, fingerprint: &str, pem: &SecretString) -> Result<OciApiKey, RemoteError> {
        OciApiKey::check(tenancy, user, fingerprint)?;
        let (key, fingerprint) = (RsaKey::from_pem(pem)?, fingerprint.to_ascii_lowercase());
        let own = key.fingerprint();
        if own != fingerprint {
            return Err(RemoteError::settings_hint(
                format!("the private key has the fingerprint {own}, not {fingerprint}"),
                "the key and the fingerprint belong to two API keys: take both from one, as OCI's console shows it below API keys",
            ));
        }
        Ok(OciApiKey {
            id: format!("{tenancy}/{user}/{own}"),
            user: user.to_owned(),
            key: Arc::new(key),
        })
    }

    /// Checks what can be checked without the key.
    ///
    /// # Errors
    ///
    /// Where one of them cannot be what it should be.
    pub fn check(tenancy: &str, user: &str, fingerprint: &str) -> Result<(), RemoteError> {
        check_ocid("tenancy", tenancy)?;
        check_ocid("user", user)?;
        let pairs: Vec<&str> = fingerprint.split(':').collect();
        let is_pair = |pair: &&str| pair.len() == 2 && pair.bytes().all(|byte| byte.is_ascii_hexdigit());
        match pairs.len() == 16 && pairs.iter().all(is_pair) {
            true => Ok(()),
            false => Err(RemoteError::settings_hint(
                "the `fingerprint` is none of an API key",
                "it is 16 pairs of hexadecimal digits with colons, as 20:3b:97:13:55:1c:5b:0d:d3:37:d8:50:4e:c5:3a:34; \
                 OCI's console shows it below API keys",
            )),
        }
    }
}

/// Checks that a text is the OCID of a thing of that kind, as far as its form tells.
fn check_ocid(kind: &str, text: &str) -> Result<(), RemoteError> {
    let parts: Vec<&str> = text.split(['.', ':']).collect();
    let plain = |part: &&str| {
        part.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    let (version, of_kind) = (parts.first().copied(), parts.get(1).copied());
    let formed = parts.len() >= 5 && parts.iter().all(plain) && parts.last().is_some_and(|last| !last.is_empty());
    if formed && matches!(version, Some("ocid1" | "ocidv1")) && of_kind == Some(kind) {
        return Ok(());
    }
    Err(RemoteError::settings_hint(
        format!("the `{kind}` is no OCID of a {kind}"),
        format!("it is written as ocid1.{kind}.oc1..UNIQUE, and OCI's console shows it on the page of the {kind}"),
    ))
}

/// A user's session.
#[derive(Debug, Clone)]
pub struct OciSession {
    /// The file that holds the session's token; written when the token is renewed.
    pub token_file: PathBuf,
    /// The session's key.
    pub key: Arc<RsaKey>,
    /// The region whose endpoint renews the token; none where it is not known.
    pub region: Option<OciRegion>,
    /// The profile that the session belongs to, for messages.
    pub profile: String,
}

/// The token and the key that a resource finds in its environment.
#[derive(Debug, Clone)]
pub struct OciResource {
    /// The token of its session.
    pub token: OciSecret,
    /// The key of its session, PEM.
    pub private_key: OciSecret,
}

/// A secret that an environment variable has, or that is in a file which it names. The file is read again when the token ends.
#[derive(Debug, Clone)]
pub enum OciSecret {
    /// The secret.
    Text(SecretString),
    /// In a file.
    File(PathBuf),
}

/// A pod's way to a token: the cluster's issuer, and the pod's own account there.
#[derive(Debug, Clone)]
pub struct OciWorkload {
    /// The issuer of tokens to pods.
    pub issuer: Url,
    /// PEM file: the cluster's authority, which signs the issuer's certificate.
    pub ca_file: PathBuf,
    /// The file with the token of the pod's service account.
    pub token_file: PathBuf,
}

/// The address at which an instance of OCI learns who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataAddress(pub(super) Url);

impl MetadataAddress {
    /// The address that all instances of OCI have, or another one for tests: only that very address and loopback addresses
    /// are taken, written as numbers, so that nobody is sent elsewhere by a name.
    ///
    /// # Errors
    ///
    /// The address in a text, or the usual one. An error where it is none that the metadata service can have.
    pub fn parse(text: Option<&str>) -> Result<MetadataAddress, RemoteError> {
        let text = text.map(str::trim).filter(|text| !text.is_empty()).unwrap_or(METADATA);
        let url = Url::parse(text.trim_end_matches('/')).ok().filter(|url| {
            let here = match url.host() {
                Some(Host::Ipv4(address)) => address.is_loopback() || Some(IpAddr::V4(address)) == fixed(),
                Some(Host::Ipv6(address)) => address.is_loopback(),
                _ => false,
            };
            let bare = url.username().is_empty()
                && url.password().is_none()
                && url.query().is_none()
                && url.fragment().is_none();
            here && bare && url.scheme() == "http"
        });
        url.map(MetadataAddress).ok_or_else(|| {
            RemoteError::settings_hint(
                "$OCI_METADATA_BASE_URL is no address of an instance metadata service",
                format!("leave it unset for {METADATA}; besides, only loopback addresses such as http://127.0.0.1:8080/opc/v2 are taken"),
            )
        })
    }
}

/// The address of the metadata service.
fn fixed() -> Option<IpAddr> {
    let url = Url::parse(METADATA).ok()?;
    match url.host()? {
        Host::Ipv4(address) => Some(IpAddr::V4(address)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANCY: &str = "ocid1.tenancy.oc1..aaaaexampletenancy";
    const USER: &str = "ocid1.user.oc1..aaaaexampleuser";
    const FINGERPRINT: &str = "10:80:92:ad:f2:84:c8:ff:5b:29:c2:e5:b1:df:bd:01";

    #[test]
    fn what_is_no_ocid_or_fingerprint_is_named() {
        assert!(OciApiKey::check(TENANCY, USER, FINGERPRINT).is_ok());
        assert!(OciApiKey::check("ocidv1:tenancy:oc1:phx:1460406592660:aaaa", USER, FINGERPRINT).is_ok());
        assert!(OciApiKey::check(TENANCY, USER, &FINGERPRINT.to_uppercase()).is_ok());
        for (tenancy, user, fingerprint, said) in [
            (USER, USER, FINGERPRINT, "no OCID of a tenancy"),
            (TENANCY, TENANCY, FINGERPRINT, "no OCID of a user"),
            ("", USER, FINGERPRINT, "no OCID of a tenancy"),
            ("ocid1.tenancy.oc1..", USER, FINGERPRINT, "no OCID of a tenancy"),
            ("ocid1.tenancy.oc1..a/b", USER, FINGERPRINT, "no OCID of a tenancy"),
            ("ocid1.tenancy.oc1..a\"b", USER, FINGERPRINT, "no OCID of a tenancy"),
            ("ocid1.tenancy", USER, FINGERPRINT, "no OCID of a tenancy"),
            (TENANCY, "jdoe", FINGERPRINT, "no OCID of a user"),
            (TENANCY, USER, "", "none of an API key"),
            (TENANCY, USER, "10:80", "none of an API key"),
            (TENANCY, USER, &FINGERPRINT.replace("10", "1g"), "none of an API key"),
            (TENANCY, USER, &FINGERPRINT.replace(':', ""), "none of an API key"),
        ] {
            let error = OciApiKey::check(tenancy, user, fingerprint).unwrap_err();
            assert!(error.to_string().contains(said), "{error}");
            assert!(error.hint().is_some() && error.kind() == base::ErrorKind::Usage);
        }
    }

    #[test]
    fn an_api_key_tells_its_tenancy() {
        let pem = SecretString::from(include_str!("../../tests/keys/oci.pem"));
        let auth = |principal| OciAuth {
            principal,
            token_url: None,
        };
        let key = OciApiKey::new(TENANCY, USER, FINGERPRINT, &pem).unwrap();
        assert_eq!(auth(OciPrincipal::ApiKey(key)).tenancy(), Some(TENANCY));
        let instance = MetadataAddress::parse(None).unwrap();
        assert_eq!(auth(OciPrincipal::Instance(instance)).tenancy(), None);
    }

    #[test]
    fn metadata_is_asked_for_at_the_fixed_address_and_on_this_machine_only() {
        for good in [
            None,
            Some(""),
            Some(" "),
            Some("http://169.254.169.254/opc/v2/"),
            Some("http://127.0.0.1:8080/opc/v2"),
            Some("http://[::1]:8080"),
        ] {
            assert!(MetadataAddress::parse(good).is_ok(), "{good:?}");
        }
        for bad in [
            "https://169.254.169.254/opc/v2",
            "http://169.254.169.253/opc/v2",
            "http://10.0.0.1/opc/v2",
            "http://localhost/opc/v2",
            "http://metadata.example/opc/v2",
            "http://u:p@127.0.0.1/opc/v2",
            "http://127.0.0.1/opc/v2?x",
            "http://127.0.0.1.evil.example/",
            "http://[::ffff:10.0.0.1]/",
            "file:///etc/passwd",
            "nonsense",
        ] {
            let error = MetadataAddress::parse(Some(bad)).unwrap_err();
            assert!(error.hint().unwrap().contains("169.254.169.254"), "{bad}");
        }
    }
}
