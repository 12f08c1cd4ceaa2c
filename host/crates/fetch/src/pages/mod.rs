//! Carries out a paged query: the parser gets one JSON record a line and never sees a page.
//!
//! [`scim`] asks for positions in a list, several pages [`ahead`] and in order; [`chain`] follows from page to page. Both
//! take turns with the other lists of the run ([`PageScheduler`]), so that the server is never asked for more at once than
//! agreed. They hand each [`Page`](page::Page) to a [`Collector`](collector::Collector), which drops repeated records and writes
//! the rest to the spool. A list that changed while it was read is completed where possible, and otherwise refused: a
//! missing record is worse than a failed run.

mod ahead;
mod bookmark;
mod chain;
mod collector;
pub(super) mod fuzz;
mod link;
mod members;
mod page;
mod query;
mod run;
mod scheduler;
mod scim;
mod url_parameters;

pub use bookmark::files as kept_files;
pub(super) use run::run;
pub(super) use scheduler::PageScheduler;
