//! Bodies: their limits, their encodings, and servers that send them as they like.

use super::*;

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
