//! The EPM Cloud User Login Report: who came to the environment, from where, and when.
//!
//! The server answers at once, with the rows as JSON; or, with `output=file`, it writes a CSV file into the inbox, with a
//! byte order mark and a quoted identifier before the header. Source: the page "User Login Report" of the EPM Cloud REST
//! API guide.

use plugin_sdk::json_lines::{JsonLines, Record};
use plugin_sdk::table::{Reason, Row, Table};
use plugin_sdk::window::Days;
use plugin_sdk::*;

/// EPM Cloud keeps the data of this report for 120 days.
const RETENTION_DAYS: u16 = 120;

const OUTPUT: [&str; 2] = ["json", "file"];

/// The report.
pub struct UserLogin;

/// Reads its JSON rows, or its CSV file.
pub enum UserLoginParser {
    /// One row a line.
    Json(JsonLines),
    /// The file of `output=file`.
    File(Box<Table>),
}

impl Report for UserLogin {
    type Parser = UserLoginParser;

    fn describe() -> Description {
        Description {
            name: "user-login".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Sign-ins to the environment".into(),
            connection: ConnectionKind::Epm,
            source: Product::oracle_epm_cloud(),
            requests: vec!["GET /interop/rest/security/v1/report/userloginreport".into()],
            granularity: Granularity::Day,
            retention_days: Some(RETENTION_DAYS.into()),
            window_days: Some(RETENTION_DAYS.into()),
            parameters: vec![
                parameters::text("userlogin", "only the sign-ins of this login name"),
                parameters::one_of(
                    "output",
                    "take the rows from the answer, or from a file that it leaves",
                    &OUTPUT,
                ),
                parameters::keep_file(),
            ],
            deprecation: None,
        }
    }

    fn plan(request: Request) -> Result<Vec<Fetch>, Fault> {
        let Days { from, to } = Days::of(&request, RETENTION_DAYS)?;
        let mut get = HttpRequest::get(["interop", "rest", "security", "v1", "report", "userloginreport"]);
        match request.parameter("userlogin") {
            // The server would take an empty name for all users.
            Some("") => {
                return Err(
                    Fault::invalid_request("the parameter userlogin is empty").hint("leave it out for all users")
                );
            }
            Some(user) => get = get.query("userlogin", user),
            None => {}
        }
        get = get.query("from_date", from).query("to_date", to);
        let keep = parameters::keeps_file(&request)?;
        if request.choice("output", &OUTPUT)? == "json" {
            return Ok(vec![Fetch::Call(Call::new(get).records(["details"]))]);
        }
        let file = format!("{}.csv", request.unique_name);
        let submit = get.query("report_name", file.clone());
        Ok(vec![Fetch::Job(Job { submit, file, keep })])
    }

    fn parser(document: Document) -> Result<UserLoginParser, Fault> {
        Ok(match document.request.choice("output", &OUTPUT)? {
            "json" => UserLoginParser::Json(JsonLines::new()),
            _ => UserLoginParser::File(Box::new(Table::new(&access::COLUMNS))),
        })
    }
}

impl Parse for UserLoginParser {
    fn push(&mut self, chunk: &[u8], batch: &mut Batch) -> Result<(), Fault> {
        match self {
            UserLoginParser::Json(lines) => lines.push(chunk, batch, record_event),
            UserLoginParser::File(table) => table.push(chunk, batch, row_event),
        }
    }

    fn finish(&mut self, batch: &mut Batch) -> Result<(), Fault> {
        match self {
            UserLoginParser::Json(lines) => lines.finish(batch, record_event),
            UserLoginParser::File(table) => table.finish(batch, row_event),
        }
    }
}

fn record_event<'r>(record: &mut Record<'r>) -> Result<Event<'r>, Reason> {
    access::event_of_record(record, Outcome::Success)
}

fn row_event(row: Row<'_>) -> Result<Event<'_>, Reason> {
    access::event(row, Outcome::Success)
}

export_report!(UserLogin);

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;

    fn plan(parameters: &[(&str, &str)]) -> Result<Fetch, Fault> {
        let window = Window {
            from: 20_263 * DAY,
            to: 20_273 * DAY,
        };
        let request = golden::request(window, 20_272 * DAY, parameters);
        UserLogin::plan(request).map(|mut fetches| fetches.pop().unwrap())
    }

    fn url(request: &HttpRequest) -> String {
        let query: Vec<_> = request
            .query
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        format!("{:?} {}?{}", request.method, request.path.join("/"), query.join("&"))
    }

    #[test]
    fn the_request_is_the_one_of_oracles_sample_call() {
        let Fetch::Call(call) = plan(&[("userlogin", "John")]).unwrap() else {
            panic!()
        };
        assert_eq!(
            url(&call.request),
            "Method::Get interop/rest/security/v1/report/userloginreport?userlogin=John&from_date=2025-06-24&to_date=2025-07-03"
        );
        assert_eq!(call.records, Some(vec!["details".to_owned()]));
    }

    #[test]
    fn a_file_is_asked_for_by_a_unique_name_and_removed_unless_kept() {
        let Fetch::Job(job) = plan(&[("output", "file")]).unwrap() else {
            panic!()
        };
        assert!(url(&job.submit).ends_with("?from_date=2025-06-24&to_date=2025-07-03&report_name=run-7.csv"));
        assert_eq!((job.file.as_str(), job.keep), ("run-7.csv", false));
        let Fetch::Job(job) = plan(&[("output", "file"), ("keep-file", "true")]).unwrap() else {
            panic!()
        };
        assert!(job.keep);
    }

    #[test]
    fn wrong_parameters_are_refused() {
        for parameter in [("output", "xml"), ("userlogin", ""), ("keep-file", "1")] {
            assert_eq!(
                plan(&[parameter]).unwrap_err().kind,
                FaultKind::InvalidRequest,
                "{parameter:?}"
            );
        }
    }
}
