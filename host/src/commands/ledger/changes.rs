//! `host ledger reset`, `rewind`, `rename` and `adopt`: changes of one stream's record by hand, under its claim.

use std::fmt::Write;

use jiff::Timestamp;

use super::look::opened;
use crate::args::{RenameArgs, ResetArgs, RewindArgs, StreamArgs};
use crate::commands::asked::bound;
use crate::error::CliError;
use crate::error::Exit;
use crate::render::print;
use ledger::{Claim, Document, Ledger, LedgerError, Record, SqliteLedger, Stream, spool};

/// `host ledger reset`.
pub async fn reset(args: &ResetArgs) -> Result<(), CliError> {
    let (ledger, found) = opened(&args.stream).await?;
    let found = match args.all {
        true => found,
        false => vec![only("ledger reset", "", &args.stream, found)?],
    };
    let mut text = String::new();
    for (document, record) in &found {
        // Not under the feet of a run.
        let _claim = claimed(&ledger, &record.stream).await?;
        forget(&ledger, document, record).await?;
        let _ = writeln!(
            text,
            "Removed {} from the ledger. The next run starts at today 00:00 UTC.",
            record.stream
        );
    }
    print(text.as_bytes())
}

/// Removes all that a ledger has of a stream.
async fn forget(ledger: &SqliteLedger, document: &Document, record: &Record) -> Result<(), CliError> {
    // The record goes last, so that what is cut short can be asked for again; what is damaged goes too.
    ledger.remove_all(&record.stream.progress_prefix()).await?;
    ledger.remove_all(&record.stream.ids_prefix()).await?;
    let (history, stream) = (ledger.clone(), record.stream.clone());
    base::blocking(move || history.history()?.forget(&stream)).await??;
    ledger.remove(&document.key, document.revision).await?;
    // Nothing of what was fetched stays behind; a removal that a kill cut short is made up for by the next run.
    let (folder, stream) = (ledger.beside("spool"), record.stream.clone());
    base::blocking(move || {
        for document in spool::documents(&folder, Some(&stream)) {
            std::fs::remove_file(&document.path).map_err(|error| {
                let path = document.path.display();
                CliError::usage(format!("the stream was removed, but {path} cannot be removed: {error}"))
                    .hint("remove it: it holds report data")
            })?;
        }
        Ok(())
    })
    .await?
}

/// `host ledger rewind`.
pub async fn rewind(args: &RewindArgs) -> Result<(), CliError> {
    let to = bound("--to", Some(&args.to), false)?.unwrap_or(Timestamp::MIN);
    let rest = format!(" --to {}", args.to);
    change("ledger rewind", &rest, &args.stream, |record| {
        let fetched = record.fetched().watermark;
        let Some(watermark) = fetched.filter(|watermark| to < *watermark) else {
            let complete = fetched.map_or("not started".to_owned(), |at| format!("complete up to {at}"));
            return Err(CliError::usage(format!(
                "{} is {complete}, so there is nothing after {to} to collect again",
                record.stream
            ))
            .hint("rewind only moves a stream back; `host run` moves it forward"));
        };
        record.rewind(to, Timestamp::now());
        Ok(format!(
            "{} continues from {to} instead of {watermark}.\n",
            record.stream
        ))
    })
    .await
}

/// `host ledger adopt`.
pub async fn adopt(args: &StreamArgs) -> Result<(), CliError> {
    change("ledger adopt", "", args, |record| {
        let known = record.origin.take();
        let before = known.map_or(String::new(), |known| {
            format!(" It was collected from {known} until now.")
        });
        Ok(format!(
            "The next run of {} accepts whatever server its connection leads to and records it.{before}\n",
            record.stream
        ))
    })
    .await
}

