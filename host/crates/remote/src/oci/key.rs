//! RSA keys that sign requests to OCI: what is checked of one before it is used, its fingerprint, and new ones for sessions.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use md5::{Digest as _, Md5};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rsa::pkcs1::EncodeRsaPrivateKey as _;
use rsa::pkcs8::der::Encode as _;
use rsa::pkcs8::der::asn1::BitStringRef;
use rsa::pkcs8::spki::SubjectPublicKeyInfoRef;
use rsa::pkcs8::{PrivateKeyInfo, der};
use rsa::{pkcs1, rand_core};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::{ExposeSecret as _, SecretString};

use crate::error::RemoteError;

/// Bits of a key's modulus: below, nobody should sign with it; above, *ring* does not.
const BITS: std::ops::RangeInclusive<usize> = 2048..=4096;

/// Bits of a key that is made for a session, as many as Oracle's SDKs take.
const SESSION_BITS: usize = 2048;

/// The advice for an encrypted key: the way to one that can be read.
const DECRYPT: &str = "decrypt it with `openssl pkey -in KEY.pem -out PLAIN.pem`, which asks for the pass phrase; then `chmod 600 PLAIN.pem`, \
     and name that file";

/// The advice for a key of the wrong kind: the way to one of the right kind.
const MAKE: &str = "`openssl genrsa -out KEY.pem 2048` makes a key; its public half (`openssl rsa -in KEY.pem -pubout`) is added to the user in \
     OCI's console, below API keys";

/// An RSA key that signs (RSASSA-PKCS1-v1_5 with SHA-256).
pub struct RsaKey {
    pair: RsaKeyPair,
    /// SubjectPublicKeyInfo, DER.
    public: Vec<u8>,
    /// The key as it came, for whoever must take it out of what is told.
    pem: SecretString,
}

impl fmt::Debug for RsaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RsaKey")
            .field("fingerprint", &self.fingerprint())
            .finish_non_exhaustive()
    }
}

impl RsaKey {
    /// Reads a key in PEM form: PKCS #8 or PKCS #1, 2048 to 4096 bits, not encrypted. What stands before and after the key
    /// does not matter: Oracle's console writes a line `OCI_API_KEY` below.
    ///
    /// # Errors
    ///
    /// Where it is no such key, with what to do about it.
    pub fn from_pem(pem: &SecretString) -> Result<RsaKey, RemoteError> {
        let text = pem.expose_secret();
        let refused = |what: &str, hint: &str| RemoteError::settings_hint(format!("the private key {what}"), hint);
        if text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
            return Err(refused("is encrypted", DECRYPT));
        }
        let der = PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|_| {
            if ["BEGIN PUBLIC KEY", "BEGIN RSA PUBLIC KEY", "BEGIN CERTIFICATE"]
                .iter()
                .any(|kind| text.contains(kind))
            {
                return refused(
                    "is a public key or a certificate",
                    "give the private key that belongs to it",
                );
            }
            refused("is no key in PEM form", MAKE)
        })?;
        match &der {
            PrivateKeyDer::Pkcs1(der) => RsaKey::from_pkcs1(der.secret_pkcs1_der(), pem),
            PrivateKeyDer::Pkcs8(der) => {
                let key = PrivateKeyInfo::try_from(der.secret_pkcs8_der())
                    .map_err(|_| refused("is damaged: it is no PKCS #8 structure", MAKE))?;
                if key.algorithm.oid != pkcs1::ALGORITHM_OID {
                    return Err(refused("is no RSA key", MAKE));
                }
                RsaKey::from_pkcs1(key.private_key, pem)
            }
            _ => Err(refused("is no RSA key", MAKE)),
        }
    }

    fn from_pkcs1(der: &[u8], pem: &SecretString) -> Result<RsaKey, RemoteError> {
        let damaged =
            || RemoteError::settings_hint("the private key is damaged: its numbers do not belong together", MAKE);
        let key = pkcs1::RsaPrivateKey::try_from(der).map_err(|_| damaged())?;
        let bits = bits(key.modulus.as_bytes());
        if !BITS.contains(&bits) {
            let message = format!("the private key has {bits} bits; 2048 to 4096 are taken");
            return Err(RemoteError::settings_hint(message, MAKE));
        }
        let public = public_info(&key).map_err(|_| damaged())?;
        Ok(RsaKey {
            pair: RsaKeyPair::from_der(der).map_err(|_| damaged())?,
            public,
            pem: pem.clone(),
        })
    }

    /// A new key, for one session. Computes for a while.
    pub(super) fn generate() -> Result<RsaKey, RemoteError> {
        let failed = |what: &dyn fmt::Display| RemoteError::Local {
            message: format!("no key could be made for a session with OCI: {what}"),
            hint: None,
        };
        let key = rsa::RsaPrivateKey::new(&mut rand_core::OsRng, SESSION_BITS).map_err(|error| failed(&error))?;
        let pem = key
            .to_pkcs1_pem(pkcs1::LineEnding::LF)
            .map_err(|error| failed(&error))?;
        RsaKey::from_pem(&SecretString::from(pem.as_str()))
    }

    /// The public key's MD5 in lower case with colons, as OCI's console shows it for an API key.
    pub fn fingerprint(&self) -> String {
        colons(&Md5::digest(&self.public))
    }

    /// The public key: SubjectPublicKeyInfo, DER.
    pub(super) fn public(&self) -> &[u8] {
        &self.public
    }

    /// The public key as OCI takes it in JSON: PEM without its first and last line, in one.
    pub(super) fn public_text(&self) -> String {
        BASE64_STANDARD.encode(&self.public)
    }

    /// The key as it came.
    pub(super) fn pem(&self) -> &str {
        self.pem.expose_secret()
    }

    /// The signature of a text, in base64.
    pub(super) fn sign(&self, text: &[u8]) -> Result<String, RemoteError> {
        let mut signature = vec![0; self.pair.public().modulus_len()];
        (self.pair)
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text, &mut signature)
            .map_err(|_| RemoteError::settings("the private key cannot sign"))?;
        Ok(BASE64_STANDARD.encode(signature))
    }
}

/// The length of a number without leading zeros.
fn bits(number: &[u8]) -> usize {
    let first = number.first().copied().unwrap_or_default();
    (number.len() * 8).saturating_sub(usize::try_from(first.leading_zeros()).unwrap_or_default())
}

/// RFC 5280 section 4.1: the algorithm and the key.
fn public_info(key: &pkcs1::RsaPrivateKey<'_>) -> der::Result<Vec<u8>> {
    let public = key.public_key().to_der()?;
    let info = SubjectPublicKeyInfoRef {
        algorithm: pkcs1::ALGORITHM_ID,
        subject_public_key: BitStringRef::from_bytes(&public)?,
    };
    info.to_der()
}

/// Bytes in lower-case hexadecimal with colons.
pub(super) fn colons(bytes: &[u8]) -> String {
    let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    pairs.join(":")
}
