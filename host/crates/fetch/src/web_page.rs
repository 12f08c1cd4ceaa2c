//! A web page where data was asked for: a place to sign in, a gateway's notice, or the wrong address.

use super::error::FetchError;
use remote::Remote;

/// The beginning of a page that is looked at, in bytes.
pub(super) const LOOKED_AT: u64 = 64 * 1024;

/// The error for a page that came instead of an answer; `what` names the request.
pub(super) fn instead_of(remote: &Remote, what: &'static str, page: &[u8]) -> FetchError {
    let length = usize::try_from(LOOKED_AT).unwrap_or(usize::MAX);
    let page = page.get(..length).unwrap_or(page);
    match remote.sign_in_page(page) {
        Some(error) => error.into(),
        None => FetchError::WebPage {
            connection: remote.name().to_owned(),
            what,
            title: remote.words_of(page),
            hint: remote.address_hint(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::ErrorKind;
    use remote::{BaseUrl, Settings};

    fn error(url: &str, page: &str) -> FetchError {
        let base = BaseUrl::parse(url).unwrap();
        let remote = Remote::new(Settings::new("epm", base.url().clone())).unwrap();
        instead_of(&remote, "the call", page.as_bytes())
    }

    #[test]
    fn a_page_to_sign_in_is_a_refusal_and_any_other_a_failure() {
        let refused = error("https://epm.example.com", "<html><title>Sign In</title></html>");
        assert_eq!((refused.kind(), refused.code()), (ErrorKind::Refused, "sign-in-page"));
        assert!(refused.hint().unwrap().contains("DOMAIN.USER"));
        let failed = error("https://epm.example.com", "<html><title>Out of order</title></html>");
        assert_eq!(
            (failed.kind(), failed.code()),
            (ErrorKind::Failed, "malformed-response")
        );
        assert_eq!(
            failed.to_string(),
            "epm answered the call with a web page instead of data: Out of order"
        );
    }

    #[test]
    fn the_hint_names_the_base_address_where_the_url_leads_below_it() {
        for (url, base) in [
            ("https://epm.example.com/HyperionPlanning", "https://epm.example.com"),
            ("https://epm.example.com/epmcloud/", "https://epm.example.com"),
            (
                "https://epm.example.com:444/gw/interop/rest/v2",
                "https://epm.example.com:444/gw",
            ),
            (
                "https://idcs-1.example.com/ui/v1/adminconsole",
                "https://idcs-1.example.com",
            ),
        ] {
            for page in ["<html>", "<html>Sign in"] {
                let hint = error(url, page).hint().unwrap();
                assert!(hint.contains(&format!("use {base}")), "{url}: {hint}");
            }
        }
        assert!(
            !error("https://epm.example.com/gw", "<html>")
                .hint()
                .unwrap()
                .contains("use ")
        );
    }
}
