//! Servers that fail, refuse, lie or lead astray: the documented exit code, no half result, no credential elsewhere.

use std::io::Read;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tests::{Place, Server, json_lines, stderr, stdout};

use super::{PASSWORD, desk, run};

#[test]
fn each_misbehaviour_ends_with_its_exit_code_and_no_file() {
    // scenario, exit code, what the error says
    let cases = [
        ("submit:401", 3, "401"),
        ("submit:403", 3, "403"),
        ("password=another", 3, "401"),
        (
            "no-role,refuse-job=1,fail-text=EPMCSS-21192: Authorization failed.",
            3,
            "EPMCSS-21192",
        ),
        (
            "fail-job=9,fail-text=EPMCSS-20679: Failed to generate Invalid Login Report.",
            5,
            "EPMCSS-20679",
        ),
        (
            "refuse-job=1,fail-text=EPMCSS-20679: Invalid parameters.",
            5,
            "EPMCSS-20679",
        ),
        ("503", 4, "503"),
        ("poll:503", 4, "503"),
        ("download:503", 4, "503"),
        ("download:not-a-file", 5, ""),
        ("download:cut", 4, ""),
        ("download:html", 3, "sign in"),
        ("submit:html", 3, "sign in"),
        ("submit:sign-in", 3, "idcs-demo.identity.example.com"),
        ("poll:sign-in", 3, "idcs-demo.identity.example.com"),
        ("download:sign-in", 3, "idcs-demo.identity.example.com"),
        ("submit:garbage", 5, ""),
        ("submit:truncated-json", 5, ""),
        ("submit:wrong-types", 5, ""),
        ("submit:oversized", 5, "limit"),
        ("status-link=missing", 5, "Job Status"),
        ("status-link=userinfo", 5, "another server"),
        ("status-link=broken", 5, ""),
        ("submit:redirect", 5, ""),
        ("poll:redirect", 5, "another server"),
        ("poll:redirect-metadata", 5, "another server"),
        ("poll:redirect-loop", 5, "redirect"),
        ("invalid-login:header=Colour|Shape|Weight", 5, "Colour"),
    ];
    for (scenario, code, said) in cases {
        let (desk, server) = (desk(), Server::start(scenario));
        desk.write("host.toml", configuration(&server));
        let mut command = desk.host(["run", "invalid-login", "--since", "7d", "--sink", "file:events.ndjson"]);
        let output = command.env("EPM_PASSWORD", PASSWORD).output().unwrap();
        let errors = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{scenario}: {errors}");
        assert!(errors.contains(said), "{scenario}: {errors}");
        assert!(errors.contains("error: "), "{scenario}: {errors}");
        assert!(!errors.contains(PASSWORD), "{scenario}: {errors}");
        assert_eq!(stdout(&output), "", "{scenario}");
        let left: Vec<_> = std::fs::read_dir(desk.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(
            left.iter()
                .filter(|name| name.to_string_lossy().contains("host-"))
                .count(),
            0,
            "{scenario}: {left:?}"
        );
        assert!(!desk.path().join("events.ndjson").exists(), "{scenario}");
    }
}

/// A connection that does not wait long.
fn configuration(server: &Server) -> String {
    format!(
        "[connections.epm]\nkind = \"epm\"\nurl = \"{}\"\nallow-private-addresses = true\n\
         auth = {{ kind = \"basic\", username = \"demo.user\", password = {{ env = \"EPM_PASSWORD\" }} }}\n\
         retry = {{ attempts = 3, min-delay = \"1ms\", max-delay = \"10ms\" }}\n\
         [fetch]\nfile-wait = \"1ms\"\n",
        server.url()
    )
}

#[test]
fn a_job_link_to_another_origin_sends_no_credential() {
    // Whoever connects here was led astray.
    let canary = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = canary.local_addr().unwrap().port();
    let reached = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&reached);
    std::thread::spawn(move || {
        for stream in canary.incoming().flatten() {
            seen.store(true, Ordering::SeqCst);
            let _ = { stream }.read(&mut [0; 1024]);
        }
    });
    for link in [
        format!("http://127.0.0.1:{port}"),
        format!("http://localhost:{port}"),
        format!("//127.0.0.1:{port}"),
        format!("http:\\\\127.0.0.1:{port}"),
        format!("\\\\127.0.0.1:{port}"),
    ] {
        let (desk, server) = (
            desk(),
            Server::start(&format!("status-link=elsewhere,elsewhere={link}")),
        );
        let output = run(&desk, &server, "invalid-login", &["--since", "7d"])
            .output()
            .unwrap();
        let errors = stderr(&output);
        assert_eq!(output.status.code(), Some(5), "{link}: {errors}");
        assert!(errors.contains("a link to another server"), "{link}: {errors}");
        assert_eq!(stdout(&output), "", "{link}");
        assert!(
            !server.seen().iter().any(|request| request.contains("/jobs/")),
            "{link}"
        );
    }
    assert!(!reached.load(Ordering::SeqCst));
}

#[test]
fn a_server_that_is_not_there_is_unavailable() {
    let desk = desk();
    let nobody = Place::take();
    let url = nobody.url();
    let mut command = desk.host([
        "run",
        "invalid-login",
        "--url",
        &url,
        "--auth",
        "none",
        "--allow-private-addresses",
        "--since",
        "7d",
    ]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
}

#[test]
fn a_certificate_nobody_vouches_for_is_refused() {
    let (desk, server) = (desk(), Server::with("", true));
    let output = run(&desk, &server, "invalid-login", &["--since", "7d"])
        .output()
        .unwrap();
    let errors = stderr(&output);
    assert_eq!(output.status.code(), Some(4), "{errors}");
    assert!(errors.to_lowercase().contains("certificate"), "{errors}");
    assert!(server.seen().is_empty());
}

#[test]
fn a_server_that_is_briefly_unavailable_costs_nothing_but_time() {
    let (desk, server) = (desk(), Server::start("poll:503=2,download:503=1"));
    let output = run(&desk, &server, "invalid-login", &["--since", "7d"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(!json_lines(&output).is_empty());
}
