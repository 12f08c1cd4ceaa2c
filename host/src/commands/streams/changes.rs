//! `host streams retire`, `rename`, `adopt` and `drop`: changes of one stream's record, under its claim.

use jiff::Timestamp;

use super::places;
use crate::args::{AdoptArgs, DropSinkArgs, RenameStreamArgs, RetireArgs};
use crate::commands::ledger::changes::{self, change, claimed, current, only};
use crate::commands::ledger::look::{config_of, look, opened};
use crate::error::CliError;
use crate::render::{print, seconds};
use ::ledger::{Document, Ledger as _, Record, SqliteLedger};
use base::counted::counted;
use setup::config::{Config, is_report_name, is_stream_name};

/// `host streams retire`.
pub async fn retire(args: &RetireArgs) -> Result<(), CliError> {
    let undo = args.undo;
    let rest = if undo { " --undo" } else { "" };
    change("streams retire", rest, &args.stream, move |record| {
        let stream = record.stream.clone();
        match (record.retired, undo) {
            (Some(at), false) => Err(
                CliError::usage(format!("{stream} was retired at {} already", seconds(at))).hint(format!(
                    "`host streams retire {} --undo` takes it up again",
                    stream.arguments()
                )),
            ),
            (None, true) => Err(CliError::usage(format!("{stream} is not retired"))
                .hint("`host streams` lists the streams and their states")),
            (Some(_), true) => {
                record.retired = None;
                Ok(format!("{stream} is collected again, from where it was.\n"))
            }
            (None, false) => {
                record.retired = Some(Timestamp::now());
                let waiting = match record.windows.len() {
                    0 => String::new(),
                    some => format!(
                        " {}, and what was fetched of it stays: --undo takes it up again.",
                        counted(some, "window is in flight", "windows are in flight")
                    ),
                };
                Ok(format!("{stream} is retired: no run collects it any more.{waiting}\n"))
            }
        }
    })
    .await
}

/// `host streams rename`.
pub async fn rename(args: &RenameStreamArgs) -> Result<(), CliError> {
    let config = config_of(&args.stream.file).await?;
    let (ledger, found) = opened(&args.stream).await?;
    let (document, _) = only("streams rename", &format!(" {}", args.to), &args.stream, found)?;
    check_free(
        &config,
        &look(&args.stream.file).await?.streams,
        &args.to,
        &document.key,
    )?;
    let old = name_it(&ledger, &document.key, &args.to).await?;
    let is_configured = old
        .stream
        .name
        .as_deref()
        .is_some_and(|name| config.stream(name).is_some());
    let then = match (is_configured, config.stream(&args.to).is_some()) {
        (_, true) => String::new(),
        (true, false) => format!(
            " Change its name under [[streams]] to {} too: under the old name it would begin anew.",
            args.to
        ),
        (false, false) => format!(" Write it under [[streams]] with the name {}.", args.to),
    };
    let text = format!(
        "{} is called {} now, and continues from where it was.{then}\n",
        old.stream, args.to
    );
    print(text.as_bytes())
}

/// `host streams adopt`.
pub async fn adopt(args: &AdoptArgs) -> Result<(), CliError> {
    let Some(continued) = args.continued()? else {
        return changes::adopt(&args.stream()).await;
    };
    let config = config_of(&args.file).await?;
    let (ledger, found) = opened(&continued).await?;
    let (document, record) = only(&format!("streams adopt {} --of", args.name), "", &continued, found)?;
    if let Some(entry) = config.stream(&args.name)
        && entry.report != record.stream.report
    {
        return Err(CliError::usage(format!(
            "the stream {} is of {}, and {} is not",
            args.name, entry.report, record.stream
        ))
        .hint("name a stream of the same report"));
    }
    check_free(&config, &look(&args.file).await?.streams, &args.name, &document.key)?;
    let old = name_it(&ledger, &document.key, &args.name).await?;
    let text = format!(
        "{} continues {} from where it was, and its events keep their ids.\n",
        args.name, old.stream
    );
    print(text.as_bytes())
}

