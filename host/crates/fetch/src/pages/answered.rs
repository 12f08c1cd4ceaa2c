//! Checks of an answer by the readers of a run, for who only asks: nothing of it is kept.

use bytes::Bytes;

use super::body::PageBody;
use super::listing::{WHAT, malformed};
use super::page::Page;
use crate::error::FetchError;
use crate::limits::FetchLimits;
use crate::web_page;
use remote::Remote;

/// Checks that a body is a page with its records at the end of that path of members, as a run takes one. Blocking.
///
/// # Errors
///
/// The errors of a run that is answered so.
pub fn check_page(remote: &Remote, body: &[u8], records: Option<&[String]>) -> Result<(), FetchError> {
    check_document(remote, body)?;
    let body = PageBody::Held {
        bytes: Bytes::copy_from_slice(body),
        _memory: None,
    };
    let page = Page::read(&body, records, FetchLimits::default().record_bytes);
    page.map(|_| ()).map_err(|error| error.presentable(remote))
}

/// Checks that a body is a document at all: not empty, and no web page.
///
/// # Errors
///
/// The errors of a run that is answered so.
pub fn check_document(remote: &Remote, body: &[u8]) -> Result<(), FetchError> {
    let text = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii_start();
    match text.first() {
        None => Err(malformed("the body is empty".into())),
        Some(b'<') => Err(web_page::instead_of(remote, WHAT, text)),
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::ErrorKind;
    use remote::{BaseUrl, Settings};

    #[test]
    fn an_answer_that_no_run_would_take_is_refused() {
        let base = BaseUrl::parse("https://audit.example.com").unwrap();
        let remote = Remote::new(Settings::new("okta", base.url().clone())).unwrap();
        let path = ["data".to_owned(), "items".to_owned()];
        for (body, records) in [
            ("[]", None),
            ("\u{feff}[{\"id\":1}]", None),
            (r#"{"data":{"items":[{"note":"<b>login</b>"}]}}"#, Some(&path[..])),
        ] {
            assert!(check_page(&remote, body.as_bytes(), records).is_ok(), "{body}");
        }
        for (body, records, kind) in [
            ("", None, ErrorKind::Failed),
            (" \n", None, ErrorKind::Failed),
            (r#"{"errorCode":"E0000011"}"#, None, ErrorKind::Failed),
            (r#"{"errorCode":"E0000011"}"#, Some(&path[..]), ErrorKind::Failed),
            ("<html><title>Out of order</title></html>", None, ErrorKind::Failed),
            ("<html><title>Sign In</title></html>", None, ErrorKind::Refused),
        ] {
            let error = check_page(&remote, body.as_bytes(), records).unwrap_err();
            assert_eq!(error.kind(), kind, "{body}: {error}");
        }
        assert!(check_document(&remote, b"a,b\n1,2\n").is_ok());
    }
}
