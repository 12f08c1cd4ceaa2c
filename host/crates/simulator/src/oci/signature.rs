//! Signatures of requests as OCI checks them (draft-cavage-http-signatures-08, RSA with SHA-256, in `Authorization`).

use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey};
use sha2::{Digest, Sha256};

/// The seconds by which the clocks of both sides may differ.
const SKEW: i64 = 300;

/// The flaw of a signature that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignatureFlaw {
    /// The header cannot be read, or is another scheme or algorithm.
    Malformed,
    /// A header that has to be signed is not, or not there.
    Unsigned,
    /// The date is none, or too far from the clock.
    Skewed,
    /// The body is not what was signed.
    Altered,
    /// Nobody has a key of that name.
    UnknownKey,
    /// The key is another one, or what was signed is.
    Wrong,
}

/// The parameters of an `Authorization` that signs.
#[derive(Debug, PartialEq, Eq)]
struct SignatureParameters {
    key_id: String,
    headers: Vec<String>,
    signature: String,
}

/// True where a request is signed, well or badly.
pub(crate) fn is_signed(headers: &HeaderMap) -> bool {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    value.is_some_and(|value| scheme(value).is_some())
}

/// Checks a request's signature, by what it names as its key, against a clock in seconds since 1970. `target` is the path and
/// query as they were sent; `key` gives the public key, PEM, of a name. Answers with the key's name.
pub(crate) fn verify(
    parts: &Parts,
    target: &str,
    body: &[u8],
    clock: i64,
    key: impl FnOnce(&str) -> Option<String>,
) -> Result<String, SignatureFlaw> {
    let value = parts
        .headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let value = value.and_then(scheme).ok_or(SignatureFlaw::Malformed)?;
    let parameters = SignatureParameters::read(value).ok_or(SignatureFlaw::Malformed)?;
    let signs = |name: &str| parameters.headers.iter().any(|signed| signed == name);
    let has_body = [Method::POST, Method::PUT, Method::PATCH].contains(&parts.method);
    let mut needed = vec!["(request-target)"];
    // The vendor's own clients leave it out where they ask for a session token.
    if !target.ends_with("/v1/x509") {
        needed.push("host");
    }
    if has_body {
        needed.extend(["content-length", "content-type", "x-content-sha256"]);
    }
    if !(signs("date") || signs("x-date")) || !needed.into_iter().all(signs) {
        return Err(SignatureFlaw::Unsigned);
    }
    let text = signing_text(parts, target, &parameters.headers)?;
    let date = if signs("x-date") { "x-date" } else { "date" };
    let date = joined(&parts.headers, date).and_then(|date| httpdate::parse_http_date(&date).ok());
    let date = date.and_then(|date| jiff::Timestamp::try_from(date).ok());
    if date.is_none_or(|date| (date.as_second() - clock).abs() > SKEW) {
        return Err(SignatureFlaw::Skewed);
    }
    if has_body {
        let digest = STANDARD.encode(Sha256::digest(body));
        let told = |name: &str| joined(&parts.headers, name).unwrap_or_default();
        if told("x-content-sha256") != digest || told("content-length") != body.len().to_string() {
            return Err(SignatureFlaw::Altered);
        }
    }
    let key = key(&parameters.key_id).ok_or(SignatureFlaw::UnknownKey)?;
    let key = DecodingKey::from_rsa_pem(key.as_bytes()).map_err(|_| SignatureFlaw::UnknownKey)?;
    // The library wants a signature as tokens have it.
    let signature = STANDARD
        .decode(&parameters.signature)
        .map_err(|_| SignatureFlaw::Malformed)?;
    let signature = URL_SAFE_NO_PAD.encode(signature);
    match jsonwebtoken::crypto::verify(&signature, text.as_bytes(), &key, Algorithm::RS256) {
        Ok(true) => Ok(parameters.key_id),
        _ => Err(SignatureFlaw::Wrong),
    }
}

/// The parameters behind the scheme, where it is the one that signs.
fn scheme(value: &str) -> Option<&str> {
    let (scheme, rest) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("signature").then_some(rest)
}

fn signing_text(parts: &Parts, target: &str, signed: &[String]) -> Result<String, SignatureFlaw> {
    let mut lines = Vec::new();
    for name in signed {
        let value = match name.as_str() {
            "(request-target)" => format!("{} {target}", parts.method.as_str().to_ascii_lowercase()),
            name => joined(&parts.headers, name).ok_or(SignatureFlaw::Unsigned)?,
        };
        lines.push(format!("{name}: {value}"));
    }
    Ok(lines.join("\n"))
}

