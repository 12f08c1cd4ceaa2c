//! The silence of a source that still answers 200.
//!
//! Oracle announced that `AuditEvents` and the report templates of identity domains stop returning new data after
//! 2024-12-15 (OCI documentation, "Using AuditEvents APIs"); the answer is then an empty list, not an error.

use jiff::SignedDuration;

/// The longest time for which nobody signs in where people work.
pub const SUSPICIOUS: SignedDuration = SignedDuration::from_hours(48);
