//! Work of signing that takes long or blocks: making keys, reading files.

use std::fs::File;
use std::path::Path;

use secrecy::SecretString;

use base::secret_file::{self, Trusted};

use super::principal::OciSecret;
use crate::error::RemoteError;

/// Does it on a thread of its own.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RemoteError> + Send + 'static,
) -> Result<T, RemoteError> {
    match base::blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) => Err(RemoteError::Local {
            message: format!("a session with OCI: {error}"),
            hint: None,
        }),
    }
}

/// A file of the user that holds a secret, under the rule for such files.
pub(super) fn secret_of_user(path: &Path) -> Result<SecretString, RemoteError> {
    let text = secret_file::text(path, &Trusted::of_this_process())
        .map_err(|refusal| RemoteError::settings_hint(refusal.reason, refusal.hint))?;
    Ok(SecretString::from(text))
}

/// A secret that the platform gives to whatever runs on it, and keeps from others in its own way.
pub(super) fn secret_of_platform(secret: &OciSecret) -> Result<SecretString, RemoteError> {
    let path = match secret {
        OciSecret::Text(text) => return Ok(text.clone()),
        OciSecret::File(path) => path,
    };
    let failed = |reason: &dyn std::fmt::Display| {
        RemoteError::settings_hint(
            format!("{}: {reason}", path.display()),
            "the platform that this process runs on provides the file: check that it does, and that the process may read it",
        )
    };
    let file = File::open(path).map_err(|error| failed(&error))?;
    let text = secret_file::limited_text(file).map_err(|reason| failed(&reason))?;
    Ok(SecretString::from(text))
}
