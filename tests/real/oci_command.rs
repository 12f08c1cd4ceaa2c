//! [`OciCommand`]: OCI's own command line, and its SDK, from `target/venv-oci`.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tests::{Server, TestEnv, stderr, stdout};

/// The command line, as the simulator's demo user.
pub struct OciCommand<'d> {
    desk: &'d TestEnv,
    server: &'d Server,
}

/// The file of that name in the virtual environment.
fn program(name: &str) -> PathBuf {
    let program = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../target/venv-oci/bin")
        .join(name);
    assert!(
        program.exists(),
        "{} is missing; `.ci/install` makes it",
        program.display()
    );
    program
}

impl OciCommand<'_> {
    /// Leaves the configuration and the key in the folder.
    pub fn new<'d>(desk: &'d TestEnv, server: &'d Server) -> OciCommand<'d> {
        let user = server.running().oci_user();
        desk.write_secret("oci.pem", user.private_key_pem());
        let key = desk.path().join("oci.pem");
        desk.write_secret("oci.config", user.config_file(key.to_str().unwrap()));
        OciCommand { desk, server }
    }

    /// The answer of a command in JSON.
    pub fn ask(&self, arguments: &[&str]) -> Value {
        let url = self.server.url();
        let output = Command::new(program("oci"))
            .current_dir(self.desk.path())
            .env_clear()
            .env("HOME", self.desk.path())
            .env("LC_ALL", "C.UTF-8")
            .env("SUPPRESS_LABEL_WARNING", "True")
            .args(["--config-file", "oci.config", "--endpoint", url.trim_end_matches('/')])
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The answers of a search for all pages, to the end.
    pub fn search(&self, query: &str, [from, to]: [&str; 2], limit: &str) -> Vec<Value> {
        let (mut answers, mut page) = (Vec::new(), None::<String>);
        loop {
            let period = [
                "--time-start",
                from,
                "--time-end",
                to,
                "--limit",
                limit,
                "--search-query",
                query,
            ];
            let mut arguments = ["logging-search", "search-logs"].to_vec();
            arguments.extend(period);
            arguments.extend(page.as_deref().map(|page| ["--page", page]).into_iter().flatten());
            let answer = self.ask(&arguments);
            page = answer["opc-next-page"].as_str().map(str::to_owned);
            answers.push(answer);
            if page.is_none() {
                return answers;
            }
        }
    }
}

/// The lines that a script of `tests/judges` prints; Python has OCI's SDK.
pub fn judge(script: &str, arguments: &[&str], folder: &Path, variables: &[(&str, &str)]) -> Vec<String> {
    let judges = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/judges");
    let output = Command::new(program("python"))
        .arg(judges.join(script))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("LC_ALL", "C.UTF-8")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    assert!(output.status.success(), "{script} {arguments:?}: {}", stderr(&output));
    stdout(&output).lines().map(str::to_owned).collect()
}
