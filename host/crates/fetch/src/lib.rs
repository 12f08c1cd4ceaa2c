//! Carries out what a plugin planned: call, job, download, spool.
//!
//! A [`Fetcher`] takes a [`sandbox::Fetch`] and answers with a [`Fetched`]: a complete document on the spool, checked as
//! far as it can be without understanding it. Nothing partial is ever handed out. Once its events are delivered, the
//! [`Cleanup`] that came with it may be carried out. [`probe`] asks beforehand, with requests that change nothing, whether a
//! connection can be used.
//!
//! ```no_run
//! # async fn example(remote: remote::Remote, plan: Vec<sandbox::Fetch>) -> Result<(), fetch::FetchError> {
//! use std::sync::Arc;
//! use fetch::{Fetcher, FetchLimits};
//!
//! let spool = std::env::temp_dir().join("host-spool");
//! let fetcher = Fetcher::new(Arc::new(remote), &spool, FetchLimits::default(), Arc::new(()));
//! for fetch in &plan {
//!     let fetched = fetcher.fetch(fetch).await?;
//!     std::io::copy(&mut fetched.open(), &mut std::io::stdout())?;
//! }
//! # Ok(())
//! # }
//! ```

mod archive;
mod blocking;
mod checkpoint;
mod epm;
mod error;
mod error_codes;
mod fetched;
mod fetcher;
#[doc(hidden)]
pub mod fuzz;
mod identity_domain;
mod limits;
mod oci_audit;
mod pages;
pub mod probe;
mod progress;
mod receive;
mod received_document;
mod records;
mod request;
mod spool;
mod spool_writer;
mod web_page;

pub use archive::ArchiveError;
pub use checkpoint::{FetchCheckpoint, FetchStage};
pub use epm::cleanup::Cleanup;
pub use error::FetchError;
pub use error_codes::ERROR_CODES;
pub use fetched::Fetched;
pub use fetcher::Fetcher;
pub use identity_domain::silence::SUSPICIOUS as SUSPICIOUS_SILENCE;
pub use limits::FetchLimits;
pub use pages::kept_files as kept_pages;
pub use pages::{check_document, check_page};
pub use progress::FetchProgress;
pub use received_document::{AnsweredRequest, DocumentForm, ReceivedDocument, WindowPlace};
pub use records::compact::compact;
pub use request::build as build_request;
pub use spool::SpoolReader;
