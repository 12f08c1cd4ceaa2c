//! A local stand-in for EPM Cloud, an identity domain and the audit log of their tenancy: a real HTTP server on the
//! loopback interface with made-up users and a past, for plugin authors, demonstrations and tests.
//!
//! [`Simulator::start`] takes a [`Scenario`], which says what the server holds and how it misbehaves, and gives a
//! [`RunningSimulator`] server, which knows its URL and [what it was asked](RunningSimulator::requests). Nothing is stored anywhere:
//! jobs and files live in memory and hold no bytes, and the past is computed from a seed when somebody looks at it.
//!
//! `docs/simulator.md` lists every switch and every path.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! use simulator::{Scenario, Simulator};
//!
//! let scenario: Scenario = "slow-job=3,download:cut=1".parse()?;
//! let running = Simulator::start(scenario, 0, false).await?;
//! assert_eq!(running.url().host_str(), Some("127.0.0.1"));
//! running.stop().await;
//! # Ok::<(), simulator::SimulatorError>(()) }).unwrap();
//! ```

mod about;
mod answer;
mod archive;
mod assignment_reports;
mod assignments;
mod audit_events;
mod chance;
mod changes;
mod content;
mod csv_layout;
mod desk;
mod domain_settings;
mod download;
mod error;
mod fault;
mod files;
mod filter;
mod front;
mod history;
mod jobs;
mod lateness;
mod oauth;
mod oci;
mod pages;
mod people;
mod real_world;
mod refusal_texts;
mod reports;
mod resource;
mod scenario;
mod server;
mod settings;
mod site;
mod switch;
mod switches;
mod table;
#[cfg(test)]
mod tests;
mod throttle;
mod tls;
mod tokens;
mod user_login;
mod values;
mod window;

pub use csv_layout::{CsvLayout, Preamble, TimeStyle};
pub use error::SimulatorError;
pub use fault::{Fault, FaultKind, Phase};
pub use oci::demo_user::OciDemoUser;
pub use oci::domain_events::DomainEventIds;
pub use oci::scenario::OciScenario;
pub use oci::secrets::OCI_CANARY;
pub use scenario::{
    Absent, ArchiveName, ArchiveStyle, CertificateFlaw, DemoCredentials, Failure, LinkStyle, OAuth, Paging, Ranges,
    RoleWords, Scenario, Totals,
};
pub use server::{RunningSimulator, Simulator};
pub use site::RecordedRequest;
pub use switch::Switch;
pub use throttle::{LimitHeaders, RateLimit};
