//! A SQLite file of its own for what waits until somebody decides about it: dead letters, and rejected rows.
//!
//! A [`Store`] is opened when it is first needed and made when something is first put there, readable by its owner only.
//! [`Form`] tells its kind from any other database and leads older versions to today's. [`Store::claim`] lets one replay
//! at a time work on it.
//!
//! ```text
//! let store = Store::new(Some("dead-letters.db".into()), &FORM);
//! let opened = store.open()?;                    // makes the file
//! let none = store.open_existing()?;             // does not
//! ```

mod claim;
mod columns;
mod error;
mod file;
mod form;

pub use claim::StoreClaim;
pub use columns::{json, parsed, unsigned};
pub use error::StoreError;
pub use file::Store;
pub use form::{Form, Step};
