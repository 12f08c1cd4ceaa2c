//! Files that are not there, which is not the same as files that nobody may look at.

use std::io::{Error, ErrorKind};

/// True if an error says that there is no such file: the path is not there, or leads through something that is no
/// folder, as `/dev/null` for a home does.
pub fn is_absent(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}
