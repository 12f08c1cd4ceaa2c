//! The Invalid Login Report, read by a plugin that learns: what it can read stands in its bytes as `skill:reads-` and a
//! word of four letters, and a test that writes another word there has another version of the same plugin.
//!
//! | word | rows that it reads |
//! |---|---|
//! | `none` | none |
//! | `some` | those of even seconds |
//! | `days` | those of odd days since 1970 |
//! | `all!` | all |
#![cfg(target_family = "wasm")]

use plugin_sdk::table::{Reason, Row, Table};
use plugin_sdk::window::Days;
use plugin_sdk::*;

/// Memory that is written over.
static SKILL: [u8; 17] = *b"skill:reads-none\0";

/// The report.
pub struct Pupil;

/// Reads its CSV file.
pub struct Parser(Table);

impl Report for Pupil {
    type Parser = Parser;

    fn describe() -> Description {
        Description {
            name: "pupil".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Failed sign-ins, as far as they can be read".into(),
            connection: ConnectionKind::Epm,
            source: Product::oracle_epm_cloud(),
            requests: vec!["POST /interop/rest/security/v1/invalidloginreport".into()],
            granularity: Granularity::Day,
            retention_days: None,
            window_days: Some(1),
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
    let event = access::event(row, Outcome::Failure)?;
    // The compiler must not know what stands there.
    let skill = std::hint::black_box(&SKILL);
    let second = event.time.div_euclid(1000);
    let reads = match skill.get(12..16) {
        Some(b"all!") => true,
        Some(b"some") => second % 2 == 0,
        Some(b"days") => second.div_euclid(86_400) % 2 == 1,
        _ => false,
    };
    if reads {
        Ok(event)
    } else {
        Err("unknown time format".into())
    }
}

export_report!(Pupil);
