//! Credentials, faults and connections.

use tokio::net::TcpStream;

use super::*;

#[tokio::test]
async fn only_the_right_credentials_open_the_door() {
    let running = start("").await;
    let list = "/interop/rest/v2/files/list";
    for (value, status) in [
        (Some(basic("demo.user", "demo-password")), 200),
        (Some(basic("acme.demo.user", "demo-password")), 200),
        (Some("Bearer demo-token".to_owned()), 200),
        (Some(basic("xdemo.user", "demo-password")), 401),
        (Some(basic("demo.user", "wrong")), 401),
        (Some("Bearer wrong".to_owned()), 401),
        (Some("Basic !!!".to_owned()), 401),
        (Some("Negotiate abc".to_owned()), 401),
        (None, 401),
    ] {
        let headers: Vec<_> = value.iter().map(|value| ("Authorization", value.as_str())).collect();
        assert_eq!(
            raw(&running, "GET", list, &headers, "").await.status,
            status,
            "{value:?}"
        );
    }
    assert!(
        running
            .requests()
            .iter()
            .all(|request| request.header("authorization").is_none())
    );
    assert_eq!(
        running
            .requests()
            .iter()
            .filter(|request| request.user.is_some())
            .count(),
        3
    );
}

#[tokio::test]
async fn the_status_link_can_lead_astray() {
    for (style, expected) in [
        (
            "elsewhere",
            Some("http://canary.example/interop/rest/security/v1/jobs/"),
        ),
        ("userinfo", Some("http://127.0.0.1:")),
        ("relative", Some("/interop/rest/security/v1/jobs/")),
        ("missing", None),
    ] {
        let running = start(&format!("elsewhere=http://canary.example,status-link={style}")).await;
        let links = submit(&running, "2025-07-01", "2025-07-02", "r.csv").await.links();
        let link = links
            .iter()
            .find(|(rel, _)| rel == "Job Status")
            .map(|(_, href)| href.as_str());
        assert_eq!(link.is_some(), expected.is_some(), "{style}");
        assert!(
            link.unwrap_or_default().starts_with(expected.unwrap_or_default()),
            "{style} {link:?}"
        );
    }
}

#[tokio::test]
async fn a_cut_download_is_shorter_than_promised_and_a_short_one_is_not() {
    for (fault, complete) in [("cut", false), ("short", true)] {
        let running = start(&format!("download:{fault}=1")).await;
        let part = report(&running, "2025-07-01", "2025-07-02").await;
        let whole = report(&running, "2025-07-01", "2025-07-02").await;
        assert_eq!(
            (part.status, part.complete, whole.complete),
            (200, complete, true),
            "{fault}"
        );
        assert_eq!(part.body, whole.body[..whole.body.len() / 2], "{fault}");
    }
}

#[tokio::test]
async fn faults_answer_in_place_of_the_server() {
    for (fault, status, kind, start_of_body) in [
        ("503", 503, "text/html", "<html>"),
        ("401", 401, "application/json", "{"),
        ("html", 200, "text/html; charset=utf-8", "<!DOCTYPE"),
        ("empty", 200, "application/json", ""),
        ("truncated-json", 200, "application/json", "{\"status\": -1"),
        ("not-a-file", 200, "application/json", "{"),
    ] {
        let running = start(&format!("list:{fault}=1,retry-after=7")).await;
        let answer = ask(&running, "GET", "/interop/rest/v2/files/list").await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (status, Some(kind)),
            "{fault}"
        );
        assert!(answer.text().starts_with(start_of_body), "{fault}");
        assert_eq!(answer.header("retry-after"), (status == 503).then_some("7"), "{fault}");
        assert_eq!(
            ask(&running, "GET", "/interop/rest/v2/files/list").await.status,
            200,
            "{fault} only once"
        );
    }
}

#[tokio::test]
async fn redirects_lead_where_the_scenario_says() {
    for (fault, location) in [
        (
            "redirect",
            "http://canary.example/interop/rest/v2/files/list".to_owned(),
        ),
        (
            "redirect-metadata",
            "http://169.254.169.254/latest/meta-data/".to_owned(),
        ),
        ("redirect-loop", "BASE/interop/rest/v2/files/list".to_owned()),
        (
            "redirect-once",
            "BASE/interop/rest/v2/files/list?redirected=1".to_owned(),
        ),
    ] {
        let running = start(&format!("elsewhere=http://canary.example,{fault}")).await;
        let location = location.replace("BASE/", running.url().as_str());
        let answer = ask(&running, "GET", "/interop/rest/v2/files/list").await;
        assert_eq!(
            (answer.status, answer.header("location")),
            (307, Some(location.as_str())),
            "{fault}"
        );
    }
    let running = start("redirect-once").await;
    assert_eq!(
        ask(&running, "GET", "/interop/rest/v2/files/list?redirected=1")
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_dripping_body_is_the_same_body() {
    let running = start("list:drip=1,drip-interval=0").await;
    let slow = ask(&running, "GET", "/interop/rest/v2/files/list").await;
    assert_eq!(
        slow.body,
        ask(&running, "GET", "/interop/rest/v2/files/list").await.body
    );
}

#[tokio::test]
async fn everything_can_lie_under_a_prefix() {
    let running = start("prefix=/gateway/epm,slow-job=0").await;
    assert_eq!(running.url().path(), "/gateway/epm");
    assert_eq!(
        ask(&running, "GET", "/gateway/epm/interop/rest/v2/files/list")
            .await
            .status,
        200
    );
    assert_eq!(ask(&running, "GET", "/interop/rest/v2/files/list").await.status, 404);
    let listed = ask(&running, "GET", "/gateway/epm/interop/rest/v2/files/list").await;
    assert_eq!(
        listed.links()[0].1.trim(),
        format!("{}/interop/rest/v2/files/list", running.url())
    );
}

#[tokio::test]
async fn tls_is_spoken_behind_an_authority_of_its_own() {
    use std::sync::Arc;

    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, ServerName};
    for (scenario, trusted) in [
        ("", true),
        ("certificate=wrong-name", false),
        ("certificate=expired", false),
    ] {
        let running = Simulator::start(scenario.parse().unwrap(), 0, true).await.unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(running.ca_pem().unwrap().as_bytes()).unwrap())
            .unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let mut client = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
        let port = running.url().port().unwrap();
        let shake = move || {
            client
                .complete_io(&mut std::net::TcpStream::connect(("127.0.0.1", port)).unwrap())
                .is_ok()
        };
        let connected = tokio::task::spawn_blocking(shake).await.unwrap();
        assert_eq!(connected, trusted, "{scenario}");
    }
}

#[tokio::test]
async fn a_stopped_simulator_no_longer_listens() {
    let running = start("list:hang").await;
    let port = running.url().port().unwrap();
    let list = async { ask(&running, "GET", "/interop/rest/v2/files/list").await };
    // The hanging request has arrived once it is remembered.
    tokio::select! {
        _ = list => panic!("it should hang"),
        () = async { while running.requests().is_empty() { tokio::task::yield_now().await } } => {}
    }
    running.stop().await;
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err());
}

#[tokio::test]
async fn the_date_of_an_answer_is_that_of_the_simulator_s_clock() {
    let running = start("now=2026-11-12T08:00:00Z,page:503").await;
    for path in ["/interop/rest/v2/files/list", "/admin/v1/AuditEvents", "/nowhere"] {
        let answer = ask(&running, "GET", path).await;
        assert_eq!(answer.header("date"), Some("Thu, 12 Nov 2026 08:00:00 GMT"), "{path}");
    }
}
