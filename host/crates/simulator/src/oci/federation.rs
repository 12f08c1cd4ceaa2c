//! The service that gives session tokens: to an instance for its certificate, to a pod for its service account's token, and to
//! whoever has one that has not ended yet.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use super::demo_user::{PRIVATE_KEY, PUBLIC_KEY};
use super::instance::identity;
use super::instance_certificate::INSTANCE;
use super::refusal::OciRefusal;
use crate::answer;
use crate::site::AppState;

/// The public key behind a `keyId`, and whom it stands for.
#[derive(Clone, Debug)]
pub(crate) struct FederatedPrincipal {
    /// PEM.
    pub(crate) public_key: String,
    /// The principal that the token stands for.
    pub(crate) subject: String,
}

/// The key that a `keyId` names, for a request to that path at a time in seconds since 1970.
pub(crate) fn key(site: &AppState, key_id: &str, path: &str, now: i64) -> Option<FederatedPrincipal> {
    let oci = &site.scenario.oci;
    if let Some(token) = key_id.strip_prefix("ST$") {
        let (public_key, subject) = site.oci_sessions().key(token, now)?;
        return Some(FederatedPrincipal { public_key, subject });
    }
    let (tenancy, rest) = key_id.split_once('/')?;
    if tenancy != oci.tenancy {
        return None;
    }
    if path == "/v1/x509" {
        let (kind, fingerprint) = rest.split_once('/')?;
        // The vendor's Python names the certificate by its SHA-1, which nobody here computes.
        let named = match kind {
            "fed-x509-sha256" => identity(site)?.fingerprint == fingerprint.to_ascii_lowercase(),
            "fed-x509" => true,
            _ => false,
        };
        return named.then(|| FederatedPrincipal {
            public_key: PUBLIC_KEY.to_owned(),
            subject: INSTANCE.to_owned(),
        });
    }
    (rest == format!("{}/{}", oci.user, oci.fingerprint)).then(|| FederatedPrincipal {
        public_key: oci.public_key.clone(),
        subject: oci.user.clone(),
    })
}

/// A new token for a subject that has the private half of that key; none where it cannot be made.
pub(crate) fn issue(site: &AppState, public_key: &str, subject: &str) -> Option<String> {
    let now = site.signing_clock().as_second();
    let ends = now.saturating_add(i64::try_from(site.scenario.oauth.token_life).unwrap_or(3600));
    let tenancy = &site.scenario.oci.tenancy;
    let claims = json!({
        "sub": subject, "iss": "authService.oracle.com", "ptype": "instance", "aud": "oci", "ttype": "x509", "tenant": tenancy,
        "opc-tenant": tenancy, "res_tenant": tenancy, "res_compartment": site.scenario.oci.domain_compartment(),
        "iat": now, "exp": ends, "jti": site.turn().to_string(),
    });
    let key = EncodingKey::from_rsa_pem(PRIVATE_KEY.as_bytes()).ok()?;
    let mut header = Header::new(Algorithm::RS256);
    header.kid = Some("asw_simulator".to_owned());
    let token = jsonwebtoken::encode(&header, &claims, &key).ok()?;
    site.oci_sessions().open(&token, public_key, subject, ends);
    Some(token)
}

/// `POST /v1/x509`
pub(crate) async fn x509(State(site): State<Arc<AppState>>, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let given = |name: &str| body.get(name).and_then(Value::as_str).map(bare).unwrap_or_default();
    let known = identity(&site).is_some_and(|identity| bare(&identity.leaf_pem) == given("certificate"));
    let (Some(public_key), true) = (armoured(&given("publicKey")), known) else {
        return OciRefusal::parameter("The certificate or the public key is invalid.").into_response();
    };
    token(issue(&site, &public_key, INSTANCE))
}

/// `POST /v1/authentication/refresh`
pub(crate) async fn refresh(State(site): State<Arc<AppState>>, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let current = body.get("currentToken").and_then(Value::as_str).unwrap_or_default();
    let now = site.signing_clock().as_second();
    let session = site.oci_sessions().key(current, now);
    match session {
        Some((public_key, subject)) => token(issue(&site, &public_key, &subject)),
        None => super::refusal::refusal(StatusCode::UNAUTHORIZED),
    }
}

/// `POST /resourcePrincipalSessionTokens`, as the proxy of a cluster answers its pods.
pub(crate) async fn pod(State(site): State<Arc<AppState>>, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let key = body
        .get("podKey")
        .and_then(Value::as_str)
        .and_then(|key| armoured(&bare(key)));
    let token = key.and_then(|key| issue(&site, &key, "ocid1.workload.oc1..simulator"));
    match token {
        Some(token) => {
            let inner = json!({ "token": format!("ST${token}") }).to_string();
            answer::json(StatusCode::OK, &json!(STANDARD.encode(inner)))
        }
        None => OciRefusal::parameter("The pod key is invalid.").into_response(),
    }
}

/// An answer with a token, laid out as the vendor does.
fn token(token: Option<String>) -> Response {
    match token {
        Some(token) => {
            let body = format!("\n{{\n  \"token\" : \"{token}\"\n}}\n");
            answer::with_type(StatusCode::OK, "application/json", Body::from(body))
        }
        None => super::refusal::refusal(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// The base64 of a PEM, without armour and line breaks.
fn bare(pem: &str) -> String {
    let lines = pem.lines().filter(|line| !line.starts_with("-----"));
    lines
        .flat_map(|line| line.chars())
        .filter(|c| !c.is_whitespace())
        .collect()
}

/// A public key in PEM; none for what is no base64.
fn armoured(base64: &str) -> Option<String> {
    STANDARD.decode(base64).ok().filter(|der| !der.is_empty())?;
    let letters: Vec<char> = base64.chars().collect();
    let lines: Vec<String> = letters.chunks(64).map(|line| line.iter().collect()).collect();
    Some(format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        lines.join("\n")
    ))
}
