//! The line of a manifest: what is known of one document.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::compress::Compressed;
use super::document::{DocumentContent, EvidenceDocument, EvidenceRequest, EvidenceStream, EvidenceWindow};
use base::hex;

/// The digest in the first line of all, before which there is none.
pub const BEGINNING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The longest line, in bytes, its end included.
pub(crate) const LONGEST_LINE: u64 = 256 * 1024;

/// The longest part of a file's name that comes from a window, in characters.
const LONGEST_WINDOW: usize = 120;

/// The line of a manifest about one document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestLine {
    /// SHA-256 of the line before without its end, hexadecimal; [`BEGINNING`] where there is none.
    pub prev: String,
    /// The line's own name, which no other line has.
    pub id: String,
    /// The document's file, from the folder of evidence or the prefix in the bucket on.
    pub file: String,
    /// The form of the document.
    pub content: DocumentContent,
    /// The bytes of the document, before compression.
    pub bytes: u64,
    /// SHA-256 of the document, before compression.
    pub sha256: String,
    /// The bytes of the file.
    pub compressed_bytes: u64,
    /// SHA-256 of the file.
    pub compressed_sha256: String,
    /// SHA-256 of what was received, where secrets in it were masked before it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received_sha256: Option<String>,
    /// The request that brought it.
    pub request: EvidenceRequest,
    /// The window that it belongs to.
    pub window: EvidenceWindow,
    /// The server's clock, by all of its answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_clock: Option<Timestamp>,
    /// The clock of the machine that kept it.
    pub host_clock: Timestamp,
    /// The run's id.
    pub run: String,
    /// The stream that it belongs to.
    pub stream: EvidenceStream,
    /// SHA-256 of the plugin's component.
    pub plugin: String,
    /// True where the run that kept the document ended before it wrote the line, and a later one has.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub healed: bool,
}

impl ManifestLine {
    /// The line of a document that was compressed; the line before is not known yet.
    pub(crate) fn new(id: String, document: &EvidenceDocument, compressed: Compressed) -> ManifestLine {
        ManifestLine {
            prev: BEGINNING.to_owned(),
            file: file_name(document, &compressed.sha256),
            id,
            content: document.content,
            bytes: compressed.bytes,
            sha256: compressed.sha256,
            compressed_bytes: compressed.compressed_bytes,
            compressed_sha256: compressed.compressed_sha256,
            received_sha256: compressed.received_sha256,
            request: document.request.clone(),
            window: document.window.clone(),
            server_clock: document.server_clock,
            host_clock: document.host_clock,
            run: document.run.clone(),
            stream: document.stream.clone(),
            plugin: document.plugin.clone(),
            healed: false,
        }
    }

    /// The text of the line, without its end.
    pub(crate) fn text(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
}

/// A name that no other line has, which begins with the time: `20260305T220000-5f2c9a1be07d4c33`.
pub(crate) fn new_id(now: Timestamp) -> String {
    format!("{}-{:016x}", now.strftime("%Y%m%dT%H%M%S"), fastrand::u64(..))
}

/// The file of a document: `STREAM/YYYY/MM/DD/WINDOW-FETCH-DIGEST.zst`, of the day by this machine's clock in UTC.
fn file_name(document: &EvidenceDocument, sha256: &str) -> String {
    let day = document
        .host_clock
        .to_zoned(TimeZone::UTC)
        .date()
        .strftime("%Y/%m/%d")
        .to_string();
    let window: String = plain(&document.window.name).chars().take(LONGEST_WINDOW).collect();
    let beginning = sha256.get(..16).unwrap_or(sha256);
    format!(
        "{}/{day}/{window}-{}-{beginning}.zst",
        plain(&document.stream.id),
        document.window.fetch
    )
}

/// The text with a `_` for each character that is not plain in a file's name.
fn plain(text: &str) -> String {
    let plain: String = text.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    match plain.starts_with('.') || plain.is_empty() {
        true => format!("_{plain}"),
        false => plain,
    }
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

/// True where a name is one that [`file_name`] makes: nothing in a manifest leads out of the folder.
pub(crate) fn is_file_name(name: &str) -> bool {
    let parts: Vec<&str> = name.split('/').collect();
    let whole = |part: &&str| !part.is_empty() && !part.starts_with('.') && part.chars().all(is_plain);
    parts.len() == 5 && parts.iter().all(whole) && name.ends_with(".zst")
}

/// SHA-256 in hexadecimal digits.
pub(crate) fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_below_the_folder_are_names_of_documents() {
        assert!(is_file_name("ab12/2026/03/05/host-user-login-x-0-0123.zst"));
        for name in [
            "",
            "x.zst",
            "ab12/2026/03/05/x",
            "ab12/2026/03/../x.zst",
            "/ab12/2026/03/x.zst",
            "ab12/2026/03/05/06/x.zst",
            "ab12/2026/03/05/.x.zst",
            "ab12/2026/03/05/a b.zst",
        ] {
            assert!(!is_file_name(name), "{name}");
        }
        assert_eq!(plain("../a b/c"), "_.._a_b_c");
        assert_eq!(plain(""), "_");
    }
}
