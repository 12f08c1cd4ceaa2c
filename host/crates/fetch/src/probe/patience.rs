//! Patience with questions that a check does not depend on.

use std::time::Duration;

use super::failure::ProbeFailure;

/// The time for which a question is asked, repetitions included, that the check does not depend on.
const PATIENCE: Duration = Duration::from_secs(30);

/// The answer to a question beyond what the check is about, or why there is none: nobody waits long for it.
pub(crate) async fn patiently<T>(asking: impl Future<Output = Result<T, ProbeFailure>>) -> Result<T, String> {
    match tokio::time::timeout(PATIENCE, asking).await {
        Ok(answer) => answer.map_err(|lack| lack.message),
        Err(_) => Err(format!("no answer came within {} seconds", PATIENCE.as_secs())),
    }
}
