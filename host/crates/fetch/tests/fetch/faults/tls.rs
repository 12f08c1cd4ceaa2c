//! Certificates: those of servers, and those that a client shows.

use super::*;

async fn tls(flaw: CertificateFlaw) -> (simulator::RunningSimulator, tempfile::NamedTempFile) {
    let scenario = Scenario {
        certificate: flaw,
        ..Scenario::default()
    };
    let running = Simulator::start(scenario, 0, true).await.unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), running.ca_pem().unwrap()).unwrap();
    (running, file)
}

/// The words with which a request fails for the sake of TLS.
async fn refused(settings: Settings) -> String {
    let remote = Remote::new(settings).unwrap();
    let request = Request::get(remote.resolve("/").unwrap());
    let error = remote.exchange(request).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.code()),
        (ErrorKind::Unavailable, "tls-failed"),
        "{error}"
    );
    error.to_string()
}

#[tokio::test]
async fn a_certificate_that_does_not_hold_ends_the_run_before_anything_is_sent() {
    for (flaw, told) in [
        (CertificateFlaw::WrongName, "not valid for"),
        (CertificateFlaw::Expired, "xpired"),
    ] {
        let (server, ca) = tls(flaw).await;
        let mut settings = settings(server.url().as_str());
        settings.ca_file = Some(CaFile::only(ca.path()));
        let error = refused(settings).await;
        assert!(error.contains(told), "{error}");
        assert!(server.requests().is_empty());

        // The same at the token endpoint.
        let service = Server::start(|_, _| servers::json(200, "{}")).await;
        let mut settings = connection(service.address);
        settings.ca_file = Some(CaFile::only(ca.path()));
        if let Auth::OAuth2(oauth) = &mut settings.auth {
            oauth.token_url = Some(server.url().join("/oauth2/v1/token").unwrap());
        }
        refused(settings).await;
        assert!(server.requests().is_empty() && service.seen().is_empty());
        server.stop().await;
    }
}

#[tokio::test]
async fn an_authority_nobody_trusts_ends_the_run_and_a_named_one_does_not() {
    let (server, ca) = tls(CertificateFlaw::None).await;
    let mut settings = settings(server.url().as_str());
    let (other, other_ca) = tls(CertificateFlaw::None).await;
    for ca_file in [None, Some(CaFile::only(other_ca.path()))] {
        settings.ca_file = ca_file;
        let remote = Remote::new(settings.clone()).unwrap();
        let error = remote
            .exchange(Request::get(remote.resolve("/").unwrap()))
            .await
            .unwrap_err();
        assert_eq!((error.code(), remote.counters().requests), ("tls-failed", 1));
        assert!(error.hint().unwrap().contains("ca-file"));
    }
    settings.ca_file = Some(CaFile::only(ca.path()));
    let remote = Remote::new(settings).unwrap();
    let outcome = remote
        .send(Request::get(remote.resolve("/").unwrap()).any_status())
        .await;
    assert!(outcome.is_ok(), "{outcome:?}");
    server.stop().await;
    other.stop().await;
}

/// A server that lets in only who shows a certificate of its own authority.
async fn mutual_tls() -> (SocketAddr, tempfile::TempDir) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let mut authority = rcgen::CertificateParams::new(vec![]).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca = authority.self_signed(&authority_key).unwrap();
    let issuer = rcgen::Issuer::new(authority, authority_key);
    let leaf = |name: &str| {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &issuer).unwrap(), key)
    };
    let (server, server_key) = leaf("127.0.0.1");
    let (client, client_key) = leaf("client.example");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(ca.der().clone()).unwrap();
    let verifier = rustls::server::WebPkiClientVerifier::builder(Arc::new(roots))
        .build()
        .unwrap();
    let config = rustls::ServerConfig::builder()
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            vec![server.der().clone()],
            server_key.serialize_der().try_into().unwrap(),
        )
        .unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let config = axum_server::tls_rustls::RustlsConfig::from_config(Arc::new(config));
    let app = axum::Router::new().fallback(|| async { "{}" });
    let serving = axum_server::from_tcp_rustls(listener, config)
        .unwrap()
        .serve(app.into_make_service());
    tokio::spawn(serving);
    let folder = tempfile::tempdir().unwrap();
    for (name, pem) in [
        ("ca", ca.pem()),
        ("cert", client.pem()),
        ("key", client_key.serialize_pem()),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, pem).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    }
    (address, folder)
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_a_server_that_asks_for_one() {
    let (address, folder) = mutual_tls().await;
    let file = |name: &str| folder.path().join(name);
    let mut settings = settings(&format!("https://{address}"));
    settings.ca_file = Some(CaFile::only(file("ca")));
    let without = Remote::new(settings.clone()).unwrap();
    let error = without
        .exchange(Request::get(without.resolve("/").unwrap()))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    settings.client_certificate = Some(remote::ClientCertificate {
        certificate: file("cert"),
        key: file("key"),
    });
    let with = Remote::new(settings).unwrap();
    with.exchange(Request::get(with.resolve("/").unwrap())).await.unwrap();
}

#[test]
fn certificate_files_that_are_none_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.pem");
    std::fs::write(&path, "canary no certificate").unwrap();
    for missing in [false, true] {
        let path = if missing {
            folder.path().join("missing.pem")
        } else {
            path.clone()
        };
        let mut with_ca = settings("https://127.0.0.1");
        with_ca.ca_file = Some(CaFile::only(path.clone()));
        let mut with_client = settings("https://127.0.0.1");
        with_client.client_certificate = Some(remote::ClientCertificate {
            certificate: path.clone(),
            key: path,
        });
        for settings in [with_ca, with_client] {
            let error = Remote::new(settings).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
            assert!(!error.to_string().contains("canary"));
        }
    }
}
