//! JSON Web Tokens that prove or vouch: RFC 7523.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use crate::error::RemoteError;

/// The validity of an assertion, in seconds.
const LIFETIME_SECONDS: i64 = 300;

/// The seconds that an assertion is dated back, for servers whose clocks are behind.
const BACKDATED_SECONDS: i64 = 60;

/// A private key, and the certificate's name by which the server knows it.
#[derive(Clone)]
pub struct SigningKey {
    key: Arc<EncodingKey>,
    algorithm: Algorithm,
    id: KeyId,
    audience: Option<String>,
}

/// The way an assertion names the certificate of its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyId {
    /// `kid`: the alias that the certificate has on the server.
    Alias(String),
    /// `x5t`: the certificate's SHA-1 thumbprint, RFC 7515 section 4.1.7.
    Thumbprint(String),
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("algorithm", &self.algorithm)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl SigningKey {
    /// Reads a PEM key: RSA (signs RS256) or P-256 (ES256), not encrypted. A thumbprint may be written in hexadecimal,
    /// with or without colons, or in base64url.
    pub fn new(pem: &SecretString, id: KeyId, audience: Option<String>) -> Result<SigningKey, RemoteError> {
        let bytes = pem.expose_secret().as_bytes();
        let rsa = EncodingKey::from_rsa_pem(bytes).map(|key| (key, Algorithm::RS256));
        let (key, algorithm) = rsa
            .or_else(|_| EncodingKey::from_ec_pem(bytes).map(|key| (key, Algorithm::ES256)))
            .map_err(|_| {
                RemoteError::settings_hint(
                    "the private key is not an RSA or P-256 key in PEM form",
                    "give an unencrypted PKCS #8 or PKCS #1 key; `openssl pkcs8 -topk8 -nocrypt` makes one",
                )
            })?;
        let id = match id {
            KeyId::Alias(alias) => KeyId::Alias(alias),
            KeyId::Thumbprint(text) => KeyId::Thumbprint(thumbprint(&text)?),
        };
        let signing = SigningKey {
            key: Arc::new(key),
            algorithm,
            id,
            audience,
        };
        // A key that cannot sign shall be found out before anything is sent.
        signing.assert("client", "client", "audience", 0)?;
        Ok(signing)
    }

    /// A signed assertion of an issuer about a subject, at a time in seconds since 1970; for `audience`, unless the key is
    /// configured for another one.
    pub(super) fn assert(
        &self,
        issuer: &str,
        subject: &str,
        audience: &str,
        now: i64,
    ) -> Result<SecretString, RemoteError> {
        let mut header = Header::new(self.algorithm);
        match &self.id {
            KeyId::Alias(alias) => header.kid = Some(alias.clone()),
            KeyId::Thumbprint(print) => header.x5t = Some(print.clone()),
        }
        let claims = json!({
            "iss": issuer,
            "sub": subject,
            "aud": self.audience.as_deref().unwrap_or(audience),
            "iat": now - BACKDATED_SECONDS,
            "exp": now + LIFETIME_SECONDS,
            "jti": format!("{:032x}", unique()),
        });
        jsonwebtoken::encode(&header, &claims, &self.key)
            .map(SecretString::from)
            .map_err(|_| RemoteError::settings("the private key cannot sign"))
    }
}

/// 128 bits that no other assertion has; they need not be secret.
fn unique() -> u128 {
    fastrand::u128(..)
}

fn thumbprint(text: &str) -> Result<String, RemoteError> {
    let wrong = || {
        RemoteError::settings_hint(
            "the thumbprint is not a SHA-1 digest",
            "`openssl x509 -noout -fingerprint -sha1` prints it",
        )
    };
    let plain: String = text.chars().filter(|c| *c != ':').collect();
    if plain.len() == 40 && plain.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let digits: Vec<u32> = plain.chars().filter_map(|c| c.to_digit(16)).collect();
        let bytes: Option<Vec<u8>> = digits
            .chunks(2)
            .map(|pair| match pair {
                [high, low] => u8::try_from(high * 16 + low).ok(),
                _ => None,
            })
            .collect();
        return Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes.ok_or_else(wrong)?));
    }
    let trimmed = text.trim_end_matches('=');
    match BASE64_URL_SAFE_NO_PAD.decode(trimmed) {
        Ok(bytes) if bytes.len() == 20 => Ok(trimmed.to_owned()),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: KeyId) -> SigningKey {
        let pem = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)
            .unwrap()
            .serialize_pem();
        SigningKey::new(&pem.into(), id, Some("https://issuer.example".into())).unwrap()
    }

    fn part(token: &SecretString, index: usize) -> serde_json::Value {
        let part = token.expose_secret().split('.').nth(index).unwrap();
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    }

    #[test]
    fn an_assertion_says_what_is_asked_of_it() {
        let key = key(KeyId::Alias("cert-1".into()));
        let token = key
            .assert("client", "jdoe", "https://token.example", 1_000_000)
            .unwrap();
        assert_eq!(part(&token, 0), json!({"typ": "JWT", "alg": "ES256", "kid": "cert-1"}));
        let claims = part(&token, 1);
        assert_eq!((&claims["iss"], &claims["sub"]), (&json!("client"), &json!("jdoe")));
        assert_eq!(claims["aud"], "https://issuer.example");
        assert_eq!((&claims["iat"], &claims["exp"]), (&json!(999_940), &json!(1_000_300)));
        let again = key
            .assert("client", "jdoe", "https://token.example", 1_000_000)
            .unwrap();
        assert_ne!(claims["jti"], part(&again, 1)["jti"]);
    }

    #[test]
    fn a_thumbprint_is_taken_in_three_spellings() {
        let digest = "_-7-_v7-_v7-_v7-_v7-_v7-_v4";
        let encoded = "_v7-_v7-_v7-_v7-_v7-_v7-_v4";
        assert_ne!(digest, encoded);
        for text in [
            vec!["FE"; 20].join(":"),
            "fe".repeat(20),
            encoded.to_owned(),
            format!("{encoded}="),
        ] {
            let token = key(KeyId::Thumbprint(text.clone())).assert("a", "b", "c", 0).unwrap();
            assert_eq!(part(&token, 0)["x5t"], encoded, "{text}");
        }
        let pem: SecretString = rcgen::KeyPair::generate().unwrap().serialize_pem().into();
        for text in ["", "fe", "zz", "not a digest"] {
            assert!(
                SigningKey::new(&pem, KeyId::Thumbprint(text.into()), None).is_err(),
                "{text}"
            );
        }
    }

    #[test]
    fn a_key_that_is_none_is_refused_without_being_shown() {
        for text in [
            "",
            "canary",
            "-----BEGIN PRIVATE KEY-----\nY2FuYXJ5\n-----END PRIVATE KEY-----\n",
        ] {
            let error = SigningKey::new(&text.into(), KeyId::Alias("a".into()), None).unwrap_err();
            assert!(!format!("{error:?}").contains("canary"));
        }
        assert!(!format!("{:?}", key(KeyId::Alias("a".into()))).contains("PRIVATE"));
    }
}
