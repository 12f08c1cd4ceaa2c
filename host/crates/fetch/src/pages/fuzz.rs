//! A property of pages that holds whatever their bytes are; see `fetch/fuzz.rs`.

use super::members;
use super::page::Page;
use crate::records::piece::Piece;

/// Reads a page whose records are at the end of the path, and looks at each of them.
pub(crate) fn read_page(bytes: &[u8], path: &[&str], record_bytes: u64) {
    let path: Vec<String> = path.iter().map(|member| (*member).to_owned()).collect();
    let Ok(page) = Page::read(bytes, Some(&path), record_bytes) else {
        return;
    };
    for record in &page.records {
        match record {
            Piece::Broken(start) => assert!(
                start.len() as u64 <= record_bytes + 1,
                "a broken record is kept too long"
            ),
            Piece::Whole(_) | Piece::Mended(_) => {
                let text = record.json().unwrap_or_default();
                let value = serde_json::from_str::<serde_json::Value>(text);
                assert!(value.is_ok(), "a record that counts as whole is not JSON: {text}");
                let _ = members::text(text, &["meta".to_owned(), "id".to_owned()]);
            }
        }
    }
}