/// `host streams drop`.
pub async fn drop_sink(args: &DropSinkArgs) -> Result<(), CliError> {
    let (ledger, found) = opened(&args.stream).await?;
    let (document, record) = only("streams drop", &format!(" --sink {}", args.sink), &args.stream, found)?;
    let _claim = claimed(&ledger, &record.stream).await?;
    let (_, record) = current(&ledger, &document.key).await?;
    let (stream, sink) = (&record.stream, &args.sink);
    if !places::knows(&record, sink) {
        let failure = CliError::usage(format!("{stream} owes nothing to a sink {sink:?}"));
        return Err(failure.hint("`host streams --json` shows the sinks of each stream"));
    }
    let waited = record.waiting_for(sink).len();
    ::run::drop_sink(&ledger, stream, &ledger.beside("spool"), sink).await?;
    let given_up = match waited {
        0 => "nothing waited for it".to_owned(),
        some => format!(
            "{} for it and never will be delivered to it",
            counted(some, "window waited", "windows waited")
        ),
    };
    print(
        format!(
            "{stream} owes nothing to {sink} any more; {given_up}. As long as a route leads to it, the next run begins it anew.\n"
        )
        .as_bytes(),
    )
}

/// Gives a stream a name, under its claim; answers with its record as it was.
async fn name_it(ledger: &SqliteLedger, key: &str, name: &str) -> Result<Record, CliError> {
    let (_, record) = current(ledger, key).await?;
    let _claim = claimed(ledger, &record.stream).await?;
    let (document, record) = current(ledger, key).await?;
    let mut renamed = record.clone();
    renamed.stream = record.stream.clone().with_name(name);
    ledger.swap(key, Some(document.revision), renamed.encode()?).await?;
    Ok(record)
}

/// Refuses a name that is none, a report's, or another stream's.
fn check_free(config: &Config, streams: &[(Document, Record)], name: &str, key: &str) -> Result<(), CliError> {
    if !is_stream_name(name) {
        let message = format!("{name:?} cannot be the name of a stream");
        return Err(CliError::usage(message)
            .hint("a name is at most 64 letters, digits, `-`, `_` and `.`, and begins with a letter or digit"));
    }
    if is_report_name(config, name) {
        return Err(CliError::usage(format!(
            "{name} is the name of a report, so no stream can be called so"
        )));
    }
    let called = streams
        .iter()
        .find(|(_, record)| record.stream.name.as_deref() == Some(name));
    match called {
        Some((document, record)) if document.key == key => {
            Err(CliError::usage(format!("{} is called so already", record.stream))
                .hint("there is nothing to change; `host streams` lists the streams"))
        }
        Some((_, record)) => Err(CliError::usage(format!(
            "there is a stream {name} in the ledger already: {}",
            record.stream
        ))
        .hint(format!(
            "`host streams rename {name} OTHER` gives it another name, `host ledger reset {name}` forgets it"
        ))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::ledger::Stream;

    #[test]
    fn a_name_that_is_none_or_another_s_is_refused() {
        let record = Record::new(Stream::named("logins", "prod", "user-login", &[]));
        let document = Document {
            key: record.stream.key(),
            revision: 1,
            body: record.encode().unwrap(),
        };
        let (key, streams) = (document.key.clone(), [(document, record)]);
        let config = Config::default();
        let said =
            |name: &str, key: &str| check_free(&config, &streams, name, key).map_err(|error| error.message.unwrap());
        assert_eq!(said("other", "stream.x"), Ok(()));
        assert_eq!(said("other", &key), Ok(()));
        assert!(said("logins", "stream.x").unwrap_err().contains("already"));
        assert!(said("logins", &key).unwrap_err().contains("is called so already"));
        assert!(said("user-audit", &key).unwrap_err().contains("name of a report"));
        assert!(said("a b", &key).unwrap_err().contains("cannot be the name"));
    }
}
