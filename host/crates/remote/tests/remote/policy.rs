//! The policy that every request obeys, against servers that try to break it.

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
async fn passing_trouble_is_waited_out() {
    for status in [408, 425, 429, 500, 502, 503, 504] {
        let server = Server::start(move |_, n| json(if n < 2 { status } else { 200 }, "{}")).await;
        let remote = remote(&server.url());
        remote.exchange(get(&remote, "/")).await.unwrap();
        assert_eq!(
            (remote.counters().requests, remote.counters().retries),
            (3, 2),
            "{status}"
        );
    }
}

#[tokio::test]
async fn trouble_that_stays_ends_after_the_attempts() {
    let server = Server::start(|_, _| respond(503, "text/html", "<html>maintenance</html>")).await;
    let remote = remote(&server.url());
    let error = failure(&remote, get(&remote, "/")).await;
    assert_eq!(
        (error.kind(), error.status().unwrap().as_u16()),
        (ErrorKind::Unavailable, 503)
    );
    assert!(error.to_string().contains("after 4 attempts"), "{error}");
    assert_eq!(server.seen().len(), 4);
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
async fn all_requests_share_one_budget_of_repetitions() {
    let server = Server::start(|_, _| json(503, "{}")).await;
    let mut settings = settings(&server.url());
    settings.retry.budget = 4;
    let remote = Remote::new(settings).unwrap();
    for _ in 0..3 {
        failure(&remote, get(&remote, "/")).await;
    }
    assert_eq!((server.seen().len(), remote.counters().retries), (7, 4));
}

#[tokio::test]
async fn a_wait_longer_than_our_patience_is_not_begun() {
    let server = Server::start(|_, _| {
        let mut response = json(429, "{}");
        response.headers_mut().insert("retry-after", "3600".parse().unwrap());
        response
    })
    .await;
    let remote = remote(&server.url());
    let error = failure(&remote, get(&remote, "/")).await;
    assert_eq!((error.kind(), server.seen().len()), (ErrorKind::Unavailable, 1));
    assert!(error.hint().unwrap().contains("3600"), "{:?}", error.hint());
}

#[tokio::test]
async fn a_post_is_not_sent_twice_unless_it_is_known_to_be_harmless() {
    let server = Server::start(|_, _| json(503, "{}")).await;
    let remote = remote(&server.url());
    failure(&remote, post(&remote, "/")).await;
    assert_eq!(server.seen().len(), 1);
    failure(&remote, post(&remote, "/").repeatable(true)).await;
    assert_eq!(server.seen().len(), 5);
}

#[tokio::test]
async fn a_post_that_never_left_is_sent_again() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let remote = remote(&url);
    let error = failure(&remote, post(&remote, "/")).await;
    assert_eq!((error.kind(), error.code()), (ErrorKind::Unavailable, "connect-failed"));
    assert_eq!(remote.counters().requests, 4);
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

#[tokio::test]
async fn redirects_within_the_origin_are_followed_five_times() {
    let server = Server::start(|seen, _| match seen.path.strip_prefix("/hop/") {
        Some("0") => json(200, "{}"),
        Some(left) => redirect(302, &format!("../hop/{}", left.parse::<u32>().unwrap() - 1)),
        None => redirect(302, "/loop"),
    })
    .await;
    let remote = remote(&server.url());
    assert_eq!(
        remote.exchange(get(&remote, "/hop/5")).await.unwrap().url.path(),
        "/hop/0"
    );
    assert!(server.seen().iter().all(|seen| seen.header("authorization").is_some()));
    for path in ["/hop/6", "/hop/20", "/loop"] {
        let error = failure(&remote, get(&remote, path)).await;
        assert_eq!(
            (error.kind(), error.code()),
            (ErrorKind::Failed, "redirect-refused"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn redirects_elsewhere_are_not_followed() {
    let canary = Canary::start().await;
    let port = canary.address.port();
    for target in [
        format!("http://127.0.0.1:{port}/"),
        format!("//127.0.0.1:{port}/"),
        format!("http://localhost:{port}/"),
        format!("https://127.0.0.1:{port}/"),
        format!("http:\\\\127.0.0.1:{port}\\"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "http://user:pass@{self}/".to_owned(),
        format!("http://{{self}}@127.0.0.1:{port}/"),
        "file:///etc/passwd".to_owned(),
    ] {
        for status in [301, 302, 303, 307, 308] {
            let template = target.clone();
            let server = Server::start(move |seen, _| {
                redirect(status, &template.replace("{self}", seen.header("host").unwrap()))
            })
            .await;
            let remote = remote(&server.url());
            let error = failure(&remote, get(&remote, "/")).await;
            assert_eq!(
                (error.kind(), error.code()),
                (ErrorKind::Failed, "origin-escape"),
                "{target}"
            );
            assert_eq!(server.seen().len(), 1);
        }
    }
    canary.assert_untouched();
}

#[tokio::test]
async fn a_redirected_post_keeps_its_meaning_or_fails() {
    let server = Server::start(|seen, _| match seen.path.strip_prefix("/status/") {
        Some(status) => redirect(status.parse().unwrap(), "/target"),
        None => json(200, "{}"),
    })
    .await;
    let remote = remote(&server.url());
    for status in [301, 302] {
        let error = failure(&remote, post(&remote, &format!("/status/{status}"))).await;
        assert_eq!(error.code(), "redirect-refused");
    }
    for (status, method, body) in [(303, "GET", ""), (307, "POST", "x"), (308, "POST", "x")] {
        remote
            .exchange(post(&remote, &format!("/status/{status}")))
            .await
            .unwrap();
        let last = server.seen().pop().unwrap();
        assert_eq!(
            (last.line(), last.body.as_str()),
            (format!("{method} /target"), body),
            "{status}"
        );
    }
}

#[tokio::test]
async fn a_refusal_behind_a_redirect_is_not_taken_for_one_of_the_post_itself() {
    let server = Server::start(|seen, _| match seen.path.as_str() {
        "/jobs" => redirect(303, "/jobs/77"),
        _ => json(403, "{}"),
    })
    .await;
    let remote = remote(&server.url());
    let behind = failure(&remote, post(&remote, "/jobs")).await;
    assert!(matches!(behind, RemoteError::Redirected { .. }), "{behind:?}");
    assert_eq!((behind.kind(), behind.code()), (ErrorKind::Refused, "access-refused"));
    // Neither where nothing was done before, nor where it may be done again.
    for request in [post(&remote, "/other"), get(&remote, "/jobs")] {
        let refused = failure(&remote, request).await;
        assert!(matches!(refused, RemoteError::Refused { .. }), "{refused:?}");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_not_read() {
    let server = Server::start(|seen, _| match seen.path.as_str() {
        "/promised" => respond(200, "text/plain", vec![b'x'; 2000]),
        _ => {
            let endless = futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b'x'; 600]));
            respond(200, "text/plain", axum::body::Body::from_stream(endless))
        }
    })
    .await;
    let remote = remote(&server.url());
    for path in ["/promised", "/endless"] {
        let error = failure(&remote, get(&remote, path).limit(1000)).await;
        assert_eq!(
            (error.kind(), error.code()),
            (ErrorKind::Failed, "response-limit"),
            "{path}"
        );
    }
    assert_eq!(server.seen().len(), 2);
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
async fn a_trickle_ends_in_bounded_time() {
    let url = hostile(|mut stream| async move {
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
            .await
            .unwrap();
        let mut beat = tokio::time::interval(Duration::from_millis(2));
        while stream.write_all(b"x").await.is_ok() {
            beat.tick().await;
        }
    })
    .await;
    let mut settings = settings(&url);
    settings.timeouts.throughput_period = Duration::from_millis(100);
    settings.timeouts.throughput_bytes = 10_000;
    let remote = Remote::new(settings).unwrap();
    let error = failure(&remote, get(&remote, "/")).await;
    assert_eq!((error.kind(), error.code()), (ErrorKind::Unavailable, "too-slow"));
    assert_eq!(remote.counters().requests, 1);
}

#[tokio::test]
async fn silence_ends_in_bounded_time() {
    async fn forever(stream: tokio::net::TcpStream) {
        let _held = stream;
        std::future::pending::<()>().await;
    }
    let mute = hostile(forever).await;
    let stalled = hostile(|mut stream| async move {
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nx")
            .await
            .unwrap();
        forever(stream).await;
    })
    .await;
    for url in [mute, stalled] {
        let mut settings = settings(&url);
        settings.timeouts.head = Duration::from_millis(50);
        settings.timeouts.idle = Duration::from_millis(50);
        let remote = Remote::new(settings).unwrap();
        let error = failure(&remote, get(&remote, "/")).await;
        assert_eq!((error.kind(), error.code()), (ErrorKind::Unavailable, "timeout"));
        assert_eq!(remote.counters().requests, 4);
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_asked_for_again() {
    for head in ["content-length: 10", "transfer-encoding: chunked"] {
        let url = hostile(move |mut stream| async move {
            let text = format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n5\r\nabc");
            stream.write_all(text.as_bytes()).await.unwrap();
        })
        .await;
        let remote = remote(&url);
        let error = failure(&remote, get(&remote, "/")).await;
        assert_eq!(
            (error.kind(), error.code()),
            (ErrorKind::Unavailable, "connection-broken"),
            "{head}"
        );
        assert_eq!(remote.counters().requests, 4);
    }
}

#[tokio::test]
async fn what_is_no_http_ends_in_an_error() {
    for text in [
        "",
        "SSH-2.0-OpenSSH\r\n",
        "HTTP/1.1 999999 x\r\n\r\n",
        "\0\0\0\0\r\n\r\n",
    ] {
        let url = hostile(move |mut stream| async move {
            let _ = stream.write_all(text.as_bytes()).await;
        })
        .await;
        let remote = remote(&url);
        assert_eq!(
            failure(&remote, get(&remote, "/")).await.kind(),
            ErrorKind::Unavailable,
            "{text:?}"
        );
    }
}

fn coded(status: u16, coding: &str, body: Vec<u8>) -> axum::response::Response {
    let mut response = respond(status, "application/json", body);
    response
        .headers_mut()
        .insert("content-encoding", coding.parse().unwrap());
    response
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_body_compressed_unasked_is_decoded_under_the_limit() {
    let server = Server::start(|seen, _| match seen.path.as_str() {
        "/gzip" => coded(200, "gzip", gzip(b"{}")),
        "/zstd" => coded(200, "zstd", zstd::encode_all(&b"{}"[..], 3).unwrap()),
        "/bomb" => coded(200, "gzip", gzip(&vec![0; 64 << 20])),
        "/other" => coded(200, "br", b"x".to_vec()),
        "/refused" => coded(400, "gzip", gzip(br#"{"detail":"no such report"}"#)),
        _ => coded(200, "gzip", b"{}".to_vec()),
    })
    .await;
    let remote = remote(&server.url());
    for path in ["/gzip", "/zstd"] {
        let answer = remote.exchange(get(&remote, path)).await.unwrap();
        assert_eq!(&answer.body[..], b"{}", "{path}");
    }
    for (path, code) in [
        ("/bomb", "response-limit"),
        ("/other", "malformed-response"),
        ("/not-gzip", "malformed-response"),
    ] {
        assert_eq!(failure(&remote, get(&remote, path)).await.code(), code, "{path}");
    }
    let refused = failure(&remote, get(&remote, "/refused")).await;
    assert!(refused.to_string().contains("no such report"), "{refused}");
    // Whoever needs no body does not care.
    for path in ["/bomb", "/other", "/not-gzip"] {
        let answer = remote.exchange(get(&remote, path).status_only()).await.unwrap();
        assert!(answer.status.is_success() && answer.body.len() <= 64 * 1024, "{path}");
    }
}

#[tokio::test]
async fn of_an_endless_body_that_nobody_needs_the_beginning_is_read() {
    let produced = Arc::new(AtomicU64::new(0));
    let count = produced.clone();
    let server = Server::start(move |seen, _| {
        let count = count.clone();
        let pieces = futures_util::stream::repeat_with(move || {
            count.fetch_add(1 << 16, Ordering::Relaxed);
            Ok::<_, std::io::Error>(vec![b'x'; 1 << 16])
        });
        let status = seen.path.trim_start_matches('/').parse().unwrap();
        respond(status, "text/plain", axum::body::Body::from_stream(pieces))
    })
    .await;
    let remote = remote(&server.url());
    for status in [200, 400, 401, 500] {
        let path = format!("/{status}");
        let answer = remote.exchange(get(&remote, &path).status_only()).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.body.len()), (status, 64 * 1024));
    }
    for status in [400, 401, 403, 500, 503] {
        let answer = remote.exchange(get(&remote, &format!("/{status}")).any_status()).await;
        let answer = answer.unwrap();
        assert_eq!((answer.status.as_u16(), answer.body.len()), (status, 64 * 1024));
    }
    let refused = failure(&remote, get(&remote, "/404")).await;
    assert_eq!(refused.status().unwrap(), 404);
    // What lies between the two, in buffers of the system, is some MiB of each.
    let produced = produced.load(Ordering::Relaxed);
    assert!(produced < 200 << 20, "{produced}");
}

#[tokio::test]
async fn a_status_alone_needs_no_whole_body() {
    let (address, _task) = raw(async |mut stream| {
        read_request(&mut stream).await;
        let head = "HTTP/1.1 202 Accepted\r\ncontent-length: 100\r\n\r\nonly this";
        let _ = stream.write_all(head.as_bytes()).await;
    })
    .await;
    let remote = remote(&format!("http://{address}"));
    let answer = remote.exchange(get(&remote, "/").status_only()).await.unwrap();
    assert_eq!((answer.status.as_u16(), &answer.body[..]), (202, &b"only this"[..]));
    let broken = failure(&remote, get(&remote, "/").any_status()).await;
    assert_eq!(broken.code(), "connection-broken");
}

#[tokio::test]
async fn the_status_of_a_compressed_failure_decides() {
    for (status, class, requests) in [
        (503, ErrorKind::Unavailable, 4..5),
        // For as long as a client is told to slow down, it asks again.
        (429, ErrorKind::Unavailable, 4..usize::MAX),
        (401, ErrorKind::Refused, 1..2),
        (404, ErrorKind::Failed, 1..2),
    ] {
        let server = Server::start(move |_, _| {
            let mut response = json(status, "\u{1f}x");
            let gzip = "gzip".parse().unwrap();
            response.headers_mut().insert("content-encoding", gzip);
            response
        })
        .await;
        let remote = remote(&server.url());
        let error = failure(&remote, get(&remote, "/")).await;
        assert_eq!(
            (error.kind(), error.status().map(|status| status.as_u16())),
            (class, Some(status))
        );
        assert!(
            requests.contains(&server.seen().len()),
            "{status}: {}",
            server.seen().len()
        );
    }
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

#[tokio::test]
async fn a_server_that_turns_requests_away_for_a_while_is_waited_out_however_often_it_does() {
    let server = Server::start(|_, n| json(if n < 12 { 429 } else { 200 }, "{}")).await;
    let mut settings = settings(&server.url());
    settings.retry.max_throttled = Duration::from_secs(20);
    let remote = Remote::new(settings).unwrap();
    remote.exchange(get(&remote, "/")).await.unwrap();
    assert_eq!((server.seen().len(), remote.counters().retries), (13, 12));
}

#[tokio::test]
async fn a_server_that_turns_every_request_away_is_left_in_the_end() {
    let server = Server::start(|_, _| json(429, "{}")).await;
    let remote = remote(&server.url());
    let error = failure(&remote, get(&remote, "/")).await;
    assert_eq!(
        (error.kind(), error.status().unwrap().as_u16()),
        (ErrorKind::Unavailable, 429)
    );
    assert!(server.seen().len() > 4, "more often than other failures are repeated");
}

#[tokio::test]
async fn a_limit_that_is_used_up_is_heeded_before_anybody_is_turned_away() {
    let server = Server::start(|_, n| {
        let mut response = json(200, "{}");
        if n == 0 {
            let headers = response.headers_mut();
            headers.insert("ratelimit", "\"burst\";r=0;t=1".parse().unwrap());
            headers.insert("ratelimit-policy", "\"burst\";q=1;w=1".parse().unwrap());
        }
        response
    })
    .await;
    let mut settings = settings(&server.url());
    settings.retry.max_throttled = Duration::from_secs(20);
    let remote = Remote::new(settings).unwrap();
    remote.exchange(get(&remote, "/")).await.unwrap();
    let began = std::time::Instant::now();
    remote.exchange(get(&remote, "/")).await.unwrap();
    assert!(began.elapsed() > Duration::from_millis(900));
    assert_eq!(remote.rate_limit_told().as_deref(), Some("\"burst\";q=1;w=1"));
}

#[tokio::test]
async fn what_creates_something_does_not_meet_a_connection_that_a_firewall_forgot() {
    let scenario = "submit:forgotten,delete:forgotten".parse().unwrap();
    let server = simulator::Simulator::start(scenario, 0, false).await.unwrap();
    let mut settings = settings(server.url().as_str());
    settings.auth = remote::Auth::Basic {
        username: "demo.user".into(),
        password: "demo-password".to_owned().into(),
    };
    let remote = Remote::new(settings).unwrap();
    let list = get(&remote, "/interop/rest/v2/files/list");
    remote.exchange(list.clone()).await.unwrap();
    let submit = Request::new(
        Method::POST,
        remote.resolve("/interop/rest/security/v1/invalidloginreport").unwrap(),
    )
    .body("application/x-www-form-urlencoded", "filename=r.csv")
    .unwrap();
    remote.exchange(submit).await.unwrap();
    remote.exchange(list).await.unwrap();
    let url = remote
        .resolve("/interop/rest/11.1.2.3.600/applicationsnapshots/none.csv")
        .unwrap();
    let began = std::time::Instant::now();
    let _ = remote.exchange(Request::new(Method::DELETE, url)).await;
    assert!(began.elapsed() < Duration::from_secs(4), "it met no silence");
    assert_eq!(remote.counters().retries, 0);
}

/// A secret that only the server knows.
const FOREIGN: &str = "f0reign-canary";

/// The ways in which a server may repeat a secret.
fn spellings(secret: &str) -> Vec<String> {
    let json = |text: &str| {
        let quoted = serde_json::to_string(text).unwrap();
        quoted[1..quoted.len() - 1].to_owned()
    };
    let mut url = url::Url::parse("https://a.example/").unwrap();
    url.path_segments_mut().unwrap().extend(secret.split('/'));
    let path = url.path().trim_start_matches('/').to_owned();
    let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let percent = percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC).to_string();
    let lower = percent.split('%').enumerate().map(|(n, part)| match n {
        0 => part.to_owned(),
        _ => format!("%{}{}", part[..2].to_lowercase(), &part[2..]),
    });
    let lower = lower.collect();
    vec![
        secret.to_owned(),
        json(secret),
        json(secret).replace('/', "\\/"),
        json(&path).replace('/', "\\/"),
        lower,
        path,
        form,
        percent,
    ]
}

/// Answers with the secrets in every header that a server may have them in, and in the body.
async fn gossip(secrets: Vec<String>) -> Server {
    Server::start(move |seen, _| {
        if seen.path == "/oauth2/v1/token" {
            let token = serde_json::json!({"access_token": secrets[0], "refresh_token": secrets[0], "expires_in": 600});
            return json(200, token.to_string());
        }
        let said: Vec<String> = secrets.iter().flat_map(|secret| spellings(secret)).collect();
        let credential = seen.header("authorization").unwrap_or_default();
        let path = seen.path.split('?').next().unwrap();
        let mut response = json(200, format!("{} {path} {credential} end", said.join(" \n")));
        let headers = response.headers_mut();
        let names = ["x-echo", "location", "link", "server", "refresh"];
        let texts = said.iter().map(String::as_str).chain([credential, path]);
        for (text, name) in texts.zip(names.into_iter().cycle()) {
            if let Ok(value) = axum::http::HeaderValue::from_bytes(text.as_bytes()) {
                headers.append(name, value);
            }
        }
        for (name, value) in [
            ("location", format!("/next?page=2&token={FOREIGN}")),
            (
                "link",
                format!("<https://u:{FOREIGN}@a.example/p?access_token={FOREIGN}&page=2>; rel=\"next\""),
            ),
            ("content-location", format!("/p;jsessionid={FOREIGN}")),
            ("refresh", format!("0; url=/login?to=%2Fp%3Fcode%3D{FOREIGN}")),
            ("x-session-id", FOREIGN.to_owned()),
            ("set-cookie", format!("a={FOREIGN}")),
            ("www-authenticate", format!("Basic realm={FOREIGN}")),
            ("authentication-info", FOREIGN.to_owned()),
        ] {
            headers.append(name, value.parse().unwrap());
        }
        response
    })
    .await
}

#[tokio::test]
async fn a_recording_holds_no_credential_of_any_kind_in_any_spelling() {
    let odd = "c\u{e4}n/ary+5e cret%41&=\"\\<x>";
    let oauth = |client: ClientAuth, grant: GrantType| {
        Auth::OAuth2(Box::new(OAuth2 {
            token_url: None,
            device_url: None,
            client_id: "client".into(),
            client,
            grant,
            scope: None,
        }))
    };
    let state = tempfile::tempdir().unwrap();
    let refresh = GrantType::RefreshToken {
        initial: Some(CANARY.into()),
        store: state.path().join("token.json"),
    };
    let basic = |user: &str, password: &str| BASE64_STANDARD.encode(format!("{user}:{password}"));
    // how, and what must not be seen of it
    let cases = [
        (
            Auth::Basic {
                username: "jdoe".into(),
                password: odd.into(),
            },
            vec![
                odd.to_owned(),
                basic("jdoe", odd),
                basic("jdoe", odd).trim_end_matches('=').to_owned(),
            ],
        ),
        (Auth::Bearer(CANARY.into()), vec![CANARY.to_owned()]),
        (
            Auth::Header {
                name: "x-whatever".into(),
                prefix: "Splunk ".into(),
                value: odd.into(),
            },
            vec![odd.to_owned()],
        ),
        (Auth::Path(odd.into()), vec![odd.to_owned()]),
        (
            Auth::Path("/services/T0/0123456789abcdef-canary".into()),
            vec![
                "services/T0/0123456789abcdef-canary".to_owned(),
                "0123456789abcdef-canary".to_owned(),
            ],
        ),
        (
            oauth(ClientAuth::Basic(odd.into()), GrantType::ClientCredentials),
            vec![
                "issued-canary".to_owned(),
                odd.to_owned(),
                basic("client", &spellings(odd)[6]),
            ],
        ),
        (
            oauth(ClientAuth::Post(odd.into()), GrantType::ClientCredentials),
            vec!["issued-canary".to_owned(), odd.to_owned()],
        ),
        (
            oauth(ClientAuth::Public, refresh),
            vec!["issued-canary".to_owned(), CANARY.to_owned()],
        ),
    ];
    for (auth, secrets) in cases {
        let server = gossip(secrets.clone()).await;
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("recording");
        let mut settings = settings(&server.url());
        settings.auth = auth;
        settings.exchange = Exchange::Record {
            folder: folder.clone(),
            notes: Default::default(),
        };
        let shown = format!("{:?}", settings.auth);
        let remote = Remote::new(settings).unwrap();
        let mut url = remote.base().join(["api"]).unwrap();
        url.set_query(Some(&format!("q=1&ticket={FOREIGN}")));
        let answer = remote.exchange(Request::get(url)).await.unwrap();
        let live = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(live.contains(&secrets[0]), "the run itself sees what the server sent");
        let mut files = 0;
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            // Also as the JSON of the recording itself escapes it.
            let forms = secrets.iter().flat_map(|secret| spellings(secret));
            let forms = forms.flat_map(|form| [form.clone(), spellings(&form)[1].clone()]);
            for form in forms.chain([FOREIGN.to_owned()]) {
                assert!(!text.contains(&form), "{shown}: {form} in {}: {text}", path.display());
            }
            files += 1;
        }
        assert_eq!(files, 3, "{shown}");

        let mut settings = self::settings(&server.url());
        settings.exchange = Exchange::Replay(folder);
        let remote = Remote::new(settings).unwrap();
        let url = remote.base().join(["api"]).unwrap();
        let answer = remote.exchange(Request::get(url)).await;
        assert!(answer.unwrap().body.ends_with(b" end"), "{shown}");
    }
}
