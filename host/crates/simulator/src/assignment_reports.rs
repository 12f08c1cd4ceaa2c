//! The reports of EPM Cloud that tell who was given a role, and who was put into a group: two ways to ask for a job.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use serde_json::{Value, json};

use super::answer::{self, Caller, link};
use super::desk::{ReportKind, ReportTable};
use super::jobs::{self, JobApi};
use super::reports::{EPM_RETENTION, file, form, period};
use super::site::AppState;

const ROLE_AUDIT: &str = "/interop/rest/security/v1/roleassignmentauditreport";
const GROUP_AUDIT: &str = "/interop/rest/v2/reports/groupaudit";

/// `POST /interop/rest/security/v1/roleassignmentauditreport`
pub(super) async fn role_audit(
    State(site): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(form) = form(&headers, &body) else {
        return answer::refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, ROLE_AUDIT);
    };
    let given = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let (from, to, name) = (given("from_date"), given("to_date"), given("filename"));
    let data = json!({
        "jobType": "GENERATE_ROLE_ASSIGNMENT_AUDIT_REPORT", "from_date": from, "to_date": to, "filename": name,
    });
    let me = link("self", &caller.href(ROLE_AUDIT, &site.scenario), "POST", data);
    submit(
        &site,
        &caller,
        me,
        ReportKind::RoleAudit,
        (from, to),
        name,
        &JobApi::Security,
    )
}

/// `POST /interop/rest/v2/reports/groupaudit`
pub(super) async fn group_audit(
    State(site): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let given = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    let (from, to, name) = (given("from_date"), given("to_date"), given("filename"));
    let data = json!({ "filename": name, "from_date": from, "to_date": to });
    let me = link("self", &caller.href(GROUP_AUDIT, &site.scenario), "POST", data);
    submit(
        &site,
        &caller,
        me,
        ReportKind::GroupAudit,
        (from, to),
        name,
        &JobApi::Second,
    )
}

fn submit(
    site: &AppState,
    caller: &Caller,
    me: Value,
    report: ReportKind,
    dates: (&str, &str),
    name: &str,
    board: &JobApi,
) -> Response {
    match period(site, report, dates, name, EPM_RETENTION) {
        Ok(days) => {
            let table = ReportTable {
                report,
                from: days.from,
                to: days.to,
                user: None,
                archive: None,
            };
            jobs::submit(site, caller, me, board, file(site, name.to_owned(), table))
        }
        Err(text) => answer::job(&site.scenario, &[me], 1, Some(&text)),
    }
}
