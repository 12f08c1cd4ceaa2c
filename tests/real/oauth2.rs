//! Tokens from a server that follows the standards, for a simulator that trusts that server: nginx stands in front of it
//! and has every token checked.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Output, Stdio};

use rcgen::KeyPair;
use tests::{Server, TestEnv, stderr};

use super::nginx::Nginx;
use super::oauth_server::OAuthServer;
use super::process::free_port;
use super::{assert_events, assert_failure, assert_unseen, desk};

/// A client secret with everything in it that an encoding could get wrong.
const CANARY: &str = "canary-4e1b:+% &=/?secret";

/// An identity domain whose tokens come from elsewhere.
struct Domain {
    oauth: OAuthServer,
    simulator: Server,
    nginx: Nginx,
    url: String,
    key: String,
}

impl Domain {
    fn start() -> Domain {
        Domain::with(0, "")
    }

    /// A domain that withdraws the first access token after so many requests.
    fn with(uses: u64, scenario: &str) -> Domain {
        let key = KeyPair::generate().unwrap().serialize_pem();
        let oauth = OAuthServer::start(CANARY, &key, uses);
        let port = free_port();
        let url = format!("http://127.0.0.1:{port}");
        let simulator = super::behind(&url, scenario);
        let block = format!(
            "location / {{ auth_request /check; proxy_set_header Authorization 'Bearer demo-token'; proxy_pass {}; }}
             location = /check {{ internal; proxy_pass {}; proxy_pass_request_body off; proxy_set_header Content-Length ''; }}",
            simulator.url(),
            oauth.url()
        );
        let nginx = Nginx::start(port, "", &block);
        Domain {
            oauth,
            simulator,
            nginx,
            url,
            key,
        }
    }

    /// A connection to it, and the secrets that it may need.
    fn desk(&self, auth: &str) -> TestEnv {
        let desk = desk();
        desk.write(
            "host.toml",
            format!(
                "[connections.domain]\nkind = \"identity-domain\"\nurl = \"{}\"\nallow-private-addresses = true\n\
                 token-url = \"{}/token\"\ndevice-url = \"{}/device/auth\"\nauth = {{ {auth} }}\n\
                 retry = {{ attempts = 3, min-delay = \"1ms\", max-delay = \"10ms\" }}\n",
                self.url,
                self.oauth.url(),
                self.oauth.url(),
            ),
        );
        desk
    }

    /// The number of requests that were answered with that status.
    fn answered(&self, status: u16) -> usize {
        let status = format!(" {status} ");
        self.nginx.log().iter().filter(|line| line.contains(&status)).count()
    }
}

/// A run that says everything it does.
fn run(desk: &TestEnv, domain: &Domain, secret: &str) -> Output {
    let mut command = desk.host(["run", "audit-events", "--since", "1d", "-vvv"]);
    command
        .env("CLIENT_SECRET", secret)
        .env("PRIVATE_KEY", &domain.key)
        .env("REFRESH_TOKEN", domain.oauth.refresh_token())
        .output()
        .unwrap()
}

const BY_BASIC: &str =
    "kind = \"oauth2-client-credentials\", client-id = \"basic-client\", client-secret = { env = \"CLIENT_SECRET\" }";
const BY_REFRESH: &str = "kind = \"oauth2-refresh-token\", client-id = \"person-client\", \
     client-secret = { env = \"CLIENT_SECRET\" }, refresh-token = { env = \"REFRESH_TOKEN\" }, scope = \"openid offline_access\"";

#[test]
#[ignore = "needs oidc-provider and nginx"]
fn a_client_gets_one_token_for_a_run_whichever_way_its_secret_goes() {
    let domain = Domain::start();
    let by_post = format!(
        "{}, client-authentication = \"post\"",
        BY_BASIC.replace("basic-client", "post-client")
    );
    for (client, auth) in [("basic-client basic", BY_BASIC), ("post-client post", &by_post)] {
        let before = domain.oauth.grants().len();
        let desk = domain.desk(auth);
        let output = run(&desk, &domain, CANARY);
        assert_events(&output);
        assert_eq!(
            domain.oauth.grants()[before..],
            [format!("{client} client_credentials")]
        );
        assert_unseen(&[CANARY, "canary-4e1b"], &output, desk.path());
    }
    assert_eq!(domain.answered(401), 0);
    assert_eq!(domain.answered(200), domain.simulator.seen().len());
}

#[test]
#[ignore = "needs oidc-provider and nginx"]
fn a_client_that_the_server_does_not_know_is_refused_before_anything_is_asked() {
    let domain = Domain::start();
    let unknown = BY_BASIC.replace("basic-client", "nobody");
    for (auth, secret) in [(BY_BASIC, "canary-wrong-secret"), (&unknown, CANARY)] {
        let desk = domain.desk(auth);
        let output = run(&desk, &domain, secret);
        assert_failure(&output, 3, "invalid_client");
        assert_unseen(&[secret], &output, desk.path());
    }
    assert!(domain.nginx.log().is_empty());
}

