//! End-to-end tests of the real binary against servers that nobody here wrote: [`nginx`], [`squid`], [`oauth_server`],
//! [`rsyslog`], [`collector`], [`nats_server`], [`postgres_server`] and [`s3_server`]. Each test starts its own, on a free
//! port and from a folder of its own, and ends it. What the binary leaves in files is read by Python libraries that nobody
//! here wrote either, and [`workshop`] makes plugins with their languages' own toolchains.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod certificates;
mod collector;
mod nats_server;
mod nginx;
mod oauth_server;
mod oci_command;
mod postgres_server;
mod process;
mod rsyslog;
mod s3_server;
mod squid;

mod archive;
mod conformance;
mod disk;
mod gateway;
mod moving;
mod nats;
mod oauth2;
mod object_store;
mod oci;
mod oci_events;
mod oci_signer;
mod okta_log;
mod otlp;
mod outage;
mod past;
mod postgres;
mod proxy;
mod raw_evidence;
mod syslog;
mod tls;
mod workshop;

use std::path::Path;
use std::process::Output;

use tests::{Server, TestEnv, json_lines, stderr, stdout};

/// The password of the simulator's demo user.
const PASSWORD: &str = "demo-password";

/// A fresh folder for one test.
fn desk() -> TestEnv {
    TestEnv::new(env!("CARGO_BIN_EXE_host"))
}

/// Writes a configuration with one connection to EPM Cloud, as the simulator's demo user, that does not wait long.
fn connect(desk: &TestEnv, url: &str, more: &str) {
    desk.write(
        "host.toml",
        format!(
            "[connections.epm]\nkind = \"epm\"\nurl = \"{url}\"\nallow-private-addresses = true\n\
             auth = {{ kind = \"basic\", username = \"demo.user\", password = {{ env = \"EPM_PASSWORD\" }} }}\n\
             retry = {{ attempts = 3, min-delay = \"1ms\", max-delay = \"10ms\" }}\n{more}\n"
        ),
    );
}

/// The connection `oci` to a simulator, whose demo user's key it leaves in the folder.
fn oci_connection(desk: &TestEnv, server: &Server) -> String {
    let user = server.running().oci_user();
    desk.write_secret("oci.pem", user.private_key_pem());
    format!(
        "[connections.oci]\nkind = \"oci\"\nurl = \"{}\"\nallow-private-addresses = true\n\
         auth = {{ kind = \"oci-api-key\", tenancy = \"{}\", user = \"{}\", fingerprint = \"{}\", \
         private-key = {{ file = \"oci.pem\" }} }}\n",
        server.url(),
        user.tenancy,
        user.user,
        user.fingerprint
    )
}

/// `host run REPORT` over the only connection of its kind.
fn run(desk: &TestEnv, report: &str, more: &[&str]) -> Output {
    let mut command = desk.host(["run", report, "--since", "7d"]);
    command.args(more).env("EPM_PASSWORD", PASSWORD).output().unwrap()
}

/// The run went well and brought something.
fn assert_events(output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
    assert!(!json_lines(output).is_empty(), "{}", stderr(output));
}

/// The run failed in this way, said so, and printed nothing that looks like data.
fn assert_failure(output: &Output, code: i32, said: &str) {
    let errors = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{errors}");
    assert!(errors.contains("error: "), "{errors}");
    assert!(
        errors.to_lowercase().contains(&said.to_lowercase()),
        "{said:?} is missing in: {errors}"
    );
    assert_eq!(stdout(output), "");
}

/// No secret in what was printed, nor in any file below the folder.
fn assert_unseen(secrets: &[&str], output: &Output, folder: &Path) {
    let (out, err) = (stdout(output), stderr(output));
    for secret in secrets {
        assert!(!out.contains(secret), "{secret} on stdout");
        assert!(!err.contains(secret), "{secret} on stderr: {err}");
    }
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            assert_unseen(secrets, output, &path);
            continue;
        }
        let content = std::fs::read(&path).unwrap();
        for secret in secrets {
            let found = content.windows(secret.len()).any(|bytes| bytes == secret.as_bytes());
            assert!(!found, "{secret} in {}", path.display());
        }
    }
}

/// The simulator behind a server at another URL: links begin with that one.
fn behind(public: &str, scenario: &str) -> Server {
    Server::start(&format!("public-url={public},{scenario}"))
}
