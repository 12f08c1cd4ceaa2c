//! What a history consists of, and where it comes from: the setting, what happens at the source, and one process after the
//! other with whatever befalls it.

use proptest::collection::vec;
use proptest::prelude::*;

use super::faulty_ledger::Glitch;
use super::world::{DAY, HOUR, MINUTE, Occurrence, at};
use crate::calendar::{notable_day, time_of_day};
use crate::run_mode::RunMode;
use crate::window::Window;
use sandbox::Granularity;

/// A sink of a history.
#[derive(Debug, Clone)]
pub(super) struct SinkSetting {
    pub(super) batch: usize,
    pub(super) gather: bool,
    pub(super) at_close: bool,
}

/// The setting, which stays the same throughout a history.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    pub(super) granularity: Granularity,
    pub(super) retention_days: Option<u32>,
    pub(super) window_days: Option<u32>,
    /// True where reports are jobs, and not single calls.
    pub(super) jobs: bool,
    /// Fetches of a window.
    pub(super) places: usize,
    pub(super) sinks: Vec<SinkSetting>,
    /// True where events of a sink that is down become dead letters.
    pub(super) letters: bool,
}

/// One process, and what happens to it.
#[derive(Debug, Clone)]
pub(super) struct Process {
    /// Time that passes before it.
    pub(super) advance: i64,
    /// How far its clock is off.
    pub(super) skew: i64,
    /// The process ends after so many steps.
    pub(super) ends: Option<u16>,
    /// The process is told to stop after so many steps.
    pub(super) stops: Option<u16>,
    /// Windows that it begins before the first of them is delivered.
    pub(super) ahead: usize,
    pub(super) glitch: Option<(u8, Glitch)>,
    /// Deliveries that each sink refuses.
    pub(super) refuses: Vec<u32>,
    /// Sinks that the process does not deliver to: they are added later, or were removed.
    pub(super) without: Vec<bool>,
    /// The damage done to documents on the spool before the process.
    pub(super) damage: Option<Damage>,
    /// The server has lost its jobs and files.
    pub(super) forgets: bool,
    /// Jobs submitted now fail.
    pub(super) fails: bool,
    /// Jobs submitted now say so often that they are running.
    pub(super) slow: u32,
    /// The process asks a job so often.
    pub(super) patience: u32,
    /// Another version of the plugin plans so many fetches.
    pub(super) places: Option<usize>,
    /// How its version of the plugin is broken.
    pub(super) broken: Option<Broken>,
    /// The answer that an earlier process waited for comes now.
    pub(super) late: bool,
    pub(super) ask: Ask,
}

/// A thing that a version of the plugin cannot do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    /// The plugin refuses every request.
    Plans,
    /// The plugin takes every document for a failure of the server's.
    Documents,
    /// The plugin makes no event of any row.
    Rows,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Damage {
    Cut,
    Changed,
    Gone,
}

/// The period that a run asks for; days before its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    Due,
    Period(i64, i64),
    Missing(i64, i64, u32),
    /// A backfill of what sinks lack that were added later.
    Lacking(i64, i64, u32),
}

impl Process {
    /// One to which nothing happens.
    pub(super) fn clean(advance: i64) -> Process {
        Process {
            advance,
            skew: 0,
            ends: None,
            stops: None,
            ahead: 4,
            glitch: None,
            refuses: Vec::new(),
            without: Vec::new(),
            damage: None,
            forgets: false,
            fails: false,
            slow: 1,
            patience: 10,
            places: None,
            broken: None,
            late: false,
            ask: Ask::Due,
        }
    }

