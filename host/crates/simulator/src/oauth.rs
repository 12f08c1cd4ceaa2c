//! The token endpoint of an identity domain (RFC 6749, 7521, 7523, 8628) and its device authorization endpoint.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};

use super::answer::{self, Caller};
use super::site::AppState;
use super::tokens::DeviceStanding;

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The audiences of assertions, besides the token endpoint itself. The vendor's pages write it both ways.
const AUDIENCES: [&str; 2] = ["https://identity.oraclecloud.com", "https://identity.oraclecloud.com/"];

/// An error of RFC 6749, section 5.2: the HTTP status, the code, and why.
type OAuthError = (StatusCode, &'static str, &'static str);

const INVALID_CLIENT: OAuthError = (
    StatusCode::UNAUTHORIZED,
    "invalid_client",
    "Client authentication failed.",
);

/// The party that a token is for.
struct TokenGrant {
    subject: String,
    /// The refresh token that comes with it, and the one that it replaces.
    refresh: Option<Option<String>>,
}

/// `POST /oauth2/v1/token`
pub(super) async fn token(
    State(site): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match form(&headers, &body).and_then(|form| answer_token(&site, &caller, &headers, &form)) {
        Ok(body) => uncached(answer::json(StatusCode::OK, &body)),
        Err(error) => refused(error),
    }
}

/// `POST /oauth2/v1/device`
pub(super) async fn device(
    State(site): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let answered = form(&headers, &body).and_then(|form| {
        let client = client(&site, &caller, &headers, &form)?;
        if form.get("response_type").is_some_and(|kind| kind != "device_code") {
            return Err((
                StatusCode::BAD_REQUEST,
                "invalid_request",
                "response_type must be device_code.",
            ));
        }
        let (code, user_code) = site.tokens().device(&client.id, site.scenario.oauth.device_polls);
        Ok(json!({
            "device_code": code, "user_code": user_code, "verification_uri": format!("{}/ui/v1/device", caller.base),
            "expires_in": 300, "interval": site.scenario.oauth.device_interval,
        }))
    });
    match answered {
        Ok(body) => uncached(answer::json(StatusCode::OK, &body)),
        Err(error) => refused(error),
    }
}

fn form(headers: &HeaderMap, body: &[u8]) -> Result<HashMap<String, String>, OAuthError> {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if !content_type.starts_with("application/x-www-form-urlencoded") {
        return Err((
            StatusCode::BAD_REQUEST,
            "invalid_request",
            "The body must be application/x-www-form-urlencoded.",
        ));
    }
    let mut form = HashMap::new();
    for (name, value) in url::form_urlencoded::parse(body).into_owned() {
        if form.insert(name, value).is_some() {
            return Err((
                StatusCode::BAD_REQUEST,
                "invalid_request",
                "A parameter is there twice.",
            ));
        }
    }
    Ok(form)
}

fn answer_token(
    site: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    form: &HashMap<String, String>,
) -> Result<Value, OAuthError> {
    let given = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let client = client(site, caller, headers, form)?;
    let scope = given("scope");
    let offline = scope.split(' ').any(|scope| scope == "offline_access");
    let grant = match given("grant_type") {
        "" => return Err((StatusCode::BAD_REQUEST, "invalid_request", "grant_type is missing.")),
        "client_credentials" => {
            if !client.proved {
                return Err(INVALID_CLIENT);
            }
            TokenGrant {
                subject: client.id.clone(),
                refresh: None,
            }
        }
        "refresh_token" => {
            let old = given("refresh_token");
            let subject = site.tokens().redeem(old, &client.id).ok_or((
                StatusCode::BAD_REQUEST,
                "invalid_grant",
                "The refresh token is invalid, expired, revoked or used.",
            ))?;
            TokenGrant {
                subject,
                refresh: Some(Some(old.to_owned())),
            }
        }
        JWT_BEARER => {
            if !client.proved {
                return Err(INVALID_CLIENT);
            }
            let claims = claims(site, caller, given("assertion"), &client.id).ok_or((
                StatusCode::BAD_REQUEST,
                "invalid_grant",
                "The assertion is not valid.",
            ))?;
            let subject = claims.get("sub").and_then(Value::as_str).unwrap_or_default().to_owned();
            TokenGrant {
                subject,
                refresh: offline.then_some(None),
            }
        }
        DEVICE_CODE => {
            if site.scenario.oauth.device_denied {
                return Err((StatusCode::BAD_REQUEST, "access_denied", "The user refused."));
            }
            match site.tokens().confirmed(given("device_code"), &client.id) {
                DeviceStanding::Unknown => {
                    return Err((
                        StatusCode::BAD_REQUEST,
                        "expired_token",
                        "The device code is unknown or used.",
                    ));
                }
                DeviceStanding::Pending => {
                    return Err((
                        StatusCode::BAD_REQUEST,
                        "authorization_pending",
                        "The user has not confirmed yet.",
                    ));
                }
                DeviceStanding::Confirmed => TokenGrant {
                    subject: site.scenario.credentials.user.clone(),
                    refresh: Some(None),
                },
            }
        }
        _ => {
            return Err((
                StatusCode::BAD_REQUEST,
                "unsupported_grant_type",
                "The grant type is not supported.",
            ));
        }
    };
    let life = site.scenario.oauth.token_life;
    let ends = site
        .now()
        .saturating_add(i64::try_from(life).unwrap_or(i64::MAX / 1000).saturating_mul(1000));
    let uses = site.scenario.oauth.token_uses.unwrap_or(u64::MAX);
    let mut tokens = site.tokens();
    let refresh = grant
        .refresh
        .map(|replaces| tokens.refresh(&grant.subject, &client.id, replaces.as_deref()));
    let mut answer = json!({
        "access_token": tokens.grant(&grant.subject, ends, uses), "token_type": "Bearer", "expires_in": life,
    });
    if let (Some(refresh), Some(members)) = (refresh, answer.as_object_mut()) {
        members.insert("refresh_token".to_owned(), json!(refresh));
    }
    Ok(answer)
}

