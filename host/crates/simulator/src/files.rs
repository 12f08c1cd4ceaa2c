//! The files of EPM Cloud: download, list, delete.

use std::sync::Arc;

use axum::Extension;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use bytes::Bytes;

use serde_json::{Value, json};

use super::answer::{self, Caller, link};
use super::desk::File;
use super::download::send;
use super::jobs;
use super::site::AppState;

const V1: &str = "/interop/rest/11.1.2.3.600/applicationsnapshots";
const LIST_V2: &str = "/interop/rest/v2/files/list";
const DOWNLOAD_V2: &str = "/interop/rest/v2/files/download";
const DELETE_V2: &str = "/interop/rest/v2/files/delete";
const DELETE_V3: &str = "/interop/rest/v3/files/delete";

/// `GET /interop/rest/{version}/applicationsnapshots/{name}/contents`
pub(super) async fn contents(
    State(site): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    Path((version, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    if !is_v1(&version) {
        return answer::refusal(StatusCode::NOT_FOUND, "");
    }
    let file = site.desk().find(&name, site.scenario.strict_names).cloned();
    file.map_or_else(
        || no_such_file(&site, &caller, &name),
        |file| send(&site, &file, &headers),
    )
}

/// `POST /interop/rest/v2/files/download`
pub(super) async fn prepare(
    State(site): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Response {
    let file = site.desk().find(&named(&body), site.scenario.strict_names).cloned();
    let me = link("self", &caller.href(DOWNLOAD_V2, &site.scenario), "POST", Value::Null);
    jobs::offer(&site, &caller, me, file)
}

/// `GET /interop/rest/v2/files/download/{id}`
pub(super) async fn prepared(
    State(site): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let file = site.desk().offered(&id);
    file.map_or_else(
        || no_such_file(&site, &caller, &id),
        |file| send(&site, &file, &headers),
    )
}

/// `DELETE /interop/rest/v2/files/download/{id}`
pub(super) async fn withdraw(
    State(site): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Response {
    let me = link(
        "self",
        &caller.href(&format!("{DOWNLOAD_V2}/{id}"), &site.scenario),
        "DELETE",
        Value::Null,
    );
    let withdrawn = site.desk().withdraw(&id);
    if withdrawn {
        answer::job(&site.scenario, &[me], 0, None)
    } else {
        answer::job(&site.scenario, &[me], 1, Some("Invalid file"))
    }
}

/// The answer of a download where there is no such file: HTTP 200 all the same.
pub(super) fn no_such_file(site: &AppState, caller: &Caller, name: &str) -> Response {
    let encoded = percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC);
    let href = caller.href(&format!("{V1}/{encoded}/contents"), &site.scenario);
    let me = link("self", &href, "GET", Value::Null);
    answer::job(&site.scenario, &[me], 1, Some(&format!("Invalid file : {name}")))
}

/// `GET /interop/rest/{version}/applicationsnapshots`
pub(super) async fn list_v1(
    State(site): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    Path(version): Path<String>,
) -> Response {
    if is_v1(&version) {
        list(&site, &caller, V1)
    } else {
        answer::refusal(StatusCode::NOT_FOUND, "")
    }
}

/// `GET /interop/rest/v2/files/list`
pub(super) async fn list_v2(State(site): State<Arc<AppState>>, Extension(caller): Extension<Caller>) -> Response {
    list(&site, &caller, LIST_V2)
}

/// Sizes and times are JSON strings; a snapshot has neither. Whoever looks again and again sees jobs get on.
fn list(site: &AppState, caller: &Caller, path: &str) -> Response {
    let files: Vec<File> = {
        let mut desk = site.desk();
        desk.pass(site.scenario.fail_job.is_some());
        desk.files().cloned().collect()
    };
    let snapshot = json!({ "name": "Artifact Snapshot", "type": "LCM", "size": null, "lastmodifiedtime": null });
    let items: Vec<Value> = std::iter::once(snapshot)
        .chain(files.iter().map(|file| {
            let folder = if file.inbox { "inbox/" } else { "" };
            json!({
                "name": format!("{folder}{}", file.name),
                "type": "EXTERNAL",
                "size": file.table.is_small(site).then(|| file.table.length(site).to_string()),
                "lastmodifiedtime": file.written.to_string(),
            })
        }))
        .collect();
    let me = link("self", &caller.href(path, &site.scenario), "GET", Value::Null);
    answer::json(
        StatusCode::OK,
        &json!({ "links": [me], "status": 0, "details": null, "items": items }),
    )
}

/// `DELETE /interop/rest/{version}/applicationsnapshots/{name}`
pub(super) async fn delete_v1(
    State(site): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    Path((version, name)): Path<(String, String)>,
) -> Response {
    if !is_v1(&version) {
        return answer::refusal(StatusCode::NOT_FOUND, "");
    }
    let encoded = percent_encoding::utf8_percent_encode(&name, percent_encoding::NON_ALPHANUMERIC);
    delete(&site, &caller, &name, &format!("{V1}/{encoded}"), "DELETE")
}

/// `DELETE /interop/rest/v2/files/delete`, with a body
pub(super) async fn delete_v2(
    State(site): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Response {
    delete(&site, &caller, &named(&body), DELETE_V2, "DELETE")
}

/// `POST /interop/rest/v3/files/delete`
pub(super) async fn delete_v3(
    State(site): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Response {
    delete(&site, &caller, &named(&body), DELETE_V3, "POST")
}

fn delete(site: &AppState, caller: &Caller, name: &str, path: &str, action: &str) -> Response {
    let me = link("self", &caller.href(path, &site.scenario), action, Value::Null);
    match site.desk().remove(name, site.scenario.strict_names) {
        Some(_) => answer::json(StatusCode::OK, &json!({ "links": [me], "status": 0, "details": null })),
        None => answer::job(&site.scenario, &[me], 1, Some(&format!("Invalid file : {name}"))),
    }
}

/// The `fileName` of a JSON body; the empty text where there is none.
fn named(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    body.get("fileName")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

fn is_v1(version: &str) -> bool {
    matches!(version, "11.1.2.3.600" | "v1")
}
