//! A condition in CEL, the Common Expression Language, over the flat event.
//!
//! The names are the members of the flat event. A member that the source did not give is the empty string, so that
//! `source_ip.startsWith("10.")` needs no guard; `labels` is a list of strings and `attributes` a map from strings to
//! strings, or to lists of them where a name came more than once.

use std::collections::HashMap;
use std::fmt;

use cel::common::ast::{EntryExpr, Expr, IdedExpr};
use cel::{Context, ExecutionError, Program, Value};

use super::condition_error::ConditionError;
use super::{Comparison, Possible, comparison, reach};
use event::cells::Cell;
use event::flat::Flat;
use event::{Activity, Collected, Event, Outcome, Principal, Product, Provenance};

/// Bytes of a condition, and macros that loop within one another: an event shall not take longer than its delivery.
const LONGEST: usize = 4096;
const LOOPS: usize = 2;

/// A compiled condition.
pub struct Condition {
    program: Program,
    /// The members that it speaks of: only these are handed over.
    names: Vec<&'static str>,
    context: Context<'static, 'static>,
    failures: u64,
}

impl Condition {
    /// Compiles a condition, and tries it on an event to see that it yields true or false.
    pub fn compile(source: &str) -> Result<Self, ConditionError> {
        let at_start = |problem: String| ConditionError {
            place: Some((1, 1)),
            problem,
            unknown: None,
        };
        if source.len() > LONGEST {
            return Err(at_start(format!("it is longer than {LONGEST} bytes")));
        }
        let program = Program::compile(source).map_err(|errors| {
            let first = errors.errors.first();
            let (line, column) = first.map_or((1, 1), |error| error.pos);
            ConditionError {
                place: Some((
                    usize::try_from(line).unwrap_or(1).max(1),
                    usize::try_from(column).unwrap_or(1).max(1),
                )),
                problem: first.map_or_else(|| "it cannot be read".into(), |error| unreadable(&error.msg)),
                unknown: None,
            }
        })?;
        if loops(program.expression()) > LOOPS {
            return Err(at_start(format!(
                "more than {LOOPS} of all, exists, map and filter are nested"
            )));
        }
        let mut unknown = None;
        let mut names = Vec::new();
        walk(
            program.expression(),
            &mut Vec::new(),
            &mut |name, place| match event::flat::NAMES.iter().find(|known| **known == name) {
                Some(known) if !names.contains(known) => names.push(*known),
                Some(_) => {}
                None => {
                    unknown.get_or_insert((name.to_owned(), place));
                }
            },
        );
        if let Some((name, place)) = unknown {
            let problem = format!("there is no {name:?} in an event");
            return Err(ConditionError {
                unknown: Some(name),
                ..mistake(&program, source, place, problem)
            });
        }
        let condition = Condition {
            program,
            names,
            context: Context::default(),
            failures: 0,
        };
        let at_all = |problem| mistake(&condition.program, source, condition.program.expression().id, problem);
        match condition.evaluate(&sample(), &nowhere()) {
            Ok(Value::Bool(_)) => Ok(condition),
            Ok(other) => Err(at_all(format!(
                "it yields a value of type {}, not true or false",
                other.type_of()
            ))),
            // An event may lack what this one has, and the reverse; what no event has is a mistake.
            Err(ExecutionError::NoSuchKey(_) | ExecutionError::IndexOutOfBounds(_)) => Ok(condition),
            Err(error) => Err(at_all(one_line(&error.to_string()))),
        }
    }

    /// True if an event fulfils the condition. Where that cannot be told, it counts as fulfilled: an event too many is better than one too few.
    pub fn holds(&mut self, event: &Event, provenance: &Provenance) -> bool {
        match self.evaluate(event, provenance) {
            Ok(Value::Bool(holds)) => holds,
            other => {
                self.failures += 1;
                if self.failures == 1 {
                    let problem = match other {
                        Err(ExecutionError::NoSuchKey(_)) => {
                            "it uses an attribute that an event does not have".to_owned()
                        }
                        Err(_) => "it fails on an event".to_owned(),
                        Ok(value) => format!("it yields a value of type {}", value.type_of()),
                    };
                    tracing::warn!(
                        "a route's condition cannot be evaluated ({problem}); the event is sent along this route"
                    );
                }
                true
            }
        }
    }

    /// True if one of the possible events may fulfil the condition. Where that cannot be told, it may.
    pub fn reachable(&self, possible: &Possible<'_>) -> bool {
        reach::reachable(self.program.expression(), possible)
    }

    /// Every comparison of a member with a fixed text.
    pub fn comparisons(&self) -> Vec<Comparison> {
        comparison::all(self.program.expression())
    }

    fn evaluate(&self, event: &Event, provenance: &Provenance) -> Result<Value, ExecutionError> {
        let flat = Flat::of(event, provenance);
        let mut context = self.context.new_inner_scope();
        for name in &self.names {
            context.add_variable_from_value(*name, value(&flat, name));
        }
        self.program.execute(&context)
    }
}

