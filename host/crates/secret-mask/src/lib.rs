//! Takes secrets out of what Oracle leaves in audit records: whole bearer tokens in `identity.credentials`, headers that sign or
//! carry a principal, passwords and keys in what a call was sent or answered.
//!
//! Nobody knows these secrets beforehand: they go by the names of members, by what a text looks like, and by the call that they answer,
//! at any depth, JSON within texts included. In a secret's place stands [`MASK`], as Oracle itself writes it, so that one sees that there
//! was one; JSON stays JSON, and what is masked in it once is not masked again. It takes time that grows as the text does, whatever
//! stands in it.
//!
//! | | who calls it | of what |
//! |---|---|---|
//! | [`string`], [`value`], [`value_beside_name`] | a plugin | a member of a record |
//! | [`records`] | the host, in recordings | a body of records, read again later: the answer of a call stays unless it is a secret |
//! | [`document`] | the host and plugins | a record that is kept or quoted because it could not be read, and any text that may quote one |
//!
//! ```text
//! {"identity":{"credentials":"ST$eyJraWQ…"},"request":{"headers":{"opc-principal":["{…}"],"Host":["x"]}}}
//! {"identity":{"credentials":"***"},"request":{"headers":{"opc-principal":"***","Host":["x"]}}}
//! ```
#![warn(missing_docs)]

mod calls;
mod json;
mod lexer;
mod masked_text;
mod names;
mod pairs;
mod patterns;
mod remarks;
mod spoiled;

use std::borrow::Cow;

pub use calls::makes_a_secret;
pub use names::MASK;
pub use pairs::{is_name_of_pair, is_value_of_pair, names_a_secret};

use json::HiddenAnswers;
use names::{is_secret, says_nothing};

/// The content of a member that is a string, without secrets.
#[inline]
pub fn string<'a>(name: &str, text: Cow<'a, str>) -> Cow<'a, str> {
    if is_secret(name) && !says_nothing(&text) {
        return MASK.into();
    }
    let masked = match json::may_be_json(&text) {
        true => json::mask_any(&text, HiddenAnswers::None),
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
    if is_secret(name) && !says_nothing(text) {
        return MASK.into();
    }
    masked_or(json::mask(text), text)
}

/// The JSON of a member that stands beside a pair's name which is a secret's, as in `{"key":"password","of":{"value":"…"}}`.
pub fn value_beside_name(text: &str) -> Cow<'_, str> {
    masked_or(json::mask_beside_name(text), text)
}

/// Any text without secrets, and without the answers of calls: a record that was rejected, what is left of one, or a message that
/// quotes a piece of one.
pub fn document(text: &str) -> Cow<'_, str> {
    masked_or(json::mask_any(text, HiddenAnswers::All), text)
}

/// The masked form of a document of bytes that may be no text. The bytes stay as they are where there is nothing to mask.
pub fn document_bytes(bytes: &[u8]) -> Cow<'_, [u8]> {
    mask_bytes(bytes, document)
}

/// JSON records without secrets, in whatever envelope and one behind the other or in a list: of answers, those of calls that make
/// secrets are hidden. Where the text is no JSON, or not all of one, that cannot be told, and all are.
pub fn records(text: &str) -> Cow<'_, str> {
    masked_or(json::mask_any(text, HiddenAnswers::OfSecretCalls), text)
}

/// The masked form of records of bytes that may be no text. The bytes stay as they are where there is nothing to mask.
pub fn records_bytes(bytes: &[u8]) -> Cow<'_, [u8]> {
    mask_bytes(bytes, records)
}

fn masked_or(masked: Option<String>, text: &str) -> Cow<'_, str> {
    match masked {
        Some(masked) => masked.into(),
        None => text.into(),
    }
}

fn mask_bytes(bytes: &[u8], mask: fn(&str) -> Cow<'_, str>) -> Cow<'_, [u8]> {
    let mut text = String::from_utf8_lossy(bytes);
    // JSON has no zeros; text in UTF-16 has one beside every letter of a name.
    if text.contains('\0') {
        text = text.replace('\0', "").into();
    }
    match mask(&text) {
        Cow::Borrowed(_) => bytes.into(),
        Cow::Owned(masked) => masked.into_bytes().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn masked(name: &str, text: &str) -> String {
        let masked = string(name, Cow::Borrowed(text)).into_owned();
        if text.starts_with(['[', '{']) {
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

    #[test]
    fn an_answer_stays_unless_its_call_makes_a_secret() {
        let record = |call: &str| {
            format!(
                r#"{{"data":{{"logContent":{{"data":{{"eventName":"{call}","response":{{"payload":{{"key":"v"}}}}}},"type":"x"}}}}}}"#
            )
        };
        let (read, made) = (record("GetUser"), record("CreateAuthToken"));
        let page = format!(r#"{{"results":[{read},{made}],"fields":[]}}"#);
        let hidden = |text: &str| text.replace(r#"{"key":"v"}"#, "\"***\"");
        let expected = page.replace(&made, &hidden(&made));
        assert_eq!(records(&page), expected);
        assert_eq!(document(&page), hidden(&page));
        // One record a line, and one that names the call above what it tells.
        assert_eq!(
            records(&format!("{read}\n{made}\n")),
            format!("{read}\n{}\n", hidden(&made))
        );
        let text = json!({"type": "x.CreateAuthToken", "told": made}).to_string();
        assert!(!records(&text).contains("key"), "{}", records(&text));
        let bare = r#"{"eventType":"CreateAuthToken","data":{"response":["v"],"request":["v"]}}"#;
        assert_eq!(records(bare), bare.replacen(r#"["v"]"#, "\"***\"", 1));
        // What is cut off may have told of any call.
        let cut = &page[..page.len() - 20];
        assert_eq!(records(cut), hidden(cut));
    }

    #[test]
    fn bytes_that_hold_no_secret_stay_as_they_are() {
        for bytes in [&b"{\"a\":\"\xff\"}"[..], b"\xff\xfe{\0}\0", b""] {
            assert!(matches!(records_bytes(bytes), Cow::Borrowed(same) if same == bytes));
        }
        let broken = b"{\"a\":\"\xff\",\"password\":\"hunter2\"}";
        assert_eq!(
            &*document_bytes(broken),
            "{\"a\":\"\u{fffd}\",\"password\":\"***\"}".as_bytes()
        );
        let wide: Vec<u8> = (r#"{"password":"hunter2"}"#.encode_utf16())
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(&*records_bytes(&wide), br#"{"password":"***"}"#);
    }
}
