//! The reading of switches' values, and the declaration of switches.

use std::str::FromStr;
use std::time::Duration;

use super::scenario::{Failure, LinkStyle, Scenario};
use super::switch::Switch;

/// The effect of a switch on a scenario. One without a value gets the empty text; an error reads on from the switch's name.
pub(super) type Apply = fn(&mut Scenario, &str) -> Result<(), String>;

pub(super) const fn switch(name: &'static str, value: &'static str, summary: &'static str) -> Switch {
    Switch {
        name,
        value: Some(value),
        summary,
    }
}

pub(super) const fn optional(name: &'static str, value: &'static str, summary: &'static str) -> Switch {
    Switch {
        name,
        value: Some(value),
        summary,
    }
}

pub(super) const fn flag(name: &'static str, summary: &'static str) -> Switch {
    Switch {
        name,
        value: None,
        summary,
    }
}

pub(super) fn text(value: &str) -> Result<String, String> {
    if value.is_empty() {
        Err("takes a value".to_owned())
    } else {
        Ok(value.to_owned())
    }
}

pub(super) fn number<T: FromStr>(value: &str) -> Result<T, String> {
    value
        .trim()
        .parse()
        .map_err(|_| format!("takes a number, not `{value}`"))
}

pub(super) fn positive(value: &str) -> Result<u64, String> {
    number(value).and_then(|n| {
        if n == 0 {
            Err("takes a number above 0".to_owned())
        } else {
            Ok(n)
        }
    })
}

pub(super) fn millis(value: &str) -> Result<Duration, String> {
    number(value).map(Duration::from_millis)
}

pub(super) fn failure(value: &str, before: Option<Failure>) -> Result<Failure, String> {
    let status = if value.is_empty() { 1 } else { number(value)? };
    if status < 1 {
        return Err("takes a status above 0".to_owned());
    }
    Ok(Failure {
        status,
        text: before.and_then(|failure| failure.text),
    })
}

pub(super) fn link(value: &str) -> Result<LinkStyle, String> {
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

pub(super) fn one_of<T: Copy>(value: &str, choices: &[(&str, T)]) -> Result<T, String> {
    choices
        .iter()
        .find(|(name, _)| *name == value)
        .map(|(_, choice)| *choice)
        .ok_or_else(|| {
            let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
            format!("takes one of {}, not `{value}`", names.join(", "))
        })
}
