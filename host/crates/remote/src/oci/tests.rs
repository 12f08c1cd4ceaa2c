//! Keys and signatures, against what `openssl` says of them.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, DATE};
use http::{HeaderMap, HeaderValue, Method};
use jiff::Timestamp;
use secrecy::SecretString;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

use super::key::RsaKey;
use super::principal::OciApiKey;
use super::request_signer::{RequestSigner, Signed};
use super::session_token::SessionToken;
use crate::error::RemoteError;

const KEY: &str = include_str!("../../tests/keys/oci.pem");
const TENANCY: &str = "ocid1.tenancy.oc1..aaaaexampletenancy";
const USER: &str = "ocid1.user.oc1..aaaaexampleuser";
const FINGERPRINT: &str = "10:80:92:ad:f2:84:c8:ff:5b:29:c2:e5:b1:df:bd:01";

/// `Wed, 01 Jul 2026 12:34:56 GMT`.
const THEN: &str = "2026-07-01T12:34:56Z";

const AUDIT: &str = "https://audit.eu-frankfurt-1.oraclecloud.com/20190901/auditEvents?compartmentId=ocid1.tenancy.oc1..aaaaexampletenancy\
                     &startTime=2026-07-01T00%3A00%3A00Z&endTime=2026-07-01T01%3A00%3A00Z";

fn key(pem: &str) -> Result<RsaKey, RemoteError> {
    RsaKey::from_pem(&SecretString::from(pem))
}

fn signer(signed: Signed) -> RequestSigner {
    let id = format!("{TENANCY}/{USER}/{FINGERPRINT}");
    RequestSigner::new(id.into(), Arc::new(key(KEY).unwrap()), signed, 1).unwrap()
}

struct SignedRequest {
    headers: HeaderMap,
    body: Option<Bytes>,
    signature: String,
}

impl SignedRequest {
    fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }
}

fn sign(method: &Method, url: &str, body: Option<&str>, mut headers: HeaderMap) -> SignedRequest {
    let url: Url = url.parse().unwrap();
    let mut body = body.map(|text| Bytes::from(text.to_owned()));
    let now: Timestamp = THEN.parse().unwrap();
    let signature = signer(Signed::WithHost).sign(method, &url, &mut headers, &mut body, now);
    SignedRequest {
        headers,
        body,
        signature: signature.unwrap(),
    }
}

#[test]
fn requests_to_list_events_have_the_signatures_that_openssl_computes() {
    for (url, signature) in [
        (
            AUDIT.to_owned(),
            "KmaTP93KZdsATt1KJwnOAQF5ktPVXM3YphPKsHpJOSlmFDwoR1AL0ZE/tAS4qNDqR5n51TcEmt64uM60ZCJVN0sIjJirXvBVBEveUwQFwp60Bzuo9FPdZtHDRaYOXU/nOXZF\
             Ly+81LM4okgq1o3JFSBHR6Q/MZSKcOS8Q0q5RhKyY4cKE+8hpQKfJSH3J2MQqXbQlFX0lDbkfYIaAbCYMEt2Y4GgKbm4aPKQiUwz2Z3Vw3fxtmGbsFxwNp3iIfwQfqdukAGO\
             mxTfprSEFjigpmsb3Fi19eseADoOWh9QSVHH1TQkF5CewzH6RA5Oobm+TbhISeIBCariL3j1RvSA6w==",
        ),
        (
            format!("{AUDIT}&page=AP37-f_9__79-fj59fvpjP_-9fj1_fv0-Pr5-fn-__z-_PSM_fv5__3__v35-Pn1-4zMzMzM6Q%3D%3D"),
            "rv0O4u+ljjZWvHvMLlGNGUn5BbG6nMwkuiRGYQcRTG4wL7byOL+FHj6EkcpK6+OPmD+t/JagOLS3rdZxMLMvHaOInCMtbHiGmvnYMBYwbL5giBlTm2yW+Kf9zTA0+T4FMz3i\
             MOH5aoogq9/JefzFTews7OM1xyGc5f/EiVhmJl3hckQI1QoAMeInkjwOjiqCszivWcLRuAlyV9moQFXMFeyUTf/MWuonkxNZbLGIt+qH8DE9m9IkOY23AUODmnuHq9phh1Xc\
             xvPSPI/aS6QijRbGeSa4fCArTIoGDEMFspca++aZlQKG+8Ymp8ZETmB45zY77UUWZSDpuBYul9djpw==",
        ),
    ] {
        let signed = sign(&Method::GET, &url, None, HeaderMap::new());
        assert_eq!(signed.signature, signature);
        assert_eq!(
            signed.header("authorization"),
            format!(
                "Signature version=\"1\",headers=\"date (request-target) host\",keyId=\"{TENANCY}/{USER}/{FINGERPRINT}\",\
                 algorithm=\"rsa-sha256\",signature=\"{signature}\""
            )
        );
        assert_eq!(signed.header("date"), "Wed, 01 Jul 2026 12:34:56 GMT");
        assert!(signed.headers[AUTHORIZATION].is_sensitive());
        assert_eq!((signed.headers.len(), signed.body), (2, None));
    }
}

