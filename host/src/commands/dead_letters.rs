//! `host dead-letter`.

use setup::sinks;
use std::collections::HashMap;
use std::fmt::Write;
use std::io::IsTerminal as _;
use std::sync::Arc;

use crate::args::{DeadLetterCommand, Letters, OutputOptions};
use crate::error::CliError;
use crate::error::Exit;
use crate::render::print;
use crate::stop::Shutdown;
use base::counted::counted;
use event::Encoding;
use setup::config::{Config, nearest};
use sink::dead_letters::{
    DeadLetter, DeadLetterEntry, DeadLetterError, DeadLetterGroup, DeadLetterSelection, DeadLetters,
};
use sink::terminal;

/// Letters that are delivered together.
const REPLAYED: usize = 1000;
/// Letters that `list` shows unless told otherwise.
const LISTED: usize = 100;
/// Columns that a destination has in a line of `list` on a terminal, at most.
const DESTINATION: usize = 32;
/// Where the reason begins in such a line, without the destination.
const REASON: usize = 69;

/// Carries out a subcommand.
pub async fn run(command: &DeadLetterCommand, talk: &OutputOptions) -> Result<(), CliError> {
    match command {
        DeadLetterCommand::List {
            letters,
            limit,
            json,
            exit_code,
        } => {
            let any = list(letters, *limit, *json)?;
            match any && *exit_code {
                true => Err(CliError::silent(Exit::Partial)),
                false => Ok(()),
            }
        }
        DeadLetterCommand::Show { number, letters } => show(*number, letters),
        DeadLetterCommand::Replay {
            numbers,
            any_destination,
            letters,
        } => replay(numbers, letters, *any_destination, talk).await,
        DeadLetterCommand::Drop {
            numbers,
            all,
            any_destination,
            letters,
        } => forget(numbers, *all, letters, *any_destination),
    }
}

fn load(letters: &Letters) -> Result<(Config, DeadLetters), CliError> {
    let config = Config::load(letters.config.config.as_deref())?;
    let store = setup::state::dead_letters(&config);
    store
        .need_place()
        .map_err(|error| CliError::from(error).read_from(&config))?;
    if let Some(name) = &letters.sink
        && !config.sinks.contains_key(name)
    {
        let stored = store.sinks()?;
        if !stored.contains(name) {
            let known = config.sinks.keys().chain(&stored).map(String::as_str);
            let hint = match nearest(name, known) {
                Some(known) => format!("did you mean `{known}`?"),
                None => "`host dead-letter list` shows what there is".to_owned(),
            };
            let what = format!("there is no sink {name:?}, and no dead letter of one");
            return Err(CliError::usage(what).hint(hint));
        }
    }
    Ok((config, store))
}

/// Refuses numbers of which there is no letter.
fn check_numbers(store: &DeadLetters, selection: &DeadLetterSelection) -> Result<(), CliError> {
    if selection.numbers.is_empty() {
        return Ok(());
    }
    let there = store.list(selection, selection.numbers.len())?;
    let missing = (selection.numbers.iter()).find(|number| !there.iter().any(|entry| entry.number == **number));
    missing.map_or(Ok(()), |number| Err(unknown(*number)))
}

fn unknown(number: i64) -> CliError {
    CliError::usage(format!("there is no dead letter {number}")).hint("`host dead-letter list` shows them")
}

fn selection(letters: &Letters, numbers: &[i64]) -> DeadLetterSelection {
    DeadLetterSelection {
        sink: letters.sink.clone(),
        report: letters.report.clone(),
        numbers: numbers.to_vec(),
        except: Vec::new(),
    }
}

/// Letters whose sink leads elsewhere today than when they were kept.
#[derive(Default)]
struct Elsewhere {
    groups: Vec<DeadLetterGroup>,
    /// A line for each sink and destination.
    lines: Vec<String>,
}

