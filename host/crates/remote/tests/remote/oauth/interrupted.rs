//! Exchanges of single-use tokens that nobody waits for any more.

use super::*;

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
