//! `host run --all`: every configured stream in one process, side by side.

use std::collections::{BTreeMap, VecDeque};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::run::{RunSurroundings, carry_out};
use crate::args::{OutputOptions, ReportArgs, RunArgs, RunCommandArgs, When};
use crate::error::{CliError, Exit};
use crate::log::RunMessages;
use crate::render::closing;
use crate::render::summary::{RunAccount, SummaryLines};
use crate::stop::Shutdown;
use ::run::RunMode;
use setup::config::{Config, SinkKind, StreamEntry};
use setup::run_ledger::routed;

/// Streams that are run at once, unless said otherwise.
const JOBS: u16 = 4;
/// The name of the sink that writes to the standard output.
const STDOUT: &str = "stdout";

/// The exits, the worst first: what a person has to see to before what a later run may do better, and last what another run is about to do.
/// `docs/scripting.md` says the same.
const ORDER: [Exit; 12] = [
    Exit::Terminated,
    Exit::Interrupted,
    Exit::Internal,
    Exit::Usage,
    Exit::Refused,
    Exit::PluginFailed,
    Exit::RemoteFailed,
    Exit::DeliveryFailed,
    Exit::Unavailable,
    Exit::Partial,
    Exit::Busy,
    Exit::Done,
];

/// The standing of a connection's credentials in this command.
enum SignInTrial {
    /// One stream tries them, and others wait for it: many wrong attempts at once lock an account.
    Tried,
    Accepted,
    /// Refused for the stream of that name.
    Refused(String),
}

/// A stream that has ended.
struct EndedStream<'a> {
    entry: &'a StreamEntry,
    exit: Exit,
    is_sign_in: bool,
}

/// Runs all streams, and exits as the worst of them.
pub async fn run(args: &RunCommandArgs, talk: &OutputOptions) -> Result<(), CliError> {
    let config = match configured(args).await {
        Ok(config) => config,
        // Nothing is begun, and a file would go on to tell of the runs before.
        Err(failure) => return RunAccount::open(&args.run)?.close(Err(failure)),
    };
    let lines = SummaryLines::open(args.run.summary.as_deref())?;
    let stop = Shutdown::listen(talk)?;
    let last = lines.clone();
    stop.at_last(move |_| {
        // The process ends; there is nobody to tell.
        let _ = last.write();
    });
    if let Some(deadline) = args.run.deadline.or(config.run.deadline) {
        stop.end_after(deadline);
    }
    stop.set_resume_hint("progress is saved; run the same command again to continue");
    let jobs = usize::from(args.jobs.unwrap_or(JOBS));
    let mut exits = vec![Exit::Done];
    let mut waiting: VecDeque<&StreamEntry> = config.streams.iter().collect();
    let mut credentials: BTreeMap<&str, SignInTrial> = BTreeMap::new();
    let mut trials = FuturesUnordered::new();
    let mut under_way = FuturesUnordered::new();
    loop {
        while under_way.len() < jobs
            && !stop.token.is_cancelled()
            && let Some(entry) = next(&mut waiting, &credentials)
        {
            let connection = entry.connection.as_str();
            let answered = CancellationToken::new();
            let mut refused_for = None;
            match credentials.get(connection) {
                Some(SignInTrial::Refused(name)) => refused_for = Some(name.clone()),
                Some(_) => {}
                None => {
                    credentials.insert(connection, SignInTrial::Tried);
                    let trial = answered.clone();
                    trials.push(async move {
                        trial.cancelled().await;
                        connection
                    });
                }
            }
            under_way.push(one(entry, refused_for, answered, args, talk, &stop, &lines));
        }
        tokio::select! {
            biased;
            Some(connection) = trials.next(), if !trials.is_empty() => {
                if matches!(credentials.get(connection), Some(SignInTrial::Tried)) {
                    credentials.insert(connection, SignInTrial::Accepted);
                }
            }
            ended = under_way.next() => {
                let Some(ended) = ended else { break };
                exits.push(ended.exit);
                note(&mut credentials, &ended);
            }
        }
    }
    let left: Vec<_> = waiting.iter().map(|entry| entry.name.as_str()).collect();
    if let Some(exit) = stop.asked().filter(|_| !left.is_empty()) {
        exits.push(exit);
        let failure = stop.failure();
        let message = failure.message.unwrap_or_else(|| exit.word().to_owned());
        let failure = CliError::new(exit, format!("{message}; not begun: {}", left.join(", ")));
        failure.print(talk.log_format);
    }
    let written = lines.write();
    match worst(&exits) {
        Exit::Done => written,
        exit => {
            if let Err(failure) = written {
                failure.print(talk.log_format);
            }
            Err(CliError::silent(exit))
        }
    }
}

