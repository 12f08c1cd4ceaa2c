//! From `--sink` and `[sinks]` to opened sinks.
//!
//! [`open()`] opens those of a run, [`check`] and [`probe`] look at one, [`about`] and [`destination`] describe it. What a kind
//! makes of its keys stands with the kind: [`sink::kinds`].

mod archive;
mod configured;
mod omissions;
mod open;
pub(crate) mod program;
#[cfg(test)]
mod tests;

#[cfg(feature = "object-store")]
pub use archive::archive;
#[cfg(not(feature = "object-store"))]
pub use archive::refuse_archive;
pub use configured::{about, admit, check, check_names, destination, open_alone, probe, remarks, reopen};
pub use open::{OpenedSinks, Presentation, SinkChoice, open, remains};
