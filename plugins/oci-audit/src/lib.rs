//! The events of OCI Audit: sign-ins, and changes of accounts, roles and groups, of every identity domain of a compartment and of all
//! applications behind it; on request every call of an API.
//!
//! Two services give them. `query` asks Logging Search, which selects and sees compartments below, or ListEvents of Audit, which
//! needs no more than the right to read audit events. The same event comes in an envelope of its own from each: `record` reads
//! both, and `event` makes the same event of them, with the same id. Secrets that Oracle leaves in events end at
//! `secret_mask`, which the host calls too.
//!
//! Sources: the pages on the contents of an audit event and on the Audit and Logging Search APIs, their models in Oracle's SDKs, the
//! Logging Query Language Specification, and recorded events.

mod compartment;
mod event;
mod lines;
mod operation;
mod part;
mod parties;
mod query;
mod record;
mod selection;

use lines::{LineSplitter, RecordLine};
use plugin_sdk::table::Reason;
use plugin_sdk::*;
use record::AuditRecord;
use selection::EventSelection;

/// A tenancy keeps its events for 365 days at most, and unless it says otherwise.
const RETENTION_DAYS: u16 = 365;
/// The most attributes of an event, the longest name of one, and the most bytes of the event as a whole.
const MOST_ATTRIBUTES: usize = 2048;
const LONGEST_NAME: usize = 512;
const MOST_BYTES: usize = 1 << 20;

/// The report.
pub struct OciAudit;

/// Reads one event a line.
pub struct OciAuditParser {
    lines: LineSplitter,
    selection: EventSelection,
}

impl Report for OciAudit {
    type Parser = OciAuditParser;

    fn describe() -> Description {
        Description {
            name: "oci-audit".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Sign-ins, changes of accounts, roles and groups, and API calls in OCI Audit".into(),
            connection: ConnectionKind::Oci,
            source: Product::new("Oracle", "OCI Audit"),
            requests: vec!["GET /20190901/auditEvents".into(), "POST /20190909/search".into()],
            granularity: Granularity::Minutes(1),
            retention_days: Some(RETENTION_DAYS.into()),
            window_days: None,
            parameters: query::parameters(),
            deprecation: None,
        }
    }

    fn plan(request: Request) -> Result<Vec<Fetch>, Fault> {
        query::plan(&request, RETENTION_DAYS)
    }

    fn parser(document: Document) -> Result<OciAuditParser, Fault> {
        Ok(OciAuditParser {
            lines: LineSplitter::default(),
            selection: EventSelection::of(&document.request)?,
        })
    }
}

impl Parse for OciAuditParser {
    fn push(&mut self, chunk: &[u8], batch: &mut Batch) -> Result<(), Fault> {
        let selection = &self.selection;
        self.lines
            .push(chunk, |number, line| take(number, line, selection, batch));
        Ok(())
    }

    fn finish(&mut self, batch: &mut Batch) -> Result<(), Fault> {
        let selection = &self.selection;
        self.lines.finish(|number, line| take(number, line, selection, batch));
        Ok(())
    }
}

/// Adds what a line is: an event, a reject, or an event that is not wanted.
fn take(number: u64, line: RecordLine<'_>, selection: &EventSelection, batch: &mut Batch) {
    let (found, line) = match line {
        RecordLine::Whole(line) => (read(line, selection), line),
        RecordLine::TooLong(line) => (Err("the record is longer than 1 MiB".into()), line),
    };
    match found {
        Ok(Some(event)) => batch.push(event),
        Ok(None) => {}
        Err(reason) => {
            // Before it is cut: what says that something is a secret may stand behind it.
            batch.reject(number, reason, &secret_mask::document_bytes(line));
        }
    }
}

fn read<'l>(line: &'l [u8], selection: &EventSelection) -> Result<Option<Event<'l>>, Reason> {
    let record = std::str::from_utf8(line).ok().and_then(AuditRecord::read);
    let found = event::event(record.ok_or("the record is not a JSON object")?, selection)?;
    if let Some(event) = &found {
        check(event)?;
    }
    Ok(found)
}

/// Refuses an event that the host would refuse, and with it all others of the document.
fn check(event: &Event<'_>) -> Result<(), Reason> {
    let attributes = &event.attributes;
    if attributes.len() > MOST_ATTRIBUTES {
        return Err("the record has more than 2048 members".into());
    }
    if attributes.iter().any(|(name, _)| name.len() > LONGEST_NAME) {
        return Err("the name of a member has more than 512 bytes".into());
    }
    let of = |principal: &Principal<'_>| {
        let others = [&principal.id, &principal.display_name];
        principal.name.len() + others.into_iter().flatten().map(|text| text.len()).sum::<usize>()
    };
    let texts = [
        &event.id,
        &event.target,
        &event.source_ip,
        &event.user_agent,
        &event.session,
        &event.service,
        &event.action,
        &event.code,
        &event.message,
    ];
    let bytes = of(&event.subject)
        + event.actor.as_ref().map_or(0, of)
        + texts.into_iter().flatten().map(|text| text.len()).sum::<usize>()
        + event.labels.iter().map(|label| label.len()).sum::<usize>()
        + (attributes.iter())
            .map(|(name, value)| name.len() + value.len())
            .sum::<usize>();
    match bytes > MOST_BYTES {
        true => Err("the event would have more than 1 MiB".into()),
        false => Ok(()),
    }
}

export_report!(OciAudit);
