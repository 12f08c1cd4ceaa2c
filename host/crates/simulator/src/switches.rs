//! The switches of a [`Scenario`], as text: `slow-job=5,poll:503=2,user-audit:preamble=comma`.

use std::str::FromStr;

use super::csv_layout::CsvLayout;
use super::domain_settings::{PAGES, TOKENS};
use super::error::SimulatorError;
use super::fault::{Fault, FaultKind, Phase};
use super::oci::settings::OCI;
use super::scenario::Scenario;
use super::settings::{FILES, LAYOUTS, SETTINGS};
use super::switch::Switch;
use super::values::{Apply, number, one_of, optional};

const STATUS: Switch = optional("STATUS", "TIMES[@AFTER]", "answers with this HTTP status, 300 to 599");

/// The switches that are neither faults nor about a CSV file.
fn settings() -> impl Iterator<Item = &'static (Switch, Apply)> {
    [SETTINGS, FILES, PAGES, TOKENS, OCI].into_iter().flatten()
}

impl Scenario {
    /// Every switch, for help texts.
    pub fn switches() -> Vec<Switch> {
        let settings = settings().map(|(switch, _)| *switch);
        let layouts = LAYOUTS.iter().map(|(switch, _)| *switch);
        let faults = FaultKind::ALL
            .iter()
            .map(|(name, _, summary)| optional(name, "TIMES[@AFTER]", summary));
        settings
            .chain(layouts)
            .chain(std::iter::once(STATUS))
            .chain(faults)
            .collect()
    }

    /// The names of every switch; `STATUS` stands for a number.
    pub fn names() -> Vec<&'static str> {
        Self::switches().iter().map(|switch| switch.name).collect()
    }

    /// Turns one switch: `NAME`, `NAME=VALUE`, or with `PHASE:` or `REPORT:` in front.
    pub fn apply(&mut self, switch: &str) -> Result<(), SimulatorError> {
        let (left, value) = match switch.split_once('=') {
            Some((left, value)) => (left.trim(), Some(value)),
            None => (switch.trim(), None),
        };
        let (scope, name) = match left.split_once(':') {
            Some((scope, name)) => (Some(scope), name),
            None => (None, left),
        };
        let bad = |reason: String| SimulatorError::BadSwitch {
            name: left.to_owned(),
            reason,
        };
        if let Some((switch, apply)) = settings().find(|(switch, _)| switch.name == name) {
            if scope.is_some() {
                return Err(bad("belongs to no phase".to_owned()));
            }
            return apply(self, given(switch, value).map_err(bad)?).map_err(bad);
        }
        if let Some((switch, apply)) = LAYOUTS.iter().find(|(switch, _)| switch.name == name) {
            let value = given(switch, value).map_err(bad)?;
            return self
                .layouts(scope, name)
                .map_err(bad)?
                .into_iter()
                .try_for_each(|l| apply(l, value))
                .map_err(bad);
        }
        let Some(kind) = fault_kind(name) else {
            return Err(unknown(name));
        };
        let phase = scope.map(|scope| one_of(scope, &Phase::ALL)).transpose().map_err(bad)?;
        let (times, after) = times(value).map_err(bad)?;
        self.faults.push(Fault {
            phase,
            kind,
            after,
            times,
        });
        Ok(())
    }

    /// The reports that a switch is about: those named, or all of them; a header for all is one of three columns, which two lack.
    fn layouts(&mut self, report: Option<&str>, switch: &str) -> Result<Vec<&mut CsvLayout>, String> {
        let logins = [&mut self.invalid_login, &mut self.user_login, &mut self.user_audit];
        let audits = [&mut self.role_audit, &mut self.group_audit];
        match report {
            None if switch == "header" => Ok(logins.into()),
            None => Ok(logins.into_iter().chain(audits).collect()),
            Some(report) => REPORTS
                .iter()
                .position(|known| *known == report)
                .and_then(|index| logins.into_iter().chain(audits).nth(index))
                .map(|layout| vec![layout])
                .ok_or_else(|| format!("is about one of {}", REPORTS.join(", "))),
        }
    }
}

/// The reports whose CSV files have layouts, in the order of [`Scenario::layouts`].
const REPORTS: [&str; 5] = ["invalid-login", "user-login", "user-audit", "role-audit", "group-audit"];

impl FromStr for Scenario {
    type Err = SimulatorError;

    /// Reads switches with commas between them; a comma inside a value is written `\,`.
    fn from_str(text: &str) -> Result<Self, SimulatorError> {
        let mut scenario = Self::default();
        let mut switch = String::new();
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '\\' if characters.peek() == Some(&',') => switch.extend(characters.next()),
                ',' => scenario.apply_unless_empty(&std::mem::take(&mut switch))?,
                _ => switch.push(character),
            }
        }
        scenario.apply_unless_empty(&switch)?;
        Ok(scenario)
    }
}

