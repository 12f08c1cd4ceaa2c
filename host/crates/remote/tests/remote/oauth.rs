//! Obtaining tokens, against a token endpoint that plays along, refuses, rotates, or lies.

mod assertions;
mod device;
mod interrupted;
mod refresh;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use base::ErrorKind;
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use remote::{
    Auth, BaseUrl, ClientAuth, DeviceLogin, GrantType, KeyId, OAuth2, Remote, RemoteError, Request, Settings,
    SigningKey,
};
use serde_json::{Value, json};
use servers::*;

const TOKEN: &str = "/oauth2/v1/token";

fn oauth(client: ClientAuth, grant: GrantType) -> OAuth2 {
    OAuth2 {
        token_url: None,
        device_url: None,
        client_id: "client-1".into(),
        client,
        grant,
        scope: Some("urn:opc:idm:__myscopes__".into()),
    }
}

fn secret_client() -> OAuth2 {
    oauth(ClientAuth::Basic(CANARY.into()), GrantType::ClientCredentials)
}

fn with(url: &str, oauth: OAuth2) -> Settings {
    let mut settings = settings(url);
    settings.auth = Auth::OAuth2(Box::new(oauth));
    settings
}

async fn api(remote: &Remote) -> Result<String, RemoteError> {
    let answer = remote.exchange(Request::get(remote.resolve("/api").unwrap())).await;
    if let Err(error) = &answer {
        assert_secret_free(&format!("{error} {error:?} {:?}", error.hint()));
    }
    answer.map(|answer| String::from_utf8(answer.body.to_vec()).unwrap())
}

fn form(seen: &Seen) -> HashMap<String, String> {
    url::form_urlencoded::parse(seen.body.as_bytes()).into_owned().collect()
}

/// Issues `token-1`, `token-2`, … and echoes at `/api` which one it was shown.
async fn issuer(lifetime: Value, replace: impl Fn(&Seen, usize) -> Option<Response> + Send + Sync + 'static) -> Server {
    let issued = std::sync::Mutex::new(0);
    Server::start(move |seen, n| {
        if let Some(response) = replace(seen, n) {
            return response;
        }
        if seen.path == TOKEN {
            let mut issued = issued.lock().unwrap();
            *issued += 1;
            let token = format!("token-{issued}");
            return json(
                200,
                json!({"access_token": token, "token_type": "Bearer", "expires_in": lifetime}).to_string(),
            );
        }
        json(200, seen.header("authorization").unwrap_or("none").to_owned())
    })
    .await
}

fn token_requests(server: &Server) -> Vec<Seen> {
    server.seen().into_iter().filter(|seen| seen.path == TOKEN).collect()
}

#[tokio::test]
async fn one_token_serves_many_requests_at_once() {
    let server = issuer(json!(3600), |_, _| None).await;
    let remote = Arc::new(Remote::new(with(&server.url(), secret_client())).unwrap());
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let remote = remote.clone();
            tokio::spawn(async move { api(&remote).await.unwrap() })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), "Bearer token-1");
    }
    let [request] = &token_requests(&server)[..] else {
        panic!("one token request")
    };
    assert_eq!(request.method, "POST");
    assert_eq!(
        request.header("content-type"),
        Some("application/x-www-form-urlencoded;charset=UTF-8")
    );
    let pair = BASE64_STANDARD.encode(format!("client-1:{CANARY}"));
    assert_eq!(request.header("authorization"), Some(format!("Basic {pair}").as_str()));
    let form = form(request);
    assert_eq!(
        (form["grant_type"].as_str(), form["scope"].as_str()),
        ("client_credentials", "urn:opc:idm:__myscopes__")
    );
    assert!(!form.contains_key("client_secret"));
}

