//! The reasons why a list cannot be salvaged.

use std::io;

use crate::error::FetchError;

/// The reason why an answer cannot be read all the same.
#[derive(Debug)]
pub(crate) enum SalvageError {
    /// The answer is not JSON of the expected form.
    Form(&'static str),
    /// Reading failed.
    Io(io::Error),
    /// Whoever took the records failed.
    Taker(FetchError),
}

impl From<io::Error> for SalvageError {
    fn from(error: io::Error) -> Self {
        SalvageError::Io(error)
    }
}

/// The result of salvaging.
pub(super) type Result<T> = std::result::Result<T, SalvageError>;
