//! The switches of a [`Scenario`], as text: `slow-job=5,poll:503=2,user-audit:preamble=comma`.

use std::str::FromStr;
use std::time::Duration;

use super::SimulatorError;
use super::fault::{Fault, FaultKind, Phase};
use super::scenario::{CertificateFlaw, Failure, Layout, LinkStyle, Preamble, Scenario, TimeStyle};

/// One switch of a scenario.
#[derive(Clone, Copy, Debug)]
pub struct Switch {
    /// What it is called.
    pub name: &'static str,
    /// What its value stands for; none for a switch without one.
    pub value: Option<&'static str>,
    /// What it does, in a line.
    pub summary: &'static str,
}

type Apply = fn(&mut Scenario, &str) -> Result<(), String>;

/// The switches that are not faults, with what they do to a scenario. One without a value gets the empty text.
const SETTINGS: &[(Switch, Apply)] = &[
    (
        switch("user", "NAME", "the user that Basic authentication expects"),
        |s, v| text(v).map(|v| s.credentials.user = v),
    ),
    (switch("password", "TEXT", "that user's password"), |s, v| {
        text(v).map(|v| s.credentials.password = v)
    }),
    (switch("token", "TEXT", "a bearer token that is accepted"), |s, v| {
        text(v).map(|v| s.credentials.token = v)
    }),
    (switch("seed", "N", "another past"), |s, v| {
        number(v).map(|v| s.seed = v)
    }),
    (
        switch("now", "TIME", "the simulator's clock stands at this RFC 3339 time"),
        |s, v| {
            v.parse()
                .map(|time| s.now = Some(time))
                .map_err(|_| "takes a time such as 2025-07-03T12:00:00Z".to_owned())
        },
    ),
    (
        switch("rows", "N", "failed logins, and as many successful ones, on every day"),
        |s, v| number(v).map(|v| s.rows = v),
    ),
    (flag("plain-names", "no user name that is made to hurt"), |s, _| {
        s.hostile_names = false;
        Ok(())
    }),
    (
        switch("padding", "BYTES", "an additional CSV column of so many bytes"),
        |s, v| number(v).map(|v| s.padding = v),
    ),
    (switch("bad-rows", "N", "every Nth CSV row cannot be read"), |s, v| {
        positive(v).map(|v| s.bad_rows = Some(v))
    }),
    (
        switch("retention", "DAYS", "how far back the identity domain's data reaches"),
        |s, v| number(v).map(|v| s.retention_days = v),
    ),
    (
        flag("no-role", "the caller lacks the roles that reports need (EPMCSS-21192)"),
        |s, _| {
            s.authorized = false;
            Ok(())
        },
    ),
    (switch("slow-job", "N", "a job is in progress for N polls"), |s, v| {
        number(v).map(|v| s.slow_job = v)
    }),
    (
        optional("fail-job", "STATUS", "a job ends with this status, 1 if not said"),
        |s, v| failure(v, s.fail_job.take()).map(|v| s.fail_job = Some(v)),
    ),
    (
        switch(
            "fail-text",
            "TEXT",
            "what a failed job says, with `fail-job` or `refuse-job`",
        ),
        |s, v| {
            let text = Some(text(v)?);
            match (&mut s.fail_job, &mut s.refuse_job) {
                (None, None) => s.fail_job = Some(Failure { status: 1, text }),
                (job, refusal) => [job, refusal]
                    .into_iter()
                    .flatten()
                    .for_each(|failure| failure.text.clone_from(&text)),
            }
            Ok(())
        },
    ),
    (
        optional(
            "refuse-job",
            "STATUS",
            "the request that creates a job fails with this status, 1 if not said",
        ),
        |s, v| failure(v, s.refuse_job.take()).map(|v| s.refuse_job = Some(v)),
    ),
    (
        flag("done-at-once", "the request that creates a job answers that it is done"),
        |s, _| {
            s.done_at_once = true;
            Ok(())
        },
    ),
    (
        switch(
            "status-link",
            "STYLE",
            "plain, relative, missing, elsewhere, userinfo, downgrade or broken",
        ),
        |s, v| link(v).map(|v| s.status_link = v),
    ),
    (
        flag(
            "refuse-duplicate-names",
            "a job refuses the name of a file that is there (EPMCSS-20685)",
        ),
        |s, _| {
            s.refuse_duplicate_names = true;
            Ok(())
        },
    ),
    (
        flag(
            "strict-names",
            "a file in the inbox is found only as inbox\\NAME or inbox/NAME",
        ),
        |s, _| {
            s.strict_names = true;
            Ok(())
        },
    ),
    (
        flag("no-quirks", "no leading space in links, no `details` of the text null"),
        |s, _| {
            s.quirks = false;
            Ok(())
        },
    ),
    (flag("string-status", "a job's status is a JSON string"), |s, _| {
        s.string_status = true;
        Ok(())
    }),
    (
        switch(
            "elsewhere",
            "URL",
            "the other server that bad links and redirects lead to",
        ),
        |s, v| text(v).map(|v| s.elsewhere = v.trim_end_matches('/').to_owned()),
    ),
    (
        switch("public-url", "URL", "what links begin with, behind a proxy"),
        |s, v| text(v).map(|v| s.public_url = Some(v.trim_end_matches('/').to_owned())),
    ),
    (switch("prefix", "PATH", "a path that everything lies under"), |s, v| {
        let path = v.trim_matches('/');
        if path.is_empty() || !path.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b)) {
            return Err("takes a path such as /gateway".to_owned());
        }
        s.prefix = format!("/{path}");
        Ok(())
    }),
    (switch("latency", "MS", "every answer waits so long"), |s, v| {
        millis(v).map(|v| s.latency = v)
    }),
    (
        switch(
            "retry-after",
            "VALUE",
            "the Retry-After header of answers with 429 and 503",
        ),
        |s, v| text(v).map(|v| s.retry_after = Some(v)),
    ),
    (
        switch("drip-interval", "MS", "the pause between two bytes of a dripping body"),
        |s, v| millis(v).map(|v| s.drip_interval = v),
    ),
    (
        switch("certificate", "FLAW", "wrong-name or expired, with TLS"),
        |s, v| {
            s.certificate = one_of(
                v,
                &[
                    ("wrong-name", CertificateFlaw::WrongName),
                    ("expired", CertificateFlaw::Expired),
                ],
            )?;
            Ok(())
        },
    ),
];

