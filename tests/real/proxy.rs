//! Through squid, which wants a name and a password.

use std::process::Output;

use tests::TestEnv;

use super::certificates::Authority;
use super::nginx::Nginx;
use super::process::free_port;
use super::squid::Squid;
use super::{PASSWORD, assert_events, assert_failure, assert_unseen, behind, connect, desk};

/// The proxy's password, and how it looks in a header: `proxy-user:canary-51c2-proxy`.
const CANARY: [&str; 2] = ["canary-51c2-proxy", "cHJveHktdXNlcjpjYW5hcnktNTFjMi1wcm94eQ"];
const USER: &str = "proxy-user";

/// A run that says everything it does, with the proxy's password in the environment.
fn run(desk: &TestEnv, password: &str) -> Output {
    let mut command = desk.host(["run", "invalid-login", "--since", "7d", "-vvv"]);
    command
        .env("EPM_PASSWORD", PASSWORD)
        .env("PROXY_PASSWORD", password)
        .output()
        .unwrap()
}

/// The configuration of a proxy with credentials.
fn through(squid: &Squid) -> String {
    format!(
        "proxy = {{ url = \"{}\", username = \"{USER}\", password = {{ env = \"PROXY_PASSWORD\" }} }}",
        squid.url()
    )
}

#[test]
#[ignore = "needs squid and nginx"]
fn https_goes_through_a_tunnel_that_the_proxy_grants() {
    let squid = Squid::start(USER, CANARY[0]);
    let authority = Authority::new("A private authority");
    let port = free_port();
    let url = format!("https://localhost:{port}");
    let server = behind(&url, "");
    let block = format!("location / {{ proxy_pass {}; }}", server.url());
    let nginx = Nginx::with_tls(port, &authority.server("localhost"), "", &block);
    let desk = desk();
    desk.write("ca.pem", &authority.pem);
    connect(&desk, &url, &format!("ca-file = \"ca.pem\"\n{}", through(&squid)));

    let output = run(&desk, CANARY[0]);
    assert_events(&output);
    assert_unseen(&CANARY, &output, desk.path());
    // All of it in tunnels, and the server never learns how the proxy was asked.
    let tunnel = format!("CONNECT localhost:{port} 200 {USER}");
    assert!(squid.log().iter().all(|line| *line == tunnel), "{:#?}", squid.log());
    let log = nginx.log();
    assert!(
        log.iter().all(|line| line.ends_with("proxy-authorization=-")),
        "{log:#?}"
    );

    let served = server.seen().len();
    let output = run(&desk, "canary-9d0e-wrong");
    assert_failure(&output, 3, "proxy");
    assert_unseen(&["canary-9d0e-wrong"], &output, desk.path());
    let anonymous = format!("proxy = {{ url = \"{}\" }}", squid.url());
    connect(&desk, &url, &format!("ca-file = \"ca.pem\"\n{anonymous}"));
    assert_failure(&run(&desk, ""), 3, "proxy");
    assert_eq!(server.seen().len(), served);
}

#[test]
#[ignore = "needs squid"]
fn plain_http_goes_through_the_proxy_too() {
    let squid = Squid::start(USER, CANARY[0]);
    let server = tests::Server::start("");
    let desk = desk();
    connect(&desk, &server.url(), &through(&squid));

    let output = run(&desk, CANARY[0]);
    assert_events(&output);
    assert_unseen(&CANARY, &output, desk.path());
    let granted = |line: &&String| line.ends_with(&format!(" 200 {USER}")) && line.contains(&server.url());
    assert_eq!(squid.log().iter().filter(granted).count(), server.seen().len());

    let served = server.seen().len();
    let output = run(&desk, "canary-9d0e-wrong");
    assert_failure(&output, 3, "proxy");
    assert_unseen(&["canary-9d0e-wrong"], &output, desk.path());
    connect(
        &desk,
        &server.url(),
        &format!("proxy = {{ url = \"{}\" }}", squid.url()),
    );
    assert_failure(&run(&desk, ""), 3, "proxy");
    assert_eq!(server.seen().len(), served);
}

#[test]
#[ignore = "needs squid"]
fn a_proxy_that_cannot_reach_the_server_says_so() {
    let squid = Squid::start(USER, CANARY[0]);
    let nobody = free_port();
    for (scheme, said) in [("http", "(503 "), ("https", "tunnel")] {
        let desk = desk();
        connect(&desk, &format!("{scheme}://127.0.0.1:{nobody}"), &through(&squid));
        assert_failure(&run(&desk, CANARY[0]), 4, said);
    }
    // And without the proxy there is no way around it.
    drop(squid);
    let squid = format!("proxy = {{ url = \"http://127.0.0.1:{}\" }}", free_port());
    let server = tests::Server::start("");
    let desk = desk();
    connect(&desk, &server.url(), &squid);
    assert_failure(&run(&desk, ""), 4, "proxy");
    assert!(server.seen().is_empty());
}
