//! The reports of EPM Cloud that jobs write: Invalid Login, and User Audit in both versions.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use serde_json::{Value, json};

use super::answer::{self, Caller, link};
use super::chance::{hex32, word};
use super::desk::{File, ReportKind, ReportTable};
use super::history::DAY;
use super::jobs::{self, JobApi};
use super::refusal_texts::{exists, insufficient, unauthorized};
use super::scenario::{ArchiveName, ArchiveStyle};
use super::site::AppState;
use super::window::DayRange;

const INVALID_LOGIN: &str = "/interop/rest/security/v1/invalidloginreport";
const USER_AUDIT_V2: &str = "/interop/rest/v2/reports/useraudit";

/// The longest that the identity domain keeps its data, in days.
const DOMAIN_RETENTION: i64 = 90;
/// The longest that EPM Cloud keeps its own.
pub(super) const EPM_RETENTION: i64 = 120;

/// `POST /interop/rest/security/v1/invalidloginreport`
pub(super) async fn invalid_login(
    State(site): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(form) = form(&headers, &body) else {
        return answer::refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, INVALID_LOGIN);
    };
    let given = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let (from, to, name) = (given("from_date"), given("to_date"), given("filename"));
    let data = json!({
        "jobType": "GENERATE_INVALID_LOGIN_REPORT", "from_date": from, "to_date": to, "filename": name,
    });
    let me = link("self", &caller.href(INVALID_LOGIN, &site.scenario), "POST", data);
    // The vendor's goes back no further; a domain that is said to hold more takes older dates too.
    let longest = || DOMAIN_RETENTION.max(site.scenario.retention_days.into());
    let reach = site.scenario.reach_days.map_or_else(longest, i64::from);
    match period(&site, ReportKind::InvalidLogin, (from, to), name, reach) {
        Ok(days) => {
            let kept = site.today() - i64::from(site.scenario.retention_days) * DAY;
            let from = days.from.max(kept);
            let table = ReportTable {
                report: ReportKind::InvalidLogin,
                from,
                to: days.to,
                user: None,
                archive: None,
            };
            jobs::submit(
                &site,
                &caller,
                me,
                &JobApi::Security,
                file(&site, name.to_owned(), table),
            )
        }
        Err(text) => answer::job(&site.scenario, &[me], 1, Some(&text)),
    }
}

/// `POST /interop/rest/{version}/reports?q={type:userauditreport,…}`
pub(super) async fn user_audit_v1(
    State(site): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    Path(version): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    if !matches!(version.as_str(), "11.1.2.3.600" | "v1") {
        return answer::refusal(StatusCode::NOT_FOUND, "");
    }
    let query = query.unwrap_or_default();
    let q = url::form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "q")
        .map(|(_, q)| q.into_owned());
    let members = members(&q.unwrap_or_default());
    let href = caller.href(&format!("/interop/rest/{version}/reports?{query}"), &site.scenario);
    let me = link("self", &href, "POST", Value::Null);
    if members.get("type").map(String::as_str) != Some("userauditreport") {
        return answer::job(&site.scenario, &[me], 1, Some(&insufficient(ReportKind::UserAudit)));
    }
    let given = |name: &str| members.get(name).map(String::as_str).unwrap_or_default();
    user_audit(
        &site,
        &caller,
        me,
        (given("since"), given("until")),
        given("fileName"),
        &JobApi::Version(version),
    )
}

/// `POST /interop/rest/v2/reports/useraudit`
pub(super) async fn user_audit_v2(
    State(site): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let given = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    let data = json!({ "fileName": given("fileName"), "since": given("since"), "until": given("until") });
    let me = link("self", &caller.href(USER_AUDIT_V2, &site.scenario), "POST", data);
    let board = JobApi::Version("v2".to_owned());
    user_audit(
        &site,
        &caller,
        me,
        (given("since"), given("until")),
        given("fileName"),
        &board,
    )
}