#[test]
#[ignore = "needs oidc-provider and nginx"]
fn a_client_proves_itself_with_its_key() {
    let domain = Domain::start();
    let auth = |audience: &str| {
        format!(
            "kind = \"oauth2-client-credentials\", client-id = \"key-client\", private-key = {{ env = \"PRIVATE_KEY\" }}, \
             key-id = \"the-key\", audience = \"{audience}\""
        )
    };
    let desk = domain.desk(&auth(&domain.oauth.url()));
    let output = run(&desk, &domain, "");
    assert_events(&output);
    assert_eq!(domain.oauth.grants(), ["key-client key client_credentials"]);
    let key = domain.key.lines().nth(1).unwrap();
    assert_unseen(&[key], &output, desk.path());

    let asked = domain.nginx.log().len();
    let desk = domain.desk(&auth("https://another.example"));
    assert_failure(&run(&desk, &domain, ""), 3, "invalid_client");
    let another = Domain {
        key: KeyPair::generate().unwrap().serialize_pem(),
        ..domain
    };
    let desk = another.desk(&auth(&another.oauth.url()));
    assert_failure(&run(&desk, &another, ""), 3, "invalid_client");
    assert_eq!(another.nginx.log().len(), asked);
}

#[test]
#[ignore = "needs oidc-provider and nginx"]
fn a_refresh_token_that_changes_with_every_use_is_kept_for_the_next_run() {
    let domain = Domain::start();
    let desk = domain.desk(BY_REFRESH);
    let kept = desk.path().join(".local/state/host/tokens/domain.json");
    let first = domain.oauth.refresh_token();
    let mut seen = Vec::new();
    for _ in 0..3 {
        let output = run(&desk, &domain, CANARY);
        assert_events(&output);
        assert_eq!(kept.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let content = std::fs::read_to_string(&kept).unwrap();
        assert!(!content.contains(&first));
        assert!(!seen.contains(&content), "the kept token did not change");
        assert!(!stderr(&output).contains(&first));
        seen.push(content);
    }
    assert_eq!(domain.oauth.grants(), vec!["person-client basic refresh_token"; 3]);

    // The first one is used up, and the server takes its use for a theft.
    std::fs::remove_file(&kept).unwrap();
    let asked = domain.nginx.log().len();
    let output = run(&desk, &domain, CANARY);
    assert_failure(&output, 3, "invalid_grant");
    assert!(stderr(&output).contains("host login"), "{}", stderr(&output));
    assert!(!stderr(&output).contains(&first));
    assert_eq!(domain.nginx.log().len(), asked);
}

#[test]
#[ignore = "needs oidc-provider and nginx"]
fn a_token_that_the_server_withdraws_is_replaced_once() {
    // Pages are fetched several at a time, so several requests find the token withdrawn.
    let domain = Domain::with(2, "max-count=5");
    let desk = domain.desk(BY_BASIC);
    let output = run(&desk, &domain, CANARY);
    assert_events(&output);
    let served = domain.simulator.seen().len();
    assert!(served > 2, "{served}");
    assert_eq!(domain.answered(200), served);
    assert!(domain.answered(401) > 0);
    assert_eq!(domain.oauth.grants().len(), 2);

    // A server that never takes any is not asked for ever.
    let closed = Domain::start();
    let desk = closed.desk(BY_BASIC);
    let port = free_port();
    let _never = Nginx::start(port, "", "location / { return 401; }");
    let configured = std::fs::read_to_string(desk.path().join("host.toml")).unwrap();
    let elsewhere = configured.replace(&closed.url, &format!("http://127.0.0.1:{port}"));
    desk.write("host.toml", elsewhere);
    assert_failure(&run(&desk, &closed, CANARY), 3, "401");
    assert_eq!(closed.oauth.grants().len(), 2);
}

#[test]
#[ignore = "needs oidc-provider and nginx"]
fn a_person_signs_in_from_another_device() {
    let domain = Domain::start();
    let public = "kind = \"oauth2-refresh-token\", client-id = \"public-client\", scope = \"openid offline_access\"";
    let secret = "kind = \"oauth2-refresh-token\", client-id = \"person-client\", \
                  client-secret = { env = \"CLIENT_SECRET\" }, scope = \"openid offline_access\"";
    for auth in [public, secret] {
        let desk = domain.desk(auth);
        assert_failure(&run(&desk, &domain, CANARY), 2, "host login");

        let mut login = std::process::Command::new(env!("CARGO_BIN_EXE_host"))
            .args(["login", "domain"])
            .current_dir(desk.path())
            .env_clear()
            .env("HOME", desk.path())
            .env("CLIENT_SECRET", CANARY)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        for line in BufReader::new(login.stderr.take().unwrap()).lines() {
            let line = line.unwrap();
            if let Some((_, rest)) = line.split_once("enter the code ") {
                domain.oauth.approve(rest.split(' ').next().unwrap());
            }
            said.push_str(&line);
            said.push('\n');
        }
        assert!(login.wait().unwrap().success(), "{said}");
        assert!(said.contains(&format!("{}/device", domain.oauth.url())), "{said}");
        assert!(!said.contains(CANARY));

        assert_events(&run(&desk, &domain, CANARY));
    }
}