impl Scenario {
    fn apply_unless_empty(&mut self, switch: &str) -> Result<(), SimulatorError> {
        if switch.trim().is_empty() {
            Ok(())
        } else {
            self.apply(switch)
        }
    }
}

fn given<'v>(switch: &Switch, value: Option<&'v str>) -> Result<&'v str, String> {
    match (switch.value, value) {
        (None, Some(_)) => Err("takes no value".to_owned()),
        (_, value) => Ok(value.unwrap_or_default()),
    }
}

fn unknown(name: &str) -> SimulatorError {
    let nearest = Scenario::names()
        .into_iter()
        .filter(|known| strsim::jaro_winkler(known, name) > 0.7)
        .max_by(|a, b| strsim::jaro_winkler(a, name).total_cmp(&strsim::jaro_winkler(b, name)));
    SimulatorError::UnknownSwitch {
        name: name.to_owned(),
        nearest,
    }
}

fn fault_kind(name: &str) -> Option<FaultKind> {
    if let Ok(status) = name.parse::<u16>() {
        return (300..=599).contains(&status).then_some(FaultKind::Status(status));
    }
    FaultKind::ALL
        .iter()
        .find(|(known, ..)| *known == name)
        .map(|(_, kind, _)| *kind)
}

/// `TIMES`, `TIMES@AFTER`, `@AFTER` or nothing.
fn times(value: Option<&str>) -> Result<(Option<u64>, u64), String> {
    let Some(value) = value else { return Ok((None, 0)) };
    let (times, after) = value.split_once('@').unwrap_or((value, "0"));
    let times = if times.is_empty() { None } else { Some(number(times)?) };
    Ok((times, number(after)?))
}

#[cfg(test)]
mod tests {
    use super::super::csv_layout::Preamble;
    use super::super::scenario::{Failure, RoleWords};
    use super::*;

    fn read(text: &str) -> Scenario {
        text.parse().unwrap()
    }

    #[test]
    fn switches_are_read_from_a_list() {
        let scenario =
            read("slow-job=5, fail-job=9,fail-text=EPMCSS-1: a\\, b,poll:503=2@1,user-audit:preamble=comma,crlf");
        assert_eq!(scenario.slow_job, 5);
        assert_eq!(
            scenario.fail_job,
            Some(Failure {
                status: 9,
                text: Some("EPMCSS-1: a, b".to_owned())
            })
        );
        let fault = Fault {
            phase: Some(Phase::Poll),
            kind: FaultKind::Status(503),
            after: 1,
            times: Some(2),
        };
        assert_eq!(scenario.faults, [fault]);
        assert_eq!(scenario.user_audit.preamble, Preamble::Comma);
        assert_eq!(scenario.user_login.preamble, Preamble::Newline);
        assert!(scenario.user_login.crlf && scenario.invalid_login.crlf);
    }

    #[test]
    fn a_header_has_as_many_names_as_its_report_has_columns() {
        let scenario = read("header=a|b|c,role-audit:header=a|b|c|d|e|f,group-audit:time=iso");
        assert_eq!(scenario.user_login.columns, ["a", "b", "c"]);
        assert_eq!(scenario.role_audit.columns.concat(), "abcdef");
        assert_eq!(scenario.group_audit.columns.len(), 6);
        let old = read("role-words=old,role-audit:header=a|b|c|d|e");
        assert_eq!((old.role_words, old.role_audit.columns.len()), (RoleWords::Old, 5));
        assert!("role-audit:header=a|b|c".parse::<Scenario>().is_err());
    }

    #[test]
    fn the_text_of_a_failure_may_come_before_its_status() {
        assert_eq!(
            read("fail-text=no,fail-job=3").fail_job,
            Some(Failure {
                status: 3,
                text: Some("no".to_owned())
            })
        );
    }

    #[test]
    fn an_unknown_switch_names_the_nearest_one() {
        let error = "slow-jbo=5".parse::<Scenario>().unwrap_err();
        assert_eq!(error.to_string(), "the simulator has no switch `slow-jbo`");
        assert_eq!(error.hint().as_deref(), Some("did you mean `slow-job`?"));
    }

    #[test]
    fn values_that_make_no_sense_are_refused() {
        for text in [
            "slow-job=soon",
            "slow-job",
            "fail-job=0",
            "bad-rows=0",
            "status-link=other",
            "header=a|b",
            "crlf=yes",
            "200",
            "999",
            "nowhere:503",
            "poll:seed=1",
            "audit-events:crlf",
            "now=yesterday",
            "prefix=/",
            "503=x",
            "user=",
        ] {
            assert!(text.parse::<Scenario>().is_err(), "{text}");
        }
    }

    #[test]
    fn nothing_is_the_default() {
        assert_eq!(format!("{:?}", read("")), format!("{:?}", Scenario::default()));
    }

    #[test]
    fn a_password_stays_out_of_debug_output() {
        assert!(!format!("{:?}", read("password=hunter2,token=hunter3")).contains("hunter"));
    }
}
