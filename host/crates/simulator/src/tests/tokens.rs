//! The token endpoint.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;

use super::*;

const PRIVATE: &[u8] = include_bytes!("keys/client.pem");
const PUBLIC: &str = include_str!("keys/client.pub.pem");
/// The simulator's clock, in seconds.
const CLOCK: i64 = 1_751_544_000;

async fn token(running: &RunningSimulator, authorization: Option<&str>, form: &[(&str, &str)]) -> Answer {
    post(running, "/oauth2/v1/token", authorization, form).await
}

async fn post(running: &RunningSimulator, path: &str, authorization: Option<&str>, form: &[(&str, &str)]) -> Answer {
    let mut headers = vec![("Content-Type", "application/x-www-form-urlencoded;charset=UTF-8")];
    headers.extend(authorization.map(|value| ("Authorization", value)));
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish();
    raw(running, "POST", path, &headers, &body).await
}

/// The HTTP status of a request with an access token.
async fn knock(running: &RunningSimulator, answer: &Answer) -> u16 {
    let authorization = format!("Bearer {}", answer.json()["access_token"].as_str().unwrap());
    raw(
        running,
        "GET",
        "/admin/v1/AuditEvents?count=1",
        &[("Authorization", &authorization)],
        "",
    )
    .await
    .status
}

fn error(answer: &Answer) -> (u16, String) {
    (
        answer.status,
        answer.json()["error"].as_str().unwrap_or_default().to_owned(),
    )
}

fn jwt(kid: Option<&str>, claims: &Value) -> String {
    let mut header = Header::new(Algorithm::RS256);
    header.kid = kid.map(str::to_owned);
    jsonwebtoken::encode(&header, claims, &EncodingKey::from_rsa_pem(PRIVATE).unwrap()).unwrap()
}

async fn start_with_key(scenario: &str) -> RunningSimulator {
    let mut scenario: Scenario = format!("{NOW},{scenario}").parse().unwrap();
    scenario.oauth.public_key = Some(PUBLIC.to_owned());
    Simulator::start(scenario, 0, false).await.unwrap()
}

#[tokio::test]
async fn a_client_with_its_secret_gets_a_token_that_opens_the_door() {
    let running = start("client-secret=s%3A+ecret").await;
    let secret = "s%3A+ecret";
    let credentials = ("grant_type", "client_credentials");
    let in_body = [credentials, ("client_id", "demo-client"), ("client_secret", secret)];
    for (authorization, form) in [
        (Some(basic("demo-client", secret)), &in_body[..1]),
        (Some(basic("demo-client", "s%253A%2Becret")), &in_body[..1]),
        (None, &in_body[..]),
    ] {
        let answer = token(&running, authorization.as_deref(), form).await;
        let body = answer.json();
        assert_eq!(
            (answer.status, &body["token_type"], &body["expires_in"]),
            (200, &json!("Bearer"), &json!(3600))
        );
        assert!(body.get("refresh_token").is_none());
        assert_eq!(knock(&running, &answer).await, 200);
    }
    for (authorization, form, expected) in [
        (
            Some(basic("demo-client", "wrong")),
            &in_body[..1],
            (401, "invalid_client"),
        ),
        (Some(basic("other", secret)), &in_body[..1], (401, "invalid_client")),
        (None, &in_body[..1], (401, "invalid_client")),
        (None, &in_body[..2], (401, "invalid_client")),
        (
            Some(basic("demo-client", secret)),
            &in_body[..],
            (400, "invalid_request"),
        ),
        (
            Some(basic("demo-client", secret)),
            &[("grant_type", "password")],
            (400, "unsupported_grant_type"),
        ),
        (Some(basic("demo-client", secret)), &[], (400, "invalid_request")),
    ] {
        let answer = token(&running, authorization.as_deref(), form).await;
        assert_eq!(error(&answer), (expected.0, expected.1.to_owned()), "{form:?}");
    }
}

#[tokio::test]
async fn an_access_token_ends_after_its_uses() {
    let running = start("token-uses=2").await;
    let form = [("grant_type", "client_credentials")];
    let answer = token(&running, Some(&basic("demo-client", "demo-secret")), &form).await;
    let statuses = [
        knock(&running, &answer).await,
        knock(&running, &answer).await,
        knock(&running, &answer).await,
    ];
    assert_eq!(statuses, [200, 200, 401]);
    let running = start("token-life=0").await;
    let answer = token(&running, Some(&basic("demo-client", "demo-secret")), &form).await;
    assert_eq!(knock(&running, &answer).await, 401);
}

