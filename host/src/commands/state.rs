//! `host state`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use ::ledger::SqliteLedger;
use ::state::{BackupManifest, CheckedBackup, Outlook, Restore, StateError, StatePaths, StoreFile};
use jiff::Timestamp;
use rejected::RejectedRows;

use crate::args::{BackupArgs, LedgerFile, RestoreArgs, StateCommand, VerifyStateArgs};
use crate::error::{CliError, Exit};
use crate::render::{print, seconds};
use base::counted::counted;
use base::database;
use setup::config::Config;
use setup::state::{dead_letters, ledger, rejected_rows, token_folder};
use sink::dead_letters::DeadLetters;
use sink::kinds::SinkKind;

/// Carries out a subcommand. All of it blocks.
pub async fn run(command: &StateCommand) -> Result<(), CliError> {
    match command {
        StateCommand::Backup(args) => backup(args).await,
        StateCommand::Restore(args) => restore(args).await,
        StateCommand::Verify(args) => verify(args).await,
    }
}

/// The places of the state that a configuration and a ledger name.
fn places(file: &LedgerFile) -> Result<(Config, StatePaths), CliError> {
    let config = Config::load(file.config.config.as_deref())?;
    let store = |path: Option<PathBuf>, form, table| path.map(|path| StoreFile { path, form, table });
    let paths = StatePaths {
        ledger: match &file.ledger {
            Some(path) => path.clone(),
            None => ledger(&config)?,
        },
        dead_letters: store(
            dead_letters(&config).path().map(PathBuf::from),
            DeadLetters::form(),
            "letter",
        ),
        rejected: store(
            rejected_rows(&config).path().map(PathBuf::from),
            RejectedRows::form(),
            "row",
        ),
        tokens: token_folder(),
    };
    Ok((config, paths))
}

/// Refuses a ledger that was named and is not there: a backup without it would be taken for all of the state.
fn need_named(file: &LedgerFile) -> Result<(), CliError> {
    let Some(path) = &file.ledger else { return Ok(()) };
    match database::is_there(path) {
        // One that is half restored is refused when it is opened.
        Ok(false) if !SqliteLedger::restore_mark(path).exists() => {
            Err(CliError::usage(format!("there is no ledger {}", path.display()))
                .hint("leave --ledger out for the one of the configuration"))
        }
        _ => Ok(()),
    }
}

async fn backup(args: &BackupArgs) -> Result<(), CliError> {
    need_named(&args.file)?;
    let (_, paths) = places(&args.file)?;
    let folder = args.folder.clone();
    let made = base::blocking(move || ::state::back_up(&paths, &folder, env!("CARGO_PKG_VERSION"))).await?;
    let made = made.map_err(failed)?;
    let text = format!(
        "{} holds {}\n{}",
        args.folder.display(),
        contents(&made),
        streams(&made)
    );
    print(text.as_bytes())
}

async fn verify(args: &VerifyStateArgs) -> Result<(), CliError> {
    if args.folder.is_none() {
        need_named(&args.file)?;
    }
    let (_, paths) = places(&args.file)?;
    let folder = args.folder.clone();
    let (name, said, faults) = base::blocking(move || -> Result<(String, String, Vec<String>), StateError> {
        match folder {
            Some(folder) => {
                let (manifest, faults) = ::state::faults_of_backup(&folder, &paths)?;
                Ok((folder.display().to_string(), contents(&manifest), faults))
            }
            None => {
                let has_ledger = !matches!(database::is_there(&paths.ledger), Ok(false));
                let (documents, faults) = ::state::faults_of_state(&paths)?;
                let documents = match has_ledger {
                    true => counted(documents, "document on the spool", "documents on the spool"),
                    false => "there is no ledger yet".to_owned(),
                };
                Ok((format!("the state of {}", paths.ledger.display()), documents, faults))
            }
        }
    })
    .await?
    .map_err(failed)?;
    if faults.is_empty() {
        return print(format!("{name} is sound: {said}\n").as_bytes());
    }
    let mut text = String::new();
    for fault in &faults {
        let _ = writeln!(text, "{fault}");
    }
    print(text.as_bytes())?;
    let wrong = counted(faults.len(), "thing is", "things are");
    let hint = match args.folder {
        Some(_) => "use another backup",
        None => {
            "`host state restore` puts a backup in its place; a document that is gone or damaged is fetched again by the next `host run` of \
             its stream"
        }
    };
    Err(CliError::new(Exit::Partial, format!("{name}: {wrong} wrong")).hint(hint))
}

