//! The ground that every room of the host stands on; it knows none of them.
//!
//! | module | holds |
//! |---|---|
//! | [`visible`] | texts of strangers, fit for a terminal or a log |
//! | [`counted`] | numbers with their nouns |
//! | [`database`] | SQLite files: opened privately, checked, one connection |
//! | [`store`] | a file for what waits until somebody decides about it |
//! | [`secret_file`] | files that hold secrets: who may read them |
//! | [`allocator`] | memory that was freed: how much of it the process keeps |
//! | [`absent`] | the value of a setting that is not there |
//! | [`hex()`] | bytes as hexadecimal digits |
//! | [`blocking()`] | work that would hold up a thread of the async runtime |
//! | [`duration`] | durations as a configuration writes them |
//! | [`ErrorKind`] | who has to do something about an error |
//! | [`EVIDENCE`] | the target of warnings that nothing hides |
//! | [`SetupError`] | why something cannot be set up |
//! | [`open_lock`] | files that are there to be locked |
//! | [`mod@failpoint`] | places where a test ends the process |
#![warn(missing_docs)]

pub mod absent;
pub mod allocator;
mod blocking;
pub mod counted;
pub mod database;
pub mod duration;
mod error_kind;
pub mod failpoint;
mod hex;
mod lock_file;
pub mod secret_file;
mod setup_error;
pub mod store;
pub mod visible;

pub use blocking::{WorkerDied, blocking};
pub use error_kind::ErrorKind;
pub use hex::hex;
pub use lock_file::open_lock;
pub use setup_error::SetupError;

/// The target of warnings that a quiet run says too: without them, evidence would be missing in silence.
pub const EVIDENCE: &str = "at-stake";
