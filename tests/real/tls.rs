//! TLS and client certificates, as nginx does them.

use tests::{Server, TestEnv, stderr};

use super::certificates::{Authority, Certified};
use super::nginx::Nginx;
use super::process::free_port;
use super::{assert_events, assert_failure, behind, connect, desk, run};

/// nginx with TLS in front of the simulator.
struct Site {
    server: Server,
    nginx: Nginx,
    url: String,
}

impl Site {
    fn start(identity: &Certified, more: &str) -> Site {
        let port = free_port();
        let url = format!("https://localhost:{port}");
        let server = behind(&url, "");
        let block = format!("{more} location / {{ proxy_pass {}; }}", server.url());
        let nginx = Nginx::with_tls(port, identity, "", &block);
        Site { server, nginx, url }
    }
}

#[test]
#[ignore = "needs nginx"]
fn a_private_authority_is_trusted_when_it_is_named_and_only_then() {
    let authority = Authority::new("A private authority");
    let site = Site::start(&authority.server("localhost"), "");
    let desk = desk();
    desk.write("ca.pem", &authority.pem);

    connect(&desk, &site.url, "");
    assert_failure(&run(&desk, "invalid-login", &[]), 4, "certificate");
    desk.write("other.pem", Authority::new("Another authority").pem);
    connect(&desk, &site.url, "ca-file = \"other.pem\"");
    assert_failure(&run(&desk, "invalid-login", &[]), 4, "certificate");
    assert!(site.server.seen().is_empty());

    connect(&desk, &site.url, "ca-file = \"ca.pem\"");
    assert_events(&run(&desk, "invalid-login", &[]));
}

#[test]
#[ignore = "needs nginx"]
fn a_server_that_cannot_be_trusted_sees_no_request() {
    let authority = Authority::new("A private authority");
    let good = || authority.server("localhost");
    let old = "ssl_protocols TLSv1 TLSv1.1; ssl_ciphers ALL:@SECLEVEL=0;";
    // what is wrong, certificate, further settings, what the error says
    let cases = [
        (
            "another name",
            authority.server("wrong.example"),
            "",
            "not valid for name",
        ),
        ("out of date", authority.expired("localhost"), "", "expired"),
        ("a client's", authority.client("localhost"), "", "certificate"),
        ("an old protocol", good(), old, "protocol"),
    ];
    for (what, identity, more, said) in cases {
        println!("{what}");
        let site = Site::start(&identity, more);
        let desk = desk();
        desk.write("ca.pem", &authority.pem);
        connect(&desk, &site.url, "ca-file = \"ca.pem\"");
        assert_failure(&run(&desk, "invalid-login", &[]), 4, said);
        assert!(site.server.seen().is_empty(), "{what}");
    }
}

#[test]
#[ignore = "needs nginx"]
fn every_protocol_since_tls_1_2_is_spoken() {
    let authority = Authority::new("A private authority");
    for protocol in ["TLSv1.2", "TLSv1.3"] {
        let site = Site::start(&authority.server("localhost"), &format!("ssl_protocols {protocol};"));
        let desk = desk();
        desk.write("ca.pem", &authority.pem);
        connect(&desk, &site.url, "ca-file = \"ca.pem\"");
        assert_events(&run(&desk, "invalid-login", &[]));
    }
}

/// A desk that trusts the authority and holds a client certificate.
fn desk_of(client: &Certified, authority: &Authority) -> TestEnv {
    let desk = desk();
    desk.write("ca.pem", &authority.pem);
    desk.write("client.pem", &client.certificate);
    desk.write_secret("client.key", &client.key);
    desk.write_secret("both.pem", format!("{}{}", client.certificate, client.key));
    desk
}

#[test]
#[ignore = "needs nginx"]
fn a_server_that_asks_for_a_certificate_is_shown_the_right_one() {
    let authority = Authority::new("A private authority");
    let clients = tempfile::tempdir().unwrap();
    let trusted = clients.path().join("clients.pem");
    std::fs::write(&trusted, &authority.pem).unwrap();
    let ask = format!("ssl_verify_client on; ssl_client_certificate {};", trusted.display());
    for protocol in ["TLSv1.2", "TLSv1.3"] {
        let site = Site::start(
            &authority.server("localhost"),
            &format!("{ask} ssl_protocols {protocol};"),
        );
        let client = authority.client("host");
        let desk = desk_of(&client, &authority);
        for keys in [
            "client-certificate = \"client.pem\"\nclient-key = \"client.key\"",
            "client-certificate = \"both.pem\"\nclient-key = \"both.pem\"",
        ] {
            connect(&desk, &site.url, &format!("ca-file = \"ca.pem\"\n{keys}"));
            assert_events(&run(&desk, "invalid-login", &[]));
        }
        let served = site.server.seen().len();

        // Nginx ends the handshake well, and then answers every request with status 400.
        connect(&desk, &site.url, "ca-file = \"ca.pem\"");
        let output = run(&desk, "invalid-login", &[]);
        assert_failure(&output, 5, "No required SSL certificate was sent");
        let stranger = Authority::new("Another authority").client("host");
        let desk = desk_of(&stranger, &authority);
        let keys = "ca-file = \"ca.pem\"\nclient-certificate = \"client.pem\"\nclient-key = \"client.key\"";
        connect(&desk, &site.url, keys);
        let output = run(&desk, "invalid-login", &[]);
        assert_failure(&output, 5, "certificate");
        let key = stranger.key.lines().nth(1).unwrap();
        assert!(!stderr(&output).contains(key));
        assert_eq!(site.server.seen().len(), served);
        assert!(site.nginx.log().iter().any(|line| line.contains(" 400 ")));
    }
}