impl Elsewhere {
    /// Finds them among the selected ones. Letters of a version that kept no destination are none of them, nor are those of a
    /// sink that is not configured and named all the same.
    fn of(config: &Config, store: &DeadLetters, selection: &DeadLetterSelection) -> Result<Elsewhere, CliError> {
        let (mut groups, mut lines) = (Vec::new(), Vec::new());
        for group in store.groups(selection)? {
            let today = (config.sinks.get(&group.sink)).map(|sink| sinks::destination(config, &group.sink, sink));
            let Some(then) = group.destination.as_ref().filter(|then| Some(*then) != today.as_ref()) else {
                continue;
            };
            let now = match today {
                Some(today) => format!("the sink leads to {today}"),
                None if selection.sink.is_some() => continue,
                None => "the configuration has no such sink".to_owned(),
            };
            lines.push(format!(
                "{} of sink {} {} meant for {then}, and {now}: {}",
                counted(group.letters, "dead letter", "dead letters"),
                group.sink,
                if group.letters == 1 { "was" } else { "were" },
                if group.letters == 1 { "it stays" } else { "they stay" },
            ));
            groups.push(group);
        }
        Ok(Elsewhere { groups, lines })
    }

    fn count(&self) -> u64 {
        self.groups.iter().map(|group| group.letters).sum()
    }

    /// Says them and takes them out of the selection; where nothing else is selected, that is an error.
    fn leave_out(&self, store: &DeadLetters, selection: &mut DeadLetterSelection) -> Result<(), CliError> {
        if self.groups.is_empty() {
            return Ok(());
        }
        selection.except.clone_from(&self.groups);
        if store.count(selection)? == 0 {
            return Err(CliError::usage(self.lines.join("; ")).hint(ELSEWHERE));
        }
        for line in &self.lines {
            tracing::warn!("{line}");
        }
        Ok(())
    }

    /// The end of a command that did the rest.
    fn end(&self) -> Result<(), CliError> {
        match self.count() {
            0 => Ok(()),
            count => {
                let stay = counted(
                    count,
                    "dead letter stays: its sink led elsewhere",
                    "dead letters stay: their sinks led elsewhere",
                );
                Err(CliError::new(Exit::Partial, stay).hint(ELSEWHERE))
            }
        }
    }
}

/// What to do about letters whose sink leads elsewhere.
const ELSEWHERE: &str =
    "use the configuration whose sink leads there (--config), or, if the receiver has moved, --any-destination";

/// Says once that letters of an earlier version go by the name of their sink alone.
fn say_unknown(store: &DeadLetters, selection: &DeadLetterSelection) -> Result<(), CliError> {
    let unknown = store.groups(selection)?;
    let unknown = unknown.iter().filter(|group| group.destination.is_none());
    match unknown.map(|group| group.letters).sum() {
        0_u64 => {}
        letters => tracing::warn!(
            "an earlier version kept {} without the destination: today's sink of that name is taken for {}",
            counted(letters, "dead letter", "dead letters"),
            if letters == 1 { "its own" } else { "theirs" }
        ),
    }
    Ok(())
}

