//! The reports of EPM Cloud: requests that create jobs, and how jobs stand.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use serde_json::{Value, json};

use super::answer::{self, Caller, link};
use super::desk::{File, Job, Report, Standing, Table};
use super::history::DAY;
use super::site::Site;
use super::window::Days;

const INVALID_LOGIN: &str = "/interop/rest/security/v1/invalidloginreport";

/// The longest that the identity domain keeps its data.
const RETENTION: i64 = 90;

/// `POST /interop/rest/security/v1/invalidloginreport`
pub(super) async fn invalid_login(
    State(site): State<Arc<Site>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if !content_type.starts_with("application/x-www-form-urlencoded") {
        return answer::refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, INVALID_LOGIN);
    }
    let form: HashMap<_, _> = url::form_urlencoded::parse(&body).into_owned().collect();
    let given = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let (from, to, name) = (given("from_date"), given("to_date"), given("filename"));
    let data = json!({
        "jobType": "GENERATE_INVALID_LOGIN_REPORT", "from_date": from, "to_date": to, "filename": name,
    });
    let me = link("self", &caller.href(INVALID_LOGIN, &site.scenario), "POST", data);
    let failed = |status, text: &str| answer::job(&site.scenario, std::slice::from_ref(&me), status, Some(text));

    if !site.scenario.authorized {
        return failed(1, &unauthorized("Invalid Login Report"));
    }
    let Some(days) = Days::read(from, to, site.today(), RETENTION).filter(|_| plain_name(name)) else {
        return failed(1, &insufficient("Invalid Login Report"));
    };
    if site.scenario.refuse_duplicate_names && site.desk().holds(name) {
        return failed(1, &format!("EPMCSS-20685: {}", exists("Invalid Login Report", name)));
    }
    let kept = site.today() - i64::from(site.scenario.retention_days) * DAY;
    let table = Table {
        report: Report::InvalidLogin,
        from: days.from.max(kept),
        to: days.to.min(site.now()),
    };
    submit(&site, &caller, me, "security/v1/jobs", file(&site, name, table))
}

/// Takes a job on and answers with where to ask how it stands.
fn submit(site: &Site, caller: &Caller, me: Value, jobs: &str, file: File) -> Response {
    let scenario = &site.scenario;
    if let Some(refusal) = &scenario.refuse_job {
        let text = refusal
            .text
            .clone()
            .unwrap_or_else(|| insufficient(file.table.report.title()));
        return answer::job(scenario, &[me], refusal.status, Some(&text));
    }
    if scenario.done_at_once && scenario.fail_job.is_none() {
        site.desk().store(file);
        return answer::job(scenario, &[me], 0, None);
    }
    let id = site.desk().submit(Job {
        polls_left: scenario.slow_job,
        file,
    });
    let status = caller.link(scenario.status_link, &format!("/interop/rest/{jobs}/{id}"), scenario);
    let mut links = vec![me];
    links.extend(status.map(|href| link("Job Status", &href, "GET", Value::Null)));
    answer::job(scenario, &links, -1, None)
}

/// `GET /interop/rest/security/v1/jobs/{id}`
pub(super) async fn poll(
    State(site): State<Arc<Site>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Response {
    let href = caller.href(&format!("/interop/rest/security/v1/jobs/{id}"), &site.scenario);
    let me = [link("self", &href, "GET", Value::Null)];
    let standing = site.desk().poll(&id);
    match (standing, &site.scenario.fail_job) {
        (Standing::Unknown, _) => answer::job(
            &site.scenario,
            &me,
            1,
            Some("EPMCSS-20679: There is no job with this id. "),
        ),
        (Standing::InProgress, _) => answer::job(&site.scenario, &me, -1, None),
        (Standing::Done(file), Some(failure)) => {
            let text = failure
                .text
                .clone()
                .unwrap_or_else(|| insufficient(file.table.report.title()));
            answer::job(&site.scenario, &me, failure.status, Some(&text))
        }
        (Standing::Done(file), None) => {
            site.desk().store(file);
            answer::job(&site.scenario, &me, 0, None)
        }
    }
}

fn file(site: &Site, name: &str, table: Table) -> File {
    File {
        name: name.to_owned(),
        inbox: site.scenario.strict_names,
        written: site.now(),
        table,
    }
}

/// A name without folders or anything that is not text.
fn plain_name(name: &str) -> bool {
    !name.trim().is_empty()
        && name.len() <= 255
        && !name.contains(|c: char| c.is_control() || "/\\:*?\"<>|".contains(c))
}

fn insufficient(report: &str) -> String {
    format!(
        "EPMCSS-20679: Failed to generate {report}. Invalid or insufficient parameters specified. \
         Provide all required parameters for the REST API. "
    )
}

fn unauthorized(report: &str) -> String {
    format!("EPMCSS-21192: Failed to generate {report}. Authorization failed. Please provide valid authorized user.")
}

fn exists(report: &str, name: &str) -> String {
    format!("Failed to generate {report}. File {name} already exists.Please provide different file name. ")
}
