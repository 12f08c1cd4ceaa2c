//! Requests that an API key signs, against a server that checks the signatures and refuses in OCI's words.

use base::ErrorKind;
use remote::{Auth, Exchange, OciApiKey, OciAuth, OciPrincipal, Remote, RemoteError, Request, RetryPolicy, Settings};
use serde_json::json;
use servers::*;
use std::time::{Duration, SystemTime};

use crate::signatures::verified;

pub const KEY: &str = include_str!("../keys/oci.pem");
pub const PUBLIC: &str = include_str!("../keys/oci.pub.pem");
const TENANCY: &str = "ocid1.tenancy.oc1..aaaaexampletenancy";
const USER: &str = "ocid1.user.oc1..aaaaexampleuser";
const FINGERPRINT: &str = "10:80:92:ad:f2:84:c8:ff:5b:29:c2:e5:b1:df:bd:01";
const EVENTS: &str =
    "/20190901/auditEvents?compartmentId=ocid1.tenancy.oc1..a&startTime=2026-07-01T00%3A00%3A00Z&page=AP37-f_9%3D%3D";
const GET: &str = "date (request-target) host";
const POST: &str = "date (request-target) host content-length content-type x-content-sha256";

fn with_key(url: &str) -> Settings {
    let mut settings = settings(url);
    let key = OciApiKey::new(TENANCY, USER, FINGERPRINT, &KEY.into()).unwrap();
    settings.auth = Auth::Oci(Box::new(OciAuth {
        principal: OciPrincipal::ApiKey(key),
        token_url: None,
    }));
    settings
}

async fn list(remote: &Remote) -> Result<String, RemoteError> {
    let answer = remote.exchange(Request::get(remote.resolve(EVENTS).unwrap())).await;
    answer.map(|answer| String::from_utf8(answer.body.to_vec()).unwrap())
}

fn denied(status: u16, code: &str, message: &str) -> axum::response::Response {
    json(status, json!({ "code": code, "message": message }).to_string())
}

fn not_authenticated() -> axum::response::Response {
    denied(
        401,
        "NotAuthenticated",
        "The required information to complete authentication was not provided or was incorrect.",
    )
}

#[tokio::test]
async fn what_is_sent_is_what_was_signed() {
    let server = Server::start(|_, _| json(200, "[]")).await;
    let remote = Remote::new(with_key(&server.url())).unwrap();
    list(&remote).await.unwrap();
    let url = remote.resolve("/20190909/search?limit=1000").unwrap();
    let search = Request::new(http::Method::POST, url.clone());
    let search = search
        .body("application/json", "{\"searchQuery\":\"search \\\"ä\\\"\"}")
        .unwrap();
    remote.exchange(search).await.unwrap();
    remote.exchange(Request::new(http::Method::POST, url)).await.unwrap();
    let [events, search, empty] = &server.seen()[..] else {
        panic!("three requests")
    };
    let signature = verified(events, PUBLIC);
    assert_eq!(signature.headers, GET);
    assert_eq!(signature.key_id, format!("{TENANCY}/{USER}/{FINGERPRINT}"));
    assert_eq!(events.path, EVENTS);
    let port = server.address.port().to_string();
    assert!(events.header("host").unwrap().ends_with(&format!(":{port}")));
    for signed in [search, empty] {
        assert_eq!(verified(signed, PUBLIC).headers, POST);
    }
    assert_eq!(empty.header("content-length"), Some("0"));
}

#[tokio::test]
async fn each_attempt_is_signed_anew_with_its_own_date() {
    let server = Server::start(|_, n| match n {
        0 => {
            let mut busy = denied(429, "TooManyRequests", "Too many requests for the user");
            busy.headers_mut().insert("retry-after", "1".parse().unwrap());
            busy
        }
        1 => not_authenticated(),
        _ => json(200, "[]"),
    })
    .await;
    let mut settings = with_key(&server.url());
    settings.retry.max_throttled = Duration::from_secs(10);
    list(&Remote::new(settings).unwrap()).await.unwrap();
    let seen = server.seen();
    let signatures: Vec<_> = seen.iter().map(|seen| verified(seen, PUBLIC)).collect();
    let [first, second, third] = &signatures[..] else {
        panic!("{} requests", signatures.len())
    };
    let at = |date: &str| httpdate::parse_http_date(date).unwrap();
    assert!(at(&first.date) < at(&second.date) && at(&second.date) <= at(&third.date));
    assert_ne!(first.text, second.text);
}