/// The configuration, where its streams can be run together.
async fn configured(args: &RunCommandArgs) -> Result<Config, CliError> {
    let named = args.run.report.config.config.clone();
    let config = base::blocking(move || Config::load(named.as_deref())).await??;
    if config.streams.is_empty() {
        let failure = CliError::usage("no streams are configured")
            .hint("give each a name, a report and a connection under [[streams]] in host.toml");
        return Err(failure.read_from(&config));
    }
    check_stdout(&config)?;
    Ok(config)
}

/// The next stream that may begin: none of a connection whose credentials another one tries just now.
fn next<'a>(
    waiting: &mut VecDeque<&'a StreamEntry>,
    credentials: &BTreeMap<&str, SignInTrial>,
) -> Option<&'a StreamEntry> {
    let may_begin =
        |entry: &&StreamEntry| !matches!(credentials.get(entry.connection.as_str()), Some(SignInTrial::Tried));
    let index = waiting.iter().position(may_begin)?;
    waiting.remove(index)
}

/// Notes what the end of a stream says of the credentials of its connection.
fn note<'a>(credentials: &mut BTreeMap<&'a str, SignInTrial>, ended: &EndedStream<'a>) {
    let connection = ended.entry.connection.as_str();
    match credentials.get(connection) {
        Some(SignInTrial::Refused(_)) => {}
        _ if ended.is_sign_in => {
            credentials.insert(connection, SignInTrial::Refused(ended.entry.name.clone()));
        }
        // Who lacks a role has signed in; where the server cannot be reached, nobody signs in wrongly.
        Some(SignInTrial::Tried) if matches!(ended.exit, Exit::Refused | Exit::Unavailable) => {
            credentials.insert(connection, SignInTrial::Accepted);
        }
        // It may have asked nothing, so the next one tries.
        Some(SignInTrial::Tried) => {
            credentials.remove(connection);
        }
        _ => {}
    }
}

/// Runs one stream as by its name, unless the credentials of its connection were refused, and says how it ended.
async fn one<'a>(
    entry: &'a StreamEntry,
    refused_for: Option<String>,
    answered: CancellationToken,
    args: &RunCommandArgs,
    talk: &OutputOptions,
    stop: &Shutdown,
    lines: &SummaryLines,
) -> EndedStream<'a> {
    let name = entry.name.as_str();
    let messages = RunMessages::of(name);
    let args = RunArgs {
        report: ReportArgs {
            plugin: name.to_owned(),
            ..args.run.report.clone()
        },
        summary: None,
        ..args.run.clone()
    };
    // What goes on in one of them would be lost among the others; warnings say whose they are.
    let quiet = OutputOptions {
        quiet: true,
        progress: When::Never,
        ..talk.clone()
    };
    let carried_out = async {
        let surroundings = RunSurroundings {
            talk: &quiet,
            stop,
            is_alone: false,
            answered: &answered,
        };
        let account = match RunAccount::open(&args) {
            Ok(account) => account,
            Err(failure) => {
                failure.print(talk.log_format);
                return (failure.exit, false);
            }
        };
        account.know(|summary| summary.stream = Some(name.to_owned()));
        lines.add(&account);
        let result = match refused_for {
            Some(other) => {
                account.know(|summary| {
                    summary.plugin.name.clone_from(&entry.report);
                    summary.connection.clone_from(&entry.connection);
                });
                let connection = &entry.connection;
                Err(CliError::new(
                    Exit::Refused,
                    format!("not begun: the connection {connection} was refused for the stream {other}"),
                )
                .hint("set the credentials of the connection right, then run the same command again"))
            }
            None => carry_out(&args, RunMode::Incremental, surroundings, &account).await,
        };
        let result = account.end(result).await;
        let summary = account.know(|summary| summary.clone());
        closing::tell_of_one(name, &summary, &result, talk);
        lines.ended(&account);
        result
            .err()
            .map_or((Exit::Done, false), |failure| (failure.exit, failure.is_sign_in))
    };
    let (exit, is_sign_in) = carried_out.instrument(messages.span()).await;
    EndedStream {
        entry,
        exit,
        is_sign_in,
    }
}

/// The worst of some exits.
fn worst(exits: &[Exit]) -> Exit {
    let found = ORDER.into_iter().find(|exit| exits.contains(exit));
    found.unwrap_or(Exit::Done)
}