#[tokio::test]
async fn a_refresh_token_is_good_once() {
    let running = start("").await;
    let form = |refresh: &str| {
        [
            ("grant_type", "refresh_token".to_owned()),
            ("refresh_token", refresh.to_owned()),
            ("client_id", "demo-client".to_owned()),
        ]
    };
    let redeem = async |refresh: &str| {
        let form = form(refresh);
        token(
            &running,
            None,
            &form.each_ref().map(|(name, value)| (*name, value.as_str())),
        )
        .await
    };
    let first = redeem("demo-refresh").await;
    assert_eq!(knock(&running, &first).await, 200);
    let second = first.json()["refresh_token"].as_str().unwrap().to_owned();
    let third = redeem(&second).await.json()["refresh_token"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        error(&redeem(&second).await),
        (400, "invalid_grant".to_owned()),
        "used before"
    );
    assert_eq!(
        error(&redeem(&third).await),
        (400, "invalid_grant".to_owned()),
        "its family has ended"
    );
}

#[tokio::test]
async fn a_signed_assertion_proves_the_client() {
    let running = start_with_key("key-id=alias").await;
    let claims = |aud: &str, exp: i64, sub: &str| json!({"iss": "demo-client", "sub": sub, "aud": aud, "iat": CLOCK, "exp": exp});
    let good = claims("https://identity.oraclecloud.com", CLOCK + 60, "demo-client");
    let own = format!("{}oauth2/v1/token", running.url());
    let assert = async |assertion: String| {
        let form = [
            ("grant_type", "client_credentials"),
            (
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ),
            ("client_assertion", &assertion),
            ("client_id", "demo-client"),
        ];
        token(&running, None, &form).await
    };
    for claims in [
        &good,
        &claims("https://identity.oraclecloud.com/", CLOCK + 60, "demo-client"),
        &claims(&own, CLOCK + 60, "demo-client"),
    ] {
        assert_eq!(knock(&running, &assert(jwt(Some("alias"), claims)).await).await, 200);
    }
    let mut forged = jwt(Some("alias"), &good);
    forged.truncate(forged.len() - 4);
    for assertion in [
        jwt(Some("other"), &good),
        jwt(None, &good),
        jwt(
            Some("alias"),
            &claims("https://elsewhere.example", CLOCK + 60, "demo-client"),
        ),
        jwt(
            Some("alias"),
            &claims("https://identity.oraclecloud.com", CLOCK - 1, "demo-client"),
        ),
        jwt(
            Some("alias"),
            &claims("https://identity.oraclecloud.com", CLOCK + 60, "other"),
        ),
        forged,
        "x.y.z".to_owned(),
    ] {
        assert_eq!(error(&assert(assertion).await), (401, "invalid_client".to_owned()));
    }
}

#[tokio::test]
async fn a_user_assertion_speaks_for_its_subject() {
    let running = start_with_key("").await;
    let claims = json!({"iss": "demo-client", "sub": "jdoe", "aud": "https://identity.oraclecloud.com/", "iat": CLOCK, "exp": CLOCK + 60});
    let assertion = jwt(Some("any"), &claims);
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        ("assertion", assertion.as_str()),
        ("scope", "urn:opc:idm:__myscopes__ offline_access"),
    ];
    let answer = token(&running, Some(&basic("demo-client", "demo-secret")), &form).await;
    assert_eq!(knock(&running, &answer).await, 200);
    assert_eq!(running.requests().last().unwrap().user.as_deref(), Some("jdoe"));
    assert!(answer.json()["refresh_token"].is_string());
    let bad = [form[0], ("assertion", "x")];
    let answer = token(&running, Some(&basic("demo-client", "demo-secret")), &bad).await;
    assert_eq!(error(&answer), (400, "invalid_grant".to_owned()));
}

#[tokio::test]
async fn a_device_waits_for_its_user() {
    let running = start("device-polls=2").await;
    let form = [
        ("response_type", "device_code"),
        ("scope", "offline_access"),
        ("client_id", "demo-client"),
    ];
    let device = post(&running, "/oauth2/v1/device", None, &form).await.json();
    assert!(
        device["verification_uri"]
            .as_str()
            .unwrap()
            .starts_with(running.url().as_str())
    );
    assert_eq!(device["user_code"].as_str().unwrap().len(), 8);
    let code = device["device_code"].as_str().unwrap();
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("device_code", code),
        ("client_id", "demo-client"),
    ];
    for _ in 0..2 {
        assert_eq!(
            error(&token(&running, None, &form).await),
            (400, "authorization_pending".to_owned())
        );
    }
    let answer = token(&running, None, &form).await;
    assert_eq!(knock(&running, &answer).await, 200);
    assert!(answer.json()["refresh_token"].is_string());
    assert_eq!(
        error(&token(&running, None, &form).await),
        (400, "expired_token".to_owned())
    );
    let denied = start("device-denied").await;
    assert_eq!(
        error(&token(&denied, None, &form).await),
        (400, "access_denied".to_owned())
    );
}
