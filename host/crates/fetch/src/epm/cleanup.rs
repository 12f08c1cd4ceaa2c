//! Removes what a job left on the server.

use super::envelope::Envelope;
use crate::error::FetchError;
use crate::limits::FetchLimits;
use remote::{Remote, Request};

/// A file on the server that is no longer needed once its events are delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleanup {
    /// The file's name on the server.
    pub file: String,
}

/// Deletes a file: "Delete Files (v3)" of the EPM Cloud REST interface, the one that needs no body on a DELETE.
pub(crate) async fn delete(remote: &Remote, file: &str, limits: &FetchLimits) -> Result<(), FetchError> {
    let url = remote.base().join(["interop", "rest", "v3", "files", "delete"])?;
    let body = serde_json::json!({ "fileName": file }).to_string();
    let request = Request::new(http::Method::POST, url)
        .body("application/json", body)?
        .limit(limits.control_bytes)
        // Deleting what is gone already fails harmlessly.
        .repeatable(true);
    let answer = remote.exchange(request).await?;
    Envelope::read(remote, "the deletion", &answer.body)?.check()?;
    Ok(())
}
