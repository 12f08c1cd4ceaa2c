//! Secrets in a JSON text: by the names of members at any depth, and in JSON that stands within a string.
//!
//! The text is looked at string by string and not parsed: it may be cut off, or be no JSON at all, and what is not masked stays as
//! it is, byte by byte. A secret that is cut off is masked to the text's end.

use super::names::{MASK, is_answer, is_json, is_secret};
use super::{pairs, patterns};
use memchr::{memchr, memchr2};
use serde_core::de::IgnoredAny;

/// Texts within texts, beyond which all of a text that looks like JSON is masked. Each one doubles the backslashes.
const DEEPEST: u32 = 8;

/// The members whose names say that they hold a secret.
type HidingNames = fn(&str) -> bool;

/// A JSON text with masks in the place of secrets; none where it holds no secret.
pub fn mask(text: &str) -> Option<String> {
    mask_at(text, is_secret, 0)
}

/// The same of a text that may be no JSON, or not all of one.
pub fn mask_any(text: &str) -> Option<String> {
    mask_any_at(text, is_secret, 0)
}

/// The same, and of the answers of calls nothing is shown: whether one holds a secret depends on the call, which may not be known.
pub fn mask_with_answers(text: &str) -> Option<String> {
    mask_any_at(text, |name| is_secret(name) || is_answer(name), 0)
}

fn mask_any_at(text: &str, hides: HidingNames, depth: u32) -> Option<String> {
    let masked = mask_at(text, hides, depth);
    if serde_json::from_str::<IgnoredAny>(text).is_ok() {
        return masked;
    }
    // What stands outside of strings may be anything then.
    patterns::mask(masked.as_deref().unwrap_or(text)).or(masked)
}

/// True of a value that holds nothing to hide.
pub fn says_nothing(value: &str) -> bool {
    matches!(
        value,
        "null" | "true" | "false" | "" | "\"\"" | "[]" | "{}" | "[null]" | MASK | "\"***\"" | "[\"***\"]"
    )
}

fn mask_at(text: &str, hides: HidingNames, depth: u32) -> Option<String> {
    let mut masked = MaskedText {
        text,
        copied: 0,
        out: String::new(),
    };
    let of_pairs = pairs::secret_values(text);
    let mut at = 0;
    while let Some(quote) = find(text, at) {
        let end = string_end(text, quote);
        let content = inner(text, quote, end);
        let behind = skip_blanks(text, end);
        if text.as_bytes().get(behind) != Some(&b':') {
            masked.string(content, quote, end, hides, depth);
            at = end;
            continue;
        }
        let name = unescaped(content);
        let name = name.as_deref().unwrap_or(content);
        let value = skip_blanks(text, behind + 1);
        if hides(name) || of_pairs.binary_search(&value).is_ok() {
            let value_end = value_end(text, value);
            let whole = text.get(value..value_end).unwrap_or_default();
            if !says_nothing(whole) {
                masked.replace(value, value_end, "\"***\"");
            }
            at = value_end.max(value);
            continue;
        }
        at = value;
    }
    masked.finish()
}

/// A text, of which parts are replaced in their order.
struct MaskedText<'t> {
    text: &'t str,
    /// Up to here it is in `out`.
    copied: usize,
    out: String,
}

impl MaskedText<'_> {
    fn replace(&mut self, from: usize, to: usize, by: &str) {
        self.out.push_str(self.text.get(self.copied..from).unwrap_or_default());
        self.out.push_str(by);
        self.copied = to;
    }

    /// Masks what is secret in a string that is a value.
    fn string(&mut self, content: &str, quote: usize, end: usize, hides: HidingNames, depth: u32) {
        let text = match memchr(b'\\', content.as_bytes()) {
            None => None,
            Some(_) => unescaped(content),
        };
        let text = text.as_deref().unwrap_or(content);
        let masked = match is_json(text) {
            true if depth == DEEPEST => Some(MASK.into()),
            true => mask_any_at(text, hides, depth + 1),
            false => patterns::mask(text),
        };
        if let Some(masked) = masked {
            self.replace(quote, end, &serde_json::Value::from(masked).to_string());
        }
    }

    fn finish(mut self) -> Option<String> {
        if self.copied == 0 && self.out.is_empty() {
            return None;
        }
        self.replace(self.text.len(), self.text.len(), "");
        Some(self.out)
    }
}

