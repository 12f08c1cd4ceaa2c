//! The destination of a configured sink, in a short text without secrets.
//!
//! Configurations of one user may share a store of dead letters and name different receivers alike. So a letter is kept with
//! the destination of its sink, and only a sink of the same name and destination gets it.
//!
//! A destination is as `http https://siem.example/in`. What else decides who gets the events, and may not be shown (the query of
//! a URL, headers, a plugin's own configuration), stands behind it as a short digest: `http https://siem.example/in #5d41402a`.
//! Credentials play no part: they are renewed, and the receiver stays the same.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use url::Url;

use super::context::SinkContext;
use base::hex;

/// Bytes of the digest that are shown: enough to tell settings apart, too few to find out what they say.
const DIGEST: usize = 4;

/// A URL, and a digest of what belongs to it and is not shown.
pub(super) fn addressed<'a>(kind: &str, url: &'a Url, more: impl IntoIterator<Item = &'a str>) -> String {
    let hidden: Vec<&str> = url.query().into_iter().chain(more).collect();
    let shown = format!("{kind} {}", bare(url));
    if hidden.is_empty() {
        return shown;
    }
    let mut digest = Sha256::new();
    for part in hidden {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    let digest = hex(digest.finalize().get(..DIGEST).unwrap_or_default());
    format!("{shown} #{digest}")
}

/// The URL without what may be secret.
pub(super) fn bare(url: &Url) -> String {
    let mut bare = url.clone();
    bare.set_query(None);
    bare.set_fragment(None);
    // Neither can be set where there is no host, and then there is nothing to take away.
    let _ = bare.set_username("");
    let _ = bare.set_password(None);
    bare.into()
}

/// The whole of a path that stands in the configuration, whatever folder the program was started in.
pub(super) fn whole(context: &SinkContext<'_>, path: impl AsRef<Path>) -> String {
    let folder = match context.file.folder.as_os_str().is_empty() {
        true => PathBuf::from("."),
        false => context.file.folder.clone(),
    };
    let folder = folder.canonicalize().unwrap_or(folder);
    folder.join(path).display().to_string()
}

/// The URL without its query, which may hold secrets; that there is one is shown.
pub(super) fn shown(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_query(None);
    match url.query() {
        Some(_) => format!("{shown}?…"),
        None => shown.into(),
    }
}
