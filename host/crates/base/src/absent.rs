//! Whether something is not there, which is not the same as that nobody may look.

use std::io::{Error, ErrorKind};

/// Whether an error says that there is no such file: what was named is not there, or leads through something that is no
/// folder, as `/dev/null` for a home does.
pub fn is_absent(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}
