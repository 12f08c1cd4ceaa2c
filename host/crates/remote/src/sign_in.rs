//! The difference between places where people sign in and where programs are answered.
//!
//! A server that does not accept a credential may answer like to a browser: with a redirect to the sign-in page of its
//! identity domain (`https://idcs-….identity.oraclecloud.com/ui/v1/signin`, SAML, OAuth 2 `authorize`), or with such a
//! page and status 200. Neither says anything of what was asked; both say that the credential does not do.

use url::Url;

/// The remedy where a server sends a program to a sign-in page.
pub(super) const HINT: &str = "the credential was not accepted: users with single sign-on or multi-factor sign-in need OAuth 2; \
     with a password, the user name may need the prefix of its identity domain, as in DOMAIN.USER";

/// Words in a path that stand for signing in, whatever the server.
const WORDS: [&str; 10] = [
    "login",
    "logon",
    "signin",
    "signon",
    "sso",
    "saml",
    "saml2",
    "adfs",
    "authorize",
    "oam",
];

/// Labels of a host that does nothing else.
const LABELS: [&str; 12] = [
    "login", "logon", "signin", "sso", "idp", "idcs", "identity", "adfs", "okta", "auth", "accounts", "sts",
];

/// Parameters of SAML's redirect binding and of OAuth 2's authorization request.
const PARAMETERS: [&str; 5] = ["samlrequest", "relaystate", "redirect_uri", "response_type", "wtrealm"];

/// Texts of pages for signing in, in lower case.
const MARKS: [&str; 11] = [
    "type=\"password\"",
    "type='password'",
    "type=password",
    "sign in",
    "sign-in",
    "signin",
    "log in",
    "login",
    "samlrequest",
    "samlresponse",
    "oauth2/v1/authorize",
];

/// True if a redirect leads to where people sign in; `elsewhere` says that it leaves the server.
pub(super) fn is_place(target: &Url, elsewhere: bool) -> bool {
    let is_word = |word: &str| WORDS.iter().any(|known| word.eq_ignore_ascii_case(known));
    let path = target.path();
    if path.split(|c: char| !c.is_ascii_alphanumeric()).any(is_word) {
        return true;
    }
    if !elsewhere {
        return false;
    }
    let host = target.host_str().unwrap_or_default();
    host.split(['.', '-']).any(|label| LABELS.contains(&label))
        || (target.query_pairs()).any(|(name, _)| PARAMETERS.contains(&name.to_ascii_lowercase().as_str()))
}

/// True if a web page is one for signing in.
pub(super) fn is_page(page: &[u8]) -> bool {
    let text = String::from_utf8_lossy(page).to_lowercase();
    text.contains('<') && MARKS.iter().any(|mark| text.contains(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_to_sign_in_are_known_by_their_address() {
        for (target, elsewhere, place) in [
            ("https://idcs-0123.identity.oraclecloud.com/ui/v1/signin", true, true),
            ("https://idcs-0123.identity.oraclecloud.com/fed/v1/idp/x", true, true),
            (
                "https://login.eu-frankfurt-1.oraclecloud.com/v1/oauth2/authorize?x=1",
                true,
                true,
            ),
            ("https://corp.example.com/adfs/ls?wa=wsignin1.0", true, true),
            ("https://corp.example.com/x?SAMLRequest=abc", true, true),
            ("https://epm.example.com/workspace/login.jsp", false, true),
            (
                "https://idcs-0123.identity.oraclecloud.com/admin/v1/AuditEvents",
                false,
                false,
            ),
            (
                "https://epm.example.com/interop/rest/security/v1/report/userloginreport",
                false,
                false,
            ),
            ("https://mirror.example.com/interop/rest/v1/jobs/7", true, false),
        ] {
            assert_eq!(is_place(&target.parse().unwrap(), elsewhere), place, "{target}");
        }
    }

    #[test]
    fn pages_to_sign_in_are_known_by_what_they_hold() {
        assert!(is_page(b"<html><form><input type=\"password\"></form></html>"));
        assert!(is_page(b"<!DOCTYPE html><title>Oracle Cloud Sign In</title>"));
        assert!(!is_page(b"<html><title>Scheduled maintenance</title></html>"));
        assert!(!is_page(b"login,10.0.0.1"));
    }
}
