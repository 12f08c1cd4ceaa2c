//! Takes secrets out of what Oracle leaves in audit events: whole bearer tokens in `identity.credentials`, headers that sign or
//! carry a principal, passwords and keys in what a call was sent or answered.
//!
//! [`string`] and [`value`] mask one member by its name, by what its text looks like, and at any depth, JSON within texts
//! included. [`document`] does so with what is no JSON as well, or was cut off, since a rejected row is shown as it came, and
//! hides answers whole. In a
//! secret's place stands [`MASK`], as Oracle itself writes it, so that one sees that there was one.

mod json;
mod names;
mod pairs;
mod patterns;

pub use names::MASK;
pub use pairs::{is_name_of_pair, is_value_of_pair, names_a_secret};

use names::{is_json, is_secret};
use std::borrow::Cow;

/// The content of a member that is a string, without secrets.
#[inline]
pub fn string<'a>(name: &str, text: Cow<'a, str>) -> Cow<'a, str> {
    if is_secret(name) && !json::says_nothing(&text) {
        return MASK.into();
    }
    let masked = match is_json(&text) {
        true => json::mask_any(&text),
        false => patterns::mask(&text),
    };
    match masked {
        Some(masked) => masked.into(),
        None => text,
    }
}

/// The JSON of a member that is no string, without secrets.
#[inline]
pub fn value<'a>(name: &str, text: &'a str) -> Cow<'a, str> {
    if is_secret(name) && !json::says_nothing(text) {
        return MASK.into();
    }
    match json::mask(text) {
        Some(masked) => masked.into(),
        None => text.into(),
    }
}

/// A record that was rejected, or what is left of one, without secrets and without the answer of the call.
pub fn document(text: &str) -> Cow<'_, str> {
    match json::mask_with_answers(text) {
        Some(masked) => masked.into(),
        None => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(name: &str, text: &str) -> String {
        let masked = string(name, Cow::Borrowed(text)).into_owned();
        if is_json(text) {
            assert_eq!(value(name, text), masked);
        }
        masked
    }

    #[test]
    fn a_member_with_a_secrets_name_is_masked_whatever_it_holds() {
        for (name, text) in [
            ("credentials", "ocid1.tenancy.oc1..a/ocid1.user.oc1..b/aa:bb"),
            ("Authorization", r#"["Signature version=\"1\",signature=\"abc\""]"#),
            ("OPC-Principal", r#"{"tenantId":"t"}"#),
            ("newPassword", "hunter2"),
            ("passcode", "123456"),
        ] {
            assert_eq!(masked(name, text), MASK, "{name}");
        }
    }

    #[test]
    fn a_member_that_only_says_yes_or_no_stays() {
        for text in ["true", "false", "null", "", "***", "[]", "{}", "[\"***\"]"] {
            assert_eq!(masked("mustChangePassword", text), text);
        }
    }

    #[test]
    fn other_members_stay_as_they_are() {
        for (name, text) in [
            ("path", "/20160918/users/ocid1.user.oc1..a/apiKeys"),
            ("opc-next-page", "AP37-f_9__79=="),
            ("consoleSessionId", "csid1"),
            ("parameters", r#"{"page":["AP37-f_9__79=="],"limit":["10"]}"#),
            ("userAgent", "Oracle-JavaSDK/3.63.2 (Linux; Java/17)"),
        ] {
            assert!(
                matches!(string(name, Cow::Borrowed(text)), Cow::Borrowed(same) if same == text),
                "{name}"
            );
        }
    }
}
