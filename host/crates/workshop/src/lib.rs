//! The workshop: everything between the wish for a plugin and a component that holds what it promises.
//!
//! [`write_new`] writes a [`Project`] from a template. [`build()`] makes its component with the language's own tool.
//! [`test()`] runs it in the sandbox: the project's golden cases first, then what any plugin of its kind must do. [`check()`]
//! says of any component whether it fits this host. [`watch()`] tells when a project changes.
//!
//! ```
//! use sandbox::PluginKind;
//! use workshop::{Language, Project, write_new};
//!
//! let folder = tempfile::tempdir()?;
//! let hello = folder.path().join("hello");
//! write_new(&hello, "hello", PluginKind::Sink, Language::Python)?;
//! assert_eq!(Project::open(&hello)?.language, Language::Python);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod build;
mod check;
mod conformance;
mod error;
mod findings;
mod golden;
mod project;
mod template;
mod test;
mod watch;

pub use build::{Built, Options, build};
pub use check::check;
pub use error::WorkshopError;
pub use findings::{CheckOutcome, Finding};
pub use project::{Language, Project};
pub use template::write_new;
pub use test::{CaseSelection, test};
pub use watch::watch;
