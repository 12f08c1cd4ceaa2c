//! One file after the other: when the next one begins, and what they are called.

use std::{
    ffi::{OsStr, OsString},
    fmt, fs, io,
    num::NonZeroU64,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;

/// The most bytes of a file name on the file systems that matter.
const NAME_BYTES: usize = 255;

/// Digits of a sequence number, so that names sort.
const DIGITS: usize = 6;

/// The rule by which a file is completed and the next one begins: whichever comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    bytes: Option<u64>,
    /// In seconds.
    every: Option<i64>,
}

impl Rotation {
    /// Once a file has reached so many bytes, and whenever a multiple of a period, counted from 1970 in UTC, begins.
    pub fn new(bytes: Option<NonZeroU64>, every: Option<Duration>) -> Result<Self, UselessRotation> {
        let every = match every {
            None => None,
            Some(every) if every.subsec_nanos() != 0 || every.is_zero() => return Err(UselessRotation::Period),
            Some(every) => Some(i64::try_from(every.as_secs()).map_err(|_| UselessRotation::Period)?),
        };
        if bytes.is_none() && every.is_none() {
            return Err(UselessRotation::Never);
        }
        Ok(Rotation {
            bytes: bytes.map(NonZeroU64::get),
            every,
        })
    }

    /// The most bytes that a file under way may have.
    pub(super) fn bytes(self) -> Option<u64> {
        self.bytes
    }

    /// The moment that a file which begins now is named after, in seconds since 1970: its period, or where there is none the moment.
    fn stamp(self, now: Timestamp) -> i64 {
        let now = now.as_second();
        self.every.map_or(now, |every| now - now.rem_euclid(every))
    }
}

/// A rotation that cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UselessRotation {
    /// Nothing says when another file begins.
    #[error("`rotate` has neither `bytes` nor `every`")]
    Never,
    /// The period cannot be part of a name.
    #[error("`rotate.every` is not a whole number of seconds")]
    Period,
}