/// Lists letters, and says whether there are any.
fn list(letters: &Letters, limit: Option<usize>, json: bool) -> Result<bool, CliError> {
    let (_, store) = load(letters)?;
    let selection = selection(letters, &[]);
    let most = limit.unwrap_or(if json { usize::MAX >> 1 } else { LISTED });
    let entries = store.list(&selection, most)?;
    let mut text = String::new();
    if json {
        for entry in &entries {
            text += &serde_json::to_string(entry).map_err(|error| CliError::new(Exit::Internal, error.to_string()))?;
            text.push('\n');
        }
        print(text.as_bytes())?;
        return Ok(!entries.is_empty());
    }
    if entries.is_empty() {
        let place = (store.path()).map_or(String::new(), |path| format!(" in {}", path.display()));
        let of = [("of sink", &letters.sink), ("of report", &letters.report)];
        let of: String = of
            .iter()
            .filter_map(|(word, name)| Some(format!(" {word} {}", name.as_ref()?)))
            .collect();
        print(format!("No dead letters{of}{place}.\n").as_bytes())?;
        return Ok(false);
    }
    // On a terminal a letter is a line; a pipe gets destination and reason as they are.
    let is_terminal = std::io::stdout().is_terminal();
    let destination = |entry: &DeadLetterEntry| {
        let destination = terminal::printable(entry.destination.as_deref().unwrap_or("-"));
        match is_terminal {
            true => terminal::cut(&destination, DESTINATION),
            false => destination,
        }
    };
    let widest = (entries.iter().map(|entry| destination(entry).chars().count())).fold("DESTINATION".len(), usize::max);
    let room = is_terminal.then(|| terminal::columns().saturating_sub(REASON + widest).max(16));
    let _ = writeln!(
        text,
        "{:>6}  {:<14} {:<14} {:<20} {:>5}  {:<widest$}  REASON",
        "NUMBER", "SINK", "REPORT", "LAST ATTEMPT", "TRIES", "DESTINATION"
    );
    for entry in &entries {
        let mut reason = terminal::printable(&entry.reason);
        if let Some(room) = room {
            reason = terminal::cut(&reason, room);
        }
        let _ = writeln!(
            text,
            "{:>6}  {:<14} {:<14} {:<20} {:>5}  {:<widest$}  {reason}",
            entry.number,
            entry.sink,
            entry.report,
            entry.last_attempt.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            entry.attempts,
            destination(entry)
        );
    }
    let total = store.count(&selection)?;
    if total > entries.len() as u64 {
        let _ = writeln!(text, "… {} of {total}; --limit shows more, --json all", entries.len());
    }
    print(text.as_bytes())?;
    Ok(true)
}

fn show(number: i64, letters: &Letters) -> Result<(), CliError> {
    let (_, store) = load(letters)?;
    let found = store.read(&selection(letters, &[number]), 0, 1)?;
    let letter = found.first().ok_or_else(|| unknown(number))?;
    let mut event = Vec::new();
    Encoding::Event.write(&letter.event, &letter.provenance, &mut event);
    let text: Result<String, serde_json::Error> = (|| {
        let mut object = serde_json::to_value(&letter.entry)?;
        if let Some(object) = object.as_object_mut() {
            object.insert("event".into(), serde_json::from_slice(&event)?);
        }
        serde_json::to_string_pretty(&object)
    })();
    let text = text.map_err(|error| CliError::new(Exit::Internal, error.to_string()))?;
    let mut text = (text + "\n").into_bytes();
    if std::io::stdout().is_terminal() {
        terminal::defuse(&mut text, true);
    }
    print(&text)
}

/// Delivers letters again, and forgets those that were taken. The others stay, with what happened now, and so do those
/// whose sink led elsewhere, unless that does not matter.
async fn replay(
    numbers: &[i64],
    letters: &Letters,
    any_destination: bool,
    talk: &OutputOptions,
) -> Result<(), CliError> {
    let stop = Shutdown::listen(talk)?;
    let (config, store) = load(letters)?;
    let store = Arc::new(store);
    let _claim = store.claim()?;
    let mut selection = selection(letters, numbers);
    check_numbers(&store, &selection)?;
    let elsewhere = match any_destination {
        true => Elsewhere::default(),
        false => Elsewhere::of(&config, &store, &selection)?,
    };
    elsewhere.leave_out(&store, &mut selection)?;
    say_unknown(&store, &selection)?;
    let mut after = 0;
    let (mut delivered, mut kept, mut failed) = (0, 0, None);
    stop.set_resume_hint("what was not delivered is still a dead letter");
    while !stop.token.is_cancelled() {
        let batch = store.read(&selection, after, REPLAYED)?;
        let Some(last) = batch.last() else { break };
        after = last.entry.number;
        let together = |a: &DeadLetter, b: &DeadLetter| {
            a.entry.sink == b.entry.sink && a.entry.destination == b.entry.destination && a.provenance == b.provenance
        };
        for group in batch.chunk_by(together) {
            if stop.token.is_cancelled() {
                break;
            }
            match deliver(&config, &store, group).await {
                Ok((taken, refused)) => {
                    delivered += taken;
                    kept += refused;
                }
                Err(failure) => {
                    kept += times_kept(&store, group).map_or(group.len(), |there| there.len()) as u64;
                    failed.get_or_insert(failure);
                }
            }
        }
    }
    if stop.token.is_cancelled() {
        kept = store.count(&selection)?;
    }
    // Said once: an error says it where there is nothing worse to say.
    let is_error = failed.is_none() && !stop.token.is_cancelled();
    let failed_again = match kept {
        0 => String::new(),
        _ if is_error => String::new(),
        kept => format!(
            ", {kept} failed again and {} kept",
            if kept == 1 { "is" } else { "are" }
        ),
    };
    print(format!("Replay: {delivered} delivered{failed_again}.\n").as_bytes())?;
    if stop.token.is_cancelled() {
        return Err(stop.failure());
    }
    match failed {
        Some(failure) => Err(failure),
        None if kept > 0 => Err(CliError::new(
            Exit::Partial,
            counted(
                kept,
                "event failed again and is kept as a dead letter",
                "events failed again and are kept as dead letters",
            ),
        )
        .hint("`host dead-letter list` says why")),
        None => elsewhere.end(),
    }
}

