//! Counts of identical rows that came before.

use std::{
    collections::{HashMap, HashSet},
    fs::File,
    io::{self, BufReader, Read, Seek, Write},
};

use super::error::IdError;

/// Bytes of rows kept in memory before the log goes to a file.
const LOG_BYTES: usize = 64 * 1024;

/// Rows up to this many are looked for one by one: most milliseconds hold one or two.
const FEW: usize = 16;

/// A report in more sorted stretches than this counts as unsorted.
const STRETCHES: usize = 64;

/// A table that grew larger than this in one millisecond is not kept for the next.
const KEEP: usize = 1024;

/// Counts rows by their hash.
#[derive(Debug, Default)]
pub(super) struct Seen {
    order: Order,
    table: IdTable,
    log: Log,
    unsorted: bool,
}

impl Seen {
    /// The number of times that this row came before. The hash covers the time.
    pub(super) fn count(&mut self, time: i64, row: u64) -> Result<u64, IdError> {
        if !self.unsorted {
            match self.order.place(time) {
                Place::Same => self.log.push(row)?,
                Place::New => {
                    self.table.clear();
                    self.log.push(row)?;
                }
                Place::Passed => {
                    self.unsorted = true;
                    self.table = IdTable::default();
                    self.log.drain(|row| {
                        self.table.count(row);
                    })?;
                }
            }
        }
        Ok(self.table.count(row))
    }
}

/// Rows and how often each came; nearly all come once, so those cost a set's 8 bytes.
#[derive(Debug, Default)]
struct IdTable {
    /// The first rows; empty once there are more.
    few: Vec<u64>,
    rows: HashSet<u64>,
    repeated: HashMap<u64, u64>,
}

impl IdTable {
    fn count(&mut self, row: u64) -> u64 {
        if self.insert(row) {
            return 0;
        }
        let times = self.repeated.entry(row).or_default();
        *times += 1;
        *times
    }

    /// Adds a row; true if it is new.
    fn insert(&mut self, row: u64) -> bool {
        if self.rows.is_empty() {
            if self.few.contains(&row) {
                return false;
            }
            if self.few.len() < FEW {
                self.few.push(row);
                return true;
            }
            self.rows.extend(self.few.drain(..));
        }
        self.rows.insert(row)
    }

    fn clear(&mut self) {
        self.few.clear();
        if self.rows.capacity() > KEEP {
            *self = IdTable::default();
        } else {
            self.rows.clear();
            self.repeated.clear();
        }
    }
}

/// Every row so far, in case the order breaks.
#[derive(Debug, Default)]
struct Log {
    tail: Vec<u8>,
    file: Option<File>,
}

impl Log {
    fn push(&mut self, row: u64) -> Result<(), IdError> {
        self.tail.extend_from_slice(&row.to_le_bytes());
        if self.tail.len() >= LOG_BYTES {
            let file = match &mut self.file {
                Some(file) => file,
                none => none.insert(tempfile::tempfile()?),
            };
            file.write_all(&self.tail)?;
            self.tail.clear();
        }
        Ok(())
    }

    fn drain(&mut self, mut each: impl FnMut(u64)) -> Result<(), IdError> {
        if let Some(mut file) = self.file.take() {
            file.rewind()?;
            let mut reader = BufReader::with_capacity(1 << 16, file);
            let mut bytes = [0; 8];
            loop {
                match reader.read_exact(&mut bytes) {
                    Ok(()) => each(u64::from_le_bytes(bytes)),
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
                    Err(error) => return Err(error.into()),
                }
            }
        }
        let tail = std::mem::take(&mut self.tail);
        let (rows, _) = tail.as_chunks::<8>();
        rows.iter().for_each(|row| each(u64::from_le_bytes(*row)));
        Ok(())
    }
}

/// The times that the report has passed: stretches in which time ran one way. They do not overlap.
#[derive(Debug, Default)]
struct Order {
    passed: Vec<(i64, i64)>,
    current: Option<Stretch>,
}

#[derive(Debug, Clone, Copy)]
struct Stretch {
    first: i64,
    last: i64,
}

impl Stretch {
    fn range(self) -> (i64, i64) {
        (self.first.min(self.last), self.first.max(self.last))
    }

    fn goes_on_to(self, time: i64) -> bool {
        match self.first.cmp(&self.last) {
            std::cmp::Ordering::Less => time > self.last,
            std::cmp::Ordering::Greater => time < self.last,
            std::cmp::Ordering::Equal => true,
        }
    }
}

enum Place {
    /// The time of the row before.
    Same,
    /// A time at which no row came yet.
    New,
    /// A time at which a row may have come.
    Passed,
}

impl Order {
    fn place(&mut self, time: i64) -> Place {
        let Some(current) = self.current else {
            self.current = Some(Stretch {
                first: time,
                last: time,
            });
            return Place::New;
        };
        if time == current.last {
            return Place::Same;
        }
        if !self.passed.is_empty() && self.passed.iter().any(|(from, to)| (*from..=*to).contains(&time)) {
            return Place::Passed;
        }
        let longer = Stretch { last: time, ..current };
        if current.goes_on_to(time) && !self.passed.iter().any(|range| overlap(*range, longer.range())) {
            self.current = Some(longer);
            return Place::New;
        }
        let (from, to) = current.range();
        if (from..=to).contains(&time) || self.passed.len() >= STRETCHES {
            return Place::Passed;
        }
        self.passed.push((from, to));
        self.current = Some(Stretch {
            first: time,
            last: time,
        });
        Place::New
    }
}

fn overlap(a: (i64, i64), b: (i64, i64)) -> bool {
    a.0 <= b.1 && b.0 <= a.1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loads(times: impl IntoIterator<Item = i64>) -> bool {
        let mut seen = Seen::default();
        for (row, time) in times.into_iter().enumerate() {
            seen.count(time, row as u64).unwrap();
        }
        seen.unsorted
    }

    #[test]
    fn sorted_stretches_that_do_not_overlap_need_no_table_of_all_rows() {
        assert!(!loads([1, 1, 2, 5, 5, 9]));
        assert!(!loads([9, 5, 5, 2, 1, 1]));
        assert!(!loads([3, 2, 1, 6, 5, 4, 9, 8, 7]));
        assert!(!loads([7, 8, 9, 4, 5, 6, 1, 2, 3]));
        assert!(!loads((0..100_000).rev()));
    }

    #[test]
    fn a_row_that_falls_back_loads_the_table() {
        assert!(loads([1, 5, 3]));
        assert!(loads([1, 5, 1]));
        assert!(loads([3, 2, 1, 6, 5, 2]));
        assert!(loads([1, 5, 9, 0, 7]));
    }

    #[test]
    fn memory_does_not_grow_with_a_sorted_report() {
        let mut seen = Seen::default();
        for row in 0..200_000_u64 {
            seen.count((row / 4) as i64, row).unwrap();
        }
        assert!(seen.table.rows.capacity() <= KEEP);
        assert!(seen.log.tail.capacity() <= LOG_BYTES);
        assert_eq!(seen.order.passed.len(), 0);
    }

    #[test]
    fn a_table_grown_in_one_millisecond_is_let_go() {
        let mut seen = Seen::default();
        for row in 0..100_000 {
            seen.count(0, row).unwrap();
        }
        seen.count(1, 0).unwrap();
        assert!(seen.table.rows.capacity() <= KEEP);
    }
}
