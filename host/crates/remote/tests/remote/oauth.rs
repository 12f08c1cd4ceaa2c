//! Obtaining tokens, against a token endpoint that plays along, refuses, rotates, or lies.

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

fn signing_key() -> SigningKey {
    let pem = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)
        .unwrap()
        .serialize_pem();
    SigningKey::new(
        &pem.into(),
        KeyId::Alias("cert-1".into()),
        Some("https://issuer.example/".into()),
    )
    .unwrap()
}

fn claims(assertion: &str) -> Value {
    let part = assertion.split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[tokio::test]
async fn a_client_may_prove_itself_by_a_signed_assertion() {
    let server = issuer(json!(3600), |_, _| None).await;
    let client = oauth(ClientAuth::Assertion(signing_key()), GrantType::ClientCredentials);
    api(&Remote::new(with(&server.url(), client)).unwrap()).await.unwrap();
    let form = form(&token_requests(&server)[0]);
    assert_eq!(
        form["client_assertion_type"],
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    );
    assert_eq!(
        (form["client_id"].as_str(), form["grant_type"].as_str()),
        ("client-1", "client_credentials")
    );
    let claims = claims(&form["client_assertion"]);
    assert_eq!(
        (&claims["iss"], &claims["sub"]),
        (&json!("client-1"), &json!("client-1"))
    );
}

#[tokio::test]
async fn a_client_may_vouch_for_a_user() {
    let server = issuer(json!(3600), |_, _| None).await;
    let grant = GrantType::UserAssertion {
        user: "jdoe".into(),
        key: signing_key(),
    };
    api(&Remote::new(with(&server.url(), oauth(ClientAuth::Basic(CANARY.into()), grant))).unwrap())
        .await
        .unwrap();
    let request = &token_requests(&server)[0];
    assert!(request.header("authorization").is_some());
    let form = form(request);
    assert_eq!(form["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer");
    let claims = claims(&form["assertion"]);
    assert_eq!((&claims["iss"], &claims["sub"]), (&json!("client-1"), &json!("jdoe")));
}

/// Takes assertions that are good by a clock so far ahead.
async fn with_clock(ahead: i64) -> Server {
    issuer(json!(3600), move |seen, _| {
        if seen.path != TOKEN {
            return None;
        }
        let now = std::time::SystemTime::now();
        let seconds = i64::try_from(now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()).unwrap() + ahead;
        let form = form(seen);
        let claims = claims(form.get("client_assertion").unwrap_or_else(|| &form["assertion"]));
        let good = (claims["iat"].as_i64().unwrap()..claims["exp"].as_i64().unwrap()).contains(&seconds);
        (!good).then(|| {
            let mut response = json(401, r#"{"error":"invalid_client"}"#);
            let date = std::time::UNIX_EPOCH + Duration::from_secs(seconds.try_into().unwrap());
            response
                .headers_mut()
                .insert("date", httpdate::fmt_http_date(date).parse().unwrap());
            response
        })
    })
    .await
}

#[tokio::test]
async fn a_server_with_another_clock_is_met_halfway_and_no_further() {
    let user = || GrantType::UserAssertion {
        user: "jdoe".into(),
        key: signing_key(),
    };
    let client = || ClientAuth::Assertion(signing_key());
    for (ahead, followed) in [(600, true), (-600, true), (890, true), (1000, false), (-7200, false)] {
        for oauth in [
            oauth(client(), GrantType::ClientCredentials),
            oauth(ClientAuth::Basic(CANARY.into()), user()),
            oauth(client(), user()),
        ] {
            let server = with_clock(ahead).await;
            let answer = api(&Remote::new(with(&server.url(), oauth)).unwrap()).await;
            if followed {
                assert_eq!(answer.unwrap(), "Bearer token-1", "{ahead}");
                assert_eq!(token_requests(&server).len(), 2);
            } else {
                let error = answer.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Refused, "{ahead}: {error}");
                let hint = error.hint().unwrap();
                assert!(hint.contains("set this machine's clock right"), "{hint}");
                assert_eq!(token_requests(&server).len(), 1, "nothing is dated by such a clock");
            }
        }
    }
}

#[tokio::test]
async fn an_assertion_is_for_the_token_endpoint_unless_told_otherwise() {
    let pem = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let key = |audience: Option<&str>| {
        SigningKey::new(&pem.clone().into(), KeyId::Alias("a".into()), audience.map(Into::into)).unwrap()
    };
    for audience in [None, Some("https://elsewhere.example/")] {
        let server = issuer(json!(3600), |_, _| None).await;
        let grant = GrantType::UserAssertion {
            user: "jdoe".into(),
            key: key(audience),
        };
        let mut oauth = oauth(ClientAuth::Assertion(key(audience)), grant);
        oauth.token_url = Some(format!("{}{TOKEN}?tenant=a", server.url()).parse().unwrap());
        drop(api(&Remote::new(with(&server.url(), oauth)).unwrap()).await);
        let seen = server.seen();
        let form = form(&seen[0]);
        let own = format!("{}{TOKEN}", server.url());
        for assertion in ["assertion", "client_assertion"] {
            assert_eq!(claims(&form[assertion])["aud"], audience.unwrap_or(&own), "{assertion}");
        }
    }
}

fn refreshing(store: &Path, initial: Option<&str>) -> OAuth2 {
    let grant = GrantType::RefreshToken {
        initial: initial.map(Into::into),
        store: store.to_owned(),
    };
    oauth(ClientAuth::Public, grant)
}

/// Takes `refresh-N` only if it is the newest, and issues `refresh-N+1`.
async fn rotating() -> Server {
    let newest = std::sync::Mutex::new(0);
    Server::start(move |seen, _| {
        if seen.path != TOKEN {
            return json(200, seen.header("authorization").unwrap().to_owned());
        }
        let mut newest = newest.lock().unwrap();
        if form(seen)["refresh_token"] != format!("refresh-{newest}") {
            return json(400, r#"{"error":"invalid_grant","error_description":"The token was used."}"#);
        }
        *newest += 1;
        let body = json!({"access_token": format!("access-{newest}"), "refresh_token": format!("refresh-{newest}"), "expires_in": 3600});
        json(200, body.to_string())
    })
    .await
}

#[tokio::test]
async fn a_rotated_refresh_token_outlives_the_process() {
    let server = rotating().await;
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("state/epm.json");
    for n in 1..4 {
        let remote = Remote::new(with(&server.url(), refreshing(&store, Some("refresh-0")))).unwrap();
        assert_eq!(api(&remote).await.unwrap(), format!("Bearer access-{n}"));
    }
    let request = &token_requests(&server)[0];
    assert_eq!(request.header("authorization"), None);
    assert_eq!(
        (
            form(request)["client_id"].as_str(),
            form(request)["grant_type"].as_str()
        ),
        ("client-1", "refresh_token")
    );
}

#[tokio::test]
async fn two_processes_do_not_spend_one_refresh_token_twice() {
    let server = rotating().await;
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("epm.json");
    let tasks: Vec<_> = (0..5)
        .map(|_| {
            let remote = Remote::new(with(&server.url(), refreshing(&store, Some("refresh-0")))).unwrap();
            tokio::spawn(async move { api(&remote).await.unwrap() })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(token_requests(&server).len(), 5);
}

#[tokio::test]
async fn a_spent_or_missing_refresh_token_asks_for_a_new_sign_in() {
    let server = rotating().await;
    let folder = tempfile::tempdir().unwrap();
    for (initial, class) in [(Some("refresh-9"), ErrorKind::Refused), (None, ErrorKind::Usage)] {
        let oauth = refreshing(&folder.path().join("epm.json"), initial);
        let error = api(&Remote::new(with(&server.url(), oauth)).unwrap())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), class, "{error}");
        assert!(error.hint().unwrap().contains("host login epm"), "{:?}", error.hint());
    }
}

#[tokio::test]
async fn a_refresh_token_is_not_spent_where_the_next_one_cannot_be_kept() {
    let server = rotating().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let oauth = refreshing(&file.join("epm.json"), Some("refresh-0"));
    let error = api(&Remote::new(with(&server.url(), oauth)).unwrap())
        .await
        .unwrap_err();
    assert_eq!((error.kind(), server.seen().len()), (ErrorKind::Usage, 0));
}

#[tokio::test]
async fn a_refresh_whose_fate_is_unknown_is_not_repeated() {
    let (address, _task) = raw(|mut stream| async move {
        read_request(&mut stream).await;
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let oauth = refreshing(&folder.path().join("epm.json"), Some("refresh-0"));
    let remote = Remote::new(with(&format!("http://{address}"), oauth)).unwrap();
    assert_eq!(api(&remote).await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(remote.counters().requests, 1);
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

#[tokio::test]
async fn a_person_signs_in_once_and_the_connection_works_from_then_on() {
    let server = Server::start(|seen, n| match seen.path.as_str() {
        "/oauth2/v1/device" => device_answer(seen),
        TOKEN if form(seen)["grant_type"] == "refresh_token" => {
            assert_eq!(form(seen)["refresh_token"], "refresh-1");
            json(200, r#"{"access_token":"access-2","expires_in":3600}"#)
        }
        TOKEN if n < 3 => json(400, r#"{"error":"authorization_pending"}"#),
        TOKEN => json(
            200,
            r#"{"access_token":"access-1","refresh_token":"refresh-1","expires_in":3600}"#,
        ),
        _ => json(200, seen.header("authorization").unwrap().to_owned()),
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let settings = with(&server.url(), refreshing(&folder.path().join("epm.json"), None));
    let login = DeviceLogin::start(&settings).await.unwrap();
    assert_eq!(login.prompt().user_code, "ABCD-EFGH");
    assert_eq!(login.prompt().verification_uri.path(), "/ui/v1/device");
    assert_eq!(login.prompt().expires_in, Duration::from_secs(300));
    login.wait().await.unwrap();
    assert_eq!(api(&Remote::new(settings).unwrap()).await.unwrap(), "Bearer access-2");
    let seen = server.seen();
    let (start, poll) = (form(&seen[0]), form(&seen[1]));
    assert_eq!(
        (start["response_type"].as_str(), start["client_id"].as_str()),
        ("device_code", "client-1")
    );
    assert_eq!(poll["grant_type"], "urn:ietf:params:oauth:grant-type:device_code");
    assert_eq!(seen.len(), 6);
}

#[tokio::test]
async fn a_sign_in_that_fails_ends() {
    for (body, class) in [
        (r#"{"error":"access_denied"}"#, ErrorKind::Refused),
        (r#"{"error":"expired_token"}"#, ErrorKind::Refused),
        (r#"{"error":"invalid_grant"}"#, ErrorKind::Refused),
    ] {
        let server = Server::start(move |seen, _| match seen.path.as_str() {
            "/oauth2/v1/device" => device_answer(seen),
            _ => json(400, body),
        })
        .await;
        let folder = tempfile::tempdir().unwrap();
        let settings = with(&server.url(), refreshing(&folder.path().join("epm.json"), None));
        let error = DeviceLogin::start(&settings).await.unwrap().wait().await.unwrap_err();
        assert_eq!(error.kind(), class);
        assert_secret_free(&format!("{error} {error:?}"));
    }
}

#[tokio::test]
async fn a_sign_in_page_that_cannot_be_trusted_is_not_shown() {
    for uri in [
        "http://evil.example/",
        "javascript:alert(1)",
        "https://user:pass@idcs.example/",
        "",
        "no url",
    ] {
        let server = Server::start(move |_, _| {
            json(
                200,
                json!({"device_code": "d", "user_code": "u", "verification_uri": uri}).to_string(),
            )
        })
        .await;
        let folder = tempfile::tempdir().unwrap();
        let settings = with(&server.url(), refreshing(&folder.path().join("epm.json"), None));
        let Err(error) = DeviceLogin::start(&settings).await else {
            panic!("{uri} was accepted")
        };
        assert_eq!(error.kind(), ErrorKind::Failed, "{uri}");
    }
}

#[tokio::test]
async fn only_connections_that_keep_a_refresh_token_can_sign_in() {
    let canary = Canary::start().await;
    let Err(error) = DeviceLogin::start(&with(&canary.url(), secret_client())).await else {
        panic!("accepted")
    };
    assert_eq!(error.kind(), ErrorKind::Usage);
    canary.assert_untouched();
}

#[tokio::test]
async fn a_refresh_token_of_another_server_is_not_sent() {
    let (first, second) = (rotating().await, Canary::start().await);
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("u.json");
    let remote = Remote::new(with(&first.url(), refreshing(&store, Some("refresh-0")))).unwrap();
    api(&remote).await.unwrap();
    let remote = Remote::new(with(&second.url(), refreshing(&store, None))).unwrap();
    let error = api(&remote).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
    assert!(error.hint().unwrap().contains("host login epm"), "{error}");
    second.assert_untouched();
}

/// A token endpoint that says when a request has come, and answers once it is told to.
async fn held(answer: &'static str) -> (Server, std::sync::mpsc::Receiver<()>, std::sync::mpsc::Sender<()>) {
    let (arrived, arrivals) = std::sync::mpsc::channel();
    let (release, gate) = std::sync::mpsc::channel::<()>();
    let gate = std::sync::Mutex::new((arrived, gate));
    let server = Server::start(move |seen, _| match seen.path.as_str() {
        "/oauth2/v1/device" => device_answer(seen),
        _ => {
            let gate = gate.lock().unwrap();
            let _ = gate.0.send(());
            let _ = gate.1.recv();
            json(200, answer)
        }
    })
    .await;
    (server, arrivals, release)
}

/// Waits for the exchange, gives up whoever waits for it, and lets it be answered: the token must be on disk at the end.
async fn interrupt(
    work: impl Future<Output = ()> + Send + 'static,
    arrivals: std::sync::mpsc::Receiver<()>,
    release: std::sync::mpsc::Sender<()>,
) {
    let work = tokio::spawn(work);
    tokio::task::spawn_blocking(move || arrivals.recv().unwrap())
        .await
        .unwrap();
    work.abort();
    assert!(work.await.unwrap_err().is_cancelled());
    release.send(()).unwrap();
    let ended = tokio::task::spawn_blocking(|| remote::Redemptions::wait(Duration::from_secs(60)));
    assert!(ended.await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_that_is_being_exchanged_is_kept_though_nobody_waits_for_it() {
    // A grant that is unusable otherwise has spent the old token all the same.
    for answer in [
        r#"{"access_token":"a","refresh_token":"refresh-1","expires_in":60}"#,
        r#"{"refresh_token":"refresh-1"}"#,
        r#"{"access_token":"a","refresh_token":"refresh-1","token_type":"mac"}"#,
    ] {
        let (server, arrivals, release) = held(answer).await;
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("epm.json");
        let remote = Remote::new(with(&server.url(), refreshing(&store, Some("refresh-0")))).unwrap();
        let work = async move { drop(api(&remote).await) };
        interrupt(work, arrivals, release).await;
        assert!(
            std::fs::read_to_string(&store).unwrap().contains("refresh-1"),
            "{answer}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_code_that_is_being_redeemed_is_not_lost_though_nobody_waits_for_it() {
    let (server, arrivals, release) = held(r#"{"access_token":"a","refresh_token":"refresh-1"}"#).await;
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("epm.json");
    let login = DeviceLogin::start(&with(&server.url(), refreshing(&store, None))).await;
    let login = login.unwrap();
    interrupt(async move { drop(login.wait().await) }, arrivals, release).await;
    assert!(std::fs::read_to_string(&store).unwrap().contains("refresh-1"));
}
