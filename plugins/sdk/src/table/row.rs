use super::cells::Cells;
use crate::header::HeaderRow;
use crate::plain::CellSpan;
use crate::time::Orders;
use crate::{Batch, Event, Timestamp};
use std::borrow::Cow;

/// The reason why a row is no event, without the row's content.
pub type Reason = Cow<'static, str>;

/// A row whose cells are UTF-8 and as many as the header has.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    pub(super) header: &'a HeaderRow,
    pub(super) text: &'a str,
    pub(super) spans: &'a [CellSpan],
    pub(super) orders: &'a Orders,
}

impl<'a> Row<'a> {
    /// The cell of a known column; none where the report has no such column or the cell is empty.
    #[inline]
    pub fn cell(&self, column: usize) -> Option<&'a str> {
        let (start, end) = *self.spans.get(self.header.place(column))?;
        self.text.get(start..end).filter(|cell| !cell.is_empty())
    }

    /// Milliseconds since 1970 of a time that the row holds, as [`time::parse`](crate::time::parse) reads it. Where day and
    /// month could be either way around, other rows of the document may settle it: answer with the error then, and the row
    /// comes again when all others have.
    #[inline]
    pub fn time(&self, text: &str) -> Result<Timestamp, &'static str> {
        self.orders.time(text)
    }

    /// The heading of a known column, as the report writes it.
    pub fn heading(&self, column: usize) -> Option<&'a str> {
        let place = Some(self.header.place(column)).filter(|place| *place < self.spans.len())?;
        Some(self.header.heading(place))
    }

    /// Heading and content of the cells that no known column takes, but for empty ones.
    pub fn unplaced(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        (self.header.unplaced())
            .map(move |place| (self.header.heading(place), self.at(place)))
            .filter(|(_, cell)| !cell.is_empty())
    }

    #[inline]
    fn at(&self, place: usize) -> &'a str {
        let (start, end) = self.spans.get(place).copied().unwrap_or_default();
        self.text.get(start..end).unwrap_or_default()
    }
}

pub(super) fn row<'a>(
    header: &'a HeaderRow,
    cells: &'a Cells,
    spans: &'a mut Vec<CellSpan>,
    orders: &'a Orders,
) -> Result<Row<'a>, Reason> {
    match std::str::from_utf8(cells.text()).ok() {
        // Cells that end within a character could make a valid text together.
        Some(text) if cells.ends.iter().all(|end| text.is_char_boundary(*end)) => {
            spans.clear();
            spans.extend(cells.spans());
            Ok(Row {
                header,
                text,
                spans,
                orders,
            })
        }
        _ => Err("the row is not valid UTF-8".into()),
    }
}

/// Adds the event of a row, or says why there is none. The only place that does: so the parser and what it calls become one
/// piece of code, in which an event is never put together in memory.
#[inline(never)]
pub(super) fn take<F>(row: Row<'_>, batch: &mut Batch, event: &mut F) -> Result<(), Reason>
where
    F: FnMut(Row<'_>) -> Result<Event<'_>, Reason>,
{
    event(row).and_then(|event| batch.push_bounded(event).map_err(Cow::Borrowed))
}
