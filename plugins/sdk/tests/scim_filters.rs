//! Filters mean to an independent parser what they mean here.

#![allow(clippy::unwrap_used, clippy::panic)]

use plugin_sdk::scim::{Attribute, Filter, Operator};
use proptest::prelude::*;
use scim_v2::filter as independent;

fn attribute() -> impl Strategy<Value = String> {
    let name = "[a-zA-Z][a-zA-Z0-9_-]{0,8}(\\.[a-zA-Z][a-zA-Z0-9_-]{0,4})?";
    let like_a_word = prop_oneof![
        Just("andy"),
        Just("ornate"),
        Just("nothing"),
        Just("eq"),
        Just("pr"),
        Just("a.and")
    ];
    prop_oneof![4 => name, 1 => like_a_word.prop_map(String::from)]
        .prop_filter("reserved", |name| Attribute::new(name).is_ok())
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,12}",
        "[\"\\\\() \\[\\]a-c\n\r\t\u{0}\u{7f}\u{2028}😀]{0,12}",
        Just("\" or id pr or id eq \"".to_string()),
        Just("\\".to_string()),
    ]
}

fn operator() -> impl Strategy<Value = Operator> {
    prop::sample::select(
        ["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"]
            .map(|word| Operator::new(word).unwrap())
            .to_vec(),
    )
}

fn filter() -> impl Strategy<Value = Filter> {
    let leaf = prop_oneof![
        6 => (attribute(), operator(), value()).prop_map(|(name, operator, value)| {
            Filter::Compare(Attribute::new(&name).unwrap(), operator, value)
        }),
        1 => attribute().prop_map(|name| Filter::Present(Attribute::new(&name).unwrap())),
    ];
    leaf.prop_recursive(5, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..5).prop_map(Filter::All),
            prop::collection::vec(inner.clone(), 2..5).prop_map(Filter::Any),
            inner.prop_map(|filter| Filter::Not(Box::new(filter))),
        ]
    })
}

/// The tree in words, a group of the same kind within a group merged with it: that changes no meaning.
fn ours(filter: &Filter) -> String {
    fn members<'f>(filter: &'f Filter, all: bool, into: &mut Vec<&'f Filter>) {
        match filter {
            Filter::All(filters) if all => filters.iter().for_each(|filter| members(filter, all, into)),
            Filter::Any(filters) if !all => filters.iter().for_each(|filter| members(filter, all, into)),
            other => into.push(other),
        }
    }
    let group = |all| {
        let mut list = Vec::new();
        members(filter, all, &mut list);
        list.into_iter().map(ours).collect::<Vec<_>>()
    };
    match filter {
        Filter::Compare(name, operator, value) => format!("{name:?} {operator:?} {value:?}"),
        Filter::Present(name) => format!("{name:?} present"),
        Filter::Not(filter) => format!("not {}", ours(filter)),
        Filter::All(_) => format!("all {:?}", group(true)),
        Filter::Any(_) => format!("any {:?}", group(false)),
    }
}

fn theirs(filter: &independent::Filter) -> String {
    use independent::{AttrExp, CompValue, CompareOp, Filter};
    let name = |path: &independent::AttrPath| {
        assert!(path.uri.is_none());
        let name = path
            .sub_attr
            .as_ref()
            .map_or(path.name.clone(), |sub| format!("{}.{sub}", path.name));
        format!("{:?}", Attribute::new(&name).unwrap())
    };
    match filter {
        Filter::Attr(AttrExp::Comparison(path, operator, CompValue::Str(value))) => {
            let operator = match operator {
                CompareOp::Eq => Operator::Equal,
                CompareOp::Ne => Operator::NotEqual,
                CompareOp::Co => Operator::Contains,
                CompareOp::Sw => Operator::StartsWith,
                CompareOp::Ew => Operator::EndsWith,
                CompareOp::Gt => Operator::Greater,
                CompareOp::Ge => Operator::GreaterOrEqual,
                CompareOp::Lt => Operator::Less,
                CompareOp::Le => Operator::LessOrEqual,
            };
            format!("{} {operator:?} {value:?}", name(path))
        }
        Filter::Attr(AttrExp::Present(path)) => format!("{} present", name(path)),
        Filter::Not(filter) => format!("not {}", theirs(filter)),
        Filter::And(filters) => format!("all {:?}", filters.iter().map(theirs).collect::<Vec<_>>()),
        Filter::Or(filters) => format!("any {:?}", filters.iter().map(theirs).collect::<Vec<_>>()),
        other => panic!("{other:?} was not written"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]
    #[test]
    fn an_independent_parser_reads_the_same_meaning(filter in filter()) {
        let text = filter.to_string();
        let read: independent::Filter = text.parse().map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
        prop_assert_eq!(theirs(&read), ours(&filter), "{}", text);
    }
}

#[test]
fn a_name_that_is_more_than_a_name_is_refused() {
    for name in [
        "",
        "1a",
        "a b",
        "a\"",
        "a.b.c",
        "a.",
        ".a",
        "a)",
        "not",
        "OR",
        "é",
        "urn:x:a",
        "a eq \"x\" or b",
    ] {
        assert!(Attribute::new(name).is_err(), "{name}");
    }
}