/// The values of a header, in one line; none where it is not there.
fn joined(headers: &HeaderMap, name: &str) -> Option<String> {
    let values = headers.get_all(name).iter().map(|value| value.to_str().map(str::trim));
    let values: Vec<&str> = values.collect::<Result<_, _>>().ok()?;
    (!values.is_empty()).then(|| values.join(", "))
}

impl SignatureParameters {
    /// Reads `name="value"`, in any order, with commas and perhaps spaces in between.
    fn read(mut rest: &str) -> Option<Self> {
        let mut found = std::collections::HashMap::new();
        loop {
            rest = rest.trim_start();
            let (name, after) = rest.split_once('=')?;
            let (value, after) = after.trim_start().strip_prefix('"')?.split_once('"')?;
            if found.insert(name.trim().to_ascii_lowercase(), value).is_some() {
                return None;
            }
            match after.trim_start().strip_prefix(',') {
                Some(after) => rest = after,
                None if after.trim().is_empty() => break,
                None => return None,
            }
        }
        let is = |name: &str, wanted: &str| found.get(name).is_none_or(|value| *value == wanted);
        if !(is("algorithm", "rsa-sha256") && found.contains_key("algorithm") && is("version", "1")) {
            return None;
        }
        Some(Self {
            key_id: (*found.get("keyid")?).to_owned(),
            headers: found
                .get("headers")?
                .split_whitespace()
                .map(str::to_ascii_lowercase)
                .collect(),
            signature: (*found.get("signature")?).to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    /// The public half of the key that the vectors were signed with.
    const KEY: &str = include_str!("../tests/keys/oci-vectors.pub.pem");
    const KEY_ID: &str = "ocid1.tenancy.oc1..aaaaexampletenancy/ocid1.user.oc1..aaaaexampleuser/10:80";
    const DATE: &str = "Wed, 01 Jul 2026 12:34:56 GMT";
    const CLOCK: i64 = 1_782_909_296;

    const LIST: &str = "/20190901/auditEvents?compartmentId=ocid1.tenancy.oc1..aaaaexampletenancy\
                        &startTime=2026-07-01T00%3A00%3A00Z&endTime=2026-07-01T01%3A00%3A00Z";
    const LIST_SIGNATURE: &str = "KmaTP93KZdsATt1KJwnOAQF5ktPVXM3YphPKsHpJOSlmFDwoR1AL0ZE/tAS4qNDqR5n51TcEmt64uM60ZCJVN0sIjJirXvBVBEveUwQFwp60Bzuo9FPdZtHDRaYOXU/nOXZFLy+81LM4okgq1o3JFSBHR6Q/MZSKcOS8Q0q5RhKyY4cKE+8hpQKfJSH3J2MQqXbQlFX0lDbkfYIaAbCYMEt2Y4GgKbm4aPKQiUwz2Z3Vw3fxtmGbsFxwNp3iIfwQfqdukAGOmxTfprSEFjigpmsb3Fi19eseADoOWh9QSVHH1TQkF5CewzH6RA5Oobm+TbhISeIBCariL3j1RvSA6w==";
    const SEARCH: &str = "/20190909/search?limit=1000";
    const SEARCH_BODY: &str = r#"{"timeStart":"2026-07-01T00:00:00.000Z","timeEnd":"2026-07-01T01:00:00.000Z","searchQuery":"search \"ocid1.tenancy.oc1..aaaaexampletenancy/_Audit_Include_Subcompartment\" | where data.additionalDetails.eventId = 'sso.session.create.success'","isReturnFieldInfo":false}"#;
    const SEARCH_SIGNATURE: &str = "gU+/+H9ihtca3kaJ5PTBkd+fO4Qib9pWNPZDOAutwlyg8r6iSe5wfiCmBxwTkN5vb4+D3D5RIoT/5Rdcq1uzztWiJ0n8JbK/1D9vAOCSAAiLagcKrcqZrfS+tc/aoh/0qfJ+9mPps1qpKIFl5mQjdIB2AJJSfQrczrdueqK8mWJ4TKiBkcfTA/+rHXX2fqOx2btRJuLMbfcLjQNK7baPmSfKXnm7/bC3Ry9O07gvnrSzdRWIuve7TyiGVg9KMT+yBg6dq6iACZsqoITVB0l630p1PhF9JXLTK23jgzu5hw8HrTfI5SJV0SEa15RwRE7GQPokK7YCi0ra85LxEY4BAw==";

    fn list(authorization: &str) -> Parts {
        let request = Request::get(LIST)
            .header("date", DATE)
            .header("host", "audit.eu-frankfurt-1.oraclecloud.com")
            .header("authorization", authorization);
        request.body(()).unwrap().into_parts().0
    }

    fn search(authorization: &str) -> Parts {
        let request = Request::post(SEARCH)
            .header("date", DATE)
            .header("host", "logging.eu-frankfurt-1.oci.oraclecloud.com")
            .header("content-length", "268")
            .header("content-type", "application/json")
            .header("x-content-sha256", "tnBHGUtAI3sMfeaEHwNvHtPTTcRyB8Wivt8c3Gon5wE=")
            .header("authorization", authorization);
        request.body(()).unwrap().into_parts().0
    }

    fn header(signed: &str, signature: &str) -> String {
        format!(
            "Signature version=\"1\",headers=\"{signed}\",keyId=\"{KEY_ID}\",algorithm=\"rsa-sha256\",signature=\"{signature}\""
        )
    }

    fn check(parts: &Parts, target: &str, body: &str, clock: i64) -> Result<String, SignatureFlaw> {
        verify(parts, target, body.as_bytes(), clock, |id| {
            (id == KEY_ID).then(|| KEY.to_owned())
        })
    }

    const GET: &str = "date (request-target) host";
    const POST: &str = "date (request-target) host content-length content-type x-content-sha256";

    #[test]
    fn requests_that_others_signed_are_recognised() {
        let list = list(&header(GET, LIST_SIGNATURE));
        assert_eq!(check(&list, LIST, "", CLOCK), Ok(KEY_ID.to_owned()));
        let search = search(&header(POST, SEARCH_SIGNATURE));
        assert_eq!(check(&search, SEARCH, SEARCH_BODY, CLOCK), Ok(KEY_ID.to_owned()));
    }

    #[test]
    fn parameters_come_in_any_order_and_with_spaces() {
        let authorization = format!(
            "signature  signature=\"{LIST_SIGNATURE}\" , keyId=\"{KEY_ID}\", headers=\"{GET}\",algorithm=\"rsa-sha256\""
        );
        assert!(check(&list(&authorization), LIST, "", CLOCK).is_ok());
    }

    #[test]
    fn a_clock_may_be_five_minutes_off_and_no_more() {
        let list = list(&header(GET, LIST_SIGNATURE));
        for (off, expected) in [(300, true), (-300, true), (301, false), (-301, false)] {
            assert_eq!(check(&list, LIST, "", CLOCK + off).is_ok(), expected, "{off}");
        }
        assert_eq!(check(&list, LIST, "", CLOCK + 301), Err(SignatureFlaw::Skewed));
    }

    #[test]
    fn whatever_was_signed_must_be_what_was_sent() {
        let list = list(&header(GET, LIST_SIGNATURE));
        let other = LIST.replace("T01", "T02");
        assert_eq!(check(&list, &other, "", CLOCK), Err(SignatureFlaw::Wrong));
        let search = search(&header(POST, SEARCH_SIGNATURE));
        let other = SEARCH_BODY.replace("success", "failure");
        assert_eq!(check(&search, SEARCH, &other, CLOCK), Err(SignatureFlaw::Altered));
        let key = |_: &str| Some(super::super::demo_user::PUBLIC_KEY.to_owned());
        assert_eq!(verify(&list, LIST, b"", CLOCK, key), Err(SignatureFlaw::Wrong));
        assert_eq!(
            verify(&list, LIST, b"", CLOCK, |_| None),
            Err(SignatureFlaw::UnknownKey)
        );
    }

    #[test]
    fn the_headers_that_must_be_signed_are() {
        for signed in [
            "(request-target) host",
            "date host",
            "date (request-target)",
            "date (request-target) host x-other",
        ] {
            let list = list(&header(signed, LIST_SIGNATURE));
            assert_eq!(check(&list, LIST, "", CLOCK), Err(SignatureFlaw::Unsigned), "{signed}");
        }
        let search = search(&header(GET, SEARCH_SIGNATURE));
        assert_eq!(check(&search, SEARCH, SEARCH_BODY, CLOCK), Err(SignatureFlaw::Unsigned));
    }

    #[test]
    fn a_header_that_is_no_signature_is_refused() {
        for authorization in [
            "Signature ",
            "Signature keyId",
            "Signature keyId=\"a\"",
            "Signature keyId=\"a\",keyId=\"b\"",
            "Signature keyId=\"a",
            &header(GET, LIST_SIGNATURE).replace("rsa-sha256", "hmac-sha256"),
            &header(GET, "not base64"),
        ] {
            let flaw = check(&list(authorization), LIST, "", CLOCK);
            assert_eq!(flaw, Err(SignatureFlaw::Malformed), "{authorization}");
        }
    }
}
