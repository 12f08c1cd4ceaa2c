//! Downloads that break off.

use super::*;

/// Breaks off in the middle, and offers what else is said in its head.
fn broken(headers: &[(&'static str, &str)]) -> Response {
    let mut response = respond(200, "application/octet-stream", cut(&CSV[..20]));
    for (name, value) in headers {
        response.headers_mut().insert(*name, value.parse().unwrap());
    }
    response
}

fn part(range: &str, etag: &str, body: &str) -> Response {
    let mut response = respond(206, "application/octet-stream", body.to_owned());
    response.headers_mut().insert("content-range", range.parse().unwrap());
    response.headers_mut().insert("etag", etag.parse().unwrap());
    response
}

#[tokio::test]
async fn a_broken_download_goes_on_where_the_server_knows_the_version() {
    for (head, version) in [
        (("etag", "\"v1\""), "\"v1\""),
        (
            ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
            "Sun, 06 Nov 1994 08:49:37 GMT",
        ),
    ] {
        let server = server(move |seen, _| {
            if !seen.path.ends_with("/contents") {
                return None;
            }
            let Some(range) = seen.header("range") else {
                return Some(broken(&[head]));
            };
            assert_eq!((range, seen.header("if-range")), ("bytes=20-", Some(version)));
            let mut part = part(
                &format!("bytes 20-{}/{}", CSV.len() - 1, CSV.len()),
                "\"v1\"",
                &CSV[20..],
            );
            if head.0 != "etag" {
                part.headers_mut().remove("etag");
            }
            Some(part)
        })
        .await;
        assert_eq!(text(&run(&server, "a.csv").await.unwrap()), CSV);
        assert_eq!(server.seen().len(), 3);
    }
}

#[tokio::test]
async fn a_broken_download_begins_again_where_it_cannot_go_on() {
    let total = CSV.len();
    let end = total - 1;
    type Answer = Box<dyn Fn() -> Response + Send + Sync>;
    let odd_parts: Vec<Answer> = vec![
        // The file changed.
        Box::new(file),
        Box::new(|| json(416, "{}")),
        Box::new(move || part(&format!("bytes 10-{end}/{total}"), "\"v1\"", &CSV[10..])),
        Box::new(move || part(&format!("bytes 20-{end}/{total}"), "\"v2\"", &CSV[20..])),
        Box::new(move || part("bytes 20-30/31", "\"v1\"", &CSV[20..31])),
        Box::new(move || part("nonsense", "\"v1\"", &CSV[20..])),
    ];
    for odd in odd_parts {
        let whole = Mutex::new(0);
        let server = server(move |seen, _| {
            if !seen.path.ends_with("/contents") {
                return None;
            }
            if seen.header("range").is_some() {
                return Some(odd());
            }
            let mut whole = whole.lock().unwrap();
            *whole += 1;
            let known = format!("{total}");
            Some(if *whole == 1 {
                broken(&[("etag", "\"v1\""), ("x-length", &known)])
            } else {
                file()
            })
        })
        .await;
        let outcome = run(&server, "a.csv").await;
        let fetched = outcome.unwrap();
        assert!(
            text(&fetched) == CSV || text(&fetched) == CSV[..31],
            "{}",
            text(&fetched)
        );
    }
}

#[tokio::test]
async fn a_download_without_a_version_is_not_pieced_together() {
    for headers in [
        &[][..],
        &[("etag", "W/\"weak\"")],
        &[("etag", "\"v1\""), ("accept-ranges", "none")],
    ] {
        let headers = headers.to_vec();
        let server = server(move |seen, n| {
            if !seen.path.ends_with("/contents") {
                return None;
            }
            assert_eq!(seen.header("range"), None);
            Some(if n < 3 { broken(&headers) } else { file() })
        })
        .await;
        assert_eq!(text(&run(&server, "a.csv").await.unwrap()), CSV);
    }
}

#[tokio::test]
async fn a_download_that_always_breaks_is_given_up() {
    let server = server(move |seen, _| {
        if !seen.path.ends_with("/contents") {
            return None;
        }
        Some(match seen.header("range") {
            None => broken(&[("etag", "\"v1\"")]),
            Some(_) => {
                let mut response = broken(&[("etag", "\"v1\"")]);
                *response.status_mut() = axum::http::StatusCode::PARTIAL_CONTENT;
                let range = format!("bytes 20-{}/{}", CSV.len() - 1, CSV.len());
                response.headers_mut().insert("content-range", range.parse().unwrap());
                response
            }
        })
    })
    .await;
    assert_eq!(run(&server, "a.csv").await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert!(server.seen().len() < 10);
}
