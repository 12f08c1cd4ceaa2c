//! Reads the parameters of a request, and describes those that several reports have.

use crate::{Fault, Parameter, Request};

impl Request {
    /// The value of a parameter that may be given once; the last one counts.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .rev()
            .find(|(given, _)| given == name)
            .map(|(_, value)| value.as_str())
    }

    /// The values of a parameter that may be given more than once.
    pub fn parameter_values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.parameters
            .iter()
            .filter(move |(given, _)| given == name)
            .map(|(_, value)| value.as_str())
    }

    /// The value of a parameter that must be one of `values`, the first of which stands where none is given. The host
    /// checks what `describe` lists, but not every caller is the host.
    pub fn choice<'v>(&self, name: &str, values: &[&'v str]) -> Result<&'v str, Fault> {
        let Some(given) = self.parameter(name) else {
            return Ok(values.first().copied().unwrap_or_default());
        };
        values.iter().copied().find(|value| *value == given).ok_or_else(|| {
            Fault::invalid_request(format!("the parameter {name} cannot be {given:?}"))
                .hint(format!("it takes {}", values.join(" or ")))
        })
    }
}

/// A parameter that takes any text, with nothing in its place where it is not given.
pub fn text(name: &str, summary: &str) -> Parameter {
    Parameter {
        name: name.into(),
        summary: summary.into(),
        values: vec![],
        default: None,
        repeatable: false,
        required: false,
    }
}

/// A parameter that takes any text, and without which there is no plan: the host refuses to run the report where it is not given.
pub fn required(name: &str, summary: &str) -> Parameter {
    Parameter {
        required: true,
        ..text(name, summary)
    }
}

/// A parameter that takes one of `values`, the first of which stands where none is given; see [`Request::choice`].
pub fn one_of(name: &str, summary: &str, values: &[&str]) -> Parameter {
    let values: Vec<String> = values.iter().map(|value| value.to_string()).collect();
    let default = values.first().cloned();
    Parameter {
        name: name.into(),
        summary: summary.into(),
        values,
        default,
        repeatable: false,
        required: false,
    }
}

/// Milliseconds of a duration such as `90s`, `30m`, `12h` or `7d`.
pub fn duration(text: &str) -> Option<i64> {
    let unit = match text.as_bytes().last()? {
        b's' => 1_000,
        b'm' => 60_000,
        b'h' => 3_600_000,
        b'd' => 86_400_000,
        _ => return None,
    };
    let number = text.get(..text.len() - 1)?;
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    number.parse::<i64>().ok()?.checked_mul(unit)
}

/// The parameter `keep-file` of reports that the server writes into a file.
pub fn keep_file() -> Parameter {
    one_of(
        "keep-file",
        "leave the report's file on the server once its events are delivered",
        &KEEP_FILE,
    )
}

const KEEP_FILE: [&str; 2] = ["false", "true"];

/// True where the file shall stay on the server.
pub fn keeps_file(request: &Request) -> Result<bool, Fault> {
    Ok(request.choice("keep-file", &KEEP_FILE)? == "true")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_number_and_a_unit() {
        let cases = [
            ("90s", 90_000),
            ("30m", 1_800_000),
            ("12h", 43_200_000),
            ("7d", 604_800_000),
            ("0d", 0),
        ];
        for (text, expected) in cases {
            assert_eq!(duration(text), Some(expected), "{text}");
        }
        for text in [
            "",
            "d",
            "7",
            "-7d",
            "+7d",
            "7 d",
            "1.5h",
            "7w",
            "99999999999999999999d",
            "9223372036854775807d",
            "7é",
        ] {
            assert_eq!(duration(text), None, "{text}");
        }
    }
}