fn user_audit(
    site: &AppState,
    caller: &Caller,
    me: Value,
    dates: (&str, &str),
    name: &str,
    board: &JobApi,
) -> Response {
    match period(site, ReportKind::UserAudit, dates, name, EPM_RETENTION) {
        Ok(days) => {
            let style = Some(site.scenario.archive).filter(|style| *style != ArchiveStyle::Bare);
            let archive = style.map(|style| (style, name.to_owned()));
            let called = archive
                .as_ref()
                .map_or(name.to_owned(), |_| archive_name(site.scenario.archive_name, name));
            let table = ReportTable {
                report: ReportKind::UserAudit,
                from: days.from,
                to: days.to,
                user: None,
                archive,
            };
            jobs::submit(site, caller, me, board, file(site, called, table))
        }
        Err(text) => answer::job(&site.scenario, &[me], 1, Some(&text)),
    }
}

/// The members of a request that is a form; none of another one.
pub(super) fn form(headers: &HeaderMap, body: &[u8]) -> Option<HashMap<String, String>> {
    let content_type = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let is_form = content_type.starts_with("application/x-www-form-urlencoded");
    is_form.then(|| url::form_urlencoded::parse(body).into_owned().collect())
}

/// The period of a report that may be written, or why it may not.
pub(super) fn period(
    site: &AppState,
    report: ReportKind,
    dates: (&str, &str),
    name: &str,
    retention: i64,
) -> Result<DayRange, String> {
    if !site.scenario.authorized {
        return Err(format!("EPMCSS-21192: {}", unauthorized(report)));
    }
    let days = DayRange::read(dates.0, dates.1, site.today(), retention).filter(|_| plain_name(name));
    let days = days.ok_or_else(|| insufficient(report))?;
    let days = days.in_zone(site.scenario.day_zone_hours);
    if site.scenario.refuse_duplicate_names && site.desk().holds(name) {
        return Err(format!("EPMCSS-20685: {}", exists(report, name)));
    }
    Ok(DayRange {
        to: days.to.min(site.now()),
        ..days
    })
}

pub(super) fn file(site: &AppState, name: String, table: ReportTable) -> File {
    File {
        name,
        inbox: site.scenario.strict_names,
        written: site.now(),
        table,
    }
}

fn archive_name(style: ArchiveName, asked: &str) -> String {
    match style {
        ArchiveName::Asked => asked.to_owned(),
        ArchiveName::Appended => format!("{asked}.zip"),
        ArchiveName::Replaced => format!("{}.zip", asked.rsplit_once('.').map_or(asked, |(stem, _)| stem)),
        ArchiveName::Job => {
            let number: String = hex32(&[word(asked)]).chars().take(8).collect();
            format!("UserAuditReport_{number}.zip")
        }
    }
}

/// The members of `{a:b,c:d}`, which is not JSON, or of JSON, which the vendor's Java sample sends.
fn members(q: &str) -> HashMap<String, String> {
    if let Ok(members) = serde_json::from_str(q) {
        return members;
    }
    let inner = q
        .trim()
        .strip_prefix('{')
        .and_then(|q| q.strip_suffix('}'))
        .unwrap_or_default();
    let pairs = inner.split(',').filter_map(|pair| pair.split_once(':'));
    pairs
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .collect()
}

/// A name without folders or anything that is not text.
pub(super) fn plain_name(name: &str) -> bool {
    !name.trim().is_empty()
        && name.len() <= 255
        && !name.contains(|c: char| c.is_control() || "/\\:*?\"<>|".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_in_both_of_its_forms() {
        for q in [
            "{type:userauditreport,fileName:user audit.csv,since:2017-12-10,until:2018 -06-10}",
            r#"{"type":"userauditreport","fileName":"user audit.csv","since":"2017-12-10","until":"2018 -06-10"}"#,
        ] {
            let members = members(q);
            assert_eq!(
                (members["type"].as_str(), members["fileName"].as_str()),
                ("userauditreport", "user audit.csv")
            );
            assert_eq!(
                (members["since"].as_str(), members["until"].as_str()),
                ("2017-12-10", "2018 -06-10")
            );
        }
        assert!(members("type:x").is_empty() && members("{").is_empty());
    }

    #[test]
    fn an_archive_is_called_as_the_scenario_says() {
        assert_eq!(archive_name(ArchiveName::Asked, "a.b.csv"), "a.b.csv");
        assert_eq!(archive_name(ArchiveName::Appended, "a.b.csv"), "a.b.csv.zip");
        assert_eq!(archive_name(ArchiveName::Replaced, "a.b.csv"), "a.b.zip");
        assert!(archive_name(ArchiveName::Job, "a.b.csv").starts_with("UserAuditReport_"));
    }
}
