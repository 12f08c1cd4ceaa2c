//! The search for an event that can fulfil a condition.
//!
//! A condition is asked with every combination of the texts that it compares members with, and one that it does not know.
//! What cannot be told without an event, such as `source_ip.startsWith("10.")`, may be true and may be false. So a condition
//! of which it is said that no event fulfils it is fulfilled by none; the reverse is not promised.

use cel::common::ast::{Expr, IdedExpr, LiteralValue, operators};

use super::comparison;
use super::possible::{Assignment, Possible};

/// The truth of an expression, as far as it can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Truth {
    True,
    False,
    Unknown,
}

use Truth::{False, True, Unknown};

impl Truth {
    fn of(holds: bool) -> Self {
        if holds { True } else { False }
    }

    fn not(self) -> Self {
        match self {
            True => False,
            False => True,
            Unknown => Unknown,
        }
    }
}

/// True if some event of those possible may fulfil the expression.
pub(super) fn reachable(expression: &IdedExpr, possible: &Possible<'_>) -> bool {
    possible.is_any_where(&comparison::all(expression), |event| truth(expression, event) != False)
}

fn truth(expression: &IdedExpr, event: &Assignment<'_>) -> Truth {
    match &expression.expr {
        Expr::Literal(LiteralValue::Boolean(value)) => Truth::of(*value.inner()),
        Expr::Call(call) => match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::LOGICAL_AND, [left, right]) => match (truth(left, event), truth(right, event)) {
                (False, _) | (_, False) => False,
                (True, True) => True,
                _ => Unknown,
            },
            (operators::LOGICAL_OR, [left, right]) => match (truth(left, event), truth(right, event)) {
                (True, _) | (_, True) => True,
                (False, False) => False,
                _ => Unknown,
            },
            (operators::LOGICAL_NOT, [inner]) => truth(inner, event).not(),
            (operators::CONDITIONAL, [condition, then, otherwise]) => match truth(condition, event) {
                True => truth(then, event),
                False => truth(otherwise, event),
                Unknown => match (truth(then, event), truth(otherwise, event)) {
                    (one, other) if one == other => one,
                    _ => Unknown,
                },
            },
            (operators::EQUALS, [left, right]) => equal(left, right, event),
            (operators::NOT_EQUALS, [left, right]) => equal(left, right, event).not(),
            (operators::IN, [left, right]) => contained(left, right, event),
            _ => Unknown,
        },
        _ => Unknown,
    }
}

/// Compares two texts.
fn equal(left: &IdedExpr, right: &IdedExpr, event: &Assignment<'_>) -> Truth {
    match (value(left, event), value(right, event)) {
        (Some(Some(left)), Some(Some(right))) => Truth::of(left == right),
        // A text that the member is not compared with is none that it is.
        (Some(None), Some(Some(_))) if matches!(right.expr, Expr::Literal(_)) => False,
        (Some(Some(_)), Some(None)) if matches!(left.expr, Expr::Literal(_)) => False,
        _ => Unknown,
    }
}

/// `"x" in labels`, or `outcome in ["x", "y"]`.
fn contained(left: &IdedExpr, right: &IdedExpr, event: &Assignment<'_>) -> Truth {
    match &right.expr {
        Expr::Ident(name) if name == "labels" => match &left.expr {
            Expr::Literal(LiteralValue::String(text)) => Truth::of(event.labels.contains(&text.inner())),
            _ => Unknown,
        },
        Expr::List(list) => {
            let each = list.elements.iter().map(|element| equal(left, element, event));
            each.fold(False, |found, one| match (found, one) {
                (True, _) | (_, True) => True,
                (False, False) => False,
                _ => Unknown,
            })
        }
        _ => Unknown,
    }
}

/// The text of a member or of a literal, as far as it can be told: `Some(None)` is one that the condition does not name.
fn value<'e>(expression: &'e IdedExpr, event: &Assignment<'e>) -> Option<Option<&'e str>> {
    match &expression.expr {
        Expr::Ident(name) => event.member(name),
        Expr::Literal(LiteralValue::String(text)) => Some(Some(text.inner())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::route::Condition;

    fn possible<'a>() -> Possible<'a> {
        Possible {
            members: BTreeMap::from([
                ("outcome", vec!["success", "failure"]),
                ("activity", vec!["logon", "logoff"]),
            ]),
            labels: Some(vec!["vip", "role", "success", "failure"]),
            one_of: None,
            outcomes_are_labels: true,
        }
    }

    #[test]
    fn what_contradicts_itself_is_found_and_nothing_else() {
        for (source, reached) in [
            (r#"outcome == "success""#, true),
            (r#"outcome == "success" && outcome == "failure""#, false),
            (
                r#"outcome == "success" && (activity == "logon" || outcome == "failure")"#,
                true,
            ),
            (r#"outcome != "success" && outcome != "failure""#, false),
            (r#"outcome in ["success"] && !(outcome in ["success", "x"])"#, false),
            (r#"outcome == "success" && "failure" in labels"#, false),
            (r#"outcome == "failure" && !("failure" in labels)"#, false),
            (r#""vip" in labels && !("vip" in labels)"#, false),
            (r#""vip" in labels && "role" in labels"#, true),
            (r#""root" in labels"#, false),
            (r#"subject == "a" && subject == "b""#, false),
            (r#"subject == "a" && actor == "b""#, true),
            (r#"actor == subject && actor == "a" && subject == "b""#, false),
            (r#"actor == subject && actor == "a" && subject != "b""#, true),
            (r#"actor == subject && actor != "x" && subject == "y""#, true),
            (r#"outcome == activity"#, false),
            (r#"false"#, false),
            (
                r#"outcome == "success" ? outcome == "failure" : activity == "x""#,
                false,
            ),
            // Cannot be told without an event.
            (r#"source_ip.startsWith("10.") && !source_ip.startsWith("10.")"#, true),
            (r#"attributes["a"] == "b" && outcome == "failure""#, true),
            (r#"attributes["a"] == "b" && outcome == "x""#, false),
            (r#"labels.exists(label, label == "x")"#, true),
        ] {
            let condition = Condition::compile(source).unwrap();
            assert_eq!(condition.reachable(&possible()), reached, "{source}");
        }
    }

    #[test]
    fn of_too_many_combinations_nothing_is_said() {
        let texts: Vec<String> = (0..40).map(|n| format!("\"l{n}\" in labels")).collect();
        let condition = Condition::compile(&format!("false && {}", texts.join(" && "))).unwrap();
        assert!(condition.reachable(&Possible::default()));
    }
}