    /// The mode and the window of a run at this clock.
    pub(super) fn asks(&self, now: i64) -> (RunMode, Window) {
        let today = now.div_euclid(DAY) * DAY;
        let period = |back: i64, days: i64| Window {
            from: at(today - back * DAY),
            to: at((today - (back - days) * DAY).min(today)),
        };
        match self.ask {
            Ask::Due => (RunMode::Incremental, period(1, 1)),
            Ask::Period(back, days) => (RunMode::Period, period(back, days)),
            Ask::Missing(back, length, days) | Ask::Lacking(back, length, days) => {
                (RunMode::Backfill { days }, period(back, length))
            }
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct History {
    pub(super) setting: Setting,
    pub(super) begins: i64,
    pub(super) events: Vec<Occurrence>,
    pub(super) runs: Vec<Process>,
}

fn setting() -> impl Strategy<Value = Setting> {
    let sink =
        (1_usize..5, any::<bool>(), prop::bool::weighted(0.15)).prop_map(|(batch, gather, at_close)| SinkSetting {
            batch,
            gather,
            at_close,
        });
    (
        any::<bool>(),
        prop::option::of(2_u32..8),
        prop::option::weighted(0.7, 1_u32..4),
        prop::bool::weighted(0.8),
        1_usize..4,
        vec(sink, 1..4),
        prop::bool::weighted(0.03),
    )
        .prop_map(
            |(day, retention_days, window_days, jobs, places, sinks, letters)| Setting {
                granularity: if day { Granularity::Day } else { Granularity::Instant },
                retention_days,
                window_days,
                jobs,
                places,
                sinks,
                letters,
            },
        )
}

fn process() -> impl Strategy<Value = Process> {
    let advance = prop_oneof![
        3 => 0..30 * MINUTE,
        4 => 0..8 * HOUR,
        3 => 0..2 * DAY,
        1 => 0..12 * DAY,
    ];
    let skew = prop_oneof![
        14 => Just(0),
        2 => -3 * DAY..0,
        1 => -30 * DAY..0,
        2 => 1..2 * DAY,
        1 => 1..30 * DAY,
    ];
    let glitch = (0_u8..25, any::<bool>()).prop_map(|(after, made)| {
        let glitch = if made { Glitch::NobodyLearns } else { Glitch::NeverMade };
        (after, glitch)
    });
    let refuses = prop_oneof![3 => Just(0), 1 => 1_u32..8, 1 => Just(u32::MAX)];
    let ask = prop_oneof![
        12 => Just(Ask::Due),
        1 => (1_i64..9, 1_i64..5).prop_map(|(back, days)| Ask::Period(back, days)),
        1 => (1_i64..9, 1_i64..9, 1_u32..4).prop_map(|(back, length, days)| Ask::Missing(back, length, days)),
        1 => (1_i64..9, 1_i64..9, 1_u32..4).prop_map(|(back, length, days)| Ask::Lacking(back, length, days)),
    ];
    let damage = prop::sample::select(vec![Damage::Cut, Damage::Changed, Damage::Gone]);
    let server = (
        prop::bool::weighted(0.04),
        prop::bool::weighted(0.06),
        0_u32..4,
        1_u32..5,
        prop::option::weighted(0.04, 1_usize..4),
        prop::option::weighted(
            0.1,
            prop_oneof![1 => Just(Broken::Plans), 1 => Just(Broken::Documents), 2 => Just(Broken::Rows)],
        ),
    );
    let process = (
        prop::option::weighted(0.6, prop_oneof![0_u16..40, 0_u16..160]),
        prop::option::weighted(0.15, prop_oneof![0_u16..40, 0_u16..160]),
        1_usize..5,
        prop::option::weighted(0.25, glitch),
        (vec(refuses, 3), vec(prop::bool::weighted(0.12), 3)),
        prop::option::weighted(0.08, damage),
        prop::bool::weighted(0.2),
    );
    (advance, skew, process, server, ask).prop_map(|(advance, skew, process, server, ask)| {
        let (ends, stops, ahead, glitch, (refuses, without), damage, late) = process;
        let (forgets, fails, slow, patience, places, broken) = server;
        Process {
            advance,
            skew,
            ends,
            stops,
            ahead,
            glitch,
            refuses,
            without,
            damage,
            forgets,
            fails,
            slow,
            patience,
            places,
            broken,
            late,
            ask,
        }
    })
}

pub(super) fn history() -> impl Strategy<Value = History> {
    let event = (
        0_i64..8,
        time_of_day(),
        prop_oneof![4 => Just(0), 4 => 0..15 * MINUTE, 2 => 0..24 * HOUR],
    );
    (
        setting(),
        notable_day(),
        time_of_day(),
        vec(event, 0..24),
        vec(process(), 1..8),
    )
        .prop_map(|(setting, day, time, events, runs)| History {
            setting,
            begins: day + time,
            events: (events.into_iter())
                .map(|(days, time, delay)| Occurrence {
                    time: day + days * DAY + time,
                    delay,
                })
                .collect(),
            runs,
        })
}
