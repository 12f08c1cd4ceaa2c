//! The EPM Cloud Invalid Login Report: failed sign-ins of the whole identity domain, not of one environment.
//!
//! A job writes the report into a CSV file: user, address and time of each attempt. Source: the page "Invalid Login
//! Report" of the EPM Cloud REST API guide; the header of the file is shown there as a picture only.

use plugin_sdk::table::{Reason, Row, Table};
use plugin_sdk::window::Days;
use plugin_sdk::*;

/// Oracle keeps 30 days, or up to 90 where the identity domain is set so; the server checks for 90.
const RETENTION_DAYS: u16 = 90;

/// The report.
pub struct InvalidLogin;

/// Reads its CSV file.
pub struct InvalidLoginParser(Table);

impl Report for InvalidLogin {
    type Parser = InvalidLoginParser;

    fn describe() -> Description {
        Description {
            name: "invalid-login".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Failed sign-ins of the whole identity domain".into(),
            connection: ConnectionKind::Epm,
            source: Product::oracle_epm_cloud(),
            requests: vec!["POST /interop/rest/security/v1/invalidloginreport".into()],
            granularity: Granularity::Day,
            retention_days: Some(RETENTION_DAYS.into()),
            window_days: Some(RETENTION_DAYS.into()),
            parameters: vec![parameters::keep_file()],
            deprecation: None,
        }
    }

    fn plan(request: Request) -> Result<Vec<Fetch>, Fault> {
        let Days { from, to } = Days::of(&request, RETENTION_DAYS)?;
        let file = format!("{}.csv", request.unique_name);
        let form = [
            ("from_date", from.to_string()),
            ("to_date", to.to_string()),
            ("filename", file.clone()),
        ];
        let submit = HttpRequest::post(["interop", "rest", "security", "v1", "invalidloginreport"])
            .body(Body::Form(form.map(|(name, value)| (name.into(), value)).into()));
        Ok(vec![Fetch::Job(Job {
            submit,
            file,
            keep: parameters::keeps_file(&request)?,
        })])
    }

    fn parser(_document: Document) -> Result<InvalidLoginParser, Fault> {
        Ok(InvalidLoginParser(Table::new(&access::COLUMNS)))
    }
}

impl Parse for InvalidLoginParser {
    fn push(&mut self, chunk: &[u8], batch: &mut Batch) -> Result<(), Fault> {
        self.0.push(chunk, batch, event)
    }

    fn finish(&mut self, batch: &mut Batch) -> Result<(), Fault> {
        self.0.finish(batch, event)
    }
}

fn event(row: Row<'_>) -> Result<Event<'_>, Reason> {
    let mut event = access::event(row, Outcome::Failure)?;
    event.service = Some("identity-domain".into());
    Ok(event)
}

export_report!(InvalidLogin);

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;

    fn plan(parameters: &[(&str, &str)]) -> Result<Vec<Fetch>, Fault> {
        let window = Window {
            from: 20_157 * DAY,
            to: 20_179 * DAY,
        };
        InvalidLogin::plan(golden::request(window, 20_190 * DAY, parameters))
    }

    fn job(parameters: &[(&str, &str)]) -> Job {
        match plan(parameters).unwrap().pop() {
            Some(Fetch::Job(job)) => job,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_request_is_the_one_of_oracles_sample_call() {
        let job = job(&[]);
        assert_eq!(job.submit.method, Method::Post);
        assert_eq!(job.submit.path.join("/"), "interop/rest/security/v1/invalidloginreport");
        let Some(Body::Form(form)) = job.submit.body else {
            panic!("{:?}", job.submit.body)
        };
        let form: Vec<_> = form.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            form.join("&"),
            "from_date=2025-03-10&to_date=2025-03-31&filename=run-7.csv"
        );
        assert_eq!(job.file, "run-7.csv");
    }

    #[test]
    fn the_file_is_removed_unless_it_shall_be_kept() {
        assert!(!job(&[]).keep);
        assert!(!job(&[("keep-file", "false")]).keep);
        assert!(job(&[("keep-file", "true")]).keep);
        assert_eq!(
            plan(&[("keep-file", "perhaps")]).unwrap_err().kind,
            FaultKind::InvalidRequest
        );
    }
}
