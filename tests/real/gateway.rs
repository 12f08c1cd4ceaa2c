//! Behind a gateway: a path in front, limits, and times when nobody is at home.

use serde_json::Value;
use tests::{Server, stderr};

use super::nginx::Nginx;
use super::process::free_port;
use super::{assert_events, assert_failure, behind, connect, desk, run};

#[test]
#[ignore = "needs nginx"]
fn a_gateway_may_serve_everything_below_a_path() {
    let port = free_port();
    let public = format!("http://127.0.0.1:{port}/gateway");
    // with and without the path on the other side
    for (scenario, upstream) in [("", "/"), ("prefix=/gateway", "/")] {
        let server = behind(&public, scenario);
        let upstream = format!("{}{upstream}", server.url().trim_end_matches('/'));
        let block = format!("location /gateway/ {{ proxy_pass {upstream}; }} location / {{ return 404; }}");
        let nginx = Nginx::start(port, "", &block);
        for url in [public.clone(), format!("{public}/")] {
            let desk = desk();
            connect(&desk, &url, "");
            for report in ["invalid-login", "user-login", "user-audit"] {
                assert_events(&run(&desk, report, &[]));
            }
        }
        let log = nginx.log();
        assert!(!log.is_empty());
        assert!(
            log.iter()
                .all(|line| line.contains(" /gateway/") && line.contains(" 200 ")),
            "{log:#?}"
        );
    }
}

#[test]
#[ignore = "needs nginx"]
fn a_link_out_of_the_gateway_is_not_followed() {
    let port = free_port();
    // The simulator knows nothing of the gateway, so its links lead to itself.
    let server = Server::start("");
    let inside = server.url();
    let block = format!("location / {{ proxy_pass {inside}; proxy_set_header Host $proxy_host; }}");
    let _nginx = Nginx::start(port, "", &block);
    let desk = desk();
    connect(&desk, &format!("http://127.0.0.1:{port}"), "");
    assert_failure(&run(&desk, "invalid-login", &[]), 5, "another server");
    assert_eq!(server.seen(), ["POST /interop/rest/security/v1/invalidloginreport"]);
}

#[test]
#[ignore = "needs nginx"]
fn a_gateway_that_limits_requests_is_obeyed() {
    for status in [429, 503] {
        let port = free_port();
        let public = format!("http://127.0.0.1:{port}");
        let server = behind(&public, "");
        let limit = format!("limit_req_zone $server_addr zone=z:1m rate=12r/m; limit_req_status {status};");
        let block = format!(
            "location / {{ limit_req zone=z; add_header Retry-After 1 always; proxy_pass {}; }}",
            server.url()
        );
        let nginx = Nginx::start(port, &limit, &block);
        let desk = desk();
        // So many attempts at our own pace would be over in a moment.
        connect(&desk, &public, "");
        let impatient = std::fs::read_to_string(desk.path().join("host.toml")).unwrap();
        desk.write("host.toml", impatient.replace("attempts = 3", "attempts = 10"));
        let refused = format!(" {status} ");
        let refusals = || nginx.log().iter().filter(|line| line.contains(&refused)).count() as u64;
        // Until one comes too soon.
        let retries = (0..50).find_map(|_| {
            let output = run(&desk, "user-login", &["--summary", "summary.json"]);
            assert_events(&output);
            let summary = std::fs::read_to_string(desk.path().join("summary.json")).unwrap();
            let summary: Value = serde_json::from_str(&summary).unwrap();
            (refusals() > 0).then(|| summary["remote"]["retries"].as_u64().unwrap())
        });
        assert!(refusals() > 0, "{status}");
        assert_eq!(retries, Some(refusals()));
    }
}

#[test]
#[ignore = "needs nginx"]
fn a_gateway_with_nobody_behind_it_is_unavailable() {
    let nobody = format!("proxy_pass http://127.0.0.1:{};", free_port());
    for (answer, status) in [("return 503;", "503"), ("return 429;", "429"), (nobody.as_str(), "502")] {
        let port = free_port();
        let nginx = Nginx::start(port, "", &format!("location / {{ {answer} }}"));
        let desk = desk();
        connect(&desk, &format!("http://127.0.0.1:{port}"), "");
        let patient = std::fs::read_to_string(desk.path().join("host.toml")).unwrap();
        let impatient = patient.replace("attempts = 3", "attempts = 3, max-throttled = \"1s\"");
        desk.write("host.toml", impatient);
        let output = run(&desk, "user-login", &[]);
        assert_failure(&output, 4, status);
        assert!(stderr(&output).contains("hint: "), "{}", stderr(&output));
        // As often as the configuration allows for a request that may be repeated; a limit is waited out.
        let requests = nginx.log().len();
        assert!(requests == 3 || status == "429" && requests > 3, "{answer}: {requests}");
    }
}
