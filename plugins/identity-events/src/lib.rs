//! The common part of the sources of Oracle's identity evidence, so that the same thing is the same event from each.
//!
//! [`activity`] is the one table of event ids; [`DomainEvent`] tells who did what to whom, for `AuditEvents` and OCI Audit
//! alike; [`assignment`] reads the words of the EPM reports on roles and groups; [`stretches`] cuts the window of a query.
//!
//! ```
//! use identity_events::activity::{AffectedParty, read};
//! use plugin_sdk::{Activity, Outcome};
//!
//! assert_eq!(
//!     read("sso.session.create.success"),
//!     (Activity::Logon, Outcome::Success, AffectedParty::Actor)
//! );
//! ```

#![deny(missing_docs)]

pub mod activity;
pub mod assignment;
mod domain_event;
pub mod stretches;

pub use domain_event::{DomainEvent, NamedMembers};

use plugin_sdk::Outcome;
use std::borrow::Cow;

/// The words that routes pick an event by: the kind of its activity and its outcome, and that it is about a group where it is
/// a role that the group got or lost.
#[inline]
pub fn labels<'a>(kind: &'static str, outcome: Outcome, is_about_group: bool) -> Vec<Cow<'a, str>> {
    let ended = match outcome {
        Outcome::Success => "success",
        Outcome::Failure => "failure",
        Outcome::Unknown => "unknown",
    };
    let mut labels = vec![kind.into(), ended.into()];
    if is_about_group {
        labels.push("group".into());
    }
    labels
}
