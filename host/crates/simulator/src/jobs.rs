//! Jobs: how they are taken on, and how they answer when they are asked how they stand.

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use std::sync::Arc;

use super::answer::{self, Caller, link};
use super::desk::{File, JobProgress, JobWork, StoredJob};
use super::refusal_texts::insufficient;
use super::scenario::ArchiveName;
use super::site::AppState;

const SECURITY: &str = "/interop/rest/security/v1/jobs";
pub(super) const DOWNLOADS: &str = "/interop/rest/v2/status/download";
const FILES: &str = "/interop/rest/v2/files/download";

/// The interface at which jobs of a kind are asked how they stand.
#[derive(Clone, Debug)]
pub(super) enum JobApi {
    /// `security/v1/jobs`
    Security,
    /// `VERSION/status/jobs`
    Version(String),
    /// `v2/jobs`
    Second,
}

impl JobApi {
    fn path(&self, id: &str) -> String {
        match self {
            Self::Security => format!("{SECURITY}/{id}"),
            Self::Version(version) => format!("/interop/rest/{version}/status/jobs/{id}"),
            Self::Second => format!("/interop/rest/v2/jobs/{id}"),
        }
    }
}

/// Takes a job on that writes a file, and answers with where to ask how it stands. `me` is the link to the request.
pub(super) fn submit(site: &AppState, caller: &Caller, me: Value, board: &JobApi, file: File) -> Response {
    let scenario = &site.scenario;
    if let Some(refusal) = &scenario.refuse_job {
        let text = refusal.text.clone().unwrap_or_else(|| insufficient(file.table.report));
        return answer::job(scenario, &[me], refusal.status, Some(&text));
    }
    if scenario.done_at_once && scenario.fail_job.is_none() {
        site.desk().write_at_once(file);
        return answer::job(scenario, &[me], 0, None);
    }
    let id = site
        .desk()
        .submit(StoredJob::new(scenario.slow_job, JobWork::Write(file)).taking(scenario.job_time));
    answer::job(scenario, &in_progress(site, caller, me, &board.path(&id)), -1, None)
}

/// Takes a job on that makes a file ready to be downloaded.
pub(super) fn offer(site: &AppState, caller: &Caller, me: Value, file: Option<File>) -> Response {
    let id = (site.desk()).submit(StoredJob::new(site.scenario.slow_job, JobWork::Offer(file)));
    answer::job(
        &site.scenario,
        &in_progress(site, caller, me, &format!("{DOWNLOADS}/{id}")),
        -1,
        None,
    )
}

fn in_progress(site: &AppState, caller: &Caller, me: Value, path: &str) -> Vec<Value> {
    let status = caller.link(site.scenario.status_link, path, &site.scenario);
    let mut links = vec![me];
    links.extend(status.map(|href| link("Job Status", &href, "GET", Value::Null)));
    links
}

/// `GET /interop/rest/security/v1/jobs/{id}`
pub(super) async fn security(
    State(site): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Response {
    poll(&site, &caller, &id, &JobApi::Security.path(&id))
}

/// `GET /interop/rest/v2/jobs/{id}`
pub(super) async fn second(
    State(site): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Response {
    poll(&site, &caller, &id, &JobApi::Second.path(&id))
}

/// `GET /interop/rest/{version}/status/jobs/{id}`
pub(super) async fn version(
    State(site): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    Path((version, id)): Path<(String, String)>,
) -> Response {
    if !matches!(version.as_str(), "11.1.2.3.600" | "v1" | "v2") {
        return answer::refusal(StatusCode::NOT_FOUND, "");
    }
    poll(&site, &caller, &id, &JobApi::Version(version).path(&id))
}

/// `GET /interop/rest/v2/status/download/{id}`
pub(super) async fn download(
    State(site): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Response {
    poll(&site, &caller, &id, &format!("{DOWNLOADS}/{id}"))
}

fn poll(site: &AppState, caller: &Caller, id: &str, path: &str) -> Response {
    let scenario = &site.scenario;
    let me = link("self", &caller.href(path, scenario), "GET", Value::Null);
    let standing = site.desk().poll(id);
    match standing {
        JobProgress::Unknown => answer::job(scenario, &[me], 1, Some("EPMCSS-20679: There is no job with this id. ")),
        JobProgress::InProgress => answer::job(scenario, &[me], -1, None),
        JobProgress::Done(JobWork::Offer(None)) => answer::job(scenario, &[me], 1, Some("Invalid file")),
        JobProgress::Done(JobWork::Offer(Some(_))) => {
            let href = caller.link(scenario.download_link, &format!("{FILES}/{id}"), scenario);
            let offer = href.map(|href| link("Download link", &href, "GET", Value::Null));
            let links: Vec<Value> = std::iter::once(me).chain(offer).collect();
            answer::job(scenario, &links, 0, None)
        }
        JobProgress::Done(JobWork::Write(file)) => match &scenario.fail_job {
            Some(failure) => {
                let text = failure.text.clone().unwrap_or_else(|| insufficient(file.table.report));
                answer::job(scenario, &[me], failure.status, Some(&text))
            }
            None => {
                site.desk().complete(id);
                written(site, caller, path, &file)
            }
        },
    }
}

fn written(site: &AppState, caller: &Caller, path: &str, file: &File) -> Response {
    let scenario = &site.scenario;
    let href = caller.href(path, scenario);
    if file.table.archive.is_none() || scenario.archive_name != ArchiveName::Job {
        return answer::job(scenario, &[link("self", &href, "GET", Value::Null)], 0, None);
    }
    let me = link("self", &href, "GET", json!({ "fileName": file.name }));
    let items = json!([{ "name": file.name, "type": "EXTERNAL" }]);
    answer::json(
        StatusCode::OK,
        &json!({ "links": [me], "status": 0, "details": null, "items": items }),
    )
}
