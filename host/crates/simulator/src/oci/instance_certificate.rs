//! The certificate of an instance, from an authority of the simulator's own.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_RSA_SHA256};
use sha2::{Digest, Sha256};

use super::demo_user::PRIVATE_KEY;

/// The OCID of the instance.
pub(super) const INSTANCE: &str =
    "ocid1.instance.oc1.eu-frankfurt-1.simulatorinstance2222222222222222222222222222222222222222222";

/// The certificates of an instance.
#[derive(Debug)]
pub(crate) struct InstanceCertificates {
    pub(super) leaf_pem: String,
    pub(super) intermediate_pem: String,
    /// SHA-256 of the leaf, in hexadecimal digits, lower case, with colons.
    pub(super) fingerprint: String,
}

impl InstanceCertificates {
    /// Certificates for an instance of that tenancy.
    pub(super) fn generate(tenancy: &str) -> Result<Self, rcgen::Error> {
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        authority
            .distinguished_name
            .push(DnType::CommonName, "PKISVC Identity Intermediate simulator");
        let authority_key = KeyPair::generate()?;
        let intermediate_pem = authority.self_signed(&authority_key)?.pem();
        let issuer = Issuer::new(authority, authority_key);

        let mut leaf = CertificateParams::new(Vec::new())?;
        let name = &mut leaf.distinguished_name;
        name.push(DnType::CommonName, INSTANCE);
        name.push(DnType::OrganizationName, "opc-certtype:instance");
        name.push(DnType::OrganizationalUnitName, format!("opc-tenant:{tenancy}"));
        let key = KeyPair::from_pkcs8_pem_and_sign_algo(PRIVATE_KEY, &PKCS_RSA_SHA256)?;
        let leaf = leaf.signed_by(&key, &issuer)?;
        let digest = Sha256::digest(leaf.der());
        let digits: Vec<String> = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self {
            leaf_pem: leaf.pem(),
            intermediate_pem,
            fingerprint: digits.join(":"),
        })
    }
}
