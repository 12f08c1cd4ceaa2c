//! `host demo`: every built-in report against the simulator, in one process.

use std::sync::Arc;

use secrecy::SecretString;
use url::Url;

use crate::args::{DemoArgs, LogFormat, OutputOptions, ReportArgs};
use crate::commands::asked;
use crate::commands::run;
use crate::error::CliError;
use crate::log::{self, LogLine};
use crate::stop::Shutdown;
use ::run::{Rejects, RunError};
use base::counted::counted;
use remote::{Auth, OciApiKey, OciAuth, OciPrincipal, Settings};
use sandbox::{ConnectionKind, PluginKind};
use setup::config::{self, Config};
use setup::connections::{self, ParameterSource};
use setup::plugins;
use setup::sinks::SinkChoice;
use simulator::{Scenario, Simulator};

/// The period that the demo shows.
const SINCE: &str = "7d";

/// Runs the demo.
pub async fn demo(args: &DemoArgs, talk: &OutputOptions) -> Result<(), CliError> {
    let stop = Shutdown::listen(talk)?;
    stop.set_resume_hint("the demo keeps nothing");
    let running = Simulator::start(Scenario::default(), 0, false).await?;
    say(
        talk,
        &format!(
            "The simulator plays EPM Cloud, an identity domain and OCI Audit at {}\n",
            running.url()
        ),
    );
    for (name, _) in plugins::built_in_of(&Config::default(), PluginKind::Report)? {
        let parameters = parameters(name);
        say(
            talk,
            &format!("\n$ host run {name} --since {SINCE}{}\n", as_typed(&parameters)),
        );
        let asked = ReportArgs {
            plugin: name.to_string(),
            since: Some(SINCE.to_string()),
            parameters,
            ..ReportArgs::default()
        };
        let report = base::blocking(move || asked::prepare(&asked, ParameterSource::Nothing, None, None)).await??;
        let settings = connection(running.url(), report.description.connection)?;
        let provenance = Arc::new(report.provenance(&settings));
        let wanted = SinkChoice {
            names: vec!["stdout".to_owned()],
            plugin_config: None,
            presentation: args.rendering.presentation(),
            extend: false,
        };
        let (report, sinks) = run::open_sinks(report, wanted, &provenance).await?;
        let (summary, result) = run::execute(
            report,
            settings,
            sinks,
            provenance,
            None,
            Rejects::default(),
            talk,
            &stop,
            &tokio_util::sync::CancellationToken::new(),
        )
        .await?;
        match result {
            Ok(()) => say(
                talk,
                &format!(
                    "{}, {}, {}, {} ms\n",
                    counted(summary.events, "event", "events"),
                    counted(summary.rejected, "row rejected", "rows rejected"),
                    counted(summary.remote.requests, "request", "requests"),
                    summary.duration_ms
                ),
            ),
            Err(RunError::Closed) => break,
            Err(RunError::Stopped) => return Err(stop.failure()),
            Err(error) => return Err(error.into()),
        }
    }
    running.stop().await;
    Ok(())
}

/// The parameters that a report cannot do without, for the simulator.
pub fn parameters(report: &str) -> Vec<String> {
    match report {
        "oci-audit" => vec![format!(
            "compartment={}",
            Scenario::default().oci.demo_user().compartment
        )],
        _ => Vec::new(),
    }
}

/// The parameters as they are typed, a blank before each.
pub fn as_typed(parameters: &[String]) -> String {
    parameters
        .iter()
        .map(|parameter| format!(" --param {parameter}"))
        .collect()
}

/// The connection to a simulator, with its credentials.
///
/// # Errors
///
/// Where the simulator's own key is of no use.
pub fn connection(url: Url, kind: ConnectionKind) -> Result<Settings, CliError> {
    let scenario = Scenario::default();
    let (people, client) = (&scenario.credentials, &scenario.oauth);
    let mut settings = Settings::new("demo", url);
    settings.allow_private_addresses = true;
    settings.auth = match kind {
        ConnectionKind::Epm => Auth::Basic {
            username: people.user.clone(),
            password: SecretString::from(people.password.as_str()),
        },
        ConnectionKind::IdentityDomain => {
            let secret = SecretString::from(client.client_secret.as_str());
            connections::client_credentials(&client.client_id, secret, config::ConnectionKind::IdentityDomain)
        }
        ConnectionKind::Oci => {
            let user = scenario.oci.demo_user();
            let pem = SecretString::from(user.private_key_pem());
            let key = OciApiKey::new(&user.tenancy, &user.user, &user.fingerprint, &pem)?;
            Auth::Oci(Box::new(OciAuth {
                principal: OciPrincipal::ApiKey(key),
                token_url: None,
            }))
        }
        ConnectionKind::Http => Auth::None,
    };
    Ok(settings)
}

/// Prints the demo's story to stderr.
pub fn say(talk: &OutputOptions, text: &str) {
    // A line of JSON has no use for the empty lines between the scenes.
    let says_nothing = talk.log_format == LogFormat::Json && text.trim().is_empty();
    if !talk.quiet && !says_nothing {
        log::say(talk.log_format, text, &LogLine::new("info", text.trim()));
    }
}
