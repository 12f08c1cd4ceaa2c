//! Raw evidence: documents as servers sent them, with a chained manifest of their digests, and the check of both.
//!
//! A run gives each [`EvidenceDocument`] to an [`EvidenceStore`] before anything is made of it. An [`EvidenceFolder`] keeps it as a
//! compressed file, and its [`ManifestLine`] in the manifest of the day; a bucket keeps both as objects that nobody may
//! remove. Each line holds the digest of the one before, so none can be changed, removed or put between two others without
//! the last digest changing. [`verify_folder`] computes all digests again.
//!
//! ```text
//! evidence/
//!   manifest-2026-03-05.ndjson
//!   STREAM/2026/03/05/host-invalid-login-20260305T220000-5f2c9a1be07d4c33-0-9b1e…04.zst
//!   pending/          documents that have no line yet
//!   lock
//! ```
#![warn(missing_docs)]

#[cfg(feature = "object-store")]
mod bucket;
mod chain;
mod compress;
mod document;
mod error;
mod folder;
mod line;
mod report;
mod verify;

#[cfg(feature = "object-store")]
pub use bucket::{EvidenceBucket, verify_bucket};
pub use document::{DocumentContent, EvidenceDocument, EvidenceRequest, EvidenceStore, EvidenceStream, EvidenceWindow};
pub use error::EvidenceError;
pub use folder::EvidenceFolder;
pub use line::{BEGINNING, ManifestLine};
pub use report::{EvidenceFinding, EvidenceReport, Expectation, FindingKind, LastDigest};
pub use verify::verify_folder;