#[test]
fn a_search_of_logs_has_the_signature_that_openssl_computes() {
    let body = "{\"timeStart\":\"2026-07-01T00:00:00.000Z\",\"timeEnd\":\"2026-07-01T01:00:00.000Z\",\"searchQuery\":\"search \
                \\\"ocid1.tenancy.oc1..aaaaexampletenancy/_Audit_Include_Subcompartment\\\" | where data.additionalDetails.eventId = \
                'sso.session.create.success'\",\"isReturnFieldInfo\":false}";
    let url = "https://logging.eu-frankfurt-1.oci.oraclecloud.com/20190909/search?limit=1000";
    let signed = sign(&Method::POST, url, Some(body), HeaderMap::new());
    assert_eq!(signed.header("content-length"), "268");
    assert_eq!(signed.header("content-type"), "application/json");
    assert_eq!(
        signed.header("x-content-sha256"),
        "tnBHGUtAI3sMfeaEHwNvHtPTTcRyB8Wivt8c3Gon5wE="
    );
    assert_eq!(
        signed.signature,
        "gU+/+H9ihtca3kaJ5PTBkd+fO4Qib9pWNPZDOAutwlyg8r6iSe5wfiCmBxwTkN5vb4+D3D5RIoT/5Rdcq1uzztWiJ0n8JbK/1D9vAOCSAAiLagcKrcqZrfS+tc/aoh/0qfJ+9mPp\
         s1qpKIFl5mQjdIB2AJJSfQrczrdueqK8mWJ4TKiBkcfTA/+rHXX2fqOx2btRJuLMbfcLjQNK7baPmSfKXnm7/bC3Ry9O07gvnrSzdRWIuve7TyiGVg9KMT+yBg6dq6iACZsqoITV\
         B0l630p1PhF9JXLTK23jgzu5hw8HrTfI5SJV0SEa15RwRE7GQPokK7YCi0ra85LxEY4BAw=="
    );
}

#[test]
fn what_may_have_a_body_is_signed_with_it_even_where_it_has_none() {
    for method in [Method::POST, Method::PUT, Method::PATCH] {
        let signed = sign(&method, "https://a.example/x", None, HeaderMap::new());
        assert_eq!(
            signed.header("x-content-sha256"),
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
        );
        assert_eq!(signed.header("content-length"), "0");
        assert_eq!(signed.body, Some(Bytes::new()));
    }
    for method in [Method::GET, Method::DELETE, Method::HEAD] {
        let signed = sign(&method, "https://a.example/x", None, HeaderMap::new());
        assert!(signed.headers.get(CONTENT_LENGTH).is_none() && signed.body.is_none());
    }
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    headers.insert(DATE, HeaderValue::from_static("yesterday"));
    headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer other"));
    let signed = sign(&Method::POST, "https://a.example/x", Some("x"), headers);
    assert_eq!(signed.header("content-type"), "text/plain");
    assert_eq!(signed.header("date"), "Wed, 01 Jul 2026 12:34:56 GMT");
    assert!(signed.header("authorization").starts_with("Signature "));
}

#[test]
fn a_name_that_could_end_the_quotes_signs_nothing() {
    let key = Arc::new(key(KEY).unwrap());
    for id in ["a\"b", "a b", "a\nb", "a\\b", "ü"] {
        let error = RequestSigner::new(id.into(), Arc::clone(&key), Signed::WithHost, 1).unwrap_err();
        assert!(!format!("{error:?}").contains(id));
    }
}

#[test]
fn a_key_is_read_in_both_forms_whatever_stands_around_it() {
    let pkcs1 = include_str!("../../tests/keys/oci-pkcs1.pem");
    for pem in [
        KEY.to_owned(),
        pkcs1.to_owned(),
        format!("{KEY}OCI_API_KEY\n"),
        format!("{}OCI_API_KEY", KEY.replace('\n', "\r\n")),
        format!("Bag Attributes\n    friendlyName: x\n{pkcs1}\n\n"),
    ] {
        let key = key(&pem).unwrap();
        assert_eq!(key.fingerprint(), FINGERPRINT);
        assert!(!format!("{key:?}").contains("PRIVATE"));
    }
}

