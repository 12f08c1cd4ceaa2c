//! A property of pages that holds whatever their bytes are; see `fetch/fuzz.rs`.

use super::body::PageBody;
use super::members;
use super::page::Page;
use crate::records::piece::Piece;
use crate::spool::Spooled;

/// Reads a page from memory and from the spool and looks at each of its records: they are the same where both can be read.
/// The records are at the end of the path.
pub(crate) fn read_page(bytes: &[u8], file: &Spooled, path: &[&str], record_bytes: u64) {
    let path: Vec<String> = path.iter().map(|member| (*member).to_owned()).collect();
    let held = PageBody::Held {
        bytes: bytes.to_vec().into(),
        _memory: None,
    };
    let [held, spooled] = [held, PageBody::Spooled(file.clone())].map(|body| {
        Page::read(&body, Some(path.as_slice()), record_bytes)
            .map(|page| (records(&page, record_bytes), page.total()))
            .ok()
    });
    if held.is_some() && spooled.is_some() {
        assert_eq!(held, spooled, "a page on the spool is read otherwise than in memory");
    }
}

/// The bytes of all records.
fn records(page: &Page<'_>, record_bytes: u64) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    let read = page.each(&mut |record| {
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
        all.push(record.bytes().to_vec());
        Ok(())
    });
    assert!(read.is_ok(), "a page that was whole is not");
    assert_eq!(
        page.count(),
        all.len() as u64,
        "the records are not those that were counted"
    );
    all
}