type ApplyLayout = fn(&mut Layout, &str) -> Result<(), String>;

/// The switches about a CSV file. `REPORT:` in front means one report only.
const LAYOUTS: &[(Switch, ApplyLayout)] = &[
    (
        switch("header", "USER|ADDRESS|TIME", "the header of the CSV file"),
        |layout, v| {
            let columns: Vec<String> = v.split('|').map(str::to_owned).collect();
            layout.columns = columns
                .try_into()
                .map_err(|_| "takes three names with | between them".to_owned())?;
            Ok(())
        },
    ),
    (
        switch(
            "preamble",
            "KIND",
            "none, bom, newline or comma: what stands before the header",
        ),
        |layout, v| {
            layout.preamble = one_of(
                v,
                &[
                    ("none", Preamble::None),
                    ("bom", Preamble::Bom),
                    ("newline", Preamble::Newline),
                    ("comma", Preamble::Comma),
                ],
            )?;
            Ok(())
        },
    ),
    (
        switch(
            "time",
            "STYLE",
            "words, iso, space, slash or epoch: how a CSV file writes times",
        ),
        |layout, v| {
            layout.time = one_of(
                v,
                &[
                    ("words", TimeStyle::Words),
                    ("iso", TimeStyle::Iso),
                    ("space", TimeStyle::Space),
                    ("slash", TimeStyle::Slash),
                    ("epoch", TimeStyle::Epoch),
                ],
            )?;
            Ok(())
        },
    ),
    (flag("crlf", "lines of the CSV file end in CR LF"), |layout, _| {
        layout.crlf = true;
        Ok(())
    }),
];

