//! `host dead-letter`.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::sync::Arc;

use serde_json::Value;

use crate::args::{DeadLetterArgs, DeadLetterCommand, OutputOptions};
use crate::commands::runtime::block_on;
use crate::commands::set_aside::{self, Elsewhere, Listing, check_numbers, drop_selected};
use crate::error::CliError;
use crate::error::Exit;
use crate::render::{print, seconds};
use crate::stop::Shutdown;
use base::counted::counted;
use base::store::StoreClaim;
use event::Encoding;
use setup::config::{Config, nearest};
use setup::sinks;
use sink::dead_letters::{
    DeadLetter, DeadLetterEntry, DeadLetterError, DeadLetterGroup, DeadLetterSelection, DeadLetters,
};
use sink::terminal;

/// Letters that are delivered together.
const TOGETHER: usize = 1000;
/// Columns that a destination has in a line of `list` on a terminal, at most.
const DESTINATION: usize = 32;
/// The column at which the reason begins in the line of a letter, without the destination.
const REASON: usize = 69;

/// Carries out a subcommand.
pub fn run(command: &DeadLetterCommand, talk: &OutputOptions) -> Result<(), CliError> {
    match command {
        DeadLetterCommand::List {
            letters,
            limit,
            json,
            exit_code,
        } => {
            let listing = Listing {
                limit: *limit,
                json: *json,
                exit_code: *exit_code,
            };
            list(letters, listing)
        }
        DeadLetterCommand::Show { number, letters } => show(*number, letters),
        DeadLetterCommand::Replay {
            numbers,
            any_destination,
            letters,
        } => block_on(talk, replay(numbers, letters, *any_destination, talk)),
        DeadLetterCommand::Drop {
            numbers,
            all,
            any_destination,
            letters,
        } => forget(numbers, *all, letters, *any_destination),
    }
}

fn load(letters: &DeadLetterArgs) -> Result<(Config, DeadLetters), CliError> {
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
            let what = format!("there is no sink {name:?}, neither in the configuration nor among the dead letters");
            return Err(CliError::usage(what).hint(hint));
        }
    }
    Ok((config, store))
}

fn selection(letters: &DeadLetterArgs, numbers: &[i64]) -> DeadLetterSelection {
    DeadLetterSelection {
        sink: letters.sink.clone(),
        report: letters.report.clone(),
        numbers: numbers.to_vec(),
        except: Vec::new(),
    }
}

/// The advice about letters whose sink leads elsewhere.
const ELSEWHERE: &str =
    "use the configuration whose sink leads there (--config), or, if the receiver has moved, --any-destination";

/// Takes letters whose sink leads elsewhere today than when they were kept out of the selection. Letters of a version that kept
/// no destination are none of them, nor are those of a sink that is not configured and named all the same.
fn leave_out_elsewhere(
    config: &Config,
    store: &DeadLetters,
    selection: &mut DeadLetterSelection,
) -> Result<Elsewhere, CliError> {
    let mut elsewhere = nothing_elsewhere();
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
        let line = format!(
            "{} of sink {} {} meant for {then}, and {now}: {}",
            counted(group.letters, "dead letter", "dead letters"),
            group.sink,
            if group.letters == 1 { "was" } else { "were" },
            if group.letters == 1 { "it stays" } else { "they stay" },
        );
        elsewhere.add(group.letters, line);
        selection.except.push(group);
    }
    Ok(elsewhere)
}

fn nothing_elsewhere() -> Elsewhere {
    let stays = [
        "dead letter stays: its sink led elsewhere",
        "dead letters stay: their sinks led elsewhere",
    ];
    Elsewhere::none(stays, ELSEWHERE)
}

/// Warns once that letters of an earlier version go by the name of their sink alone.
fn say_unknown(store: &DeadLetters, selection: &DeadLetterSelection) -> Result<(), CliError> {
    let unknown = store.groups(selection)?;
    let unknown = unknown.iter().filter(|group| group.destination.is_none());
    match unknown.map(|group| group.letters).sum() {
        0_u64 => {}
        letters => tracing::warn!(
            "an earlier version stored {} without a destination; {} counted as meant for today's sink of that name",
            counted(letters, "dead letter", "dead letters"),
            if letters == 1 { "it is" } else { "they are" }
        ),
    }
    Ok(())
}

