//! The messages for whoever signs requests for OCI: before anything is sent, and from servers that refuse.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tests::{TestEnv, stderr, stdout};

use super::desk;

const KEY: &str = include_str!("../../host/crates/remote/tests/keys/oci.pem");
const ENCRYPTED: &str = include_str!("../../host/crates/remote/tests/keys/encrypted.pem");
const TENANCY: &str = "ocid1.tenancy.oc1..aaaaexampletenancy";
const FINGERPRINT: &str = "10:80:92:ad:f2:84:c8:ff:5b:29:c2:e5:b1:df:bd:01";

/// A server that refuses everything in the same words.
struct Refusing {
    url: String,
    asked: Arc<AtomicUsize>,
}

impl Refusing {
    fn start(head: &'static str, body: &'static str) -> Refusing {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let _head: Vec<String> = lines
                    .map_while(Result::ok)
                    .take_while(|line| !line.is_empty())
                    .collect();
                count.fetch_add(1, Ordering::SeqCst);
                let length = body.len();
                let _ = write!(
                    stream,
                    "HTTP/1.1 {head}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
                );
            }
        });
        Refusing { url, asked }
    }
}

/// `host check domain`, where requests are signed with what `auth` says.
fn check(desk: &TestEnv, url: &str, auth: &str) -> (Option<i32>, String) {
    desk.write_secret("key.pem", KEY);
    desk.write_secret("encrypted.pem", ENCRYPTED);
    desk.write_secret("none.pem", "hello");
    desk.write(
        "oci",
        format!(
            "[DEFAULT]\nuser=ocid1.user.oc1..aaaaexampleuser\ntenancy={TENANCY}\nfingerprint={FINGERPRINT}\nkey_file=key.pem\n\
             [LOCKED]\nkey_file=encrypted.pem\n"
        ),
    );
    desk.write(
        "host.toml",
        format!(
            "[connections.domain]\nkind = \"identity-domain\"\nurl = \"{url}\"\nallow-private-addresses = true\n\
             auth = {{ {auth} }}\nretry = {{ attempts = 2, min-delay = \"1ms\", max-delay = \"1ms\" }}\n"
        ),
    );
    let output = desk.host(["check", "domain"]).output().unwrap();
    (output.status.code(), format!("{}{}", stdout(&output), stderr(&output)))
}

fn api_key(fingerprint: &str, key: &str) -> String {
    format!(
        "kind = \"oci-api-key\", tenancy = \"{TENANCY}\", user = \"ocid1.user.oc1..aaaaexampleuser\", fingerprint = \"{fingerprint}\", \
         private-key = {{ file = \"{key}\" }}"
    )
}

#[test]
fn what_cannot_sign_is_told_before_anything_is_sent() {
    let server = Refusing::start("500 Oh", "{}");
    let desk = desk();
    let other = FINGERPRINT.replace("10:", "11:");
    for (auth, said) in [
        (api_key(&other, "key.pem"), FINGERPRINT),
        (api_key("acme", "key.pem"), "`fingerprint` is none of an API key"),
        (api_key(FINGERPRINT, "encrypted.pem"), "openssl pkey"),
        (api_key(FINGERPRINT, "none.pem"), "is no key in PEM form"),
        (
            "kind = \"oci-config\", file = \"oci\", profile = \"NONE\"".to_owned(),
            "the file has the profiles DEFAULT, LOCKED",
        ),
        (
            "kind = \"oci-config\", file = \"oci\", profile = \"LOCKED\"".to_owned(),
            "is encrypted",
        ),
        ("kind = \"oci-config\", file = \"nowhere\"".to_owned(), "nowhere"),
    ] {
        let (code, told) = check(&desk, &server.url, &auth);
        assert_eq!(code, Some(2), "{auth}: {told}");
        assert!(told.contains(said), "{auth}: {told}");
        assert!(!told.contains("PRIVATE KEY"), "{told}");
    }
    assert_eq!(server.asked.load(Ordering::SeqCst), 0);
}

#[test]
fn a_clock_that_is_wrong_is_told_in_seconds() {
    let server = Refusing::start(
        "401 Unauthorized\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT",
        "{\"code\":\"NotAuthenticated\",\"message\":\"The required information to complete authentication was not provided or was incorrect.\"}",
    );
    let desk = desk();
    let (code, told) = check(&desk, &server.url, "kind = \"oci-config\", file = \"oci\"");
    assert_eq!(code, Some(3), "{told}");
    assert!(told.contains(" s ahead of the server's"), "{told}");
    assert!(server.asked.load(Ordering::SeqCst) >= 2, "signed anew once");
}

#[test]
fn a_region_is_one_server_whichever_of_its_services_is_asked() {
    let desk = desk();
    desk.write_secret("key.pem", KEY);
    // Nobody answers at the proxy, so nothing leaves this machine.
    desk.write(
        "host.toml",
        format!(
            "[connections.oci]\nkind = \"oci\"\nregion = \"eu-frankfurt-1\"\nproxy = {{ url = \"http://127.0.0.1:1\" }}\n\
             auth = {{ {} }}\nretry = {{ attempts = 1 }}\n",
            api_key(FINGERPRINT, "key.pem")
        ),
    );
    for via in ["via=search", "via=list-events", "via=search"] {
        let compartment = format!("compartment={TENANCY}");
        let asked = ["run", "oci-audit", "--param", &compartment, "--param", via];
        let output = desk.host(asked).output().unwrap();
        assert_eq!(output.status.code(), Some(4), "{via}: {}", stderr(&output));
    }
    let listed = stdout(&desk.host(["ledger", "list", "--json"]).output().unwrap());
    assert_eq!(listed.lines().count(), 1, "{listed}");
}
