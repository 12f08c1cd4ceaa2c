//! The EPM Cloud Invalid Login Report.

use plugin_sdk::*;

struct InvalidLogin;
struct Parser;

impl Report for InvalidLogin {
    type Parser = Parser;
    fn describe() -> Description {
        Description {
            name: "invalid-login".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Failed sign-ins of the whole identity domain".into(),
            connection: ConnectionKind::Epm,
            granularity: Granularity::Day,
            retention_days: Some(90),
            window_days: Some(90),
            parameters: vec![],
            deprecation: None,
        }
    }
    fn plan(_request: Request) -> Result<Vec<Fetch>, Fault> {
        Ok(vec![])
    }
    fn parser(_document: Document) -> Result<Parser, Fault> {
        Ok(Parser)
    }
}

impl Parse for Parser {
    fn push(&mut self, _chunk: &[u8], _batch: &mut Batch) -> Result<(), Fault> {
        Ok(())
    }
    fn finish(&mut self, _batch: &mut Batch) -> Result<(), Fault> {
        Ok(())
    }
}

export_report!(InvalidLogin);
