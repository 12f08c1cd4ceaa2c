//! The meaning of a store's error for the events.

use std::error::Error as StdError;

use http::StatusCode;
use object_store::Error;

use crate::answer::in_one_line;
use crate::receiver_error::ReceiverError;
use base::ErrorKind;
use remote::{RemoteError, StoreRefusal};

/// The outcome of putting an object.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum UploadError {
    /// The object is there already.
    There,
    /// The object is larger than the store takes.
    TooLarge(String),
    /// The store does not know how to put only what is not there yet.
    Unconditional,
    /// Something else.
    Trouble(ReceiverError),
}

/// Reads an error of a put.
pub(super) fn of(error: &Error) -> UploadError {
    let Some(refusal) = refusal(error) else {
        return match error {
            Error::NotImplemented { .. } | Error::NotSupported { .. } => UploadError::Unconditional,
            error => UploadError::Trouble(trouble(error)),
        };
    };
    // What whoever issues credentials says is about these, and never about the object.
    match (refusal.status, refusal.code.as_deref()) {
        _ if refusal.issuer.is_some() => UploadError::Trouble(trouble(error)),
        (StatusCode::PRECONDITION_FAILED | StatusCode::NOT_MODIFIED, _) => UploadError::There,
        (StatusCode::NOT_IMPLEMENTED, _) => UploadError::Unconditional,
        (StatusCode::PAYLOAD_TOO_LARGE, _) | (_, Some("EntityTooLarge")) => UploadError::TooLarge(refusal.to_string()),
        _ => UploadError::Trouble(trouble(error)),
    }
}

/// Reads an error of anything else.
pub(super) fn trouble(error: &Error) -> ReceiverError {
    if let Some(refusal) = refusal(error) {
        return match passes(refusal) {
            true => ReceiverError::transient(refusal.to_string()),
            false => ReceiverError::permanent(refusal.to_string()),
        };
    }
    if let Some(remote) = cause::<RemoteError>(error) {
        let reason = in_one_line(remote);
        return match remote.kind() {
            ErrorKind::Unavailable => ReceiverError::transient(reason),
            _ => ReceiverError::permanent(reason),
        };
    }
    ReceiverError::transient(in_one_line(error))
}

/// Reads an error of a folder.
pub(super) fn of_folder(place: &std::path::Path, error: &std::io::Error) -> ReceiverError {
    let reason = format!("cannot write to {}: {error}", place.display());
    match error.kind() {
        std::io::ErrorKind::PermissionDenied
        | std::io::ErrorKind::ReadOnlyFilesystem
        | std::io::ErrorKind::NotADirectory
        | std::io::ErrorKind::InvalidFilename => ReceiverError::permanent(reason),
        _ => ReceiverError::transient(reason),
    }
}

/// A conflict is another writer at the same moment, a temporary redirect a bucket that is not known everywhere yet; and what
/// was damaged on its way fares better the next time.
fn passes(refusal: &StoreRefusal) -> bool {
    let statuses = [
        StatusCode::TEMPORARY_REDIRECT,
        StatusCode::REQUEST_TIMEOUT,
        StatusCode::CONFLICT,
        StatusCode::TOO_EARLY,
        StatusCode::TOO_MANY_REQUESTS,
    ];
    let codes = [
        "BadDigest",
        "IDPCommunicationError",
        "IncompleteBody",
        "InternalError",
        "OperationAborted",
        "RequestLimitExceeded",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "XAmzContentSHA256Mismatch",
        "XAmzContentChecksumMismatch",
    ];
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
        let trouble = |kind: std::io::ErrorKind| of_folder(std::path::Path::new("x"), &kind.into());
        assert!(matches!(
            trouble(std::io::ErrorKind::StorageFull),
            ReceiverError::Transient(_)
        ));
        assert!(matches!(
            trouble(std::io::ErrorKind::PermissionDenied),
            ReceiverError::Permanent(_)
        ));
    }
}