/// The parser's words, for whoever wrote the condition.
fn unreadable(said: &str) -> String {
    if said.contains("token recognition error at: '=") {
        return "use `==` to compare, not `=`".into();
    }
    if let Some((function, got)) = said
        .split_once("found no matching overload for '")
        .and_then(|(_, rest)| rest.split_once("' applied to '"))
    {
        let got = got.split('\'').next().unwrap_or_default();
        return match got {
            "string.(int)" | "string.(uint)" | "string.(double)" => {
                format!("{function} needs a text, not a number: {function}(\"10.\")")
            }
            _ => format!("{function} cannot be applied to {got}"),
        };
    }
    // What stands there otherwise is the parser's own state.
    match said.contains("ParseError") {
        true if said.contains("ecursion") => "it is nested too deeply".into(),
        true => "it cannot be read".into(),
        false => one_line(said),
    }
}

/// A message of several lines, without the pictures that some libraries draw.
fn one_line(said: &str) -> String {
    let parts: Vec<&str> = said
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && *line != "^")
        .collect();
    parts.join(" ")
}

/// The depth to which macros that loop stand in one another.
fn loops(expression: &IdedExpr) -> usize {
    let deepest = |parts: &mut dyn Iterator<Item = &IdedExpr>| parts.map(loops).max().unwrap_or(0);
    match &expression.expr {
        Expr::Comprehension(inner) => {
            let parts: [&IdedExpr; 5] = [
                &inner.iter_range,
                &inner.accu_init,
                &inner.loop_cond,
                &inner.loop_step,
                &inner.result,
            ];
            1 + deepest(&mut parts.into_iter())
        }
        Expr::Call(call) => deepest(&mut call.target.as_deref().into_iter().chain(&call.args)),
        Expr::List(list) => deepest(&mut list.elements.iter()),
        Expr::Select(select) => loops(&select.operand),
        Expr::Map(map) => map.entries.iter().map(|entry| loops_of(&entry.expr)).max().unwrap_or(0),
        Expr::Struct(made) => made
            .entries
            .iter()
            .map(|entry| loops_of(&entry.expr))
            .max()
            .unwrap_or(0),
        Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => 0,
    }
}

fn loops_of(entry: &EntryExpr) -> usize {
    match entry {
        EntryExpr::StructField(field) => loops(&field.value),
        EntryExpr::MapEntry(entry) => loops(&entry.key).max(loops(&entry.value)),
    }
}

/// A mistake at a node of the program.
fn mistake(program: &Program, source: &str, node: u64, problem: String) -> ConditionError {
    let offset = program.source_info().offset_for(node).map_or(0, |(start, _)| start);
    let before: String = source.chars().take(usize::try_from(offset).unwrap_or(0)).collect();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    ConditionError {
        place: Some((line, column)),
        problem,
        unknown: None,
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condition")
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

/// A member of the flat event.
fn value(flat: &Flat<'_>, name: &str) -> Value {
    match flat.member(name) {
        Some(Cell::Labels(labels)) => {
            let labels = labels.iter().map(|label| Value::from(label.as_str()));
            Value::from(labels.collect::<Vec<_>>())
        }
        Some(Cell::Attributes(_)) => attributes(flat),
        Some(Cell::Time(time)) => Value::from(time.map(|time| time.to_string()).unwrap_or_default()),
        Some(Cell::Text(text)) => Value::from(text.unwrap_or_default()),
        // No other kind is in the flat event.
        _ => Value::from(""),
    }
}

fn attributes(flat: &Flat<'_>) -> Value {
    let mut values: HashMap<&str, Vec<&str>> = HashMap::new();
    for (name, value) in flat.attributes.listed {
        values.entry(name).or_default().push(value);
    }
    let map: HashMap<String, Value> = values
        .into_iter()
        .map(|(name, values)| {
            let value = match values.as_slice() {
                [one] => Value::from(*one),
                several => Value::from(several.iter().map(|value| Value::from(*value)).collect::<Vec<_>>()),
            };
            (name.to_owned(), value)
        })
        .collect();
    Value::from(map)
}

/// Calls `found` for every name that no macro has bound.
fn walk<'e>(expression: &'e IdedExpr, bound: &mut Vec<&'e str>, found: &mut impl FnMut(&'e str, u64)) {
    match &expression.expr {
        Expr::Ident(name) if !name.starts_with('@') && !bound.contains(&name.as_str()) => found(name, expression.id),
        Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => {}
        Expr::Call(call) => {
            for part in call.target.as_deref().into_iter().chain(&call.args) {
                walk(part, bound, found);
            }
        }
        Expr::Comprehension(inner) => {
            walk(&inner.iter_range, bound, found);
            walk(&inner.accu_init, bound, found);
            let before = bound.len();
            bound.extend([inner.iter_var.as_str(), inner.accu_var.as_str()]);
            bound.extend(inner.iter_var2.as_deref());
            for part in [&inner.loop_cond, &inner.loop_step, &inner.result] {
                walk(part, bound, found);
            }
            bound.truncate(before);
        }
        Expr::List(list) => list.elements.iter().for_each(|element| walk(element, bound, found)),
        Expr::Select(select) => walk(&select.operand, bound, found),
        Expr::Map(map) => map
            .entries
            .iter()
            .for_each(|entry| walk_entry(&entry.expr, bound, found)),
        Expr::Struct(made) => made
            .entries
            .iter()
            .for_each(|entry| walk_entry(&entry.expr, bound, found)),
    }
}