#[tokio::test]
async fn a_secret_may_travel_in_the_form() {
    let server = issuer(json!(3600), |_, _| None).await;
    let client = oauth(ClientAuth::Post(CANARY.into()), GrantType::ClientCredentials);
    api(&Remote::new(with(&server.url(), client)).unwrap()).await.unwrap();
    let [request] = &token_requests(&server)[..] else {
        panic!("one token request")
    };
    assert_eq!(request.header("authorization"), None);
    assert_eq!(
        (
            form(request)["client_id"].as_str(),
            form(request)["client_secret"].as_str()
        ),
        ("client-1", CANARY)
    );
}

#[tokio::test]
async fn a_token_that_is_about_to_end_is_replaced_and_a_short_lived_one_is_still_used() {
    for (lifetime, tokens) in [
        (json!(3600), 1),
        (json!("3600"), 1),
        (json!(30), 1),
        (json!(null), 1),
        (json!(0), 3),
        (json!(-5), 3),
    ] {
        let server = issuer(lifetime.clone(), |_, _| None).await;
        let remote = Remote::new(with(&server.url(), secret_client())).unwrap();
        for _ in 0..3 {
            api(&remote).await.unwrap();
        }
        assert_eq!(token_requests(&server).len(), tokens, "{lifetime}");
    }
}

#[tokio::test]
async fn a_token_that_the_server_forgot_is_renewed_once() {
    let server = issuer(json!(3600), |seen, _| {
        (seen.header("authorization") == Some("Bearer token-1")).then(|| json(401, "{}"))
    })
    .await;
    let remote = Remote::new(with(&server.url(), secret_client())).unwrap();
    assert_eq!(api(&remote).await.unwrap(), "Bearer token-2");
    assert_eq!(api(&remote).await.unwrap(), "Bearer token-2");

    let server = issuer(json!(3600), |seen, _| (seen.path == "/api").then(|| json(401, "{}"))).await;
    let remote = Remote::new(with(&server.url(), secret_client())).unwrap();
    assert_eq!(api(&remote).await.unwrap_err().kind(), ErrorKind::Refused);
    assert_eq!((token_requests(&server).len(), server.seen().len()), (2, 4));
}

#[tokio::test]
async fn what_the_token_endpoint_refuses_is_told_without_secrets() {
    for (status, body, class, told) in [
        (
            400,
            json!({"error": "invalid_client", "error_description": format!("no {CANARY}")}),
            ErrorKind::Refused,
            "invalid_client: no [redacted]",
        ),
        (
            401,
            json!({"error": "invalid_client"}),
            ErrorKind::Refused,
            "invalid_client",
        ),
        (
            400,
            json!({"error": "invalid_scope\u{1b}[2J"}),
            ErrorKind::Refused,
            "invalid_scope",
        ),
        (403, json!({}), ErrorKind::Refused, "403"),
        (401, json!("x"), ErrorKind::Refused, "401"),
        (400, json!({"detail": "odd"}), ErrorKind::Failed, "odd"),
        (404, json!({}), ErrorKind::Failed, "404"),
        (500, json!({}), ErrorKind::Unavailable, "500"),
        (429, json!({}), ErrorKind::Unavailable, "429"),
    ] {
        let body = body.to_string();
        let server = issuer(json!(1), move |seen, _| {
            (seen.path == TOKEN).then(|| json(status, body.clone()))
        })
        .await;
        let remote = Remote::new(with(&server.url(), secret_client())).unwrap();
        let error = api(&remote).await.unwrap_err();
        assert_eq!(error.kind(), class, "{status}: {error}");
        assert!(error.to_string().contains(told), "{error}");
        assert!(!error.to_string().contains('\u{1b}'));
        assert!(!server.lines().contains(&"GET /api".to_owned()));
    }
}

