//! The audit events of an OCI identity domain (Oracle Identity Cloud Service): sign-ins, and changes of accounts, roles
//! and groups.
//!
//! `query` turns a window and the user's conditions into SCIM queries of `AuditEvents`, and `event` reads what one
//! resource tells, with `identity_events` for the meaning of its event id. Source: the REST API guide of Oracle Identity Cloud
//! Service, whose sample is a test case. Oracle says that this interface may stop giving new data after 15 December
//! 2024 while it still answers.

mod event;
mod query;

use plugin_sdk::json_lines::JsonLines;
use plugin_sdk::*;

/// The longest that a domain keeps events; the default is 30 days.
const RETENTION_DAYS: u16 = 90;

/// The report.
pub struct AuditEvents;

/// Reads one resource a line.
pub struct AuditEventsParser(JsonLines);

impl Report for AuditEvents {
    type Parser = AuditEventsParser;

    fn describe() -> Description {
        Description {
            name: "audit-events".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Sign-ins and changes of accounts, roles and groups in an identity domain".into(),
            connection: ConnectionKind::IdentityDomain,
            source: Product::oracle_identity_domain(),
            requests: vec!["GET /admin/v1/AuditEvents".into()],
            granularity: Granularity::Instant,
            retention_days: Some(RETENTION_DAYS.into()),
            window_days: None,
            parameters: query::parameters(),
            deprecation: None,
        }
    }

    fn plan(request: Request) -> Result<Vec<Fetch>, Fault> {
        query::plan(&request, RETENTION_DAYS)
    }

    fn parser(_document: Document) -> Result<AuditEventsParser, Fault> {
        Ok(AuditEventsParser(JsonLines::new()))
    }
}

impl Parse for AuditEventsParser {
    fn push(&mut self, chunk: &[u8], batch: &mut Batch) -> Result<(), Fault> {
        self.0.push(chunk, batch, event::event)
    }

    fn finish(&mut self, batch: &mut Batch) -> Result<(), Fault> {
        self.0.finish(batch, event::event)
    }
}

export_report!(AuditEvents);
