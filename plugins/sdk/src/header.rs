//! Finds the header of a CSV report, and which of its columns mean what.
//!
//! Header texts change between releases and are documented nowhere, so a [`Column`] lists every spelling that may stand
//! for it and a [`HeaderRow`] matches them whatever their order, case, spacing and punctuation.

use crate::batch::MAX_NAME;

/// A column that a report knows how to place. The rest of a row is kept under its own heading.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// The column's meaning, for messages.
    pub meaning: &'static str,
    /// The spellings, best first: lower case letters and digits only. A trailing `utc` in the file is ignored.
    pub aliases: &'static [&'static str],
    /// Without this column a record is no header.
    pub required: bool,
}

/// A header that has every required column.
#[derive(Debug)]
pub struct HeaderRow {
    headings: Vec<String>,
    /// For each known column, which cell of a row holds it; none does where there is no such column.
    places: Vec<usize>,
    /// The headings that are no known column's.
    unplaced: Vec<usize>,
    /// True where the first heading may be the application identifier, which no row has a cell for.
    identifier: Identifier,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Identifier {
    No,
    /// The length of the first row decides.
    Perhaps,
    Yes,
}

/// The quality of a record as a header.
pub(crate) enum Match {
    Header(HeaderRow),
    /// The number of columns that are known, and the meanings of those that are missing.
    Short(usize, Vec<&'static str>),
}

impl HeaderRow {
    /// Matches the cells of a record. `quoted` tells whether the first one stood in quotes.
    pub(crate) fn find(cells: Vec<String>, quoted: bool, columns: &[Column]) -> Match {
        let names: Vec<String> = cells.iter().map(|cell| normalise(cell)).collect();
        let mut places: Vec<Option<usize>> = Vec::with_capacity(columns.len());
        for column in columns {
            let found = column.aliases.iter().find_map(|alias| {
                let same = |name: &str| name == *alias || name.strip_suffix("utc") == Some(*alias);
                (0..)
                    .zip(&names)
                    .find(|(place, name)| same(name) && !places.contains(&Some(*place)))
            });
            places.push(found.map(|(place, _)| place));
        }
        let missing =
            |(column, place): (&Column, &Option<usize>)| (column.required && place.is_none()).then_some(column.meaning);
        let missing: Vec<_> = columns.iter().zip(&places).filter_map(missing).collect();
        if !missing.is_empty() {
            return Match::Short(places.iter().flatten().count(), missing);
        }
        let unplaced = (0..cells.len())
            .filter(|place| !places.contains(&Some(*place)))
            .collect();
        let opaque = quoted && !places.contains(&Some(0)) && cells.first().is_some_and(|cell| is_opaque(cell));
        let identifier = if opaque { Identifier::Perhaps } else { Identifier::No };
        let headings = (1..)
            .zip(cells)
            .map(|(n, cell)| if cell.is_empty() { format!("column {n}") } else { cell });
        Match::Header(HeaderRow {
            headings: headings.collect(),
            places: places.into_iter().map(|place| place.unwrap_or(usize::MAX)).collect(),
            unplaced,
            identifier,
        })
    }

    /// Refuses headings that are too long to stand in each event.
    pub(crate) fn check(&self) -> Result<(), String> {
        let long = (1..).zip(&self.headings).find(|(_, heading)| heading.len() > MAX_NAME);
        let Some((column, heading)) = long else { return Ok(()) };
        let shown: String = heading.chars().take(60).collect();
        Err(format!(
            "the heading of column {column} has {} bytes, more than the {MAX_NAME} that a heading may have: \"{}…\"",
            heading.len(),
            shown.escape_debug()
        ))
    }

    /// True where a row of so many cells fits; the first row that could settle what the first heading is does so.
    #[inline]
    pub(crate) fn fits(&mut self, cells: usize) -> bool {
        let width = self.headings.len();
        if self.identifier == Identifier::Perhaps && (cells == width || cells + 1 == width) {
            self.identifier = if cells == width {
                Identifier::No
            } else {
                // No known column is the identifier, so every one has a cell before.
                self.places
                    .iter_mut()
                    .for_each(|place| *place = place.saturating_sub(1));
                Identifier::Yes
            };
        }
        cells + self.lead() == width
    }

    /// The number of cells that a row should have.
    pub(crate) fn width(&self) -> usize {
        self.headings.len() - self.lead()
    }

    /// The heading at which the cells of a row begin.
    fn lead(&self) -> usize {
        usize::from(self.identifier == Identifier::Yes)
    }

    /// The cell of a row that holds a known column; beyond all of them where the report has none.
    #[inline]
    pub(crate) fn place(&self, column: usize) -> usize {
        self.places.get(column).copied().unwrap_or(usize::MAX)
    }

    /// The heading of the cell at a place.
    pub(crate) fn heading(&self, place: usize) -> &str {
        self.headings.get(place + self.lead()).map_or("", String::as_str)
    }

    /// The cells of a row that belong to no known column.
    pub(crate) fn unplaced(&self) -> impl Iterator<Item = usize> {
        self.unplaced
            .iter()
            .filter_map(|heading| heading.checked_sub(self.lead()))
    }
}

/// Lower case letters and digits only: `Access Date & Time` and `accessdatetime` are the same heading.
fn normalise(heading: &str) -> String {
    heading
        .chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// True where a text looks like an encrypted identifier rather than like the name of a column.
pub(crate) fn is_opaque(cell: &str) -> bool {
    !cell.contains(char::is_whitespace) && cell.contains(|c: char| c.is_ascii_digit() || "=+/".contains(c))
}
