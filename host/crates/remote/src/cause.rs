//! The cause of a failed exchange, in the words of whatever met it first.

use std::error::Error as StdError;
use std::io;

use super::one_line::one_line;

/// TLS errors hide inside I/O errors, which may hide in others, and do not show them as their source.
pub(super) fn tls_error(error: &(dyn StdError + 'static)) -> Option<String> {
    if let Some(tls) = error.downcast_ref::<rustls::Error>() {
        return Some(one_line(&tls.to_string(), 200));
    }
    let inner: &(dyn StdError + 'static) = error.downcast_ref::<io::Error>()?.get_ref()?;
    tls_error(inner)
}

/// The message at the bottom of the chain: what the operating system or the protocol library said.
pub(super) fn innermost(error: &(dyn StdError + 'static)) -> String {
    let mut current = error;
    while let Some(source) = current.source() {
        current = source;
    }
    one_line(&current.to_string(), 200)
}