/// `host ledger rename`.
pub async fn rename(args: &RenameArgs) -> Result<(), CliError> {
    let (ledger, found) = opened(&args.stream).await?;
    let (document, _) = only("ledger rename", &format!(" --to {}", args.to), &args.stream, found)?;
    let (document, mut record) = current(&ledger, &document.key).await?;
    let old = record.stream.clone();
    if let Some(name) = &old.name {
        return Err(
            CliError::usage(format!("the stream {name} takes its connection from the configuration"))
                .hint("change `connection` under [[streams]]: the stream continues from where it was"),
        );
    }
    if let Some(window) = record.windows.first() {
        let hint = match window.waits_for().next() {
            Some(sink) => format!(
                "it waits for {sink}: get that back and run the stream under its old name, or give it up with `host streams drop {} \
                 --sink {sink}`; then rename the stream",
                old.arguments()
            ),
            None => "run the stream under its old name until nothing is in flight, then rename it".to_owned(),
        };
        return Err(CliError::usage(format!("a window of {old} is in flight: {}", window.state())).hint(hint));
    }
    let new = Stream::new(&args.to, &old.report, &old.parameters);
    // Nobody can claim a stream twice.
    if new == old {
        return Err(CliError::usage(format!("{old} has that name already")));
    }
    let (_old, _new) = (claimed(&ledger, &old).await?, claimed(&ledger, &new).await?);
    if ledger.load(&new.key()).await?.is_some() {
        return Err(CliError::usage(format!("{new} is in the ledger already"))
            .hint(format!("`host ledger reset {}` forgets it", new.arguments())));
    }
    // Ids first, then the record that names them; the old record goes when the new one is there.
    for day in ledger.list(&old.ids_prefix()).await? {
        let key = day.key.replacen(&old.ids_prefix(), &new.ids_prefix(), 1);
        match ledger.swap(&key, None, day.body).await {
            Ok(_) | Err(LedgerError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let (history, from, to) = (ledger.clone(), old.clone(), new.clone());
    base::blocking(move || history.history()?.hand_over(&from, &to)).await??;
    record.ids_of = record.ids_of.or_else(|| Some(old.connection.clone()));
    record.stream = new.clone();
    ledger.swap(&new.key(), None, record.encode()?).await?;
    record.stream = old.clone();
    forget(&ledger, &document, &record).await?;
    let text = format!("Renamed {old} to {new}. It continues from where it was, and its events keep their ids.\n");
    print(text.as_bytes())
}

/// Holds a stream while its record is changed.
pub async fn claimed(ledger: &SqliteLedger, stream: &Stream) -> Result<Claim, CliError> {
    stream.claim(ledger).await.map_err(|error| match error {
        claimed @ LedgerError::Claimed { .. } => {
            let message = format!("{claimed}. Nothing of it was changed.");
            CliError::new(Exit::Busy, message).hint("wait for it to end, or stop it")
        }
        error => error.into(),
    })
}

/// Changes the record of one stream and prints what the change says; `command` is what was typed before the stream, `rest` what was
/// typed behind it.
pub async fn change(
    command: &str,
    rest: &str,
    args: &StreamArgs,
    change: impl FnOnce(&mut Record) -> Result<String, CliError>,
) -> Result<(), CliError> {
    let (ledger, found) = opened(args).await?;
    let (document, record) = only(command, rest, args, found)?;
    let _claim = claimed(&ledger, &record.stream).await?;
    let (document, mut record) = current(&ledger, &document.key).await?;
    let said = change(&mut record)?;
    ledger
        .swap(&document.key, Some(document.revision), record.encode()?)
        .await?;
    print(said.as_bytes())
}

/// A stream's record as it is now.
pub async fn current(ledger: &SqliteLedger, key: &str) -> Result<(Document, Record), CliError> {
    let found = ledger.load(key).await?;
    let document = found.ok_or_else(|| CliError::usage("the stream was removed from the ledger just now"))?;
    let (record, within) = Record::decode_with_ids(key, &document.body)?;
    if !within.is_empty() {
        return Err(
            CliError::usage(format!("{} was written by an older version", record.stream))
                .hint("run the stream once, then it can be changed"),
        );
    }
    Ok((document, record))
}

/// The one stream that is meant; `command` is what was typed before it, `rest` what was typed behind it.
pub fn only(
    command: &str,
    rest: &str,
    args: &StreamArgs,
    mut found: Vec<(Document, Record)>,
) -> Result<(Document, Record), CliError> {
    let given = args.given()?;
    if found.len() > 1
        && let mut exact = found
            .iter()
            .enumerate()
            .filter(|(_, (_, record))| record.stream.parameters == given)
        && let Some((place, _)) = exact.next()
        && exact.next().is_none()
        && args.connection.is_some()
    {
        return Ok(found.swap_remove(place));
    }
    if found.len() > 1 {
        let commands: Vec<_> = (found.iter())
            .map(|(_, record)| format!("`host {command} {}{rest}`", record.stream.arguments()))
            .collect();
        return Err(CliError::usage(format!(
            "{} streams of {} match; nothing was changed",
            found.len(),
            args.report
        ))
        .hint(format!("say which one: {}", commands.join("; "))));
    }
    found
        .pop()
        .ok_or_else(|| CliError::usage(format!("{} has not been collected yet", args.report)))
}
