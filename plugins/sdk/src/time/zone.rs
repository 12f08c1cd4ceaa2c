//! Zones: offsets, and the names that mean one offset only.

use super::civil::{NO_SUCH_TIME, OTHER_ZONE, UNKNOWN_FORM, offset};
use super::pieces::{TimePiece, TimePieces};

/// The names of UTC; an offset may follow.
const UTC: [&str; 6] = ["utc", "gmt", "z", "ut", "zulu", "coordinated universal time"];

/// Names in small letters and hours ahead of UTC. Left out is what means several zones: EST, CST, MST and IST do.
const NAMES: [(&str, i64); 29] = [
    ("greenwich mean time", 0),
    ("universal time", 0),
    ("etc/utc", 0),
    ("etc/gmt", 0),
    ("etc/universal", 0),
    ("universal", 0),
    ("edt", -4),
    ("mdt", -6),
    ("pdt", -7),
    ("pst", -8),
    ("akdt", -8),
    ("akst", -9),
    ("hst", -10),
    ("eastern daylight time", -4),
    ("eastern standard time", -5),
    ("central daylight time", -5),
    ("central standard time", -6),
    ("mountain daylight time", -6),
    ("mountain standard time", -7),
    ("pacific daylight time", -7),
    ("pacific standard time", -8),
    ("alaska standard time", -9),
    ("hawaii-aleutian standard time", -10),
    ("cet", 1),
    ("cest", 2),
    ("eet", 2),
    ("eest", 3),
    ("central european standard time", 1),
    ("central european summer time", 2),
];

impl TimePieces<'_> {
    /// Seconds ahead of UTC, if a zone comes next.
    pub(super) fn zone(&mut self) -> Result<Option<i64>, &'static str> {
        let zone = match self.peek(0) {
            Some(TimePiece::Mark('+' | '-')) => Some(self.offset()?),
            Some(TimePiece::Word(_)) => {
                let name = self.zone_name();
                Some(match (UTC.contains(&name.as_str()), self.peek(0)) {
                    (true, Some(TimePiece::Mark('+' | '-'))) => self.offset()?,
                    (true, _) => 0,
                    _ => of_name(&name).ok_or(OTHER_ZONE)?,
                })
            }
            _ => None,
        };
        // A name beside an offset must not say something else.
        if let (Some(zone), Some(TimePiece::Word(_))) = (zone, self.peek(0))
            && of_name(&self.zone_name()) != Some(zone)
        {
            return Err(OTHER_ZONE);
        }
        let (Some(TimePiece::Mark(open)), Some(close)) = (self.peek(0), self.closing()) else {
            return Ok(zone);
        };
        self.skip(1);
        let named = match zone {
            // Java and browsers put a place or a name behind the offset that it had then.
            Some(zone) => {
                while self.peek(0).is_some_and(|piece| piece != TimePiece::Mark(close)) {
                    self.skip(1);
                }
                zone
            }
            None if open == '(' || open == '[' => self.zone()?.ok_or(OTHER_ZONE)?,
            None => return Err(UNKNOWN_FORM),
        };
        if self.mark(close) {
            Ok(Some(named))
        } else {
            Err(UNKNOWN_FORM)
        }
    }

    /// The bracket that closes the one that comes next.
    fn closing(&self) -> Option<char> {
        match self.peek(0)? {
            TimePiece::Mark('(') => Some(')'),
            TimePiece::Mark('[') => Some(']'),
            _ => None,
        }
    }

    /// The words of a name, in small letters.
    fn zone_name(&mut self) -> String {
        let mut name = String::new();
        loop {
            let joint = match (self.peek(0), self.peek(1)) {
                (Some(TimePiece::Word(_)), _) if name.is_empty() => "",
                (Some(TimePiece::Word(_)), _) => " ",
                (Some(TimePiece::Mark('/')), Some(TimePiece::Word(_))) if !name.is_empty() => "/",
                (Some(TimePiece::Mark('-')), Some(TimePiece::Word(_))) if !name.is_empty() => "-",
                _ => return name,
            };
            self.skip(usize::from(joint == "/" || joint == "-"));
            if let Some(TimePiece::Word(word)) = self.peek(0) {
                name += joint;
                name += &word.to_lowercase();
                self.skip(1);
            }
        }
    }

    /// `+02:00`, `-0330`, `+01`, `+2`, `+5:30`.
    fn offset(&mut self) -> Result<i64, &'static str> {
        let sign = if self.mark('-') { b'-' } else { b'+' };
        self.skip(usize::from(sign == b'+'));
        let (hours, minutes) = match (self.peek_joined(0), self.peek_joined(1), self.peek_joined(2)) {
            (Some(TimePiece::Number(hours)), Some(TimePiece::Mark(':')), Some(TimePiece::Number(minutes)))
                if hours.len() <= 2 =>
            {
                self.skip(3);
                (hours, minutes)
            }
            (Some(TimePiece::Number(both)), ..) => {
                self.skip(1);
                if both.len() > 2 { both.split_at(2) } else { (both, "00") }
            }
            _ => return Err(UNKNOWN_FORM),
        };
        let digits = format!("{hours:0>2}{minutes}");
        match digits.as_bytes() {
            [h, i, m, n] if *m < b'6' => offset(sign, [h, i, m, n]),
            [_, _, _, _] => Err(NO_SUCH_TIME),
            _ => Err(UNKNOWN_FORM),
        }
    }
}

fn of_name(name: &str) -> Option<i64> {
    if UTC.contains(&name) {
        return Some(0);
    }
    let (_, hours) = NAMES.iter().find(|(known, _)| *known == name)?;
    Some(hours * 3600)
}