/// The next quote.
fn find(text: &str, from: usize) -> Option<usize> {
    Some(from + memchr(b'"', text.as_bytes().get(from..)?)?)
}

/// The place behind the string whose quote is at `quote`, or the text's end.
pub fn string_end(text: &str, quote: usize) -> usize {
    let bytes = text.as_bytes();
    let mut at = quote + 1;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += found;
        match bytes.get(at) {
            Some(b'"') => return at + 1,
            _ => at += 2,
        }
    }
    text.len()
}

/// The text between quotes, of which the last may be missing.
pub fn inner(text: &str, quote: usize, end: usize) -> &str {
    let whole = text.get(quote + 1..end).unwrap_or_default();
    let is_closed = end > quote + 1 && text.as_bytes().get(end - 1) == Some(&b'"');
    match whole.strip_suffix('"') {
        Some(content) if is_closed => content,
        _ => whole,
    }
}

pub fn skip_blanks(text: &str, from: usize) -> usize {
    let rest = text.as_bytes().get(from..).unwrap_or_default();
    from + rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count()
}

/// The place behind the value that begins at `from`.
fn value_end(text: &str, from: usize) -> usize {
    let bytes = text.as_bytes();
    let mut at = from;
    let mut open = 0_u32;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = string_end(text, at);
                if open == 0 {
                    return at;
                }
                continue;
            }
            b'{' | b'[' => open += 1,
            b'}' | b']' | b',' if open == 0 => return at,
            b'}' | b']' => {
                open -= 1;
                if open == 0 {
                    return at + 1;
                }
            }
            byte if byte.is_ascii_whitespace() && open == 0 => return at,
            _ => {}
        }
        at += 1;
    }
    text.len()
}

