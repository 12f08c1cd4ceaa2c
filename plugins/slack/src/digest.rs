//! The text of a message about a batch.

use std::collections::BTreeMap;

use plugin_sdk::sink::Event;
use plugin_sdk::{Activity, Outcome, time};

use crate::config::SlackConfig;
use crate::text::{escape, name};

/// The sections of a message, each a list of lines.
pub fn sections(config: &SlackConfig, events: &[Event]) -> Vec<Vec<String>> {
    let mut head = vec![format!("*{}*: {}", escape(&config.title), counts(events))];
    head.extend(period(events));
    let failures: Vec<&Event> = events
        .iter()
        .filter(|event| event.outcome == Outcome::Failure)
        .collect();
    let users = failures.iter().map(|event| event.subject.name.as_str());
    let addresses = failures.iter().filter_map(|event| event.source_ip.as_deref());
    vec![
        head,
        activities(events),
        top("Users that failed most", users, config.top),
        top("Addresses that failed most", addresses, config.top),
        latest(config, events),
    ]
}

/// `12 events: 10 failed, 2 succeeded`.
pub fn counts(events: &[Event]) -> String {
    let mut text = match events.len() {
        1 => "1 event".to_string(),
        count => format!("{count} events"),
    };
    text.push_str(": ");
    text.push_str(&outcomes(events.iter()));
    text
}

fn outcomes<'a>(events: impl Iterator<Item = &'a Event> + Clone) -> String {
    [Outcome::Failure, Outcome::Success, Outcome::Unknown]
        .into_iter()
        .filter_map(|outcome| {
            let count = events.clone().filter(|event| event.outcome == outcome).count();
            (count > 0).then(|| format!("{count} {}", word(outcome)))
        })
        .collect::<Vec<_>>()
        .join(", ")
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Failure => "failed",
        Outcome::Success => "succeeded",
        Outcome::Unknown => "of unknown outcome",
    }
}

fn activity(activity: Activity) -> String {
    activity.name().replace('-', " ")
}

fn period(events: &[Event]) -> Option<String> {
    let first = events.iter().map(|event| event.time).min().and_then(instant)?;
    let last = events.iter().map(|event| event.time).max().and_then(instant)?;
    Some(match first == last {
        true => format!("at {first} UTC"),
        false => format!("{first} to {last} UTC"),
    })
}

/// To the second, without the letters of RFC 3339.
fn instant(time: i64) -> Option<String> {
    let text = time::rfc3339(time)?;
    Some(text.get(..19)?.replace('T', " "))
}

fn activities(events: &[Event]) -> Vec<String> {
    let kinds = Activity::ALL.into_iter().filter_map(|kind| {
        let of_kind = events.iter().filter(|event| event.activity == kind);
        let count = of_kind.clone().count();
        (count > 0).then(|| (count, format!("• {}: {}", activity(kind), outcomes(of_kind))))
    });
    let mut kinds: Vec<_> = kinds.collect();
    kinds.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    kinds.into_iter().map(|(_, line)| line).collect()
}

fn top<'a>(heading: &str, names: impl Iterator<Item = &'a str>, most: usize) -> Vec<String> {
    let mut counts = BTreeMap::<&str, usize>::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    let all = counts.len();
    let mut counts: Vec<_> = counts.into_iter().collect();
    // Stable: equals stay in the order of their names.
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.truncate(most);
    if counts.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![format!("*{heading}*")];
    let shown = counts.len();
    lines.extend(
        counts
            .into_iter()
            .map(|(text, count)| format!("• {} {count}", name(text))),
    );
    if all > shown {
        lines.push(format!("and {} more", all - shown));
    }
    lines
}

fn latest(config: &SlackConfig, events: &[Event]) -> Vec<String> {
    let wanted = |event: &&Event| !config.failures_only || event.outcome == Outcome::Failure;
    let mut wanted: Vec<&Event> = events.iter().filter(wanted).collect();
    let all = wanted.len();
    wanted.sort_by_key(|event| std::cmp::Reverse(event.time));
    wanted.truncate(config.lines);
    if wanted.is_empty() {
        return Vec::new();
    }
    let mut lines = vec!["*Latest*".to_string()];
    let shown = wanted.len();
    lines.extend(wanted.into_iter().map(line));
    if all > shown {
        lines.push(format!("and {} earlier", all - shown));
    }
    lines
}

fn line(event: &Event) -> String {
    let mut line = instant(event.time).unwrap_or_else(|| "?".into());
    line = format!(
        "{line}  {} {}: {}",
        activity(event.activity),
        word(event.outcome),
        name(&event.subject.name)
    );
    for (what, text) in [
        ("by", event.actor.as_ref().map(|actor| &actor.name)),
        ("on", event.target.as_ref()),
        ("from", event.source_ip.as_ref()),
        ("code", event.code.as_ref()),
    ] {
        if let Some(text) = text {
            line.push_str(&format!(" {what} {}", name(text)));
        }
    }
    line
}
