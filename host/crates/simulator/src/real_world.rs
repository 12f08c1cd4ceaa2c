//! Scenarios as real servers are: several habits at once, drawn from a seed. None of them costs a patient client an event.

use super::chance::mix;
use super::scenario::Scenario;

/// Each line is a matter in which servers differ, and the switches for what they do about it; a draw takes one of the
/// line, or none.
const HABITS: [&[&str]; 24] = [
    &["string-status"],
    &["no-quirks"],
    &["empty-reports"],
    &["crlf"],
    &["strict-names"],
    &["refuse-duplicate-names"],
    &["zip-user-login"],
    &["slow-job=3"],
    &["time=iso", "time=space", "time=epoch"],
    &["preamble=none", "preamble=bom", "preamble=comma"],
    &["archive=bare", "archive=backslash", "archive=zip64"],
    &["archive-name=appended", "archive-name=replaced", "archive-name=job"],
    &["status-link=relative"],
    &["download-link=relative"],
    &["ranges=steady", "ranges=changing", "ranges=wrong"],
    &["without=download-v1", "without=download-v2", "without=delete-v3"],
    &["day-zone=-8", "day-zone=2", "day-zone=9"],
    &["stored-late=7"],
    &["max-count=50", "short-pages", "page-lies"],
    &["totals=shrinking", "totals=page", "totals=larger"],
    &["repeats", "page:raw-byte=1", "page:raw-tab=1"],
    &["submit:forgotten=1", "download:not-a-file=1", "429=2@3", "503=1@5"],
    &["role-words=old"],
    &["events-page=7", "empty-pages"],
];

/// Two habits that no draw has together: a list that gives a record twice and counts more than it has cannot be told from one that
/// changed and was cut short.
const APART: [&str; 2] = ["totals=larger", "repeats"];

/// The switches of a draw: the same seed, the same switches on every machine.
pub(super) fn drawn(seed: u64) -> impl Iterator<Item = &'static str> {
    let [one, other] = APART;
    let left_out = taken(seed).any(|switch| switch == one).then_some(other);
    taken(seed).filter(move |switch| Some(*switch) != left_out)
}

/// The switches that a seed takes of each matter.
fn taken(seed: u64) -> impl Iterator<Item = &'static str> {
    HABITS.iter().zip(0..).filter_map(move |(habits, matter)| {
        let number = mix(&[seed, matter]);
        let odd = number.is_multiple_of(2);
        let index = usize::try_from(number >> 1).unwrap_or_default() % habits.len().max(1);
        habits.get(index).copied().filter(|_| odd)
    })
}

/// Turns the switches of a draw.
pub(super) fn turn(scenario: &mut Scenario, seed: u64) -> Result<(), String> {
    drawn(seed).try_for_each(|switch| scenario.apply(switch).map_err(|error| error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_habit_is_a_switch_and_is_drawn() {
        let mut seen = HashSet::new();
        for seed in 0..200 {
            turn(&mut Scenario::default(), seed).unwrap();
            seen.extend(drawn(seed));
        }
        let all: HashSet<_> = HABITS.iter().flat_map(|habits| habits.iter().copied()).collect();
        assert_eq!(seen, all);
    }

    #[test]
    fn a_draw_is_several_habits_and_the_same_each_time() {
        for seed in 0..50 {
            assert!(drawn(seed).count() > 2, "{seed}");
            assert!(drawn(seed).eq(drawn(seed)));
        }
        assert!(!drawn(1).eq(drawn(2)));
    }
}
