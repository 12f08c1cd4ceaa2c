//! The events that the built-in reports can give: for telling routes that no event ever takes.

use event::{Activity, Outcome};

/// The labels, outcomes and activities that a report's events can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repertoire {
    /// Words for routing.
    pub labels: &'static [&'static str],
    /// The outcomes that events can have.
    pub outcomes: &'static [Outcome],
    /// The activities of the report's events.
    pub activities: &'static [Activity],
}

const FAILED_LOGONS: Repertoire = Repertoire {
    labels: &["authentication", "failure"],
    outcomes: &[Outcome::Failure],
    activities: &[Activity::Logon],
};

const LOGONS: Repertoire = Repertoire {
    labels: &["authentication", "success"],
    outcomes: &[Outcome::Success],
    activities: &[Activity::Logon],
};

const ROLES: Repertoire = Repertoire {
    labels: &["role", "group", "success", "unknown"],
    outcomes: &[Outcome::Success, Outcome::Unknown],
    activities: &[Activity::RoleAssign, Activity::RoleRevoke, Activity::Other],
};

const GROUPS: Repertoire = Repertoire {
    labels: &["group", "success", "unknown"],
    outcomes: &[Outcome::Success, Outcome::Unknown],
    activities: &[
        Activity::GroupAddMember,
        Activity::GroupRemoveMember,
        Activity::GroupUpdate,
    ],
};

const CALLS: Repertoire = Repertoire {
    labels: &[
        "account",
        "api",
        "application",
        "authentication",
        "group",
        "other",
        "role",
        "failure",
        "success",
        "unknown",
    ],
    outcomes: &Outcome::ALL,
    activities: &Activity::ALL,
};

const EVERYTHING: Repertoire = Repertoire {
    labels: &[
        "account",
        "application",
        "authentication",
        "group",
        "other",
        "role",
        "failure",
        "success",
        "unknown",
    ],
    outcomes: &Outcome::ALL,
    activities: &Activity::ALL,
};

/// The repertoire of a built-in report; of a plugin of the user's own nothing is known.
pub fn of(report: &str) -> Option<Repertoire> {
    match report {
        "invalid-login" => Some(FAILED_LOGONS),
        "user-login" | "user-audit" => Some(LOGONS),
        "audit-events" => Some(EVERYTHING),
        "oci-audit" => Some(CALLS),
        "role-assignment-audit" => Some(ROLES),
        "group-assignment-audit" => Some(GROUPS),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::path::Path;

    use super::*;

    /// The golden events of a plugin, one JSON object a line.
    fn golden(report: &str) -> Vec<serde_json::Value> {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../../plugins")
            .join(report)
            .join("tests");
        let cases = std::fs::read_dir(tests).unwrap().map(|entry| entry.unwrap().path());
        let files = cases
            .map(|case| case.join("expected.ndjson"))
            .filter(|file| file.is_file());
        files
            .flat_map(|file| {
                let text = std::fs::read_to_string(file).unwrap();
                text.lines()
                    .map(|line| serde_json::from_str(line).unwrap())
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    #[test]
    fn every_golden_event_is_within_its_report_s_repertoire() {
        for report in [
            "invalid-login",
            "user-login",
            "user-audit",
            "audit-events",
            "oci-audit",
            "role-assignment-audit",
            "group-assignment-audit",
        ] {
            let known = of(report).unwrap();
            let outcomes: HashSet<_> = known.outcomes.iter().map(|outcome| outcome.name()).collect();
            let activities: HashSet<_> = known.activities.iter().map(|activity| activity.name()).collect();
            let mut seen = 0;
            for event in golden(report).iter().filter(|event| event["activity"].is_string()) {
                seen += 1;
                let text = |name: &str| event[name].as_str().unwrap();
                assert!(outcomes.contains(text("outcome")), "{report}: {event}");
                assert!(activities.contains(text("activity")), "{report}: {event}");
                for label in event["labels"].as_array().unwrap() {
                    assert!(known.labels.contains(&label.as_str().unwrap()), "{report}: {event}");
                }
            }
            assert!(seen > 0, "{report} has no golden events");
        }
        assert_eq!(of("my-own"), None);
    }

    #[test]
    fn every_report_that_comes_with_the_binary_is_known() {
        let sinks = ["cef", "elastic-bulk", "slack", "splunk-hec"];
        for (name, _) in built_in::BUILT_IN {
            assert_eq!(of(name).is_none(), sinks.contains(name), "{name}");
        }
    }
}
