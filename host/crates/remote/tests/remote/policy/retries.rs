//! Requests that are repeated, how often, and after which wait.

use super::*;

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
