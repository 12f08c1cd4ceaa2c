//! The promises of the policy of HTTP, against servers of the tests' own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod oauth;
mod oci;
mod oci_sessions;
mod policy;
mod signatures;
