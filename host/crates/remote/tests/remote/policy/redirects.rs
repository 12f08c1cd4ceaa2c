//! Redirects: which are followed, and with what.

use super::*;

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
