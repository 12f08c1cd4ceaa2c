//! Checks signatures of requests to OCI as their server does, by code that shares none with what signs.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey};
use sha2::{Digest as _, Sha256};

use servers::Seen;

/// A signature's own account of itself.
pub struct Signature {
    pub key_id: String,
    pub headers: String,
    pub date: String,
    pub text: String,
}

/// The signature of a request, where it is good for that public key (PEM).
///
/// # Panics
///
/// Where it is not.
pub fn verified(seen: &Seen, public: &str) -> Signature {
    let credential = seen.header("authorization").expect("a signed request");
    let parameters = credential.strip_prefix("Signature ").expect("the scheme");
    let parameter = |name: &str| {
        let (_, after) = parameters.split_once(&format!("{name}=\"")).expect(name);
        after.split_once('"').expect("an end").0.to_owned()
    };
    assert_eq!((&*parameter("version"), &*parameter("algorithm")), ("1", "rsa-sha256"));
    let headers = parameter("headers");
    let lines: Vec<String> = headers
        .split(' ')
        .map(|name| match name {
            "(request-target)" => {
                let method = seen.method.as_str().to_lowercase();
                format!("(request-target): {method} {}", seen.path)
            }
            name => format!(
                "{name}: {}",
                seen.header(name)
                    .unwrap_or_else(|| panic!("{name} is signed and not there"))
            ),
        })
        .collect();
    let key = DecodingKey::from_rsa_pem(public.as_bytes()).expect("a public key");
    let text = parameter("signature");
    let signature = BASE64_URL_SAFE_NO_PAD.encode(BASE64_STANDARD.decode(&text).expect("base64"));
    let good = jsonwebtoken::crypto::verify(&signature, lines.join("\n").as_bytes(), &key, Algorithm::RS256);
    assert!(good.expect("a signature"), "the signature is not that of {lines:?}");
    if headers.contains("x-content-sha256") {
        let digest = BASE64_STANDARD.encode(Sha256::digest(seen.body.as_bytes()));
        assert_eq!(seen.header("x-content-sha256"), Some(&*digest));
        assert_eq!(seen.header("content-length"), Some(&*seen.body.len().to_string()));
    }
    Signature {
        key_id: parameter("keyId"),
        headers,
        date: seen.header("date").unwrap().to_owned(),
        text,
    }
}

/// A public key in PEM form, of what stands there in JSON.
pub fn public_pem(text: &str) -> String {
    format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n")
}
