//! Calls whose answers are secrets: credentials, keys and links that need no sign-in, each of which is shown once, and stands in the
//! audit record of the call.

use super::lexer::{DEEPEST_OBJECT, inner, string_end, unescaped, value_behind};
use super::names::is_spelled;
use memchr::memchr3;
use std::ops::Range;

/// True of an event's type or operation whose answer is such a secret.
pub fn makes_a_secret(operation: &str) -> bool {
    const MAKES: [&str; 6] = ["create", "generate", "regenerate", "reset", "rotate", "issue"];
    const SECRETS: [&str; 11] = [
        "secretkey",
        "clientsecret",
        "token",
        "password",
        "credential",
        "totp",
        "seed",
        "preauthenticatedrequest",
        "dataencryptionkey",
        "wallet",
        "kubeconfig",
    ];
    let operation = operation.to_ascii_lowercase();
    let is_one = |word: &str| {
        MAKES.iter().any(|make| word.starts_with(make)) && SECRETS.iter().any(|secret| word.contains(secret))
    };
    operation.split('.').any(is_one)
}

/// True of a member in the record of such a call that shows the answer, by the first byte of its value: the payload, and a response
/// that is no object.
pub fn hides_answer(name: &str, first: Option<u8>) -> bool {
    let last = last_segment(name);
    last.eq_ignore_ascii_case("payload") || (last.eq_ignore_ascii_case("response") && first != Some(b'{'))
}

/// True of a member that says which call its object tells of.
fn names_a_call(name: &str) -> bool {
    let last = last_segment(name);
    ["type", "eventtype", "eventname"]
        .iter()
        .any(|known| is_spelled(last, known))
}

/// The last name of a path such as `data.eventName`, by which a query may call what it selects.
fn last_segment(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// An object that was entered.
struct OpenCall {
    start: usize,
    /// True once it names a call that makes a secret.
    makes_a_secret: bool,
}

/// The objects of a JSON text that name a call which makes a secret, in their order, without those that stand in another one.
pub fn of_secrets(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut found: Vec<Range<usize>> = Vec::new();
    let (mut open, mut deeper): (Vec<OpenCall>, usize) = (Vec::new(), 0);
    let mut at = 0;
    while let Some(next) = bytes.get(at..).and_then(|rest| memchr3(b'"', b'{', b'}', rest)) {
        at += next;
        match bytes.get(at) {
            Some(b'{') if open.len() == DEEPEST_OBJECT => deeper += 1,
            Some(b'{') => open.push(OpenCall {
                start: at,
                makes_a_secret: false,
            }),
            Some(b'}') if deeper > 0 => deeper -= 1,
            Some(b'}') => {
                if let Some(object) = open.pop().filter(|object| object.makes_a_secret) {
                    while found.pop_if(|within| within.start >= object.start).is_some() {}
                    found.push(object.start..at + 1);
                }
            }
            _ => {
                at = member(text, at + 1, open.last_mut());
                continue;
            }
        }
        at += 1;
    }
    found
}

/// Looks at the string whose content begins at a place; the place to go on from.
fn member(text: &str, from: usize, object: Option<&mut OpenCall>) -> usize {
    let end = string_end(text, from);
    let Some(value) = value_behind(text, end) else {
        return end;
    };
    let Some(object) = object.filter(|_| text.as_bytes().get(value) == Some(&b'"')) else {
        return value;
    };
    let name = inner(text, from, end);
    let unescaped_name = unescaped(name);
    if !names_a_call(unescaped_name.as_deref().unwrap_or(name)) {
        return value;
    }
    let end = string_end(text, value + 1);
    let call = inner(text, value + 1, end);
    let unescaped_call = unescaped(call);
    object.makes_a_secret |= makes_a_secret(unescaped_call.as_deref().unwrap_or(call));
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_makes_a_secret_goes_by_its_name() {
        for operation in [
            "com.oraclecloud.identityControlPlane.CreateCustomerSecretKey",
            "COM.ORACLECLOUD.IDENTITYCONTROLPLANE.CREATEAUTHTOKEN.END",
            "GenerateTotpSeed",
            "com.oraclecloud.objectstorage.CreatePreauthenticatedRequest",
        ] {
            assert!(makes_a_secret(operation), "{operation}");
        }
        for operation in [
            "",
            "CreateUser",
            "ListAuthTokens",
            "DeleteAuthToken",
            "com.oraclecloud.a.Create.token",
        ] {
            assert!(!makes_a_secret(operation), "{operation}");
        }
    }

    #[test]
    fn the_record_of_such_a_call_is_the_outermost_object_that_names_it() {
        let makes = r#"{"a":{"eventName":"x","b":{}},"Event-Type":"CreateAuthToken","data":{"event\u004eame":"Create\u0041uthToken"}}"#;
        let other = r#"{"type":"x","eventName":7,"data":{"a":"CreateAuthToken"}}"#;
        let projected = r#"{"data.eventName":"CreateAuthToken"}"#;
        let text = format!("[{other},{makes} ,{projected}]");
        let found: Vec<_> = of_secrets(&text)
            .into_iter()
            .map(|range| text[range].to_owned())
            .collect();
        assert_eq!(found, [makes, projected]);
        assert!(of_secrets(other).is_empty());
        let deep = "{\"a\":".repeat(100_000) + r#"{"type":"CreateAuthToken"}"# + &"}".repeat(200_000);
        assert_eq!(of_secrets(&deep).len(), 1);
    }
}