fn list(letters: &DeadLetterArgs, listing: Listing) -> Result<(), CliError> {
    let (_, store) = load(letters)?;
    let place = (store.path()).map_or(String::new(), |path| format!(" in {}", path.display()));
    let of = [("of sink", &letters.sink), ("of report", &letters.report)];
    let of: String = of
        .iter()
        .filter_map(|(word, name)| Some(format!(" {word} {}", name.as_ref()?)))
        .collect();
    let nothing = format!("No dead letters{of}{place}.");
    let selection = selection(letters, &[]);
    let waiting = match listing.json {
        true => String::new(),
        false => waiting(&store.groups(&selection)?),
    };
    set_aside::list(&store, &selection, listing, &nothing, |entries| {
        table(entries) + &waiting
    })
}

/// A line for each sink: how many letters wait for it, and since when.
fn waiting(groups: &[DeadLetterGroup]) -> String {
    let of_sinks = groups.chunk_by(|a, b| a.sink == b.sink);
    let lines = of_sinks.filter_map(|of_sink| {
        let (sink, since) = (&of_sink.first()?.sink, of_sink.iter().map(|group| group.since).min()?);
        let letters: u64 = of_sink.iter().map(|group| group.letters).sum();
        let letters = counted(letters, "dead letter", "dead letters");
        Some(format!("{sink}: {letters} since {}\n", seconds(since)))
    });
    lines.collect()
}

/// A line for each letter. On a terminal it is one line; a pipe gets destination and reason as they are.
fn table(entries: &[DeadLetterEntry]) -> String {
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
    let mut text = format!(
        "{:>6}  {:<14} {:<14} {:<20} {:>5}  {:<widest$}  REASON\n",
        "NUMBER", "SINK", "REPORT", "LAST ATTEMPT", "TRIES", "DESTINATION"
    );
    for entry in entries {
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
            seconds(entry.last_attempt),
            entry.attempts,
            destination(entry)
        );
    }
    text
}

fn show(number: i64, letters: &DeadLetterArgs) -> Result<(), CliError> {
    let (_, store) = load(letters)?;
    let found = store.read(&selection(letters, &[number]), 0, 1)?;
    let letter = found.first().ok_or_else(|| set_aside::unknown::<DeadLetters>(number))?;
    let mut event = Vec::new();
    Encoding::Event.write(&letter.event, &letter.provenance, &mut event);
    let event: Value =
        serde_json::from_slice(&event).map_err(|error| CliError::new(Exit::Internal, error.to_string()))?;
    set_aside::show(&letter.entry, vec![("event", event)])
}

fn forget(numbers: &[i64], all: bool, letters: &DeadLetterArgs, any_destination: bool) -> Result<(), CliError> {
    if numbers.is_empty() && letters.sink.is_none() && letters.report.is_none() && !all {
        return Err(CliError::usage("this would drop every dead letter")
            .hint("give numbers, --sink or --report, or --all if that is meant"));
    }
    let (config, store) = load(letters)?;
    let mut selection = selection(letters, numbers);
    check_numbers(&store, &selection)?;
    // Who gives a number has seen the letter.
    let elsewhere = match any_destination || !numbers.is_empty() {
        true => nothing_elsewhere(),
        false => leave_out_elsewhere(&config, &store, &mut selection)?,
    };
    drop_selected(&store, &selection, &elsewhere)
}

/// Letters to be delivered again, and where they are.
struct Replayed {
    config: Arc<Config>,
    store: Arc<DeadLetters>,
    selection: DeadLetterSelection,
    elsewhere: Elsewhere,
    /// Two replays at once would deliver letters twice.
    _claim: Option<StoreClaim>,
}

impl Replayed {
    fn select(numbers: &[i64], letters: &DeadLetterArgs, any_destination: bool) -> Result<Replayed, CliError> {
        let (config, store) = load(letters)?;
        let claim = store.claim()?;
        let mut selection = selection(letters, numbers);
        check_numbers(&store, &selection)?;
        let elsewhere = match any_destination {
            true => nothing_elsewhere(),
            false => leave_out_elsewhere(&config, &store, &mut selection)?,
        };
        elsewhere.say(&store, &selection)?;
        say_unknown(&store, &selection)?;
        Ok(Replayed {
            config: Arc::new(config),
            store: Arc::new(store),
            selection,
            elsewhere,
            _claim: claim,
        })
    }

    /// The next letters after a number.
    async fn next(&self, after: i64) -> Result<Vec<DeadLetter>, CliError> {
        let selection = self.selection.clone();
        self.in_store(move |store| store.read(&selection, after, TOGETHER))
            .await
    }

