//! The Invalid Login Report of any day. The one that is shipped goes back 90 days, as Oracle does; `benches/windows.sh`
//! needs thousands of days with a job for each.
#![cfg(target_family = "wasm")]

use plugin_sdk::table::{Reason, Row, Table};
use plugin_sdk::window::Days;
use plugin_sdk::*;

/// The report.
pub struct AnyDay;

/// Reads its CSV file.
pub struct Parser(Table);

impl Report for AnyDay {
    type Parser = Parser;

    fn describe() -> Description {
        Description {
            name: "any-day".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Failed sign-ins of days long past".into(),
            connection: ConnectionKind::Epm,
            source: Product::oracle_epm_cloud(),
            requests: vec!["POST /interop/rest/security/v1/invalidloginreport".into()],
            granularity: Granularity::Day,
            retention_days: None,
            window_days: None,
            parameters: vec![],
            deprecation: None,
        }
    }

    fn plan(request: Request) -> Result<Vec<Fetch>, Fault> {
        let Days { from, to } = Days::of(&request, u16::MAX)?;
        let file = format!("{}.csv", request.unique_name);
        let form = [("from_date", from), ("to_date", to), ("filename", file.clone())];
        let submit = HttpRequest::post(["interop", "rest", "security", "v1", "invalidloginreport"])
            .body(Body::Form(form.map(|(name, value)| (name.into(), value)).into()));
        Ok(vec![Fetch::Job(Job {
            submit,
            file,
            keep: false,
        })])
    }

    fn parser(_document: Document) -> Result<Parser, Fault> {
        Ok(Parser(Table::new(&access::COLUMNS)))
    }
}

impl Parse for Parser {
    fn push(&mut self, chunk: &[u8], batch: &mut Batch) -> Result<(), Fault> {
        self.0.push(chunk, batch, event)
    }

    fn finish(&mut self, batch: &mut Batch) -> Result<(), Fault> {
        self.0.finish(batch, event)
    }
}

fn event(row: Row<'_>) -> Result<Event<'_>, Reason> {
    access::event(row, Outcome::Failure)
}

export_report!(AnyDay);
