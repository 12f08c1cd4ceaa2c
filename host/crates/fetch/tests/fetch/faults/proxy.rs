//! Proxies, which have a credential of their own.

use super::*;

/// A proxy that wants a password and passes plain requests on.
async fn proxy(password: &'static str) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = seen.clone();
    let (address, _task) = raw(move |mut stream| {
        let log = log.clone();
        async move {
            let text = read_request(&mut stream).await;
            log.lock().unwrap().push(text.clone());
            let bytes = match text.to_ascii_lowercase().contains(&password.to_ascii_lowercase()) {
                true => json("{}"),
                false => http(407, "proxy-authenticate: Basic\r\n", ""),
            };
            let _ = stream.write_all(&bytes).await;
        }
    })
    .await;
    (address, seen)
}

#[tokio::test]
async fn a_proxy_gets_its_own_credential_and_may_refuse_it() {
    // base64 of "user:right"
    let (address, seen) = proxy("proxy-authorization: basic dXNlcjpyaWdodA==").await;
    for (scheme, password, class) in [
        ("http", "right", None),
        ("http", CANARY, Some(ErrorKind::Refused)),
        ("https", CANARY, Some(ErrorKind::Refused)),
    ] {
        let mut settings = settings(&format!("{scheme}://198.51.100.7"));
        settings.allow_http = true;
        settings.proxy = Some(remote::Proxy {
            url: format!("http://{address}").parse().unwrap(),
            credentials: Some(("user".into(), password.into())),
        });
        let remote = Remote::new(settings).unwrap();
        let outcome = remote.exchange(Request::get(remote.resolve("/x").unwrap())).await;
        assert_eq!(outcome.as_ref().err().map(|error| error.kind()), class, "{outcome:?}");
        if let Err(error) = outcome {
            assert_secret_free(&format!("{error} {error:?} {:?}", error.hint()));
            assert!(error.hint().unwrap().contains("proxy"), "{:?}", error.hint());
        }
    }
    let seen = seen.lock().unwrap();
    assert!(seen[0].starts_with("GET http://198.51.100.7/x HTTP/1.1"), "{}", seen[0]);
    let tunnel = seen.last().unwrap();
    assert!(tunnel.starts_with("CONNECT 198.51.100.7:443"), "{tunnel}");
    assert!(
        !tunnel.to_ascii_lowercase().contains("\r\nauthorization"),
        "the service's credential is not the proxy's"
    );
}
