//! A canary for every kind of credential: never in output, logs at the loudest, recordings or state.

use tests::{Server, TestEnv, stderr, stdout};

use super::{CANARY, desk};

/// The client's key; its public half is what the simulator checks with.
const PRIVATE_KEY: &str = include_str!("../fixtures/client-key.pem");

#[test]
fn no_credential_is_seen_outside_a_request() {
    let public = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/client-key.pub.pem");
    let key = "private-key = { file = \"key.pem\" }, key-id = \"alias\"";
    // scenario, kind and auth of the connection, report
    let cases = [
        (
            format!("user=u,password={CANARY}"),
            "epm",
            "{ kind = \"basic\", username = \"u\", password = { env = \"SECRET\" } }".to_string(),
            "user-login",
        ),
        (
            format!("token={CANARY}"),
            "epm",
            "{ kind = \"bearer\", token = { env = \"SECRET\" } }".to_string(),
            "user-login",
        ),
        (
            format!("client=c,client-secret={CANARY}"),
            "identity-domain",
            "{ kind = \"oauth2-client-credentials\", client-id = \"c\", client-secret = { env = \"SECRET\" } }"
                .to_string(),
            "audit-events",
        ),
        (
            format!("client=c,client-secret={CANARY}"),
            "identity-domain",
            "{ kind = \"oauth2-client-credentials\", client-id = \"c\", client-secret = { env = \"SECRET\" }, \
             client-authentication = \"post\" }"
                .to_string(),
            "audit-events",
        ),
        (
            format!("client=c,client-key={public}"),
            "identity-domain",
            format!("{{ kind = \"oauth2-client-credentials\", client-id = \"c\", {key} }}"),
            "audit-events",
        ),
        (
            format!("client=c,client-secret={CANARY},refresh-token={CANARY}"),
            "identity-domain",
            "{ kind = \"oauth2-refresh-token\", client-id = \"c\", client-secret = { env = \"SECRET\" }, \
             refresh-token = { env = \"SECRET\" } }"
                .to_string(),
            "audit-events",
        ),
        (
            format!("client=c,client-secret={CANARY},client-key={public}"),
            "identity-domain",
            format!(
                "{{ kind = \"oauth2-user-assertion\", client-id = \"c\", username = \"demo.user\", \
                 client-secret = {{ env = \"SECRET\" }}, {key} }}"
            ),
            "audit-events",
        ),
    ];
    for (scenario, kind, auth, report) in cases {
        for (fault, succeeds) in [
            ("", true),
            ("call:401,page:401", false),
            ("token:500,call:500,page:500", false),
        ] {
            let (desk, server) = (desk(), Server::start(&format!("{scenario},{fault}")));
            prepare(&desk, &server, kind, &auth);
            let arguments = [
                "run",
                report,
                "--since",
                "2d",
                "-vvv",
                "--record",
                "recording",
                "--summary",
                "summary.json",
            ];
            let output = desk.host(arguments).env("SECRET", CANARY).output().unwrap();
            assert_eq!(output.status.success(), succeeds, "{auth} {fault}: {}", stderr(&output));
            assert!(!stdout(&output).contains(CANARY), "{auth} {fault}");
            assert!(!stderr(&output).contains(CANARY), "{auth} {fault}: {}", stderr(&output));
            std::fs::remove_file(desk.path().join("key.pem")).unwrap();
            for secret in [CANARY, PRIVATE_KEY.lines().nth(5).unwrap()] {
                assert!(
                    !tests::contains(desk.path(), secret),
                    "{auth} {fault}: a secret is on disk"
                );
                assert!(!stderr(&output).contains(secret), "{auth} {fault}");
            }
        }
    }
}

fn prepare(desk: &TestEnv, server: &Server, kind: &str, auth: &str) {
    use std::os::unix::fs::PermissionsExt;
    let key = desk.write("key.pem", PRIVATE_KEY);
    std::fs::set_permissions(key, std::fs::Permissions::from_mode(0o600)).unwrap();
    desk.write(
        "host.toml",
        format!(
            "[connections.it]\nkind = \"{kind}\"\nurl = \"{}\"\nallow-private-addresses = true\nauth = {auth}\n\
             retry = {{ attempts = 2, min-delay = \"1ms\", max-delay = \"5ms\" }}\n",
            server.url()
        ),
    );
}

#[test]
fn a_rotated_refresh_token_is_kept_for_its_owner_and_used_next_time() {
    use std::os::unix::fs::PermissionsExt;
    let (desk, server) = (desk(), Server::start("client=c,refresh-token=first-token"));
    let auth = "{ kind = \"oauth2-refresh-token\", client-id = \"c\", client-secret = { env = \"SECRET\" }, \
                refresh-token = { env = \"FIRST\" } }";
    prepare(&desk, &server, "identity-domain", auth);
    for _ in 0..3 {
        let mut command = desk.host(["run", "audit-events", "--since", "1d"]);
        let output = command
            .env("SECRET", "demo-secret")
            .env("FIRST", "first-token")
            .output()
            .unwrap();
        // Each token is good once: using the first one again would be refused.
        assert!(output.status.success(), "{}", stderr(&output));
    }
    let stored = desk.path().join(".local/state/host/tokens/it.json");
    assert_eq!(std::fs::metadata(stored).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_person_signs_in_from_another_device_once() {
    let (desk, server) = (desk(), Server::start("device-polls=2,device-interval=0"));
    let auth = "{ kind = \"oauth2-refresh-token\", client-id = \"demo-client\", client-secret = { env = \"SECRET\" } }";
    prepare(&desk, &server, "identity-domain", auth);
    let output = desk
        .host(["login", "it"])
        .env("SECRET", "demo-secret")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("code"), "{}", stderr(&output));
    let output = desk
        .host(["run", "audit-events", "--since", "1d"])
        .env("SECRET", "demo-secret")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
}

#[test]
fn check_says_what_works_and_whom_to_ask() {
    let auth = "{ kind = \"basic\", username = \"demo.user\", password = { env = \"SECRET\" } }";
    for (scenario, code, said) in [
        ("", 0, "ok      it: reached, signed in"),
        ("no-role", 3, "Access Control - View"),
        ("password=another", 3, "sign-in"),
        ("list:503", 4, "503"),
    ] {
        let (desk, server) = (desk(), Server::start(scenario));
        prepare(&desk, &server, "epm", auth);
        let output = desk.host(["check"]).env("SECRET", "demo-password").output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{scenario}: {}", stdout(&output));
        assert!(stdout(&output).contains(said), "{scenario}: {}", stdout(&output));
        let lines = stdout(&output);
        let own = |line: &&str| {
            ["ledger: ", "dead letters: ", "rejected rows: "]
                .iter()
                .any(|name| line[8..].starts_with(name))
        };
        // What is indented belongs to the line before.
        let lines_of = lines.lines().filter(|line| !line.starts_with(' ') && !own(line));
        assert_eq!(lines_of.count(), 1, "{lines}");
    }
}
