//! `host check`.

use std::sync::Arc;

use serde::Serialize;

use super::args::{CheckArgs, Talk};
use super::error::exit_of;
use super::stop::Stop;
use super::{Exit, Failure, connection, json_line, print, sinks};
use crate::config::{Config, ConnectionKind, nearest};
use crate::plugin;
use crate::remote::Remote;
use crate::run::probe;
use crate::sink::Guarantee;

/// A line for each connection and sink; fails with the code of the first that cannot be used.
pub async fn check(args: &CheckArgs, talk: &Talk) -> Result<(), Failure> {
    let _stop = Stop::listen(talk)?;
    let config = Config::load(args.config.config.as_deref())?;
    let all = || config.connections.keys().chain(config.sinks.keys());
    let names: Vec<&String> = if args.names.is_empty() {
        all().collect()
    } else {
        args.names.iter().collect()
    };
    if names.is_empty() {
        return Err(Failure::usage("nothing is configured").hint(
            "write host.toml: at the least [connections.epm] with kind = \"epm\", url and auth; `host config schema` describes it all",
        ));
    }
    let mut first = None;
    for name in names {
        let outcome = match (config.connections.get(name), config.sinks.get(name)) {
            (Some(found), _) => match found.kind {
                Some(kind) => check_connection(&config, name, kind).await.map(|steps| (steps, None)),
                None => Err(Failure::usage("its kind is missing")),
            },
            (None, Some(_)) => sinks::probe(&config, name)
                .await
                .map(|(found, promised)| (found, Some(promised))),
            (None, None) => {
                let failure = Failure::usage(format!("there is no connection or sink {name:?}"));
                return Err(match nearest(name, all().map(String::as_str)) {
                    Some(known) => failure.hint(format!("did you mean `{known}`?")),
                    None => failure.hint(match all().map(String::as_str).collect::<Vec<_>>().as_slice() {
                        [] => "none is configured: add it to host.toml".to_owned(),
                        names => format!("there are: {}", names.join(", ")),
                    }),
                });
            }
        };
        print(&match args.json {
            true => json_line(&Checked::of(name, config.connections.contains_key(name), &outcome))?,
            false => line(name, &outcome).into_bytes(),
        })?;
        if let (Err(failure), None) = (outcome, &first) {
            first = Some(failure.exit);
        }
    }
    first.map_or(Ok(()), |exit| Err(Failure::silent(exit)))
}

/// What was found, and what a sink promises; or why it cannot be used.
type Outcome = Result<(String, Option<Guarantee>), Failure>;

/// A line for people.
fn line(name: &str, outcome: &Outcome) -> String {
    match outcome {
        Ok((found, None)) => format!("ok      {name}: {found}\n"),
        Ok((found, Some(promised))) => format!(
            "ok      {name}: {found}; guarantee: {promised} ({})\n",
            meaning(*promised)
        ),
        Err(failure) => {
            let hint = failure.hint.as_ref().map(|hint| format!("; {hint}"));
            let message = failure.message.as_deref().unwrap_or_default();
            format!("failed  {name}: {message}{}\n", hint.unwrap_or_default())
        }
    }
}

/// A line for programs.
#[derive(Serialize)]
struct Checked<'a> {
    name: &'a str,
    what: &'static str,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    guarantee: Option<Guarantee>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    exit: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
}

impl<'a> Checked<'a> {
    fn of(name: &'a str, is_connection: bool, outcome: &'a Outcome) -> Checked<'a> {
        let (found, failure) = (outcome.as_ref().ok(), outcome.as_ref().err());
        Checked {
            name,
            what: if is_connection { "connection" } else { "sink" },
            ok: failure.is_none(),
            found: found.map(|(found, _)| found.as_str()),
            guarantee: found.and_then(|(_, promised)| *promised),
            code: failure.map(|failure| failure.code),
            exit: failure.map_or(Exit::Done, |failure| failure.exit).code(),
            message: failure.and_then(|failure| failure.message.as_deref()),
            hint: failure.and_then(|failure| failure.hint.as_deref()),
        }
    }
}

async fn check_connection(config: &Config, name: &str, kind: ConnectionKind) -> Result<String, Failure> {
    let remote = Arc::new(Remote::new(connection::of_name(config, name)?)?);
    let kind = match kind {
        ConnectionKind::Epm => plugin::ConnectionKind::Epm,
        ConnectionKind::IdentityDomain => plugin::ConnectionKind::IdentityDomain,
    };
    match probe::probe(&remote, kind).await {
        Ok(steps) => Ok(steps.join(", ")),
        Err(lack) => {
            let failure = Failure::new(exit_of(lack.class), format!("{}: {}", lack.step, lack.message));
            Err(Failure {
                hint: lack.hint,
                ..failure
            })
        }
    }
}
