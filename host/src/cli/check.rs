//! `host check`.

use std::fmt::Write;
use std::sync::Arc;

use super::args::{CheckArgs, Talk};
use super::error::exit_of;
use super::stop::Stop;
use super::{Failure, connection, print, sinks};
use crate::config::{Config, ConnectionKind, nearest};
use crate::plugin;
use crate::remote::Remote;
use crate::run::facts::Fact;
use crate::run::probe;

/// A line for each connection and sink, and below it, indented, what could be seen of a connection; fails with the code of the first that cannot be used.
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
        return Err(Failure::usage("nothing is configured").hint("add a connection to host.toml"));
    }
    let mut first = None;
    for name in names {
        let outcome = match (config.connections.get(name), config.sinks.get(name)) {
            (Some(found), _) => match found.kind {
                Some(kind) => check_connection(&config, name, kind).await,
                None => Err(Failure::usage("it has no kind")),
            },
            (None, Some(_)) => sinks::probe(&config, name)
                .await
                .map(|(found, guarantee)| (format!("{found}; guarantee: {guarantee}"), Vec::new())),
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
        let mut line = String::new();
        let _ = match &outcome {
            Ok((said, facts)) => {
                let _ = writeln!(line, "ok      {name}: {said}");
                facts.iter().try_for_each(|fact| writeln!(line, "        {fact}"))
            }
            Err(failure) => {
                let hint = failure
                    .hint
                    .as_ref()
                    .map(|hint| format!("; {hint}"))
                    .unwrap_or_default();
                writeln!(
                    line,
                    "failed  {name}: {}{hint}",
                    failure.message.as_deref().unwrap_or_default()
                )
            }
        };
        print(line.as_bytes())?;
        if let (Err(failure), None) = (outcome, &first) {
            first = Some(failure.exit);
        }
    }
    first.map_or(Ok(()), |exit| Err(Failure::silent(exit)))
}

async fn check_connection(config: &Config, name: &str, kind: ConnectionKind) -> Result<(String, Vec<Fact>), Failure> {
    let remote = Arc::new(Remote::new(connection::of_name(config, name)?)?);
    let kind = match kind {
        ConnectionKind::Epm => plugin::ConnectionKind::Epm,
        ConnectionKind::IdentityDomain => plugin::ConnectionKind::IdentityDomain,
    };
    match probe::probe(&remote, kind).await {
        Ok(found) => Ok((found.steps.join(", "), found.facts)),
        Err(lack) => {
            let failure = Failure::new(exit_of(lack.class), format!("{}: {}", lack.step, lack.message));
            Err(Failure {
                hint: lack.hint,
                ..failure
            })
        }
    }
}