/// The clock that says what time it is.
#[derive(Clone)]
pub(super) struct Clock(pub(super) Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Default for Clock {
    fn default() -> Self {
        Clock(Arc::new(Timestamp::now))
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// The files of one sink. `audit.ndjson.gz` becomes `audit.2025-03-10T13-00-00Z.000000.ndjson.gz`.
#[derive(Debug, Clone)]
pub(super) struct Series {
    folder: PathBuf,
    stem: OsString,
    /// With its dots.
    extensions: OsString,
    rotation: Rotation,
    /// The name of the file under way, or of the last one.
    stamp: i64,
    next: u64,
}

impl Series {
    /// A series of names; none where they would be too long.
    pub(super) fn new(path: &Path, folder: &Path, rotation: Rotation) -> Option<Self> {
        let name = path.file_name()?;
        let (stem, extensions) = split(name);
        let series = Series {
            folder: folder.to_owned(),
            stem,
            extensions,
            rotation,
            stamp: i64::MIN,
            next: 0,
        };
        (series.name(0, 0).len() <= NAME_BYTES).then_some(series)
    }

    /// A file begins. Names never go back, even where the clock does.
    pub(super) fn begin(&mut self, now: Timestamp) {
        let stamp = self.rotation.stamp(now);
        if stamp > self.stamp {
            self.stamp = stamp;
            self.next = 0;
        }
    }

    /// True if the period of the file under way is over.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        self.rotation.every.is_some() && self.rotation.stamp(now) > self.stamp
    }

    /// True if a file of that size is complete.
    pub(super) fn is_full(&self, bytes: u64) -> bool {
        self.rotation.bytes.is_some_and(|most| bytes >= most)
    }

    /// The next path of its stamp that is free, and its number. Another run may be faster.
    pub(super) fn next(&self) -> io::Result<(PathBuf, u64)> {
        let number = self.free()?.max(self.next);
        Ok((self.path(number), number))
    }

    /// The path of that number.
    pub(super) fn path(&self, number: u64) -> PathBuf {
        self.folder.join(self.name(self.stamp, number))
    }

    /// Notes that a number is taken, also once somebody has moved the file away.
    pub(super) fn took(&mut self, number: u64) {
        self.next = number.saturating_add(1);
    }

    /// The number after the highest that is there.
    fn free(&self) -> io::Result<u64> {
        let highest = fs::read_dir(&self.folder)?
            .flatten()
            .filter_map(|entry| self.number(&entry.file_name()))
            .max();
        Ok(highest.map_or(0, |number| number.saturating_add(1)))
    }

    /// The number in the name of a file with this stamp.
    fn number(&self, name: &OsStr) -> Option<u64> {
        let start = self.start(self.stamp);
        let digits = name
            .as_encoded_bytes()
            .strip_prefix(start.as_encoded_bytes())?
            .strip_suffix(self.extensions.as_encoded_bytes())?;
        let digits = std::str::from_utf8(digits).ok()?;
        // A number that nobody would count to is not one of ours.
        let ours = (DIGITS..=12).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        ours.then(|| digits.parse().ok())?
    }

    fn name(&self, stamp: i64, number: u64) -> OsString {
        let mut name = self.start(stamp);
        name.push(format!("{number:0DIGITS$}"));
        name.push(&self.extensions);
        name
    }

    fn start(&self, stamp: i64) -> OsString {
        let time = Timestamp::from_second(stamp).unwrap_or_default();
        let mut start = self.stem.clone();
        start.push(time.strftime(".%Y-%m-%dT%H-%M-%SZ.").to_string());
        start
    }
}

/// A file name before its extensions, and those: one, and before it another if the last names a compression.
fn split(name: &OsStr) -> (OsString, OsString) {
    let path = Path::new(name);
    let (Some(mut stem), Some(last)) = (path.file_stem(), path.extension()) else {
        return (name.to_owned(), OsString::new());
    };
    let mut extensions = OsString::new();
    if last == "gz" || last == "zst" {
        let inner = Path::new(stem);
        if let (Some(shorter), Some(extension)) = (inner.file_stem(), inner.extension()) {
            extensions.push(".");
            extensions.push(extension);
            stem = shorter;
        }
    }
    extensions.push(".");
    extensions.push(last);
    (stem.to_owned(), extensions)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn series(name: &str, every: Option<u64>) -> Option<Series> {
        let bytes = NonZeroU64::new(1000);
        let rotation = Rotation::new(bytes, every.map(Duration::from_secs)).unwrap();
        Series::new(Path::new(name), Path::new("."), rotation)
    }

    #[test]
    fn the_time_and_number_stand_before_the_extensions() {
        for (name, expected) in [
            ("audit.ndjson", "audit.2025-03-10T13-00-00Z.000000.ndjson"),
            ("audit.ndjson.gz", "audit.2025-03-10T13-00-00Z.000000.ndjson.gz"),
            ("a.b.csv.zst", "a.b.2025-03-10T13-00-00Z.000000.csv.zst"),
            ("x.gz", "x.2025-03-10T13-00-00Z.000000.gz"),
            ("audit", "audit.2025-03-10T13-00-00Z.000000"),
            (".hidden", ".hidden.2025-03-10T13-00-00Z.000000"),
        ] {
            let mut series = series(name, Some(3600)).unwrap();
            series.begin(time("2025-03-10T13:59:59.9Z"));
            assert_eq!(series.name(series.stamp, 0), expected);
            assert_eq!(series.number(OsStr::new(expected)), Some(0));
        }
        assert!(series(&"x".repeat(227), None).is_some());
        assert!(series(&"x".repeat(228), None).is_none());
    }

    #[test]
    fn periods_are_multiples_in_utc_and_never_go_back() {
        let mut series = series("x", Some(3600)).unwrap();
        series.begin(time("2025-03-10T13:59:59.9Z"));
        assert!(!series.is_over(time("2025-03-10T13:00:00Z")));
        assert!(!series.is_over(time("2025-03-10T12:00:00Z")));
        assert!(series.is_over(time("2025-03-10T14:00:00Z")));
        series.took(4);
        series.begin(time("2025-03-10T12:00:00Z"));
        assert_eq!(
            (series.stamp, series.next),
            (time("2025-03-10T13:00:00Z").as_second(), 5)
        );
        series.begin(time("2025-03-10T15:00:01Z"));
        assert_eq!(
            (series.stamp, series.next),
            (time("2025-03-10T15:00:00Z").as_second(), 0)
        );
        series.begin(time("1969-12-31T23:59:59Z"));
        assert_eq!(series.rotation.stamp(time("1969-12-31T23:59:59Z")), -3600);
    }

    #[test]
    fn without_a_period_a_file_is_named_after_the_second_it_begins_in() {
        let mut series = series("x", None).unwrap();
        series.begin(time("2025-03-10T13:59:59.9Z"));
        assert_eq!(series.name(series.stamp, 7), "x.2025-03-10T13-59-59Z.000007");
        assert!(!series.is_over(time("2026-03-10T13:59:59Z")));
        assert!(!series.is_full(999));
        assert!(series.is_full(1000));
    }

    #[test]
    fn names_of_others_are_not_counted() {
        let mut series = series("x.csv", None).unwrap();
        series.begin(time("2025-03-10T13:59:59Z"));
        for name in [
            "x.2025-03-10T13-59-59Z.1.csv",
            "x.2025-03-10T13-59-59Z.99999999999999999999.csv",
            "x.2025-03-10T13-59-59Z.+00001.csv",
            "x.2025-03-10T13-59-58Z.000001.csv",
            "x.2025-03-10T13-59-59Z.000001.csv.gz",
            "y.2025-03-10T13-59-59Z.000001.csv",
            "x.2025-03-10T13-59-59Z.csv",
        ] {
            assert_eq!(series.number(OsStr::new(name)), None, "{name}");
        }
        assert_eq!(
            series.number(OsStr::new("x.2025-03-10T13-59-59Z.1000000.csv")),
            Some(1_000_000)
        );
    }

    #[test]
    fn a_rotation_that_never_comes_or_always_is_refused() {
        assert_eq!(Rotation::new(None, None), Err(UselessRotation::Never));
        for every in [Duration::ZERO, Duration::from_millis(1500), Duration::MAX] {
            assert_eq!(Rotation::new(None, Some(every)), Err(UselessRotation::Period));
        }
    }
}