#[tokio::test]
async fn a_signature_that_is_refused_twice_is_refused() {
    let server = Server::start(|_, _| not_authenticated()).await;
    let error = list(&Remote::new(with_key(&server.url())).unwrap()).await.unwrap_err();
    assert_eq!(server.seen().len(), 2);
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("NotAuthenticated: The required"), "{error}");
    let hint = error.hint().unwrap();
    assert!(hint.contains(FINGERPRINT) && hint.contains(USER), "{hint}");
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_named_in_seconds_and_not_followed() {
    for (ahead, said) in [(true, "s behind the server's"), (false, "s ahead of the server's")] {
        let server = Server::start(move |_, _| {
            let (now, off) = (SystemTime::now(), Duration::from_secs(900));
            let then = if ahead { now + off } else { now - off };
            let mut refused = not_authenticated();
            let date = httpdate::fmt_http_date(then).parse().unwrap();
            refused.headers_mut().insert("date", date);
            refused
        })
        .await;
        let error = list(&Remote::new(with_key(&server.url())).unwrap()).await.unwrap_err();
        let hint = error.hint().unwrap();
        assert!(hint.contains(said), "{hint}");
        let seconds = hint.split(' ').find_map(|word| word.parse::<u64>().ok()).unwrap();
        assert!((890..=910).contains(&seconds), "{hint}");
        for seen in server.seen() {
            let date = httpdate::parse_http_date(&verified(&seen, PUBLIC).date).unwrap();
            let age = SystemTime::now().duration_since(date).unwrap();
            assert!(age < Duration::from_secs(120), "the date is that of this machine");
        }
    }
}

#[tokio::test]
async fn who_may_not_see_it_is_told_the_three_causes_and_the_policy() {
    let server = Server::start(|_, _| {
        denied(
            404,
            "NotAuthorizedOrNotFound",
            "Authorization failed or requested resource not found.",
        )
    })
    .await;
    let error = list(&Remote::new(with_key(&server.url())).unwrap()).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Refused, "access-refused"));
    let hint = error.hint().unwrap();
    for said in ["Allow group GROUP to read audit-events in tenancy", "OCID", "region"] {
        assert!(hint.contains(said), "{hint}");
    }
    assert_eq!(server.seen().len(), 1);
    let other = Server::start(|_, _| denied(404, "InvalidParameter", "bad path")).await;
    let error = list(&Remote::new(with_key(&other.url())).unwrap()).await.unwrap_err();
    assert_eq!(error.code(), "unexpected-status");
}

#[tokio::test]
async fn what_may_pass_is_repeated_and_what_will_not_is_not() {
    for (status, code, requests) in [
        (429, "TooManyRequests", 3),
        (500, "InternalServerError", 3),
        (501, "MethodNotImplemented", 1),
        (502, "BadGateway", 3),
        (503, "ServiceUnavailable", 3),
        (504, "GatewayTimeout", 3),
        (400, "InvalidParameter", 1),
        (403, "NotAllowed", 1),
    ] {
        let server = Server::start(move |_, n| match n {
            0 | 1 => denied(status, code, "x"),
            _ => json(200, "[]"),
        })
        .await;
        let mut settings = with_key(&server.url());
        settings.retry = RetryPolicy {
            max_throttled: Duration::from_secs(20),
            ..settings.retry
        };
        let listed = list(&Remote::new(settings).unwrap()).await;
        assert_eq!(
            (listed.is_ok(), server.seen().len()),
            (requests == 3, requests),
            "{status}"
        );
    }
}

#[tokio::test]
async fn a_signed_request_is_not_redirected() {
    let canary = Canary::start().await;
    for target in [canary.url(), "/elsewhere".to_owned()] {
        let server = Server::start(move |_, _| redirect(307, &target)).await;
        let error = list(&Remote::new(with_key(&server.url())).unwrap()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Failed, "{error}");
        assert_eq!(server.seen().len(), 1);
    }
    canary.assert_untouched();
}

#[tokio::test]
async fn a_signature_that_a_server_repeats_is_told_to_nobody() {
    let server = Server::start(|seen, _| denied(400, "InvalidParameter", seen.header("authorization").unwrap())).await;
    let remote = Remote::new(with_key(&server.url())).unwrap();
    let error = list(&remote).await.unwrap_err();
    let signature = verified(&server.seen()[0], PUBLIC).text;
    assert!(
        !format!("{error} {error:?} {remote:?}").contains(&signature[..40]),
        "{error}"
    );
}

#[tokio::test]
async fn a_recording_holds_no_signature_and_is_replayed_without_a_key() {
    let server = Server::start(|_, _| json(200, "[{\"eventId\":\"1\"}]")).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recording");
    let mut settings = with_key(&server.url());
    settings.exchange = Exchange::Record {
        folder: path.clone(),
        notes: Default::default(),
    };
    let recorded = list(&Remote::new(settings).unwrap()).await.unwrap();
    let signature = verified(&server.seen()[0], PUBLIC).text;
    let mut whole = String::new();
    for entry in std::fs::read_dir(&path).unwrap() {
        whole += &String::from_utf8_lossy(&std::fs::read(entry.unwrap().path()).unwrap());
    }
    assert!(whole.contains("auditEvents"), "{whole}");
    for secret in [&*signature, "keyId", FINGERPRINT, "rsa-sha256"] {
        assert!(!whole.contains(secret), "{secret} is in {whole}");
    }
    let mut settings = Settings::new("epm", server.url().parse().unwrap());
    settings.exchange = Exchange::Replay(path);
    assert_eq!(list(&Remote::new(settings).unwrap()).await.unwrap(), recorded);
    assert_eq!(server.seen().len(), 1);
}
