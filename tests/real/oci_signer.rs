//! Signatures of requests to OCI, held against those of Oracle's own SDK: needs `target/venv-oci`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::mpsc;

use serde_json::Value;
use tests::stderr;

use super::desk;
use super::oci_command::judge;

const TENANCY: &str = "ocid1.tenancy.oc1..aaaaexampletenancy";
const USER: &str = "ocid1.user.oc1..aaaaexampleuser";
const FINGERPRINT: &str = "10:80:92:ad:f2:84:c8:ff:5b:29:c2:e5:b1:df:bd:01";
const KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/crates/remote/tests/keys/oci.pem");

/// The head of the first request that comes: its first line, then the headers.
fn first_request(listener: TcpListener) -> mpsc::Receiver<Vec<String>> {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let head: Vec<String> = lines
                .map_while(Result::ok)
                .take_while(|line| !line.is_empty())
                .collect();
            let _ = tell.send(head);
            let refusal = "{\"code\":\"NotAllowed\",\"message\":\"no\"}";
            let length = refusal.len();
            let _ = write!(
                stream,
                "HTTP/1.1 403 Forbidden\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{refusal}"
            );
        }
    });
    told
}

#[test]
#[ignore = "needs target/venv-oci; `.ci/install` makes it"]
fn the_sdk_of_oracle_signs_as_we_do() {
    let desk = desk();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let request = first_request(listener);
    desk.write_secret("key.pem", std::fs::read(KEY).unwrap());
    desk.write(
        "host.toml",
        format!(
            "[connections.domain]\nkind = \"identity-domain\"\nurl = \"{url}\"\nallow-private-addresses = true\n\
             auth = {{ kind = \"oci-api-key\", tenancy = \"{TENANCY}\", user = \"{USER}\", fingerprint = \"{FINGERPRINT}\", \
             private-key = {{ file = \"key.pem\" }} }}\n"
        ),
    );
    let output = desk
        .host(["check", "domain"])
        .env("HOST_NOW", "2026-07-01T12:34:56Z")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let head = request.recv().unwrap();
    let (method, target) = head[0].split_once(' ').unwrap();
    let target = target.strip_suffix(" HTTP/1.1").unwrap();
    let header = |name: &str| {
        let found = head.iter().skip(1).find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then(|| value.to_owned())
        });
        found.unwrap_or_else(|| panic!("no {name}"))
    };
    let target = format!("{url}{target}");
    let arguments = [TENANCY, USER, FINGERPRINT, KEY, method, &target, &header("date")];
    let printed = judge("oci_signer.py", &arguments, desk.path(), &[]);
    let judged: Value = serde_json::from_str(&printed.concat()).unwrap();
    assert_eq!(judged["headers"]["host"], *header("host"));
    let credential = header("authorization");
    for name in ["version", "algorithm", "keyId", "headers", "signature"] {
        let value = judged["parameters"][name].as_str().unwrap();
        assert!(
            credential.contains(&format!("{name}=\"{value}\"")),
            "{name}: {credential}"
        );
    }
}
