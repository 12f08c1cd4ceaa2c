//! Rows of reports that became no events, kept until a plugin can read them.
//!
//! [`RejectedRows`] keeps each [`NewRow`] as it stands in its document, with the reason and its [`RowOrigin`]: document, period,
//! stream, plugin and run. The document's preamble (a table's header, and what stands before it) is kept once for all of its rows, so
//! that a later plugin can read them. The store is bounded: what does not fit is refused, and whoever wanted to keep it says so.
//!
//! # The same row twice
//!
//! A day that is still open is asked for again and again, and a window that was cut short is read again. So a row is kept once
//! for its source, its stream, its bytes, how many rows of the same bytes its window had before it, and its period: one whose period
//! overlaps with that of a row that is there is that row.

mod columns;
mod insert;
mod options;
mod origin;
mod row;
mod schema;
mod selection;
mod store;

pub use options::{RejectedFill, RejectedOptions};
pub use origin::{PluginIdentity, RowOrigin, RowPeriod, SourceDocument};
pub use row::{Added, NewRow, RejectedEntry, RejectedRow, RowWindow};
pub use selection::{RejectedGroup, RejectedSelection};
pub use store::RejectedRows;
