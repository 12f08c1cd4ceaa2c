//! The rejected rows of a document, set aside until it is known whether the document counts: in memory as long as they
//! are few, else in an anonymous temporary file.

use std::collections::HashMap;
use std::io::{self, Read, Seek, Write};

use sha2::{Digest as _, Sha256};
use tempfile::SpooledTempFile;

use super::lines::NumberedLines;
use event::Reject;
use fetch::{Fetched, SpoolReader};
use rejected::{NewRow, RejectedOptions};
use sandbox::Quoting;

/// Bytes that are kept in memory.
const IN_MEMORY: usize = 1 << 20;
/// Rows that are read back together.
pub(crate) const TOGETHER: usize = 1000;

/// How often each row of a window was rejected so far, by half of its SHA-256.
pub(crate) type Alike = HashMap<[u8; 16], u64>;

/// The rejected rows of a document, as they come.
pub(crate) struct Aside<'d> {
    /// None where nothing is kept.
    keeping: Option<RowKeeper<'d>>,
    quoting: Quoting,
    /// Rows rejected.
    pub(crate) rejected: u64,
    /// The first of them, fit to be shown.
    pub(crate) first: Option<Reject>,
}

type DocumentLines<'d> = NumberedLines<Box<dyn Fn() -> SpoolReader + Send + 'd>, SpoolReader>;

struct RowKeeper<'d> {
    lines: DocumentLines<'d>,
    rows: RowsAside,
    options: RejectedOptions,
    bytes: u64,
}

/// Rows as they were set aside, in their order.
pub(crate) struct RowsAside {
    file: SpooledTempFile,
    /// How many there are.
    pub(crate) count: u64,
    /// How many more there were than any store takes.
    pub(crate) beyond: u64,
}

impl<'d> Aside<'d> {
    /// For a document, with the options of the store that its rows are for; without one, rows are only counted.
    pub(crate) fn new(document: &'d Fetched, options: Option<&RejectedOptions>, quoting: Quoting) -> Self {
        let open: Box<dyn Fn() -> SpoolReader + Send + 'd> = Box::new(|| document.open());
        Aside {
            keeping: options.map(|options| RowKeeper {
                lines: NumberedLines::new(open),
                rows: RowsAside {
                    file: SpooledTempFile::new(IN_MEMORY),
                    count: 0,
                    beyond: 0,
                },
                options: options.clone(),
                bytes: 0,
            }),
            quoting,
            rejected: 0,
            first: None,
        }
    }

    /// Sets rows aside.
    pub(crate) fn take(&mut self, rejects: &[Reject], alike: &mut Alike) -> io::Result<()> {
        self.rejected += rejects.len() as u64;
        if self.first.is_none() {
            self.first = rejects.first().map(|reject| self.quoting.reject(reject));
        }
        if let Some(keeping) = &mut self.keeping {
            for reject in rejects {
                keeping.take(reject, self.quoting, alike)?;
            }
        }
        Ok(())
    }

    /// The rows, to be read back.
    pub(crate) fn rows(self) -> Option<RowsAside> {
        self.keeping.map(|keeping| keeping.rows)
    }
}

impl RowKeeper<'_> {
    fn take(&mut self, reject: &Reject, quoting: Quoting, alike: &mut Alike) -> io::Result<()> {
        if self.rows.count >= self.options.rows || self.bytes > self.options.bytes {
            self.rows.beyond += 1;
            return Ok(());
        }
        let bytes = self.lines.of(reject, quoting)?;
        let digest: [u8; 32] = Sha256::digest(&bytes.raw).into();
        let mut half = [0; 16];
        half.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        let times = alike.entry(half).or_default();
        let before = *times;
        *times += 1;
        self.bytes += bytes.raw.len() as u64;
        self.rows.push(&NewRow {
            line: reject.line,
            before,
            reason: quoting.text(&reject.reason).into_owned(),
            raw: bytes.raw,
            whole: bytes.whole,
        })
    }
}

impl RowsAside {
    fn push(&mut self, row: &NewRow) -> io::Result<()> {
        self.count += 1;
        let mut head = Vec::with_capacity(33 + row.reason.len());
        for number in [row.line, row.before, row.reason.len() as u64, row.raw.len() as u64] {
            head.extend_from_slice(&number.to_le_bytes());
        }
        head.push(u8::from(row.whole));
        head.extend_from_slice(row.reason.as_bytes());
        self.file.write_all(&head)?;
        self.file.write_all(&row.raw)
    }