#[test]
fn a_key_that_cannot_sign_is_refused_with_what_to_do_and_not_shown() {
    let encrypted = "openssl pkey -in";
    let make = "openssl genrsa";
    for (pem, said, hint) in [
        (
            include_str!("../../tests/keys/encrypted.pem"),
            "is encrypted",
            encrypted,
        ),
        (
            include_str!("../../tests/keys/encrypted-pkcs1.pem"),
            "is encrypted",
            encrypted,
        ),
        (include_str!("../../tests/keys/rsa-1024.pem"), "has 1024 bits", make),
        (include_str!("../../tests/keys/rsa-4608.pem"), "has 4608 bits", make),
        (include_str!("../../tests/keys/ec.pem"), "is no RSA key", make),
        (
            include_str!("../../tests/keys/oci.pub.pem"),
            "is a public key or a certificate",
            "private key",
        ),
        ("", "is no key in PEM form", make),
        ("canary", "is no key in PEM form", make),
        (
            "-----BEGIN PRIVATE KEY-----\nY2FuYXJ5\n-----END PRIVATE KEY-----\n",
            "is damaged",
            make,
        ),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nY2FuYXJ5\n-----END RSA PRIVATE KEY-----\n",
            "is damaged",
            make,
        ),
    ] {
        let error = key(pem).unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
        assert!(error.hint().unwrap().contains(hint), "{error}");
        assert_eq!(error.kind(), base::ErrorKind::Usage);
        assert!(!format!("{error:?}").contains("Y2FuYXJ5"));
    }
    // Its numbers are those of two keys.
    let cut = KEY
        .lines()
        .filter(|line| !line.starts_with("9yDNTEB6"))
        .collect::<Vec<_>>()
        .join("\n");
    assert!(key(&cut).unwrap_err().to_string().contains("is damaged"));
}

#[test]
fn a_fingerprint_that_is_another_key_s_is_told_with_the_one_that_is_right() {
    let pem = SecretString::from(KEY);
    assert!(OciApiKey::new(TENANCY, USER, &FINGERPRINT.to_uppercase(), &pem).is_ok());
    let other = FINGERPRINT.replace("10:", "11:");
    let error = OciApiKey::new(TENANCY, USER, &other, &pem).unwrap_err();
    let said = error.to_string();
    assert!(said.contains(FINGERPRINT) && said.contains(&other), "{said}");
}

#[test]
fn a_key_for_a_session_is_a_new_one_that_signs() {
    let (one, other) = (RsaKey::generate().unwrap(), RsaKey::generate().unwrap());
    assert_ne!(one.public(), other.public());
    assert!(one.sign(b"x").is_ok());
    assert_eq!(one.public().len(), key(KEY).unwrap().public().len());
}

fn token(claims: &str) -> SessionToken {
    use base64::Engine as _;
    let part = |text: &str| base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(text);
    let text = format!("{}.{}.c2ln", part("{\"alg\":\"RS256\"}"), part(claims));
    SessionToken::read(&text).unwrap()
}

#[test]
fn a_token_is_replaced_before_it_ends() {
    let now: Timestamp = THEN.parse().unwrap();
    let at = |offset: i64| now.as_second() + offset;
    // From its issue to its end, and how it stands to now; how long a new one and an old one of that kind are used.
    for (issued, ends, new, old, ending) in [
        (Some(0), 3600, 3300, 3300, false),
        (Some(-3000), 600, 3300, 300, false),
        (Some(-3400), 200, 3300, 30, true),
        (Some(0), 120, 60, 60, false),
        (Some(-70), 50, 60, 30, true),
        (None, 3600, 3300, 3300, false),
        (None, 200, 100, 100, true),
        (Some(-7200), -3600, 3300, 30, true),
        (
            Some(0),
            i64::MAX / 4,
            366 * 24 * 3600 - 300,
            366 * 24 * 3600 - 300,
            false,
        ),
    ] {
        let issued = issued
            .map(|offset| format!("\"iat\":{},", at(offset)))
            .unwrap_or_default();
        let token = token(&format!("{{{issued}\"exp\":{}}}", at(0).saturating_add(ends)));
        assert_eq!(token.use_of_new(now), Duration::from_secs(new), "{ends}");
        assert_eq!(token.use_of_old(now), Duration::from_secs(old), "{ends}");
        assert_eq!(token.is_ending(now), ending, "{ends}");
    }
    for claims in ["{}", "{\"exp\":\"soon\"}", "[]", "nonsense"] {
        let token = token(claims);
        assert_eq!((token.left(now), token.is_ending(now)), (None, false), "{claims}");
        assert_eq!(token.use_of_old(now), Duration::from_secs(300));
    }
}

#[test]
fn a_token_is_read_with_and_without_its_mark_and_never_shown() {
    use secrecy::ExposeSecret as _;
    for text in ["a.b.c", " a.b.c\r\n", "ST$a.b.c"] {
        let token = SessionToken::read(text).unwrap();
        assert_eq!(token.key_id().expose_secret(), "ST$a.b.c");
        assert!(!format!("{token:?}").contains("a.b.c"));
    }
    for text in ["", " ", "ST$", "a b", "a\"b", "a\nb", "ü"] {
        assert!(SessionToken::read(text).is_err(), "{text:?}");
    }
}