    /// Asks the store, which waits for the disk.
    async fn in_store<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&DeadLetters) -> Result<T, DeadLetterError> + Send + 'static,
    ) -> Result<T, CliError> {
        let store = Arc::clone(&self.store);
        Ok(base::blocking(move || ask(&store)).await??)
    }
}

/// Delivers letters again, and forgets those that were taken. The others stay, with what happened now, and so do those
/// whose sink led elsewhere, unless that does not matter.
async fn replay(
    numbers: &[i64],
    letters: &DeadLetterArgs,
    any_destination: bool,
    talk: &OutputOptions,
) -> Result<(), CliError> {
    let stop = Shutdown::listen(talk)?;
    let (numbers, letters) = (numbers.to_vec(), letters.clone());
    let selecting = base::blocking(move || Replayed::select(&numbers, &letters, any_destination));
    let replayed = selecting.await??;
    let mut after = 0;
    let (mut delivered, mut kept, mut failed) = (0, 0, None);
    stop.set_resume_hint("what was not delivered is still a dead letter");
    while !stop.token.is_cancelled() {
        let batch = replayed.next(after).await?;
        let Some(last) = batch.last() else { break };
        after = last.entry.number;
        let together = |a: &DeadLetter, b: &DeadLetter| {
            a.entry.sink == b.entry.sink && a.entry.destination == b.entry.destination && a.provenance == b.provenance
        };
        for group in batch.chunk_by(together) {
            if stop.token.is_cancelled() {
                break;
            }
            match deliver(&replayed, group).await {
                Ok((taken, refused)) => {
                    delivered += taken;
                    kept += refused;
                }
                Err(failure) => {
                    let there = replayed.in_store(times_kept(group)).await;
                    kept += there.map_or(group.len(), |there| there.len()) as u64;
                    failed.get_or_insert(failure);
                }
            }
        }
    }
    if stop.token.is_cancelled() {
        let selection = replayed.selection.clone();
        kept = replayed.in_store(move |store| store.count(&selection)).await?;
    }
    // Said once: an error says it where there is nothing worse to say.
    let is_error = failed.is_none() && !stop.token.is_cancelled();
    let failed_again = match kept {
        0 => String::new(),
        _ if is_error => String::new(),
        // They may not have been tried: no sink of that name, no way to open it.
        kept if failed.is_some() => format!(", {kept} kept"),
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
        None => replayed.elsewhere.end(),
    }
}

/// Delivers letters of one sink and one origin; says how many it took, and how many it refused again.
async fn deliver(replayed: &Replayed, group: &[DeadLetter]) -> Result<(u64, u64), CliError> {
    let Some(first) = group.first() else { return Ok((0, 0)) };
    let (config, store) = (Arc::clone(&replayed.config), Arc::clone(&replayed.store));
    let (entry, provenance) = (first.entry.clone(), Arc::new(first.provenance.clone()));
    let opening = base::blocking(move || sinks::reopen(&config, &store, &entry, &provenance));
    let mut delivery = opening.await??;
    let events: Vec<_> = group.iter().map(|letter| letter.event.clone()).collect();
    let before = replayed.in_store(times_kept(group)).await?;
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
    let look = times_kept(group);
    let forgetting = replayed.in_store(move |store| {
        // What was refused again has put itself back; the rest is done.
        let done: Vec<i64> = (look(store)?.iter())
            .filter(|(number, times)| before.get(number) == Some(times))
            .map(|(number, _)| *number)
            .collect();
        if done.is_empty() {
            return Ok(0);
        }
        store.remove(&DeadLetterSelection {
            numbers: done,
            ..DeadLetterSelection::default()
        })
    });
    // The receiver has events already: they are delivered, and still letters.
    forgetting.await.map_err(|failure| CliError {
        exit: Exit::DeliveryFailed,
        ..failure
    })?;
    Ok((tally.delivered(), tally.dead_lettered()))
}

/// Looks how often each letter of a group that is still there was set aside.
fn times_kept(
    group: &[DeadLetter],
) -> impl FnOnce(&DeadLetters) -> Result<HashMap<i64, u32>, DeadLetterError> + Send + use<> {
    let selection = DeadLetterSelection {
        numbers: group.iter().map(|letter| letter.entry.number).collect(),
        ..DeadLetterSelection::default()
    };
    move |store| {
        let entries = store.list(&selection, selection.numbers.len())?;
        Ok(entries.iter().map(|entry| (entry.number, entry.times_kept)).collect())
    }
}