/// Delivers letters of one sink and one origin; says how many it took, and how many it refused again.
async fn deliver(config: &Config, store: &Arc<DeadLetters>, group: &[DeadLetter]) -> Result<(u64, u64), CliError> {
    let Some(first) = group.first() else { return Ok((0, 0)) };
    let provenance = Arc::new(first.provenance.clone());
    let mut delivery = sinks::reopen(config, store, &first.entry, &provenance)?;
    let events: Vec<_> = group.iter().map(|letter| letter.event.clone()).collect();
    let before = times_kept(store, group)?;
    let tally = delivery.tally();
    delivery.deliver(&events).await?;
    delivery.close().await?;
    if tally.delivered() + tally.dead_lettered() != events.len() as u64 {
        let trouble = delivery.trouble().unwrap_or("the sink did not answer for every event");
        return Err(CliError::new(
            Exit::DeliveryFailed,
            format!("sink {}: {trouble}", first.entry.sink),
        ));
    }
    // What was refused again has put itself back; the rest is done.
    let after = times_kept(store, group).map_err(after_sending)?;
    let done: Vec<i64> = (after.iter())
        .filter(|(number, times)| before.get(number) == Some(times))
        .map(|(number, _)| *number)
        .collect();
    if !done.is_empty() {
        let selection = DeadLetterSelection {
            numbers: done,
            ..DeadLetterSelection::default()
        };
        store.remove(&selection).map_err(after_sending)?;
    }
    Ok((tally.delivered(), tally.dead_lettered()))
}

/// The store fails when the receiver has events already: they are delivered, and still letters.
fn after_sending(error: DeadLetterError) -> CliError {
    CliError {
        exit: Exit::DeliveryFailed,
        ..error.into()
    }
}

/// How often each letter of a group that is still there was set aside.
fn times_kept(store: &DeadLetters, group: &[DeadLetter]) -> Result<HashMap<i64, u32>, DeadLetterError> {
    let selection = DeadLetterSelection {
        numbers: group.iter().map(|letter| letter.entry.number).collect(),
        ..DeadLetterSelection::default()
    };
    let entries = store.list(&selection, group.len())?;
    Ok(entries.iter().map(|entry| (entry.number, entry.times_kept)).collect())
}

fn forget(numbers: &[i64], all: bool, letters: &Letters, any_destination: bool) -> Result<(), CliError> {
    if numbers.is_empty() && letters.sink.is_none() && letters.report.is_none() && !all {
        return Err(CliError::usage("this would drop every dead letter")
            .hint("give numbers, --sink or --report, or --all if that is meant"));
    }
    let (config, store) = load(letters)?;
    let mut selection = selection(letters, numbers);
    check_numbers(&store, &selection)?;
    // Who gives a number has seen the letter.
    let elsewhere = match any_destination || !numbers.is_empty() {
        true => Elsewhere::default(),
        false => Elsewhere::of(&config, &store, &selection)?,
    };
    elsewhere.leave_out(&store, &mut selection)?;
    let dropped = store.remove(&selection)?;
    print(format!("{dropped} dropped\n").as_bytes())?;
    elsewhere.end()
}