/// Refuses streams whose events go to the standard output where there are others: nobody could tell whose they are.
fn check_stdout(config: &Config) -> Result<(), CliError> {
    if config.streams.len() < 2 {
        return Ok(());
    }
    let is_stdout = |name: &String| {
        name == STDOUT || (config.sinks.get(name)).is_some_and(|sink| matches!(sink.kind, SinkKind::Stdout(_)))
    };
    let guilty = config.streams.iter().find(|stream| {
        let sinks = routed(config, &stream.report, Some(&stream.name));
        config.routes.is_empty() || sinks.is_some_and(|sinks| sinks.iter().any(is_stdout))
    });
    match guilty {
        Some(stream) => Err(CliError::usage(format!(
            "the events of the stream {} go to the standard output, and so do not mix with those of others",
            stream.name
        ))
        .hint(format!(
            "give them another sink under [[routes]], or run it by itself: `host run {}`",
            stream.name
        ))
        .read_from(config)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_credentials_are_tried_by_one_stream_alone() {
        let of = |name: &str| format!("[[streams]]\nname = \"{name}\"\nreport = \"user-login\"\nconnection = \"a\"\n");
        let begin = "[connections.a]\nkind = \"epm\"\nurl = \"https://a.example\"\n";
        let config = Config::parse(&format!("{begin}{}{}", of("x"), of("y"))).unwrap();
        let mut waiting: VecDeque<_> = config.streams.iter().collect();
        let mut credentials = BTreeMap::new();
        let entry = next(&mut waiting, &credentials).unwrap();
        credentials.insert("a", SignInTrial::Tried);
        assert!(next(&mut waiting, &credentials).is_none());
        let ended = |exit, is_sign_in| EndedStream {
            entry,
            exit,
            is_sign_in,
        };
        note(&mut credentials, &ended(Exit::Busy, false));
        assert!(credentials.is_empty());
        credentials.insert("a", SignInTrial::Tried);
        note(&mut credentials, &ended(Exit::Refused, false));
        assert!(matches!(credentials.get("a"), Some(SignInTrial::Accepted)));
        note(&mut credentials, &ended(Exit::Refused, true));
        assert!(matches!(credentials.get("a"), Some(SignInTrial::Refused(name)) if name == "x"));
        assert_eq!(next(&mut waiting, &credentials).unwrap().name, "y");
    }

    #[test]
    fn the_worst_exit_is_the_one_that_a_person_has_to_see_to_first() {
        let all = |exits: &[Exit]| worst(exits).code();
        assert_eq!(all(&[Exit::Done, Exit::Busy]), 9);
        assert_eq!(all(&[Exit::Busy, Exit::Partial, Exit::Done]), 8);
        assert_eq!(all(&[Exit::Partial, Exit::Unavailable]), 4);
        assert_eq!(all(&[Exit::Unavailable, Exit::DeliveryFailed]), 7);
        assert_eq!(all(&[Exit::DeliveryFailed, Exit::RemoteFailed]), 5);
        assert_eq!(all(&[Exit::RemoteFailed, Exit::PluginFailed]), 6);
        assert_eq!(all(&[Exit::PluginFailed, Exit::Refused]), 3);
        assert_eq!(all(&[Exit::Refused, Exit::Usage]), 2);
        assert_eq!(all(&[Exit::Usage, Exit::Internal]), 1);
        assert_eq!(all(&[Exit::Internal, Exit::Interrupted]), 130);
        assert_eq!(all(&[Exit::Interrupted, Exit::Terminated]), 143);
        assert_eq!(all(&[]), 0);
    }

    #[test]
    fn the_page_for_scripts_says_the_same_order() {
        let page = include_str!("../../../docs/scripting.md");
        let codes: Vec<_> = ORDER.iter().skip(2).map(|exit| exit.code().to_string()).collect();
        let order = codes.join(", ");
        assert!(page.contains(&order), "docs/scripting.md lacks {order}");
    }

    #[test]
    fn streams_that_write_to_the_standard_output_are_refused_where_there_are_others() {
        let stream =
            |name: &str| format!("[[streams]]\nname = \"{name}\"\nreport = \"user-login\"\nconnection = \"a\"\n");
        let config = |more: &str, streams: &[&str]| {
            let streams: String = streams.iter().map(|name| stream(name)).collect();
            let begin = "[connections.a]\nkind = \"epm\"\nurl = \"https://a.example\"\n[sinks.out]\nkind = \"stdout\"\n\
                         [sinks.file]\nkind = \"file\"\npath = \"x\"\n";
            Config::parse(&format!("{begin}{streams}{more}")).unwrap()
        };
        let to = |sink: &str| format!("[[routes]]\nto = [\"{sink}\"]\n");
        for (more, streams, is_refused) in [
            (String::new(), &["x", "y"][..], true),
            (String::new(), &["x"][..], false),
            (to("stdout"), &["x", "y"][..], true),
            (to("out"), &["x", "y"][..], true),
            (to("file"), &["x", "y"][..], false),
            (
                format!("{}[[routes]]\nstreams = [\"y\"]\nto = [\"out\"]\n", to("file")),
                &["x", "y"][..],
                true,
            ),
        ] {
            let found = check_stdout(&config(&more, streams));
            assert_eq!(found.is_err(), is_refused, "{more}");
        }
    }
}
