//! Instants at which calendars go wrong, for tests.

use jiff::Timestamp;
use proptest::prelude::*;

/// Days around which something is special: leap days there and not there, ends of months and years, the changes of DST of
/// Europe and of America, on both hemispheres.
static DAYS: [&str; 22] = [
    "2023-02-28",
    "2023-03-01",
    "2024-02-28",
    "2024-02-29",
    "2024-03-01",
    "2000-02-29",
    "2100-02-28",
    "2100-03-01",
    "2024-12-31",
    "2025-01-01",
    "2025-01-31",
    "2025-04-30",
    "2025-06-30",
    "2025-08-31",
    "2025-03-09",
    "2025-03-30",
    "2025-10-26",
    "2025-11-02",
    "2025-04-06",
    "2025-10-05",
    "1999-12-31",
    "2038-01-19",
];

/// Midnight at the beginning of one of them, in ms since 1970.
pub(super) fn notable_day() -> impl Strategy<Value = i64> {
    proptest::sample::select(&DAYS[..]).prop_map(|day| {
        let midnight: Timestamp = format!("{day}T00:00:00Z").parse().unwrap();
        midnight.as_millisecond()
    })
}

/// Ms of a day, with a liking for its ends and for the hours at which clocks are changed.
pub(super) fn time_of_day() -> impl Strategy<Value = i64> {
    const DAY: i64 = 86_400_000;
    prop_oneof![
        2 => proptest::sample::select(vec![0, 1, DAY - 1, DAY - 1000, DAY / 2]),
        1 => (0_i64..4, -1_i64..=1).prop_map(|(hour, by)| (hour * 3_600_000 + by).max(0)),
        3 => 0..DAY,
    ]
}
