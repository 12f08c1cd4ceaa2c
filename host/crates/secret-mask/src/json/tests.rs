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

#[test]
fn a_quote_too_many_hides_no_secret() {
    for (record, stays) in [
        (r#"{"m":"he said "no"","credentials":"hunter2","n":1}"#, r#""n":1"#),
        (r#"{"m":"an odd " quote","credentials":"hunter2","n":1}"#, r#""n":1"#),
        (r#"{"x":"a \"b\"","m":"an odd " quote","credentials":"hunter2"}"#, "odd"),
        (
            r#"{"m":"an odd " quote","headers":{"Authorization":["hunter2"],"Host":["x"]}}"#,
            r#""Host":["x"]"#,
        ),
        (
            r#"{"m":"an odd " quote","\u0041uthorization":["hunter2"],"n":1}"#,
            r#""n":1"#,
        ),
        (
            r#"{"m":"an odd " quote","a":[{"value":"hunter2","name":"password"}],"n":1}"#,
            r#""n":1"#,
        ),
        (
            r#"{"m":"an odd " quote","text":"{\"password\":\"hunter2\"}","n":1}"#,
            r#""n":1"#,
        ),
        (
            r#"{"x":"\"","m":"an odd " quote","text":"{\"key\":\"password\",\"value\":[\"hunter2\"]}","n":1}"#,
            r#""n":1"#,
        ),
        (
            r#"{"m":"an odd " quote","text":"Authorization: Basic hunter2=","n":1}"#,
            r#""n":1"#,
        ),
        (
            r#"{"x":"\"","m":"an odd " quote","text":"password=\"hun ter2\" x","n":1}"#,
            r#""n":1"#,
        ),
        (r#"{"password":"hun"ter2 hunter2","n":1}"#, r#""n":1"#),
        (r#"{"password":["hun"ter2","hunter2"],"n":1}"#, r#""n":1"#),
        (
            r#"{"m":,"password":{"a":"hun"ter2","b":["hunter2"]},"n":1}"#,
            r#""n":1"#,
        ),
        (r#"{"m":x,"text":"{\"a\":1,\"password\":\"hunter2","n":1}"#, r#""n":1"#),
        (r#"{\"credentials\":\"hunter2\",\"n\":1}"#, "n"),
        (r#"credentials":"hunter2","n":1}"#, r#""n":1"#),
        (r#"cannot read {"n":1,"credentials":"hunter2"}"#, "cannot read"),
        (
            r#"invalid type: string "{\"n\":1,\"credentials\":\"hunter2\"}", expected a list"#,
            "expected a list",
        ),
    ] {
        let masked = mask_any(record, HiddenAnswers::All).unwrap();
        assert!(!masked.contains("ter2"), "{record}\n{masked}");
        assert!(masked.contains(stays), "{record}\n{masked}");
    }
}

#[test]
fn what_only_speaks_of_a_member_stays() {
    for text in [
        r#"the member "token": not found"#,
        r#"Policy "a" allows group "b" to manage tokens"#,
        r#"{"message":"Invalid token: expired"}"#,
        r#"5" of snow"#,
    ] {
        assert_eq!(mask_any(text, HiddenAnswers::All), None, "{text}");
    }
}

#[test]
fn a_text_that_is_no_json_takes_no_more_time_than_another() {
    // What is looked at again at each depth, or from each quote, would take days.
    for piece in [
        "\"",
        "{\"",
        "\"{",
        "\"\\",
        "\\\"{",
        "{\"token\":\"",
        "\"token\":[",
        "\"token\":",
        "\"name\":[",
        "\"value\":",
        "\"token\":\"a\"b",
        "[\"{\\\"",
        "\"x\\\"",
    ] {
        let text = piece.repeat((1 << 19) / piece.len());
        let _ = mask_any(&text, HiddenAnswers::OfSecretCalls);
    }
    let mut nested = "x".repeat(1 << 20);
    for _ in 0..10 {
        nested = format!("{{\"{}", json!({ "a": nested }));
    }
    let _ = mask_any(&nested, HiddenAnswers::All);
}

/// A document; with texts, JSON stands in some of them, and any text in others.
fn document(with_texts: bool) -> impl Strategy<Value = Value> {
    let text = any::<String>().prop_map(move |text| match with_texts {
        true => text,
        false => text.replace(['"', '{', '[', ':', '=', '$'], "-"),
    });
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text.clone().prop_map(Value::from),
        Just(Value::from("the hidden text")),
    ];
    leaf.prop_recursive(5, 60, 5, move |inner| {
        let name = prop_oneof![
            "[a-z]{1,6}",
            text.clone(),
            Just("password".to_string()),
            Just("Opc-Principal".into())
        ];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::vec((name, inner.clone()), 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
            inner.prop_map(move |inner| match with_texts {
                true => Value::from(inner.to_string()),
                false => inner,
            }),
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

proptest! {
    #[test]
    fn what_walks_the_tree_finds_the_same(document in document(false)) {
        let text = document.to_string();
        let found: Value = serde_json::from_str(&masked(&text)).unwrap();
        prop_assert_eq!(found, without_secrets(&document));
    }

    #[test]
    fn a_masked_document_is_json_and_has_no_more_to_mask(document in document(true)) {
        let once = masked(&document.to_string());
        prop_assert!(serde_json::from_str::<Value>(&once).is_ok());
        prop_assert_eq!(masked(&once), once);
    }

    #[test]
    fn a_document_that_is_spoiled_anywhere_shows_no_secret(
        before in document(true),
        after in document(true),
        as_text: bool,
        quote: usize,
        cut: usize,
    ) {
        let mut told = json!({"credentials": ["hunter2"], "a": [{"value": "hunter2", "name": ["password"]}]});
        if as_text {
            told = json!({ "text": told.to_string() });
        }
        let before = json!({ "before": before }).to_string();
        // Where the quote too many stands: before the secrets, and in no escape.
        let mut text = format!("[{before},{told},{after}]");
        let place = text.floor_char_boundary(quote % (before.len() + 1));
        let place = if text[..place].ends_with('\\') { 0 } else { place };
        text.insert(place, '"');
        let cut = text.floor_char_boundary(cut % (text.len() + 1));
        for text in [&text, &text[..cut]] {
            let masked = mask_any(text, HiddenAnswers::OfSecretCalls).unwrap_or_else(|| text.into());
            prop_assert!(!masked.contains("hunter2"), "{}\n{}", text, masked);
        }
    }

    #[test]
    fn no_text_makes_it_panic(text: String, at: usize) {
        let _ = mask(&text);
        let text = format!("{{\"password\":{text}");
        let cut = text.get(..at % (text.len() + 1)).unwrap_or_default();
        let _ = (mask(cut), mask_any(cut, HiddenAnswers::OfSecretCalls));
    }
}
