//! The policy that every request obeys, against servers that try to break it.

mod bodies;
mod redirects;
mod retries;
mod secrets;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base::ErrorKind;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::Method;
use remote::{Auth, ClientAuth, Exchange, GrantType, OAuth2, Remote, RemoteError, Request, Response};
use servers::*;
use tokio::io::AsyncWriteExt as _;

fn get(remote: &Remote, path: &str) -> Request {
    Request::get(remote.resolve(path).unwrap())
}

fn post(remote: &Remote, path: &str) -> Request {
    Request::new(Method::POST, remote.resolve(path).unwrap())
        .body("text/plain", "x")
        .unwrap()
}

async fn failure(remote: &Remote, request: Request) -> RemoteError {
    let error = remote.exchange(request).await.unwrap_err();
    assert_secret_free(&format!("{error} {error:?} {:?}", error.hint()));
    error
}

#[tokio::test]
async fn a_request_carries_the_credential_and_asks_for_plain_bytes() {
    let server = Server::start(|_, _| json(200, "{}")).await;
    let remote = remote(&server.url());
    let answer = remote.exchange(get(&remote, "/a?b=c")).await.unwrap();
    assert_eq!(
        (&answer.body[..], answer.media_type().as_deref()),
        (&b"{}"[..], Some("application/json"))
    );
    let [seen] = &server.seen()[..] else {
        panic!("one request")
    };
    assert_eq!(seen.line(), "GET /a?b=c");
    assert!(seen.header("authorization").unwrap().starts_with("Basic "));
    assert_eq!(seen.header("accept-encoding"), Some("identity"));
    assert!(seen.header("user-agent").unwrap().starts_with("host/"));
    assert_eq!(
        (
            remote.counters().requests,
            remote.counters().retries,
            remote.counters().bytes
        ),
        (1, 0, 2)
    );
}

#[tokio::test]
async fn a_page_that_repeats_its_status_adds_no_words() {
    for (said, message) in [
        (
            "503 Service Unavailable",
            "the server is unavailable (503 Service Unavailable)",
        ),
        (
            "Service Unavailable",
            "the server is unavailable (503 Service Unavailable)",
        ),
        (
            "Out of order",
            "the server is unavailable (503 Service Unavailable): Out of order",
        ),
    ] {
        let server = Server::start(move |_, _| respond(503, "text/html", format!("<title>{said}</title>"))).await;
        let remote = remote(&server.url());
        let error = failure(&remote, get(&remote, "/")).await.to_string();
        assert_eq!(error.split(" (after").next(), Some(message), "{error}");
    }
}

#[tokio::test]
async fn a_refusal_is_final_and_tells_the_server_s_words_without_the_secret() {
    for status in [401, 403] {
        let server = Server::start(move |seen, _| {
            let echo = seen.header("authorization").unwrap();
            json(
                status,
                format!(r#"{{"details":"no entry\u001b[31m for {CANARY} {echo}"}}"#),
            )
        })
        .await;
        let remote = remote(&server.url());
        let error = failure(&remote, get(&remote, "/")).await;
        assert_eq!((error.kind(), server.seen().len()), (ErrorKind::Refused, 1));
        assert!(
            error
                .to_string()
                .contains("no entry [31m for [redacted] Basic [redacted]"),
            "{error}"
        );
        assert!(error.hint().is_some());
    }
}

#[tokio::test]
async fn other_client_errors_are_final() {
    for status in [400, 404, 405, 409, 410, 413, 415, 422] {
        let server = Server::start(move |_, _| json(status, r#"{"detail":"because"}"#)).await;
        let remote = remote(&server.url());
        let error = failure(&remote, get(&remote, "/")).await;
        assert_eq!((error.kind(), server.seen().len()), (ErrorKind::Failed, 1), "{status}");
        assert!(error.to_string().contains("because"), "{error}");
    }
}

/// Sends a head and then whatever the closure does.
async fn hostile<F>(write: impl Fn(tokio::net::TcpStream) -> F + Send + Sync + Clone + 'static) -> String
where
    F: Future<Output = ()> + Send + 'static,
{
    let (address, _task) = raw(move |mut stream| {
        let write = write.clone();
        async move {
            read_request(&mut stream).await;
            write(stream).await;
        }
    })
    .await;
    format!("http://{address}")
}

#[tokio::test]
async fn any_status_is_handed_out_once_where_the_caller_reads_it() {
    let server = Server::start(|_, _| json(503, "busy")).await;
    let remote = remote(&server.url());
    let response: Response = remote.send(post(&remote, "/").any_status()).await.unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(&response.bytes().await.unwrap()[..], b"busy");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn places_that_are_not_allowed_get_no_request() {
    let canary = Canary::start().await;
    let port = canary.address.port();
    for (url, allow_http) in [
        (format!("http://127.0.0.1:{port}"), true),
        (format!("http://localhost:{port}"), true),
        (format!("http://x.localhost:{port}"), true),
        (format!("http://2130706433:{port}"), true),
        (format!("http://[::ffff:127.0.0.1]:{port}"), true),
        ("http://10.0.0.1".to_owned(), true),
        ("https://169.254.169.254".to_owned(), false),
        ("http://epm.example.com".to_owned(), false),
        ("http://192.0.2.1".to_owned(), false),
    ] {
        let mut settings = settings(&url);
        settings.allow_private_addresses = false;
        settings.allow_http = allow_http;
        let error = Remote::new(settings).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{url}");
        assert!(error.hint().is_some(), "{url}");
    }
    canary.assert_untouched();
}

#[tokio::test]
async fn a_url_elsewhere_cannot_be_asked_for() {
    let canary = Canary::start().await;
    let server = Server::start(|_, _| json(200, "{}")).await;
    let remote = remote(&server.url());
    let url = remote::BaseUrl::parse(&canary.url()).unwrap().url().clone();
    assert_eq!(failure(&remote, Request::get(url)).await.code(), "origin-escape");
    canary.assert_untouched();
}

fn dated(date: &'static str) -> axum::response::Response {
    let mut response = json(200, "{}");
    response.headers_mut().insert("date", date.parse().unwrap());
    response
}

#[tokio::test]
async fn the_offset_of_the_server_s_clock_is_read_from_its_answers() {
    let server = Server::start(|_, _| dated("Thu, 12 Nov 2026 08:00:00 GMT")).await;
    let mut settings = settings(&server.url());
    settings.now = Some("2026-11-12T11:00:00Z".parse().unwrap());
    let remote = Remote::new(settings).unwrap();
    assert_eq!(remote.clock_offset(), None);
    remote.exchange(get(&remote, "/")).await.unwrap();
    let offset = remote.clock_offset().unwrap();
    assert_eq!(offset.as_millis(), -3 * 3_600_000 + 500);
}
