//! `host check`.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use crate::args::{CheckArgs, OutputOptions};
use crate::commands::asked;
use crate::commands::check_feeds;
use crate::commands::check_state;
use crate::error::CliError;
use crate::error::Exit;
use crate::error::exit_of;
use crate::render::json_line;
use crate::render::print;
use crate::stop::Shutdown;
use base::visible;
use fetch::probe::{self, Fact, ProbeFailure, ProbeReport};
use remote::{Remote, TOLERATED_SKEW, skew_in_words};
use setup::config::{Config, ConnectionKind, nearest};
use setup::sinks;
use sink::Guarantee;

/// A line for each connection and sink; fails with the code of the first that cannot be used.
pub async fn check(args: &CheckArgs, talk: &OutputOptions) -> Result<(), CliError> {
    let _stop = Shutdown::listen(talk)?;
    let config = Arc::new(Config::load(args.config.config.as_deref())?);
    let all = || config.connections.keys().chain(config.sinks.keys());
    let names: Vec<&String> = if args.names.is_empty() {
        all().collect()
    } else {
        args.names.iter().collect()
    };
    if names.is_empty() {
        let example = ConnectionKind::Epm.example();
        let hint =
            format!("write a line such as this into host.toml: {example}; `host config schema` describes every key");
        return Err(CliError::usage("nothing is configured").hint(hint).read_from(&config));
    }
    let clock = args.now.as_deref().map(asked::instant).transpose()?;
    let mut first = None;
    for name in names {
        let outcome = match (config.connections.get(name), config.sinks.get(name)) {
            (Some(found), _) => match found.kind {
                Some(kind) => check_connection(&config, name, kind, clock).await,
                None => Err(CliError::usage("its kind is missing")),
            },
            (None, Some(_)) => match sinks::probe(&config, name).await {
                Ok((text, promised)) => Ok(Usable {
                    guarantee: Some(promised),
                    ..Usable::of(text)
                }),
                Err(error) => Err(error.into()),
            },
            (None, None) => {
                let failure = CliError::usage(format!("there is no connection or sink {name:?}")).read_from(&config);
                return Err(match nearest(name, all().map(String::as_str)) {
                    Some(known) => failure.hint(format!("did you mean `{known}`?")),
                    None => failure.hint(match all().map(String::as_str).collect::<Vec<_>>().as_slice() {
                        [] => "none is configured: add it to host.toml".to_owned(),
                        names => format!("there are: {}", names.join(", ")),
                    }),
                });
            }
        };
        let what = match config.connections.contains_key(name) {
            true => "connection",
            false => "sink",
        };
        say(name, what, &outcome, args.json)?;
        if let (Err(failure), None) = (outcome, &first) {
            first = Some(failure.exit);
        }
    }
    if args.names.is_empty() {
        let state = Arc::clone(&config);
        for (name, outcome) in base::blocking(move || check_state::check(&state)).await? {
            let outcome = outcome.map(Usable::of);
            say(name, "state", &outcome, args.json)?;
            if let (Err(failure), None) = (outcome, &first) {
                first = Some(failure.exit);
            }
        }
    }
    first.map_or(Ok(()), |exit| Err(CliError::silent(exit)))
}

/// The findings about a connection or a sink that can be used.
struct Usable {
    /// In words.
    text: String,
    /// The sink's promise.
    guarantee: Option<Guarantee>,
    /// The facts that could be seen of a connection.
    facts: Vec<Fact>,
    /// The time of its newest event of an identity domain.
    last_event: Option<Timestamp>,
    /// True where that was not long ago.
    fed: Option<bool>,
}

impl Usable {
    fn of(text: String) -> Usable {
        Usable {
            text,
            guarantee: None,
            facts: Vec::new(),
            last_event: None,
            fed: None,
        }
    }
}

/// The findings, or the reason why it cannot be used.
type ProbeOutcome = Result<Usable, CliError>;

/// Prints the line of one of them, and what belongs to it.
fn say(name: &str, what: &'static str, outcome: &ProbeOutcome, json: bool) -> Result<(), CliError> {
    print(&match json {
        true => json_line(&Checked::of(name, what, outcome))?,
        false => lines(name, outcome).into_bytes(),
    })
}

/// A line for people; below it, indented, one for each fact.
fn lines(name: &str, outcome: &ProbeOutcome) -> String {
    match outcome {
        Ok(found) => {
            let promised = found
                .guarantee
                .map(|promised| format!("; guarantee: {promised} ({})", meaning(promised)));
            let facts = found.facts.iter().map(|fact| format!("        {fact}\n"));
            format!(
                "ok      {name}: {}{}\n{}",
                found.text,
                promised.unwrap_or_default(),
                facts.collect::<String>()
            )
        }
        Err(failure) => {
            let hint = failure.hint.as_ref().map(|hint| format!("; {hint}"));
            let message = failure.message.as_deref().unwrap_or_default();
            let text = format!("failed  {name}: {message}{}", hint.unwrap_or_default());
            visible::line(&text) + "\n"
        }
    }
}