/// The text that a string's content stands for.
pub fn unescaped(content: &str) -> Option<String> {
    memchr(b'\\', content.as_bytes())?;
    if let Ok(text) = serde_json::from_str(&format!("\"{content}\"")) {
        return Some(text);
    }
    // Cut off, or no JSON: what matters are quotes.
    Some(content.replace("\\\"", "\"").replace("\\\\", "\\"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn masked(text: &str) -> String {
        mask(text).unwrap_or_else(|| text.into())
    }

    #[test]
    fn secrets_are_masked_at_any_depth() {
        for (text, expected) in [
            (
                r#"{"identity":{"credentials":"ST$eyJraWQ.eyJz.sig","ipAddress":"10.0.0.1"}}"#,
                r#"{"identity":{"credentials":"***","ipAddress":"10.0.0.1"}}"#,
            ),
            (
                r#"{"headers":{"Authorization":["Signature keyId=\"a\",signature=\"b\""],"Host":["x"]}}"#,
                r#"{"headers":{"Authorization":"***","Host":["x"]}}"#,
            ),
            (
                r#"[{"password" : {"old":"a","new":["b"]}} , 1]"#,
                r#"[{"password" : "***"} , 1]"#,
            ),
            (r#"{"otp":123456,"n":1}"#, r#"{"otp":"***","n":1}"#),
            (
                r#"{"token":null,"cookie":"","password":true}"#,
                r#"{"token":null,"cookie":"","password":true}"#,
            ),
            (r#"{"pass\u0077ord":"a"}"#, r#"{"pass\u0077ord":"***"}"#),
        ] {
            assert_eq!(masked(text), expected);
        }
    }

    #[test]
    fn secrets_are_masked_in_json_within_texts() {
        let deep = json!({"value": json!({"claims": json!({"password": "hunter2"}).to_string()}).to_string()});
        assert!(!masked(&deep.to_string()).contains("hunter2"));
        let read: Value = serde_json::from_str(&masked(&deep.to_string())).unwrap();
        let inner: Value = serde_json::from_str(read["value"].as_str().unwrap()).unwrap();
        let inner: Value = serde_json::from_str(inner["claims"].as_str().unwrap()).unwrap();
        assert_eq!(inner, json!({"password": "***"}));
    }

    #[test]
    fn a_pair_of_name_and_value_is_a_member_too() {
        assert_eq!(
            masked(r#"[{"key":"authorization","value":"abc","issuer":"h"},{"key":"host","value":"x"}]"#),
            r#"[{"key":"authorization","value":"***","issuer":"h"},{"key":"host","value":"x"}]"#
        );
    }

    #[test]
    fn a_secret_that_is_cut_off_is_masked_to_the_end() {
        for text in [
            r#"{"identity":{"credentials":"hunter2"#,
            r#"{"password":["hunter2","#,
            r#"{"opc-principal":["{\"a\":\"hunter2\"#,
            r#"{"x":"{\"password\":\"hunter2"#,
            r#"{"x":"{\"password\":\"hunter2\"#,
        ] {
            assert!(!masked(text).contains("hunter2"), "{}", masked(text));
        }
    }

    #[test]
    fn depth_costs_no_stack() {
        let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
        assert_eq!(mask(&deep), None);
        let deep = format!("{{\"password\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
        assert_eq!(masked(&deep), r#"{"password":"***"}"#);
        let mut text = String::from("{\"password\":\"hunter2\"}");
        for _ in 0..12 {
            text = json!({ "x": text }).to_string();
        }
        assert!(!masked(&text).contains("hunter2"));
    }

    fn document() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            Just(Value::from("the hidden text")),
        ];
        leaf.prop_recursive(5, 60, 5, |inner| {
            let name = prop_oneof![
                "[a-z]{1,6}",
                any::<String>(),
                Just("password".to_string()),
                Just("Opc-Principal".into())
            ];
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::vec((name, inner.clone()), 0..5)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
                inner.prop_map(|inner| Value::from(inner.to_string())),
            ]
        })
    }

    /// A document whose secrets were taken out by walking the tree.
    fn without_secrets(value: &Value) -> Value {
        match value {
            Value::Object(members) => (members.iter())
                .map(|(name, value)| {
                    let hidden = is_secret(name) && !says_nothing(&value.to_string());
                    (
                        name.clone(),
                        if hidden {
                            Value::from(MASK)
                        } else {
                            without_secrets(value)
                        },
                    )
                })
                .collect(),
            Value::Array(items) => items.iter().map(without_secrets).collect(),
            other => other.clone(),
        }
    }

    /// True where a text is JSON within a string.
    fn holds_texts(value: &Value) -> bool {
        match value {
            Value::Object(members) => members.values().any(holds_texts),
            Value::Array(items) => items.iter().any(holds_texts),
            Value::String(text) => is_json(text) || patterns::mask(text).is_some(),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn what_walks_the_tree_finds_the_same(document in document()) {
            prop_assume!(!holds_texts(&document));
            let text = document.to_string();
            let found: Value = serde_json::from_str(&masked(&text)).unwrap();
            prop_assert_eq!(found, without_secrets(&document));
        }

        #[test]
        fn a_masked_document_is_json_and_has_no_more_to_mask(document in document()) {
            let once = masked(&document.to_string());
            prop_assert!(serde_json::from_str::<Value>(&once).is_ok());
            prop_assert_eq!(masked(&once), once);
        }

        #[test]
        fn no_text_makes_it_panic(text: String, at: usize) {
            let _ = mask(&text);
            let text = format!("{{\"password\":{text}");
            let _ = mask(text.get(..at % (text.len() + 1)).unwrap_or_default());
        }
    }
}