fn walk_entry<'e>(entry: &'e EntryExpr, bound: &mut Vec<&'e str>, found: &mut impl FnMut(&'e str, u64)) {
    match entry {
        EntryExpr::StructField(field) => walk(&field.value, bound, found),
        EntryExpr::MapEntry(entry) => {
            walk(&entry.key, bound, found);
            walk(&entry.value, bound, found);
        }
    }
}

/// An event to try a condition on.
fn sample() -> Event {
    let account = Principal::named("somebody");
    Event {
        collected: Some(Collected::at(0)),
        ..Event::new(0, Activity::Logon, Outcome::Failure, account)
    }
}

fn nowhere() -> Provenance {
    Provenance::new("report", "connection", "service", Product::epm_cloud())
}

#[cfg(test)]
mod tests {
    use super::*;
    use event::samples;

    fn holds(source: &str) -> bool {
        let event = samples::full(Activity::Logon, Outcome::Failure);
        Condition::compile(source).unwrap().holds(&event, &samples::domain())
    }

    #[test]
    fn a_condition_that_would_take_long_or_cannot_be_read_is_refused_in_one_line() {
        let nested = (0..3).fold("true".to_owned(), |inner, n| format!("[1, 2, 3].all(x{n}, {inner})"));
        let long = format!("id != \"{}\"", "a".repeat(LONGEST));
        let deep = format!("{}true{}", "(".repeat(600), ")".repeat(600));
        for (source, part) in [
            (nested.as_str(), "are nested"),
            (&long, "longer than"),
            (&deep, ""),
            ("outcome = \"x\"", "`==`"),
            ("subject.matches(\"(\")", "regex"),
        ] {
            let problem = Condition::compile(source).unwrap_err().problem;
            assert!(problem.contains(part), "{problem}");
            assert!(
                !problem.contains('\n') && !problem.contains("ParseError {"),
                "{problem}"
            );
        }
        assert!(Condition::compile("labels.exists(a, labels.exists(b, a != b))").is_ok());
    }

    #[test]
    fn a_condition_speaks_of_the_flat_event() {
        for (source, expected) in [
            (r#"outcome == "failure" && !source_ip.startsWith("10.")"#, true),
            (r#"activity == "logoff""#, false),
            (r#"subject.endsWith("@example.com") && report == "audit-events""#, true),
            (r#"subject.matches("^j.*@")"#, true),
            (r#""vip" in labels"#, true),
            (r#"labels.exists(x, x == "root")"#, false),
            (r#"attributes["ssoRp"] == "gate""#, true),
            (r#""0:2" in attributes["rId"]"#, true),
            (r#"has(attributes.nothing)"#, false),
            (r#"timestamp(time) > timestamp("2018-05-09T00:00:00Z")"#, true),
            (r#"actor_id == """#, true),
            (r#"tenant == "acme""#, true),
            (r#"timestamp(collected) > timestamp(time)"#, true),
            (r#"correlation_uid.matches("^[0-9a-f]{32}$")"#, true),
            ("true", true),
        ] {
            assert_eq!(holds(source), expected, "{source}");
        }
    }

    #[test]
    fn what_the_source_did_not_say_is_an_empty_text() {
        let event = samples::sparse(Activity::Logon, Outcome::Failure);
        let mut condition = Condition::compile(r#"!source_ip.startsWith("10.") && message == """#).unwrap();
        assert!(condition.holds(&event, &samples::epm()));
    }

    #[test]
    fn where_it_cannot_be_told_the_event_takes_the_route() {
        assert!(holds(r#"attributes["absent"] == "x""#));
    }

    #[test]
    fn a_mistake_is_found_with_its_place() {
        for (source, line, column, part) in [
            ("outcome == ", 1, 12, ""),
            ("true &&\n  outcom == \"x\"", 2, 3, "no \"outcom\" in an event"),
            ("labels.exists(x, y == 1)", 1, 18, "no \"y\""),
            ("subject", 1, 1, "type string, not true or false"),
            ("outcome > 3", 1, 9, "overload"),
            ("subject.frobnicate()", 1, 19, "frobnicate"),
            ("", 1, 1, ""),
        ] {
            let error = Condition::compile(source).unwrap_err();
            assert!(error.problem.contains(part), "{source}: {error:?}");
            assert_eq!(error.place, Some((line, column)), "{source}: {error:?}");
        }
        let unknown = Condition::compile("outcom == 1").unwrap_err().unknown;
        assert_eq!(unknown.as_deref(), Some("outcom"));
    }

    #[test]
    fn a_deep_condition_is_refused_not_a_crash() {
        let source = format!("{}true{}", "(".repeat(5000), ")".repeat(5000));
        assert!(Condition::compile(&source).is_err());
    }
}
