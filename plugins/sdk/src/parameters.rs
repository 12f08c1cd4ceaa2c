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

/// The parameter `keep-file` of reports that the server writes into a file.
pub fn keep_file() -> Parameter {
    Parameter {
        name: "keep-file".into(),
        summary: "leave the report's file on the server once its events are delivered".into(),
        values: vec!["false".into(), "true".into()],
        default: Some("false".into()),
        repeatable: false,
    }
}

/// Whether the file shall stay on the server.
pub fn keeps_file(request: &Request) -> Result<bool, Fault> {
    Ok(request.choice("keep-file", &["false", "true"])? == "true")
}
