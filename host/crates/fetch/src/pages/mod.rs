//! Carries out a paged query: the parser gets one JSON record a line and never sees a page.
//!
//! [`scim`] asks for positions in a list, several pages [`ahead`] and in order; [`chain`] follows from page to page. Both
//! take turns with the other lists of the run ([`PageScheduler`]), so that the server is never asked for more at once than
//! agreed. The [`body`] of a page is in memory or, where that would be too much, on the spool; either way it is known to be a
//! whole [`Page`](page::Page) before any of it counts. A [`Collector`](collector::Collector) drops repeated records and writes the
//! rest to the spool. A list that changed while it was read is completed where possible, and otherwise refused: a missing
//! record is worse than a failed run.

mod ahead;
mod answered;
mod body;
mod body_token;
mod bookmark;
mod chain;
mod collector;
pub(super) mod fuzz;
mod link;
mod listing;
mod members;
mod page;
mod query;
mod run;
mod scheduler;
mod scim;
mod spooled_page;
mod url_parameters;

pub use answered::{check_document, check_page};
pub use bookmark::files as kept_files;
pub(super) use run::run;
pub(super) use scheduler::PageScheduler;
