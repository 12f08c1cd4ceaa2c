//! The page on which the simulator describes itself at `/simulator`: no vendor's API, but a way to tell this one from whatever else may
//! listen at its port later, and to see what it was asked.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

use super::answer;
use super::site::AppState;

/// `GET /simulator`
pub(super) async fn about(State(site): State<Arc<AppState>>) -> Response {
    let seen = site.seen();
    let requests: Vec<_> = (seen.iter())
        .map(|seen| json!({ "method": seen.method, "path": seen.path }))
        .collect();
    answer::json(
        StatusCode::OK,
        &json!({ "process": std::process::id(), "since": site.since.to_string(), "requests": requests }),
    )
}
