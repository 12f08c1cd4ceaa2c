//! Refresh tokens: kept, rotated, and spent once.

use super::*;

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
