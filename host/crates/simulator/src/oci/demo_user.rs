//! The one user with an API key, and that key: made for the simulator, published with it, of use nowhere else.

use std::fmt;

/// The private key of the demo user, 2048 bits, PKCS#8. It opens nothing but simulators.
pub(crate) const PRIVATE_KEY: &str = include_str!("demo-only-private-key.pem");
/// The other half of that key.
pub(crate) const PUBLIC_KEY: &str = include_str!("demo-only-public-key.pem");
/// MD5 of the public key's DER, as OCI names keys.
pub(crate) const FINGERPRINT: &str = "f3:4c:e1:45:55:c9:d3:86:6e:2c:db:aa:4e:06:3b:54";

pub(crate) const TENANCY: &str = "ocid1.tenancy.oc1..aaaaaaaasimulatortenancy222222222222222222222222222222222222";
pub(crate) const USER: &str = "ocid1.user.oc1..aaaaaaaasimulatoruser222222222222222222222222222222222222222";
/// A compartment below the tenancy's root, in which applications live.
pub(crate) const APPS_COMPARTMENT: &str =
    "ocid1.compartment.oc1..aaaaaaaasimulatorapps222222222222222222222222222222222222222";

/// The user who may read the audit log: what a configuration has to say to sign requests as this user.
#[derive(Clone, PartialEq, Eq)]
pub struct OciDemoUser {
    /// The tenancy's OCID, which is the root compartment's too.
    pub tenancy: String,
    /// The OCID of the compartment that holds the identity domain, so its events.
    pub compartment: String,
    /// The user's OCID.
    pub user: String,
    /// The API key's fingerprint.
    pub fingerprint: String,
}

impl OciDemoUser {
    /// The private key of the default API key, PEM (PKCS#8), which is a secret of nobody.
    pub fn private_key_pem(&self) -> &'static str {
        PRIVATE_KEY
    }

    /// The other half of that key, PEM.
    pub fn public_key_pem(&self) -> &'static str {
        PUBLIC_KEY
    }

    /// A configuration file of the vendor's SDKs for this user, with the private key at that path.
    pub fn config_file(&self, key_file: &str) -> String {
        format!(
            "[DEFAULT]\nuser={}\nfingerprint={}\ntenancy={}\nregion=eu-frankfurt-1\nkey_file={key_file}\n",
            self.user, self.fingerprint, self.tenancy
        )
    }
}

impl fmt::Debug for OciDemoUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OciDemoUser")
            .field("tenancy", &self.tenancy)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}