const STATUS: Switch = optional("STATUS", "TIMES[@AFTER]", "answers with this HTTP status, 300 to 599");

impl Scenario {
    /// Every switch, for help texts.
    pub fn switches() -> Vec<Switch> {
        let settings = SETTINGS.iter().map(|(switch, _)| *switch);
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
        if let Some((switch, apply)) = SETTINGS.iter().find(|(switch, _)| switch.name == name) {
            if scope.is_some() {
                return Err(bad("belongs to no phase".to_owned()));
            }
            return apply(self, given(switch, value).map_err(bad)?).map_err(bad);
        }
        if let Some((switch, apply)) = LAYOUTS.iter().find(|(switch, _)| switch.name == name) {
            let value = given(switch, value).map_err(bad)?;
            return self
                .layouts(scope)
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

    fn layouts(&mut self, report: Option<&str>) -> Result<Vec<&mut Layout>, String> {
        match report {
            None => Ok(vec![
                &mut self.invalid_login,
                &mut self.user_login,
                &mut self.user_audit,
            ]),
            Some("invalid-login") => Ok(vec![&mut self.invalid_login]),
            Some("user-login") => Ok(vec![&mut self.user_login]),
            Some("user-audit") => Ok(vec![&mut self.user_audit]),
            Some(_) => Err("is about invalid-login, user-login or user-audit".to_owned()),
        }
    }
}

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

const fn switch(name: &'static str, value: &'static str, summary: &'static str) -> Switch {
    Switch {
        name,
        value: Some(value),
        summary,
    }
}

const fn optional(name: &'static str, value: &'static str, summary: &'static str) -> Switch {
    Switch {
        name,
        value: Some(value),
        summary,
    }
}

const fn flag(name: &'static str, summary: &'static str) -> Switch {
    Switch {
        name,
        value: None,
        summary,
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

fn text(value: &str) -> Result<String, String> {
    if value.is_empty() {
        Err("takes a value".to_owned())
    } else {
        Ok(value.to_owned())
    }
}

fn number<T: FromStr>(value: &str) -> Result<T, String> {
    value
        .trim()
        .parse()
        .map_err(|_| format!("takes a number, not `{value}`"))
}

fn positive(value: &str) -> Result<u64, String> {
    number(value).and_then(|n| {
        if n == 0 {
            Err("takes a number above 0".to_owned())
        } else {
            Ok(n)
        }
    })
}

fn millis(value: &str) -> Result<Duration, String> {
    number(value).map(Duration::from_millis)
}

fn failure(value: &str, before: Option<Failure>) -> Result<Failure, String> {
    let status = if value.is_empty() { 1 } else { number(value)? };
    if status < 1 {
        return Err("takes a status above 0".to_owned());
    }
    Ok(Failure {
        status,
        text: before.and_then(|failure| failure.text),
    })
}

fn link(value: &str) -> Result<LinkStyle, String> {
    one_of(
        value,
        &[
            ("plain", LinkStyle::Plain),
            ("relative", LinkStyle::Relative),
            ("missing", LinkStyle::Missing),
            ("elsewhere", LinkStyle::Elsewhere),
            ("userinfo", LinkStyle::Userinfo),
            ("downgrade", LinkStyle::Downgrade),
            ("broken", LinkStyle::Broken),
        ],
    )
}

fn one_of<T: Copy>(value: &str, choices: &[(&str, T)]) -> Result<T, String> {
    choices
        .iter()
        .find(|(name, _)| *name == value)
        .map(|(_, choice)| *choice)
        .ok_or_else(|| {
            let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
            format!("takes one of {}, not `{value}`", names.join(", "))
        })
}

#[cfg(test)]
mod tests {
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