    /// Hands the rows over from the first to the last, a thousand at a time.
    pub(crate) fn each<E: From<io::Error>>(
        mut self,
        mut take: impl FnMut(&[NewRow]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.file.rewind()?;
        let mut reader = io::BufReader::new(self.file);
        let mut rows = Vec::new();
        for left in (0..self.count).rev() {
            rows.push(read(&mut reader)?);
            if rows.len() == TOGETHER || left == 0 {
                take(&rows)?;
                rows.clear();
            }
        }
        Ok(())
    }
}

fn read(from: &mut impl Read) -> io::Result<NewRow> {
    let mut number = || -> io::Result<u64> {
        let mut bytes = [0; 8];
        from.read_exact(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    };
    let (line, before, reason, raw) = (number()?, number()?, number()?, number()?);
    let mut whole = [0];
    from.read_exact(&mut whole)?;
    let mut bytes = |length: u64| -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        from.by_ref().take(length).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    Ok(NewRow {
        line,
        before,
        reason: String::from_utf8_lossy(&bytes(reason)?).into_owned(),
        raw: bytes(raw)?,
        whole: whole == [1],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str) -> (tempfile::TempDir, Fetched) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("d");
        std::fs::write(&path, text).unwrap();
        let fetched = Fetched::reopen(&path, text.len() as u64, None).unwrap().unwrap();
        (folder, fetched)
    }

    fn reject(line: u64, raw: &str) -> Reject {
        Reject {
            line,
            reason: format!("reason {line}"),
            raw: raw.into(),
        }
    }

    fn back(rows: RowsAside) -> Vec<NewRow> {
        let mut all = Vec::new();
        let collect = |rows: &[NewRow]| -> io::Result<()> {
            all.extend_from_slice(rows);
            Ok(())
        };
        rows.each(collect).unwrap();
        all
    }

    #[test]
    fn rows_come_back_as_they_were_set_aside_and_identical_ones_are_numbered_over_the_window() {
        let (_folder, fetched) = document("head\nx\ny\nx\n");
        let mut alike = Alike::new();
        let mut of = |rejects: &[Reject]| {
            let mut aside = Aside::new(&fetched, Some(&RejectedOptions::default()), Quoting::AsItCame);
            aside.take(rejects, &mut alike).unwrap();
            assert_eq!(
                (aside.rejected, aside.first.as_ref()),
                (rejects.len() as u64, rejects.first())
            );
            back(aside.rows().unwrap())
        };
        let rows = of(&[reject(2, "x"), reject(3, "y"), reject(4, "x")]);
        let seen: Vec<_> = rows
            .iter()
            .map(|row| (row.line, row.before, row.raw.as_slice()))
            .collect();
        assert_eq!(seen, [(2, 0, &b"x"[..]), (3, 0, b"y"), (4, 1, b"x")]);
        assert_eq!(rows[2].reason, "reason 4");
        // The next document of the window.
        assert_eq!(of(&[reject(2, "x")])[0].before, 2);
    }

    #[test]
    fn rows_that_differ_in_a_secret_only_are_told_apart_as_identical_ones_are() {
        let (_folder, fetched) = document("{\"token\":\"hunter2\"}\n{\"token\":\"hunter3\"}\n");
        let mut aside = Aside::new(&fetched, Some(&RejectedOptions::default()), Quoting::Masked);
        let row = |line| Reject {
            reason: "no time in token=hunter2".into(),
            ..reject(line, &format!("{{\"token\":\"hunter{}\"}}", line + 1))
        };
        aside.take(&[row(1), row(2)], &mut Alike::new()).unwrap();
        let first = aside.first.clone().unwrap();
        assert_eq!(
            (&*first.reason, &*first.raw),
            ("no time in token=***", "{\"token\":\"***\"}")
        );
        let rows = back(aside.rows().unwrap());
        assert!(rows.iter().zip(0..).all(|(row, before)| row.before == before
            && row.raw == first.raw.as_bytes()
            && row.reason == first.reason));
        assert_eq!(rows.len(), 2);
    }

    #[test]
    fn more_rows_than_memory_takes_come_back_too() {
        let (_folder, fetched) = document("");
        let long = "z".repeat(3000);
        let rejects: Vec<_> = (1..2500).map(|line| reject(line, &long)).collect();
        let mut aside = Aside::new(&fetched, Some(&RejectedOptions::default()), Quoting::AsItCame);
        aside.take(&rejects, &mut Alike::new()).unwrap();
        let rows = back(aside.rows().unwrap());
        assert_eq!(rows.len(), rejects.len());
        assert!(
            rows.iter()
                .zip(0..)
                .all(|(row, before)| row.before == before && row.raw.len() == 3000)
        );
    }

    #[test]
    fn no_more_is_set_aside_than_a_store_takes() {
        let (_folder, fetched) = document("");
        let rejects: Vec<_> = (1..=5).map(|line| reject(line, "row")).collect();
        let options = RejectedOptions {
            rows: 3,
            ..RejectedOptions::default()
        };
        let mut aside = Aside::new(&fetched, Some(&options), Quoting::AsItCame);
        aside.take(&rejects, &mut Alike::new()).unwrap();
        assert_eq!(aside.rejected, 5);
        let rows = aside.rows().unwrap();
        assert_eq!((rows.count, rows.beyond), (3, 2));

        let mut counted = Aside::new(&fetched, None, Quoting::AsItCame);
        counted.take(&rejects, &mut Alike::new()).unwrap();
        assert!(counted.rejected == 5 && counted.rows().is_none());
    }
}