async fn restore(args: &RestoreArgs) -> Result<(), CliError> {
    let (config, paths) = places(&args.file)?;
    let growing = growing(&config);
    let (folder, replace, dry_run) = (args.folder.clone(), args.replace, args.dry_run);
    let done = base::blocking(move || -> Result<(), CliError> {
        let backup = CheckedBackup::read(&folder, &paths).map_err(failed)?;
        let restore = Restore::prepare(&backup, &paths, replace).map_err(failed)?;
        let outlooks = ::state::outlooks(&backup, &paths.ledger).map_err(failed)?;
        let half = restore.is_half_done();
        let mut text = foretold(&folder.display().to_string(), &backup.manifest, &outlooks, &growing);
        if half {
            text += "A restore of before was killed while it exchanged files: this one begins anew.\n";
        }
        print(text.as_bytes())?;
        if dry_run {
            return print(b"Nothing was changed (--dry-run).\n");
        }
        let kept = restore.carry_out(Timestamp::now()).map_err(failed)?;
        let mut text = format!("Restored to {}.\n", paths.ledger.display());
        for path in kept {
            let _ = writeln!(text, "What was there before is kept: {}", path.display());
        }
        print(text.as_bytes())
    });
    done.await?
}

fn failed(error: StateError) -> CliError {
    setup::SetupError::from(error).into()
}

/// The names of the sinks that keep what comes twice.
fn growing(config: &Config) -> Vec<String> {
    let sinks = config.sinks.iter();
    let files = sinks.filter(|(_, sink)| matches!(sink.kind, SinkKind::File(_)));
    files.map(|(name, _)| name.clone()).collect()
}

/// The contents of a backup, in one line.
fn contents(manifest: &BackupManifest) -> String {
    format!(
        "{}, {}, {}, {}, {} bytes",
        counted(manifest.streams.len(), "stream", "streams"),
        counted(manifest.dead_letters, "dead letter", "dead letters"),
        counted(manifest.rejected_rows, "rejected row", "rejected rows"),
        counted(manifest.files.len(), "file", "files"),
        manifest.bytes()
    )
}

/// A line for each stream of a backup.
fn streams(manifest: &BackupManifest) -> String {
    let mut text = String::new();
    for stream in &manifest.streams {
        let complete = stream.watermark.map_or_else(
            || "nothing is committed yet".to_owned(),
            |watermark| format!("complete up to {}", seconds(watermark)),
        );
        let _ = write!(text, "{}: {complete}", stream.stream);
        if stream.windows > 0 {
            let windows = counted(stream.windows, "window", "windows");
            let documents = counted(stream.spooled, "document", "documents");
            let _ = write!(text, ", {windows} in flight with {documents}");
        }
        text.push('\n');
    }
    text
}

/// The text of a restore before it does anything.
fn foretold(folder: &str, manifest: &BackupManifest, outlooks: &[Outlook], growing: &[String]) -> String {
    let mut text = format!(
        "{folder}: backup of {} by host {}, {}\n",
        seconds(manifest.made),
        manifest.host,
        contents(manifest)
    );
    text += &streams(manifest);
    for outlook in outlooks {
        let stream = &outlook.stream.stream;
        let _ = match (&outlook.again, outlook.exact) {
            (None, _) => writeln!(
                text,
                "{stream}: whatever was delivered after the backup comes again; how much is not known, for the ledger that knew is gone"
            ),
            (Some(again), true) if again.is_empty() => {
                writeln!(text, "{stream}: nothing was delivered after the backup")
            }
            (Some(again), true) => writeln!(text, "{stream}: comes again: {}", given(again)),
            (Some(again), false) => writeln!(
                text,
                "{stream}: comes again, as far as it is due: about {}; a run did not end, was under way at the backup, or named its period",
                given(again)
            ),
        };
    }
    text += "What comes again has the same ids: receivers that know ids keep one of each.\n";
    for name in growing
        .iter()
        .filter(|name| outlooks.iter().any(|of| of.sinks().contains(name.as_str())))
    {
        let _ = writeln!(text, "{name} writes to files: they will hold these events twice.");
    }
    if manifest.dead_letters > 0 || manifest.rejected_rows > 0 {
        text += "Dead letters and rejected rows that were replayed or dropped after the backup are there again.\n";
    }
    if manifest.files.keys().any(|name| name.starts_with("tokens/")) {
        text += "A token that was renewed after the backup is spent: where a run is refused then, `host login` stores a new one.\n";
    }
    text
}

/// The number of events that each sink was given.
fn given(again: &BTreeMap<String, u64>) -> String {
    let sinks = again.iter();
    let sinks: Vec<_> = sinks
        .map(|(sink, events)| format!("{} to {sink}", counted(events, "event", "events")))
        .collect();
    match sinks.is_empty() {
        true => "0 events".to_owned(),
        false => sinks.join(", "),
    }
}