/// The meaning of a guarantee for who reads the line.
fn meaning(promised: Guarantee) -> &'static str {
    match promised {
        Guarantee::IdempotentById => "no duplicates: the receiver knows events by their id",
        Guarantee::IdempotentByBatch => "no duplicates, if the receiver knows a batch that comes again",
        Guarantee::AtLeastOnce => "may repeat events after a crash",
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
    last_event: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fed: Option<bool>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    facts: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    exit: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
}

impl<'a> Checked<'a> {
    fn of(name: &'a str, what: &'static str, outcome: &'a ProbeOutcome) -> Checked<'a> {
        let (found, failure) = (outcome.as_ref().ok(), outcome.as_ref().err());
        Checked {
            name,
            what,
            ok: failure.is_none(),
            found: found.map(|found| found.text.as_str()),
            guarantee: found.and_then(|found| found.guarantee),
            last_event: found.and_then(|found| found.last_event).map(|time| time.to_string()),
            fed: found.and_then(|found| found.fed),
            facts: (found.iter().flat_map(|found| &found.facts))
                .map(|fact| (&*fact.name, fact.text.as_str()))
                .collect(),
            code: failure.map(|failure| failure.code),
            exit: failure.map_or(Exit::Done, |failure| failure.exit).code(),
            message: failure.and_then(|failure| failure.message.as_deref()),
            hint: failure.and_then(|failure| failure.hint.as_deref()),
        }
    }
}

/// The findings, and how far apart the clocks are.
fn with_clock(found: String, remote: &Remote) -> String {
    match remote.clock_offset() {
        None => format!("{found}; clock: the server sends no time"),
        Some(offset) if offset.abs() < TOLERATED_SKEW => format!("{found}; clock: within 30 s of the server's"),
        Some(offset) => format!(
            "{found}; clock: the server is {} this machine; set this machine's clock right (NTP), \
             or tell whoever runs the server",
            skew_in_words(offset)
        ),
    }
}

async fn check_connection(
    config: &Arc<Config>,
    name: &str,
    kind: ConnectionKind,
    clock: Option<Timestamp>,
) -> Result<Usable, CliError> {
    let now = clock.unwrap_or_else(Timestamp::now);
    if kind == ConnectionKind::Oci
        && let Some(opened) = check_feeds::open_log(config, name, clock).await?
    {
        let found = opened.log.probe(now).await;
        let mut found = usable(found, &opened.remote, now)?;
        found.facts.push(opened.compartment());
        let fed = check_feeds::of_log(config, name, &opened.log, clock, now).await;
        found.facts.extend(fed);
        return Ok(found);
    }
    let remote = check_feeds::open(config, name, clock).await?;
    let asked = match kind {
        ConnectionKind::Http => {
            let (configured, named) = (Arc::clone(config), name.to_owned());
            base::blocking(move || setup::report_questions(&configured, &named, now)).await?
        }
        ConnectionKind::Epm | ConnectionKind::IdentityDomain | ConnectionKind::Oci => setup::ReportQuestions::default(),
    };
    let plugin_kind = match kind {
        ConnectionKind::Epm => sandbox::ConnectionKind::Epm,
        ConnectionKind::IdentityDomain => sandbox::ConnectionKind::IdentityDomain,
        ConnectionKind::Http => sandbox::ConnectionKind::Http,
        ConnectionKind::Oci => sandbox::ConnectionKind::Oci,
    };
    let found = probe::probe(&remote, plugin_kind, now, &asked.questions).await;
    let seen = found
        .as_ref()
        .ok()
        .and_then(|found| found.newest.clone().zip(found.domain.clone()));
    let mut found = usable(found, &remote, now)?;
    found.facts.extend(asked.facts);
    if let Some((newest, domain)) = seen {
        let fed = check_feeds::of_domain(config, name, &newest, &domain, clock, now).await;
        found.facts.push(fed);
    }
    if kind == ConnectionKind::Oci {
        found.facts.push(check_feeds::without_compartment());
    }
    Ok(found)
}

/// The findings of a probe, for who reads them.
fn usable(found: Result<ProbeReport, ProbeFailure>, remote: &Remote, now: Timestamp) -> ProbeOutcome {
    match found {
        Ok(found) => Ok(Usable {
            facts: found.facts,
            last_event: found.newest.as_ref().and_then(|newest| newest.time()),
            fed: found.newest.as_ref().and_then(|newest| newest.is_fed(now)),
            ..Usable::of(match found.asked_nobody {
                true => found.steps.join(", "),
                false => with_clock(found.steps.join(", "), remote),
            })
        }),
        Err(lack) => {
            let failure = CliError::new(exit_of(lack.class), lack.told());
            Err(CliError {
                hint: lack.hint,
                ..failure
            })
        }
    }
}
