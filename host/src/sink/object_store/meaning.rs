//! What a store's error means for the events.

use std::error::Error as StdError;

use http::StatusCode;
use object_store::Error;

use crate::remote::{Class, RemoteError, StoreRefusal};
use crate::sink::answer::in_one_line;
use crate::sink::trouble::Trouble;

/// What came of putting an object.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It is there already.
    There,
    /// The store does not know how to put only what is not there yet.
    Unconditional,
    /// Something else.
    Trouble(Trouble),
}

/// Reads an error of a put.
pub(super) fn of(error: &Error) -> Failure {
    match refusal(error).map(|refusal| refusal.status) {
        Some(StatusCode::PRECONDITION_FAILED | StatusCode::NOT_MODIFIED) => return Failure::There,
        Some(StatusCode::NOT_IMPLEMENTED) => return Failure::Unconditional,
        _ => {}
    }
    match error {
        Error::AlreadyExists { .. } => Failure::There,
        Error::NotImplemented { .. } | Error::NotSupported { .. } => Failure::Unconditional,
        error => Failure::Trouble(trouble(error)),
    }
}

/// Reads an error of anything else.
pub(super) fn trouble(error: &Error) -> Trouble {
    if let Some(refusal) = refusal(error) {
        return match passes(refusal) {
            true => Trouble::passing(refusal.to_string()),
            false => Trouble::lasting(refusal.to_string()),
        };
    }
    if let Some(remote) = cause::<RemoteError>(error) {
        let reason = in_one_line(remote);
        return match remote.class() {
            Class::Unavailable => Trouble::passing(reason),
            _ => Trouble::lasting(reason),
        };
    }
    let reason = in_one_line(error);
    match cause::<std::io::Error>(error).map(std::io::Error::kind) {
        Some(
            std::io::ErrorKind::PermissionDenied
            | std::io::ErrorKind::ReadOnlyFilesystem
            | std::io::ErrorKind::NotADirectory
            | std::io::ErrorKind::InvalidFilename,
        ) => Trouble::lasting(reason),
        _ => Trouble::passing(reason),
    }
}

/// A conflict is another writer at the same moment.
fn passes(refusal: &StoreRefusal) -> bool {
    let statuses = [
        StatusCode::REQUEST_TIMEOUT,
        StatusCode::CONFLICT,
        StatusCode::TOO_EARLY,
        StatusCode::TOO_MANY_REQUESTS,
    ];
    let codes = ["RequestTimeout", "SlowDown"];
    refusal.status.is_server_error()
        || statuses.contains(&refusal.status)
        || refusal.code.as_deref().is_some_and(|code| codes.contains(&code))
}

/// The store's answer, where there was one.
pub(super) fn refusal(error: &Error) -> Option<&StoreRefusal> {
    cause(error)
}

fn cause<T: StdError + 'static>(error: &Error) -> Option<&T> {
    let mut current: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = current {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        current = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_may_be_freed_and_a_forbidden_one_not() {
        let error = |kind: std::io::ErrorKind| Error::Generic {
            store: "x",
            source: Box::new(std::io::Error::from(kind)),
        };
        assert!(matches!(
            trouble(&error(std::io::ErrorKind::StorageFull)),
            Trouble::Passing(_)
        ));
        assert!(matches!(
            trouble(&error(std::io::ErrorKind::PermissionDenied)),
            Trouble::Lasting(_)
        ));
    }
}