/// The client that asks, and whether it proved who it is.
struct TokenClient {
    id: String,
    proved: bool,
}

/// By Basic authentication, by secret or assertion in the body, or, for a public client, by its id alone.
fn client(
    site: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    form: &HashMap<String, String>,
) -> Result<TokenClient, OAuthError> {
    let oauth = &site.scenario.oauth;
    let given = |name: &str| form.get(name).map(String::as_str);
    let basic = headers
        .get(header::AUTHORIZATION)
        .map(|value| basic(value).ok_or(INVALID_CLIENT))
        .transpose()?;
    let ways = [
        basic.is_some(),
        given("client_secret").is_some(),
        given("client_assertion").is_some(),
    ];
    if ways.iter().filter(|used| **used).count() > 1 {
        return Err((
            StatusCode::BAD_REQUEST,
            "invalid_request",
            "More than one way of client authentication.",
        ));
    }
    if let Some(assertion) = given("client_assertion") {
        let right_type = given("client_assertion_type") == Some(ASSERTION_TYPE);
        let claims = right_type
            .then(|| claims(site, caller, assertion, &oauth.client_id))
            .flatten()
            .ok_or(INVALID_CLIENT)?;
        let same = claims.get("sub").and_then(Value::as_str) == Some(oauth.client_id.as_str());
        let named = given("client_id").is_none_or(|id| id == oauth.client_id);
        return if same && named {
            Ok(TokenClient {
                id: oauth.client_id.clone(),
                proved: true,
            })
        } else {
            Err(INVALID_CLIENT)
        };
    }
    let (id, secret) = match &basic {
        Some((id, secret)) => (decoded(id), Some(secret.as_str())),
        None => (
            given("client_id").unwrap_or_default().to_owned(),
            given("client_secret"),
        ),
    };
    if id != oauth.client_id {
        return Err(INVALID_CLIENT);
    }
    match secret {
        Some(secret) if secret == oauth.client_secret => Ok(TokenClient { id, proved: true }),
        Some(secret) if basic.is_some() && decoded(secret) == oauth.client_secret => {
            Ok(TokenClient { id, proved: true })
        }
        Some(_) => Err(INVALID_CLIENT),
        None => Ok(TokenClient { id, proved: false }),
    }
}

/// Id and secret as they were joined.
fn basic(value: &HeaderValue) -> Option<(String, String)> {
    let (scheme, encoded) = value.to_str().ok()?.split_once(' ')?;
    let decoded = scheme
        .eq_ignore_ascii_case("basic")
        .then(|| STANDARD.decode(encoded.trim()).ok())
        .flatten()?;
    let decoded = String::from_utf8(decoded).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}

/// A text that was form-encoded before it went into Basic authentication, as RFC 6749, section 2.3.1, wants.
fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(&text.replace('+', " "))
        .decode_utf8_lossy()
        .into_owned()
}

/// The claims of a JWT that `issuer` signed with the scenario's key, for this server, and that has not ended.
fn claims(site: &AppState, caller: &Caller, assertion: &str, issuer: &str) -> Option<Value> {
    let header = jsonwebtoken::decode_header(assertion).ok()?;
    if header.kid.is_none() && header.x5t.is_none() {
        return None;
    }
    let wanted = site.scenario.oauth.key_id.as_deref();
    if wanted.is_some() && header.kid.as_deref().or(header.x5t.as_deref()) != wanted {
        return None;
    }
    let key = DecodingKey::from_rsa_pem(site.scenario.oauth.public_key.as_ref()?.as_bytes()).ok()?;
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_required_spec_claims(&["exp", "iss", "sub", "aud"]);
    validation.set_issuer(&[issuer]);
    let own = format!("{}/oauth2/v1/token", caller.base);
    validation.set_audience(&[AUDIENCES[0], AUDIENCES[1], &own]);
    // The simulator's clock is not the machine's.
    validation.validate_exp = false;
    let claims = jsonwebtoken::decode::<Value>(assertion, &key, &validation).ok()?.claims;
    let seconds = |name: &str| claims.get(name).and_then(Value::as_i64);
    let now = site.now() / 1000;
    let valid = seconds("exp").is_some_and(|exp| exp > now) && seconds("iat").is_some_and(|iat| iat <= now + 60);
    valid.then_some(claims)
}

fn refused((status, code, description): OAuthError) -> Response {
    let mut response = uncached(answer::json(
        status,
        &json!({ "error": code, "error_description": description }),
    ));
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Basic realm=\"simulator\""),
        );
    }
    response
}

fn uncached(mut response: Response) -> Response {
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
