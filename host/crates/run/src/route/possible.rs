//! The events that can come to a route, as far as that is known beforehand.

use std::collections::BTreeMap;

use event::Outcome;

/// A member of an event held against a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// The member's name.
    pub member: String,
    /// The text.
    pub text: String,
}

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

/// One event, as far as the condition speaks of it.
pub(super) struct Assignment<'a> {
    /// Members and their texts: none for a text that the condition does not name.
    members: Vec<(&'a str, Option<&'a str>)>,
    pub(super) labels: Vec<&'a str>,
}

impl Possible<'_> {
    /// True if any event is possible.
    pub fn is_any(&self) -> bool {
        self.is_any_where(&[], |_| true)
    }

    /// True if `holds` for any possible event. It is asked about every combination of the texts that members are
    /// `compared` with, and one other text each.
    pub(super) fn is_any_where(&self, compared: &[Comparison], holds: impl Fn(&Assignment<'_>) -> bool) -> bool {
        // Every member that it compares, with what it can be.
        let mut domains: BTreeMap<&str, Vec<Option<&str>>> = BTreeMap::new();
        for (member, texts) in &self.members {
            domains.insert(member, texts.iter().copied().map(Some).collect());
        }
        let mut labels: Vec<&str> = self.one_of.iter().flatten().copied().collect();
        for comparison in compared {
            let (member, text) = (comparison.member.as_str(), comparison.text.as_str());
            match member {
                "labels" => labels.push(text),
                _ if self.members.contains_key(member) => {}
                _ => {
                    let texts = domains.entry(member).or_insert_with(|| vec![None]);
                    if !texts.contains(&Some(text)) {
                        texts.push(Some(text));
                    }
                }
            }
        }
        if self.outcomes_are_labels {
            labels.extend(self.members.get("outcome").into_iter().flatten());
        }
        labels.retain(|label| self.labels.as_ref().is_none_or(|known| known.contains(label)));
        labels.sort_unstable();
        labels.dedup();

        let sizes = domains.values().map(Vec::len);
        let count = (sizes.chain(labels.iter().map(|_| 2))).try_fold(1_usize, |product, size| {
            product.checked_mul(size).filter(|product| *product <= MOST)
        });
        let Some(count) = count else { return true };
        (0..count).any(|number| {
            let assignment = assignment(number, &domains, &labels);
            is_consistent(&assignment, self) && holds(&assignment)
        })
    }
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
    /// The text of a member: `None` where nothing is known of it, `Some(None)` where it is one that the condition does not name.
    pub(super) fn member(&self, name: &str) -> Option<Option<&'a str>> {
        let found = self.members.iter().find(|(member, _)| *member == name);
        found.map(|(_, text)| *text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_that_are_asked_for_are_held_against_the_outcome() {
        let of = |one_of: &'static str, outcome: &'static str| Possible {
            members: BTreeMap::from([("outcome", vec![outcome])]),
            labels: Some(vec!["vip", "role", "success", "failure"]),
            one_of: Some(vec![one_of]),
            outcomes_are_labels: true,
        };
        assert!(of("vip", "success").is_any());
        assert!(of("success", "success").is_any());
        assert!(!of("failure", "success").is_any());
        assert!(!of("root", "success").is_any());
    }
}
