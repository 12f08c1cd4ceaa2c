//! The failure to give an event its id.

/// The temporary file behind the rows already seen cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[error("cannot keep the rows already seen in a temporary file")]
pub struct IdError(#[from] std::io::Error);

impl IdError {
    /// The remedy, for the user.
    pub fn hint(&self) -> Option<String> {
        Some("free space in the folder for temporary files, or name another with TMPDIR".into())
    }
}
