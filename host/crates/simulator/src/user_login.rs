//! The User Login Report: rows in the answer, or a file in the inbox.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::answer::{self, Caller};
use super::csv_layout::TimeStyle;
use super::desk::{File, ReportKind, ReportTable};
use super::history::Login;
use super::refusal_texts::{exists, insufficient, unauthorized};
use super::reports::{EPM_RETENTION, plain_name};
use super::scenario::ArchiveStyle;
use super::site::AppState;
use super::table::TimeWriter;
use super::window::DayRange;

const PATH: &str = "/interop/rest/security/v1/report/userloginreport";

/// Rows in a piece of the answer.
const ROWS: usize = 1000;

/// `GET /interop/rest/security/v1/report/userloginreport`
pub(super) async fn report(
    State(site): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Response {
    let form: HashMap<_, _> = url::form_urlencoded::parse(query.as_deref().unwrap_or_default().as_bytes())
        .into_owned()
        .collect();
    let given = |name: &str| form.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let asked = query.as_deref().map(|query| format!("?{query}")).unwrap_or_default();
    let links = json!({ "href": format!("{}{PATH}{asked}", caller.base), "action": "GET" });
    let failed = |code: &str, text: &str| {
        let error = json!({ "errorcode": code, "errormessage": text });
        let message = given("report_name").map(|_| text);
        answer::json(
            StatusCode::OK,
            &json!({ "links": links, "status": 1, "error": error, "details": null, "message": message }),
        )
    };
    if !site.scenario.authorized {
        return failed("EPMCSS-21192", &unauthorized(ReportKind::UserLogin));
    }
    let today = Timestamp::from_millisecond(site.now()).map(|now| now.to_zoned(TimeZone::UTC).date().to_string());
    let today = today.unwrap_or_default();
    let (from, to) = (given("from_date").unwrap_or(&today), given("to_date").unwrap_or(&today));
    let Some(days) = DayRange::read(from, to, site.today(), EPM_RETENTION) else {
        return failed(
            "EPMCSS-20679",
            insufficient(ReportKind::UserLogin).trim_start_matches("EPMCSS-20679: "),
        );
    };
    let days = days.in_zone(site.scenario.day_zone_hours);
    let mut table = ReportTable {
        report: ReportKind::UserLogin,
        from: days.from,
        to: days.to.min(site.now()),
        user: given("userlogin").map(str::to_lowercase),
        archive: None,
    };
    let Some(name) = given("report_name") else {
        return rows(&table, &site, &links);
    };
    if !plain_name(name) || !name.to_ascii_lowercase().ends_with(".csv") {
        return failed(
            "EPMCSS-20679",
            insufficient(ReportKind::UserLogin).trim_start_matches("EPMCSS-20679: "),
        );
    }
    if site.desk().holds(name) {
        return failed("EPMCSS-20685", &exists(ReportKind::UserLogin, name));
    }
    table.archive = site
        .scenario
        .zip_user_login
        .then(|| (ArchiveStyle::Zip, name.to_owned()));
    site.desk().store(File {
        name: name.to_owned(),
        inbox: true,
        written: site.now(),
        table,
    });
    let details = "User Login Report generated successfully.";
    let body = json!({ "links": links, "status": 0, "error": null, "details": details, "message": null });
    answer::json(StatusCode::OK, &body)
}

/// The rows in the answer, written while they are sent.
fn rows(table: &ReportTable, site: &AppState, links: &Value) -> Response {
    let mut rows = table.rows(site).peekable();
    if site.scenario.empty_reports && rows.peek().is_none() {
        let body =
            json!({ "links": links, "status": 0, "error": null, "details": "No records found", "message": null });
        return answer::json(StatusCode::OK, &body);
    }
    let (mut clock, mut first) = (TimeWriter::default(), true);
    let pieces = std::iter::from_fn(move || {
        rows.peek()?;
        let mut piece = Vec::new();
        for Login {
            user, address, time, ..
        } in rows.by_ref().take(ROWS)
        {
            piece.extend_from_slice(if std::mem::take(&mut first) { b"\n  " } else { b",\n  " });
            let time = clock.write(time, TimeStyle::Words);
            let row = json!({ "userlogin": user, "ipaddress": address.to_string(), "accessdateandtime": time });
            piece.extend_from_slice(row.to_string().as_bytes());
        }
        Some(piece)
    });
    let start = format!("{{\"links\": {links}, \"status\": 0, \"error\": null, \"details\": [").into_bytes();
    let whole = std::iter::once(start)
        .chain(pieces)
        .chain(std::iter::once(b"\n]}\n".to_vec()));
    let body = Body::from_stream(stream::iter(whole.map(|piece| Ok::<_, io::Error>(Bytes::from(piece)))));
    answer::with_type(StatusCode::OK, "application/json", body)
}
