//! `host simulate`.

use std::fmt::Write as _;
use std::time::Duration;

use crate::args::{OutputOptions, SimulateArgs};
use crate::error::{CliError, Exit};
use crate::log::{self, LogLine};
use crate::render::print;
use crate::stop::Shutdown;
use setup::config;
use simulator::{Scenario, Simulator, SimulatorError};

/// Starts the simulator, prints its URL to stdout, and serves until it is told to stop.
pub async fn simulate(args: &SimulateArgs, talk: &OutputOptions) -> Result<(), CliError> {
    if args.scenarios.iter().any(|scenario| scenario == "help") {
        return print(help().as_bytes());
    }
    let scenario: Scenario = args.scenarios.join(",").parse()?;
    let mut about = credentials(&scenario, talk.verbose > 0);
    about.push("Ctrl-C stops.".to_owned());
    let lifetime = match &args.lifetime {
        Some(text) => config::parse_duration(text)
            .map_err(|reason| CliError::usage(format!("--for: {reason}")).hint("for example --for 15m"))?,
        None => Duration::MAX,
    };
    let stop = Shutdown::listen(talk)?;
    let running = Simulator::start(scenario, args.port, args.tls).await?;
    if let (Some(path), Some(pem)) = (&args.ca_file, running.ca_pem()) {
        std::fs::write(path, pem)
            .map_err(|error| CliError::usage(format!("cannot write {}: {error}", path.display())))?;
    }
    stop.set_resume_hint("the simulator keeps nothing");
    print(format!("{}\n", running.url()).as_bytes())?;
    for text in about {
        log::say(talk.log_format, &format!("{text}\n"), &LogLine::new("info", &text));
    }
    // Over with the signal, or with its time.
    let _ = tokio::time::timeout(lifetime, stop.token.cancelled()).await;
    running.stop().await;
    Ok(())
}

/// The credentials that are taken, a line for each way to sign in. They open nothing but simulators. The key is long.
fn credentials(scenario: &Scenario, with_key: bool) -> Vec<String> {
    let (people, client, oci) = (&scenario.credentials, &scenario.oauth, scenario.oci.demo_user());
    let key = match with_key {
        true => format!("private key:\n{}", oci.private_key_pem().trim_end()),
        false => "its private key is shown with -v".to_owned(),
    };
    vec![
        format!("Basic: {} / {}", people.user, people.password),
        format!("Bearer token: {}", people.token),
        format!(
            "OAuth client: {} / {}, refresh token {}",
            client.client_id, client.client_secret, client.refresh_token
        ),
        format!(
            "OCI API key: tenancy {}, user {}, fingerprint {}; {key}",
            oci.tenancy, oci.user, oci.fingerprint
        ),
    ]
}

/// Every switch, a line each.
fn help() -> String {
    let mut text = String::new();
    for switch in Scenario::switches() {
        let spelled = match switch.value {
            Some(value) => format!("{}={value}", switch.name),
            None => switch.name.to_string(),
        };
        let _ = writeln!(text, "{spelled:<32} {}", switch.summary);
    }
    text
}

impl From<SimulatorError> for CliError {
    fn from(error: SimulatorError) -> Self {
        let exit = if error.is_usage() { Exit::Usage } else { Exit::Internal };
        CliError::told(exit, &error, error.hint())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_credential_that_is_taken_is_shown() {
        let scenario = Scenario::default();
        let oci = scenario.oci.demo_user();
        let shown = credentials(&scenario, false).join("\n");
        for secret in [
            &scenario.credentials.user,
            &scenario.credentials.password,
            &scenario.credentials.token,
            &scenario.oauth.client_id,
            &scenario.oauth.client_secret,
            &scenario.oauth.refresh_token,
            &oci.tenancy,
            &oci.user,
            &oci.fingerprint,
        ] {
            assert!(shown.contains(secret.as_str()), "{secret}: {shown}");
        }
        let key = "PRIVATE KEY";
        assert!(!shown.contains(key) && credentials(&scenario, true).concat().contains(key));
    }
}
