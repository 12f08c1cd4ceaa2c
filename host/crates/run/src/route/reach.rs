//! Whether any event can fulfil a condition.
//!
//! A condition is asked with every combination of the texts that it compares members with, and one that it does not know.
//! What cannot be told without an event, such as `source_ip.startsWith("10.")`, may be true and may be false. So a condition
//! of which it is said that no event fulfils it is fulfilled by none; the reverse is not promised.

use std::collections::BTreeMap;

use cel::common::ast::{Expr, IdedExpr, LiteralValue, operators};

use super::comparison;
use event::Outcome;

/// Combinations beyond which nothing is said.
const MOST: usize = 1 << 14;

/// The values that members of events can have. One that is not named can be any text.
#[derive(Debug, Clone, Default)]
pub struct Possible<'a> {
    /// Members, and the texts that they can be.
    pub members: BTreeMap<&'a str, Vec<&'a str>>,
    /// The labels that an event can have, where they are known.
    pub labels: Option<Vec<&'a str>>,
    /// An event has one of these labels, where any are named.
    pub one_of: Option<Vec<&'a str>>,
    /// Labels that an event has if and only if it ends so.
    pub outcomes_are_labels: bool,
}

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

/// One event, as far as the condition speaks of it.
struct Assignment<'a> {
    /// None for a text that the condition does not name.
    members: Vec<(&'a str, Option<&'a str>)>,
    labels: Vec<&'a str>,
}

impl Possible<'_> {
    /// Says whether there is any such event.
    pub fn is_any(&self) -> bool {
        reachable(None, self)
    }
}

/// Says whether some event of those possible may fulfil the expression; without one, whether there is any.
pub(super) fn reachable(expression: Option<&IdedExpr>, possible: &Possible<'_>) -> bool {
    let compared = expression.map(comparison::all).unwrap_or_default();
    // Every member that it compares, with what it can be.
    let mut domains: BTreeMap<&str, Vec<Option<&str>>> = BTreeMap::new();
    for (member, texts) in &possible.members {
        domains.insert(member, texts.iter().copied().map(Some).collect());
    }
    let mut labels: Vec<&str> = possible.one_of.iter().flatten().copied().collect();
    for comparison in &compared {
        let (member, text) = (comparison.member.as_str(), comparison.text.as_str());
        match member {
            "labels" => labels.push(text),
            _ if possible.members.contains_key(member) => {}
            _ => {
                let texts = domains.entry(member).or_insert_with(|| vec![None]);
                if !texts.contains(&Some(text)) {
                    texts.push(Some(text));
                }
            }
        }
    }
    if possible.outcomes_are_labels {
        labels.extend(possible.members.get("outcome").into_iter().flatten());
    }
    labels.retain(|label| possible.labels.as_ref().is_none_or(|known| known.contains(label)));
    labels.sort_unstable();
    labels.dedup();

    let sizes = domains.values().map(Vec::len);
    let count = (sizes.chain(labels.iter().map(|_| 2))).try_fold(1_usize, |product, size| {
        product.checked_mul(size).filter(|product| *product <= MOST)
    });
    let Some(count) = count else { return true };
    (0..count).any(|number| {
        let assignment = assignment(number, &domains, &labels);
        is_consistent(&assignment, possible)
            && expression.is_none_or(|expression| truth(expression, &assignment) != False)
    })
}

/// The combination of that number.
fn assignment<'a>(
    mut number: usize,
    domains: &BTreeMap<&'a str, Vec<Option<&'a str>>>,
    labels: &[&'a str],
) -> Assignment<'a> {
    let mut digit = |base: usize| {
        let digit = number % base.max(1);
        number /= base.max(1);
        digit
    };
    let members = domains
        .iter()
        .map(|(member, texts)| (*member, texts.get(digit(texts.len())).copied().flatten()));
    let members = members.collect();
    let labels = labels.iter().copied().filter(|_| digit(2) == 1).collect();
    Assignment { members, labels }
}

fn is_consistent(assignment: &Assignment<'_>, possible: &Possible<'_>) -> bool {
    let one_of = possible.one_of.as_ref();
    if !one_of.is_none_or(|wanted| wanted.iter().any(|label| assignment.labels.contains(label))) {
        return false;
    }
    !possible.outcomes_are_labels
        || Outcome::ALL.iter().all(|outcome| {
            let ends_so = assignment.member("outcome") == Some(Some(outcome.name()));
            assignment.labels.contains(&outcome.name()) == ends_so
        })
}

impl<'a> Assignment<'a> {
    fn member(&self, name: &str) -> Option<Option<&'a str>> {
        let found = self.members.iter().find(|(member, _)| *member == name);
        found.map(|(_, text)| *text)
    }
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
    fn labels_that_are_asked_for_are_held_against_the_outcome() {
        let of = |one_of: &'static str, outcome: &'static str| Possible {
            members: BTreeMap::from([("outcome", vec![outcome])]),
            one_of: Some(vec![one_of]),
            ..possible()
        };
        assert!(of("vip", "success").is_any());
        assert!(of("success", "success").is_any());
        assert!(!of("failure", "success").is_any());
        assert!(!of("root", "success").is_any());
    }

    #[test]
    fn of_too_many_combinations_nothing_is_said() {
        let texts: Vec<String> = (0..40).map(|n| format!("\"l{n}\" in labels")).collect();
        let condition = Condition::compile(&format!("false && {}", texts.join(" && "))).unwrap();
        assert!(condition.reachable(&Possible::default()));
    }
}
