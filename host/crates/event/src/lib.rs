//! The audit event: what every report plugin produces and every sink takes.
//!
//! [`Event`] is one record, [`Batch`] what a parser found in one chunk, and [`Provenance`] what is true of all events of
//! a run. [`id::Ids`] gives every event its stable id, and [`Correlator`] every sign-in the name that it has in all reports
//! that tell of it. An event leaves the process in one of the renderings of
//! [`Encoding`], one JSON object a line: [`ocsf`], [`ecs`], or [`flat`], the event itself. A [`Rendering`] is an encoding
//! without what a sink leaves out, its [`Omissions`].
//!
//! ```
//! use event::{Activity, Encoding, Event, Outcome, Principal, Product, Provenance, id::Ids};
//!
//! let provenance = Provenance::new("user-login", "epm", "epm.example.com", Product::epm_cloud());
//! let mut event = Event::new(1_751_542_473_000, Activity::Logon, Outcome::Success, Principal::named("jdoe"));
//! Ids::new(&provenance.report, &provenance.connection).assign(&mut event)?;
//!
//! let mut line = Vec::new();
//! Encoding::Ocsf.write(&event, &provenance, &mut line);
//! assert!(line.starts_with(br#"{"time":1751542473000,"class_uid":3002,"#));
//! # Ok::<(), event::id::IdError>(())
//! ```

mod activity;
mod attributes;
mod batch;
mod cell;
pub mod cells;
mod collected;
mod correlation;
mod correlator;
mod digest;
pub mod ecs;
mod encoding;
mod event;
pub mod flat;
mod http_call;
pub mod id;
mod identity;
mod json;
mod named;
pub mod ocsf;
mod omissions;
mod provenance;
mod rendering;
#[cfg(any(test, feature = "samples"))]
pub mod samples;
mod texts;
mod time;

pub use activity::{Activity, Outcome};
pub use attributes::Attributes;
pub use batch::{Batch, Reject};
pub use collected::Collected;
pub use correlation::Correlation;
pub use correlator::Correlator;
pub use encoding::{Encoding, UnknownEncoding};
pub use event::{Event, GROUP, Principal, PrincipalKind};
pub use named::Named;
pub use omissions::{OmissionError, Omissions};
pub use provenance::{Product, Provenance};
pub use rendering::Rendering;
pub use time::Rfc3339;
