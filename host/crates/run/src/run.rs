//! Everything a run needs.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::fan_out::RunSink;
use crate::fetching::Fetch;
use crate::ledger_options::LedgerOptions;
use crate::observer::RunObserver;
use crate::pipeline::Rejects;
use crate::report::Report;
use crate::route::Router;
use crate::silence::AuditLogConnection;
use crate::window::Window;
use event::Provenance;

/// Everything a run needs, decided and opened.
pub struct Run {
    /// Names the run in the summary.
    pub id: String,
    /// The report plugin.
    pub report: Arc<dyn Report>,
    /// SHA-256 of its component, hexadecimal.
    pub plugin_sha256: String,
    /// The plugin's account of itself.
    pub description: sandbox::Description,
    /// The request to the plugin.
    pub request: sandbox::Request,
    /// The period, as the summary shows it.
    pub window: Window,
    /// Carries out fetches.
    pub fetcher: Arc<dyn Fetch>,
    /// The sinks to which events go.
    pub outlets: Vec<RunSink>,
    /// The routes of events to these sinks.
    pub router: Router,
    /// The facts that all events share.
    pub provenance: Arc<Provenance>,
    /// Told about the course of the run.
    pub observer: Arc<dyn RunObserver>,
    /// Cancelled when the run shall stop.
    pub stop: CancellationToken,
    /// The ledger in which progress is kept, if it is.
    pub keeping: Option<LedgerOptions>,
    /// The fate of rows that are no events.
    pub rejects: Rejects,
    /// The connection to OCI that has the events of a domain that falls silent, where one is configured.
    pub audit_log: Option<AuditLogConnection>,
}
