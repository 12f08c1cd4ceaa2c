//! The comparisons of a condition with fixed texts: `outcome == "failure"`, `"vip" in labels`, `activity in ["logon"]`.

use cel::common::ast::{EntryExpr, Expr, IdedExpr, LiteralValue, operators};

use super::possible::Comparison;

/// Every comparison in the expression, from left to right.
pub(super) fn all(expression: &IdedExpr) -> Vec<Comparison> {
    let mut found = Vec::new();
    collect(expression, &mut found);
    found
}

fn collect(expression: &IdedExpr, found: &mut Vec<Comparison>) {
    match &expression.expr {
        Expr::Call(call) => {
            if let [left, right] = call.args.as_slice() {
                match call.func_name.as_str() {
                    operators::EQUALS => found.extend(equality(left, right).or_else(|| equality(right, left))),
                    operators::IN => found.extend(membership(left, right)),
                    _ => {}
                }
            }
            call.target
                .as_deref()
                .into_iter()
                .chain(&call.args)
                .for_each(|part| collect(part, found));
        }
        Expr::Comprehension(inner) => {
            for part in [
                &inner.iter_range,
                &inner.accu_init,
                &inner.loop_cond,
                &inner.loop_step,
                &inner.result,
            ] {
                collect(part, found);
            }
        }
        Expr::List(list) => list.elements.iter().for_each(|element| collect(element, found)),
        Expr::Select(select) => collect(&select.operand, found),
        Expr::Map(map) => map.entries.iter().for_each(|entry| collect_entry(&entry.expr, found)),
        Expr::Struct(made) => made.entries.iter().for_each(|entry| collect_entry(&entry.expr, found)),
        Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => {}
    }
}

fn collect_entry(entry: &EntryExpr, found: &mut Vec<Comparison>) {
    match entry {
        EntryExpr::StructField(field) => collect(&field.value, found),
        EntryExpr::MapEntry(entry) => {
            collect(&entry.key, found);
            collect(&entry.value, found);
        }
    }
}

fn equality(member: &IdedExpr, literal: &IdedExpr) -> Option<Comparison> {
    Some(Comparison {
        member: name(member)?,
        text: text(literal)?,
    })
}

/// `"x" in labels`, or `outcome in ["x", "y"]`.
fn membership(left: &IdedExpr, right: &IdedExpr) -> Vec<Comparison> {
    match &right.expr {
        Expr::Ident(_) => equality(right, left).into_iter().collect(),
        Expr::List(list) => list
            .elements
            .iter()
            .filter_map(|element| equality(left, element))
            .collect(),
        _ => Vec::new(),
    }
}

fn name(expression: &IdedExpr) -> Option<String> {
    match &expression.expr {
        Expr::Ident(name) => Some(name.clone()),
        _ => None,
    }
}

fn text(expression: &IdedExpr) -> Option<String> {
    match &expression.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner().to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::route::Condition;

    #[test]
    fn comparisons_are_found_wherever_they_stand() {
        let source = r#"outcome == "failed" && ("success" == outcome || !("iam" in labels)) && activity in ["logon", "logof"]
            && labels.exists(label, label == "x") && subject != "root" && source_ip.startsWith("10.")"#;
        let condition = Condition::compile(source).unwrap();
        let found: Vec<_> = condition
            .comparisons()
            .into_iter()
            .map(|comparison| format!("{}={}", comparison.member, comparison.text))
            .collect();
        for expected in [
            "outcome=failed",
            "outcome=success",
            "labels=iam",
            "activity=logon",
            "activity=logof",
        ] {
            assert!(found.iter().any(|found| found == expected), "{expected}: {found:?}");
        }
        assert!(!found.iter().any(|found| found.starts_with("subject")), "{found:?}");
    }
}
