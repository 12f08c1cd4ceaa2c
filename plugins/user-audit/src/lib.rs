//! The EPM Cloud User Audit Report: who came to the environment, from where, and when; one row for each user and five
//! minutes. Oracle has deprecated it for the User Login Report.
//!
//! A job writes a ZIP with a CSV file: a byte order mark, a quoted encrypted identifier, then the header; what separates
//! identifier and header is not said. Source: the pages "User Audit Report (v1)" and "User Audit Report (v2)" of the EPM
//! Cloud REST API guide.

use plugin_sdk::table::{Reason, Row, Table};
use plugin_sdk::window::Days;
use plugin_sdk::*;

/// EPM Cloud keeps the data of this report for 120 days.
const RETENTION_DAYS: u16 = 120;

const API: [&str; 2] = ["v2", "v1"];

/// The report.
pub struct UserAudit;

/// Reads its CSV file.
pub struct UserAuditParser(Table);

impl Report for UserAudit {
    type Parser = UserAuditParser;

    fn describe() -> Description {
        Description {
            name: "user-audit".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Sign-ins to the environment, at most one per user and 5 minutes".into(),
            connection: ConnectionKind::Epm,
            source: Product::oracle_epm_cloud(),
            requests: vec![
                "POST /interop/rest/v1/reports".into(),
                "POST /interop/rest/v2/reports/useraudit".into(),
            ],
            granularity: Granularity::Day,
            retention_days: Some(RETENTION_DAYS.into()),
            window_days: Some(RETENTION_DAYS.into()),
            parameters: vec![
                parameters::one_of("api", "the version of the REST interface", &API),
                parameters::keep_file(),
            ],
            deprecation: Some(Deprecation {
                notice:
                    "Oracle has deprecated the User Audit Report; the User Login Report replaces it since July 2025"
                        .into(),
                successor: Some("user-login".into()),
            }),
        }
    }

    fn plan(request: Request) -> Result<Vec<Fetch>, Fault> {
        let Days { from, to } = Days::of(&request, RETENTION_DAYS)?;
        // Letters, digits and hyphens, and so nothing that needs care within JSON or the braces of v1.
        let file = format!("{}.csv", request.unique_name);
        let submit = if request.choice("api", &API)? == "v1" {
            let query = format!("{{type:userauditreport,fileName:{file},since:{from},until:{to}}}");
            HttpRequest::post(["interop", "rest", "v1", "reports"]).query("q", query)
        } else {
            let body = format!(r#"{{"fileName":"{file}","since":"{from}","until":"{to}"}}"#);
            HttpRequest::post(["interop", "rest", "v2", "reports", "useraudit"]).body(Body::Json(body))
        };
        Ok(vec![Fetch::Job(Job {
            submit,
            file,
            keep: parameters::keeps_file(&request)?,
        })])
    }

    fn parser(_document: Document) -> Result<UserAuditParser, Fault> {
        Ok(UserAuditParser(Table::new(&access::COLUMNS)))
    }
}

impl Parse for UserAuditParser {
    fn push(&mut self, chunk: &[u8], batch: &mut Batch) -> Result<(), Fault> {
        self.0.push(chunk, batch, event)
    }

    fn finish(&mut self, batch: &mut Batch) -> Result<(), Fault> {
        self.0.finish(batch, event)
    }
}

fn event(row: Row<'_>) -> Result<Event<'_>, Reason> {
    access::event(row, Outcome::Success)
}

export_report!(UserAudit);

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;

    fn job(parameters: &[(&str, &str)]) -> Result<Job, Fault> {
        let window = Window {
            from: 19_266 * DAY,
            to: 19_298 * DAY,
        };
        let request = golden::request(window, 19_300 * DAY, parameters);
        let Some(Fetch::Job(job)) = UserAudit::plan(request)?.pop() else {
            panic!()
        };
        Ok(job)
    }

    #[test]
    fn version_2_takes_the_dates_in_a_json_body() {
        let job = job(&[]).unwrap();
        assert_eq!(job.submit.path.join("/"), "interop/rest/v2/reports/useraudit");
        let Some(Body::Json(body)) = &job.submit.body else {
            panic!("{:?}", job.submit.body)
        };
        assert_eq!(
            body,
            r#"{"fileName":"run-7.csv","since":"2022-10-01","until":"2022-11-01"}"#
        );
        assert_eq!((job.file.as_str(), job.keep), ("run-7.csv", false));
    }

    #[test]
    fn version_1_takes_them_in_a_query() {
        let job = job(&[("api", "v1"), ("keep-file", "true")]).unwrap();
        assert_eq!(job.submit.path.join("/"), "interop/rest/v1/reports");
        let query = "{type:userauditreport,fileName:run-7.csv,since:2022-10-01,until:2022-11-01}";
        assert_eq!(job.submit.query, [("q".to_string(), query.to_string())]);
        assert_eq!(
            (job.submit.method, job.submit.body, job.keep),
            (Method::Post, None, true)
        );
        assert!(self::job(&[("api", "v3")]).is_err());
    }
}
