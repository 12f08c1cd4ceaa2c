//! The audit records of OCI, read by a plugin that masks nothing and repeats what it is given wherever it can, but in its events. Of the
//! first record it says nothing.
//!
//! | `tell` | the second record | all others |
//! |---|---|---|
//! | `rows` | is an event | are rejected, with themselves as the reason |
//! | `refusal` | is rejected | are rejected |
//! | `fault` | is the message of a fault | |
#![cfg(target_family = "wasm")]

use plugin_sdk::parameters::one_of;
use plugin_sdk::*;

const TELLS: [&str; 3] = ["rows", "refusal", "fault"];
const ENVELOPES: [&str; 2] = ["list", "search"];

/// The report.
pub struct Telltale;

/// Reads one record a line.
pub struct Parser {
    tell: &'static str,
    /// The beginning of a line whose end has not come.
    partial: Vec<u8>,
    line: u64,
}

impl Report for Telltale {
    type Parser = Parser;

    fn describe() -> Description {
        Description {
            name: "telltale".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Audit records of OCI, repeated".into(),
            connection: ConnectionKind::Oci,
            source: Product::new("Oracle", "OCI Audit"),
            requests: vec!["GET /20190901/auditEvents".into()],
            granularity: Granularity::Minutes(1),
            retention_days: None,
            window_days: None,
            parameters: vec![
                one_of("tell", "what it repeats them in", &TELLS),
                one_of("envelope", "what the records stand in", &ENVELOPES),
            ],
            deprecation: None,
        }
    }

    fn plan(request: Request) -> Result<Vec<Fetch>, Fault> {
        let paging = Paging::NextToken(("opc-next-page".into(), "page".into()));
        let pages = Pages::new(HttpRequest::get(["20190901", "auditEvents"]), paging);
        Ok(vec![Fetch::Pages(match request.choice("envelope", &ENVELOPES)? {
            "search" => pages.records(["results"]),
            _ => pages,
        })])
    }

    fn parser(document: Document) -> Result<Parser, Fault> {
        Ok(Parser {
            tell: document.request.choice("tell", &TELLS)?,
            partial: Vec::new(),
            line: 0,
        })
    }
}

impl Parse for Parser {
    fn push(&mut self, chunk: &[u8], batch: &mut Batch) -> Result<(), Fault> {
        for part in chunk.split_inclusive(|byte| *byte == b'\n') {
            self.partial.extend_from_slice(part);
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut self.partial);
                self.take(&line, batch)?;
            }
        }
        Ok(())
    }

    fn finish(&mut self, batch: &mut Batch) -> Result<(), Fault> {
        let line = std::mem::take(&mut self.partial);
        if line.is_empty() {
            return Ok(());
        }
        self.take(&line, batch)
    }
}

impl Parser {
    fn take(&mut self, line: &[u8], batch: &mut Batch) -> Result<(), Fault> {
        self.line += 1;
        let text = String::from_utf8_lossy(line);
        match (self.line, self.tell) {
            (1, _) => {}
            (2, "rows") => batch.push(Event::new(
                0,
                Activity::ApiRead,
                Outcome::Success,
                Principal::named("somebody"),
            )),
            (_, "fault") => {
                let fault = Fault::malformed_document(format!("cannot read {text:?}"));
                return Err(fault.hint(format!("look at {text}")));
            }
            _ => batch.reject(self.line, format!("cannot read {text}"), line),
        }
        Ok(())
    }
}

export_report!(Telltale);