#[tokio::test]
async fn answers_that_are_no_tokens_are_refused() {
    for body in [
        "",
        "<html>",
        "[]",
        "{}",
        r#"{"access_token":""}"#,
        r#"{"access_token":7}"#,
        r#"{"access_token":"a b"}"#,
        "{\"access_token\":\"a\\r\\nX: y\"}",
        r#"{"access_token":"a","token_type":"mac"}"#,
        r#"{"access_token":"a""#,
    ] {
        let server = issuer(json!(1), move |seen, _| (seen.path == TOKEN).then(|| json(200, body))).await;
        let remote = Remote::new(with(&server.url(), secret_client())).unwrap();
        let error = api(&remote).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.code()),
            (ErrorKind::Failed, "malformed-response"),
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_token_endpoint_that_shows_a_sign_in_page_refuses() {
    type Answer = fn() -> Response;
    let page = || respond(200, "text/html", "<html><title>Sign In</title></html>");
    let redirecting = || redirect(302, "https://login.example.com/oauth2/v1/authorize?client_id=x");
    for answer in [page as Answer, redirecting] {
        let server = issuer(json!(1), move |seen, _| (seen.path == TOKEN).then(answer)).await;
        let remote = Remote::new(with(&server.url(), secret_client())).unwrap();
        let error = api(&remote).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.code()),
            (ErrorKind::Refused, "sign-in-page"),
            "{error}"
        );
        assert!(error.hint().unwrap().contains("token-url"));
        assert_eq!(server.seen().len(), 1);
    }
}

#[tokio::test]
async fn a_token_endpoint_that_redirects_gets_nothing_more() {
    let canary = Canary::start().await;
    for status in [301, 302, 303, 307, 308] {
        let target = canary.url();
        let server = issuer(json!(1), move |seen, _| {
            (seen.path == TOKEN).then(|| redirect(status, &target))
        })
        .await;
        let remote = Remote::new(with(&server.url(), secret_client())).unwrap();
        assert_eq!(api(&remote).await.unwrap_err().kind(), ErrorKind::Failed);
        assert_eq!(server.seen().len(), 1);
    }
    canary.assert_untouched();
}

#[tokio::test]
async fn the_token_endpoint_may_be_elsewhere_and_the_token_goes_only_to_the_service() {
    let issuer = issuer(json!(3600), |_, _| None).await;
    let service = Server::start(|seen, _| json(200, seen.header("authorization").unwrap().to_owned())).await;
    let mut oauth = secret_client();
    oauth.token_url = Some(
        BaseUrl::parse(&issuer.url())
            .unwrap()
            .join(["oauth2", "v1", "token"])
            .unwrap(),
    );
    let remote = Remote::new(with(&service.url(), oauth)).unwrap();
    assert_eq!(api(&remote).await.unwrap(), "Bearer token-1");
    assert_eq!(issuer.lines(), [format!("POST {TOKEN}")]);
    assert_eq!(service.lines(), ["GET /api"]);
}

#[test]
fn a_token_endpoint_must_be_safe_to_talk_to() {
    for url in [
        "http://idcs.example.com/oauth2/v1/token",
        "https://user:pass@idcs.example.com/oauth2/v1/token",
        "ftp://idcs.example.com/",
        "https://10.0.0.1/token",
        "https://169.254.169.254/token",
    ] {
        let mut oauth = secret_client();
        oauth.token_url = Some(url::Url::parse(url).unwrap());
        let mut settings = with("https://epm.example.com", oauth);
        settings.allow_private_addresses = false;
        settings.allow_http = true;
        assert_eq!(Remote::new(settings).unwrap_err().kind(), ErrorKind::Usage, "{url}");
    }
}

fn refreshing(store: &Path, initial: Option<&str>) -> OAuth2 {
    let grant = GrantType::RefreshToken {
        initial: initial.map(Into::into),
        store: store.to_owned(),
    };
    oauth(ClientAuth::Public, grant)
}

fn device_answer(server: &Seen) -> Response {
    let host = server.header("host").unwrap();
    json(
        200,
        json!({
            "device_code": format!("device-{CANARY}"), "user_code": "ABCD-EFGH",
            "verification_uri": format!("http://{host}/ui/v1/device"), "expires_in": "300", "interval": 0,
        })
        .to_string(),
    )
}
