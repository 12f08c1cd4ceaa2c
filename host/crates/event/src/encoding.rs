//! The choice between the renderings.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{Event, Provenance, ecs::Ecs, flat::Flat, ocsf::Ocsf};

/// The form in which events leave the process.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, clap::ValueEnum, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// Open Cybersecurity Schema Framework 1.8.0.
    #[default]
    Ocsf,
    /// Elastic Common Schema 9.4.0.
    Ecs,
    /// The flat event, as the plugin gave it.
    Event,
}

impl Encoding {
    /// Every encoding.
    pub const ALL: [Encoding; 3] = [Encoding::Ocsf, Encoding::Ecs, Encoding::Event];

    /// The name on the command line and in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Encoding::Ocsf => "ocsf",
            Encoding::Ecs => "ecs",
            Encoding::Event => "event",
        }
    }

    /// Appends the event to `out` as one JSON object without a line break, neither in it nor after it.
    pub fn write(self, event: &Event, provenance: &Provenance, out: &mut Vec<u8>) {
        match self {
            Encoding::Ocsf => Ocsf::line(event, provenance, out),
            Encoding::Ecs => Ecs::of(event, provenance).write(out),
            Encoding::Event => Flat::of(event, provenance).write(out),
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no encoding.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown encoding {0:?}: it is one of ocsf, ecs, event")]
pub struct UnknownEncoding(String);

impl FromStr for Encoding {
    type Err = UnknownEncoding;

    fn from_str(name: &str) -> Result<Self, UnknownEncoding> {
        Encoding::ALL
            .into_iter()
            .find(|encoding| encoding.name() == name)
            .ok_or_else(|| UnknownEncoding(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::{Activity, Outcome, samples};

    /// The lines that `serde_json` writes are the definition.
    fn defined(encoding: Encoding, event: &Event, provenance: &Provenance) -> String {
        match encoding {
            Encoding::Ocsf => serde_json::to_string(&Ocsf::of(event, provenance)),
            Encoding::Ecs => serde_json::to_string(&Ecs::of(event, provenance)),
            Encoding::Event => serde_json::to_string(&Flat::of(event, provenance)),
        }
        .unwrap()
    }

    #[test]
    fn every_activity_and_outcome_is_written_as_defined() {
        for activity in Activity::ALL {
            for outcome in Outcome::ALL {
                let mut call = samples::full(activity, outcome);
                call.attributes.extend(samples::request());
                call.code = Some("200".into());
                for event in [
                    samples::full(activity, outcome),
                    samples::sparse(activity, outcome),
                    call,
                ] {
                    for encoding in Encoding::ALL {
                        let mut line = Vec::new();
                        encoding.write(&event, &samples::domain(), &mut line);
                        assert_eq!(
                            String::from_utf8(line).unwrap(),
                            defined(encoding, &event, &samples::domain())
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn an_encoding_has_one_name_everywhere() {
        for encoding in Encoding::ALL {
            assert_eq!(encoding.name().parse(), Ok(encoding));
            assert_eq!(encoding.to_possible_value().unwrap().get_name(), encoding.name());
            assert_eq!(serde_json::to_value(encoding).unwrap(), encoding.name());
        }
        assert_eq!(
            "OCSF".parse::<Encoding>().unwrap_err().to_string(),
            r#"unknown encoding "OCSF": it is one of ocsf, ecs, event"#
        );
    }

    proptest! {
        #[test]
        fn any_event_becomes_one_line_of_json_that_keeps_its_texts(
            event in samples::event(),
            provenance in samples::provenance(),
        ) {
            for encoding in Encoding::ALL {
                let mut line = b"before".to_vec();
                encoding.write(&event, &provenance, &mut line);
                prop_assert_eq!(String::from_utf8_lossy(&line), format!("before{}", defined(encoding, &event, &provenance)));
                let text = std::str::from_utf8(&line).unwrap().strip_prefix("before").unwrap();
                prop_assert!(!text.contains(['\n', '\r']));
                let value: Value = serde_json::from_str(text).unwrap();
                let mut texts = Vec::new();
                samples::texts_of(&value, &mut texts);
                for text in samples::texts_in(&event) {
                    prop_assert!(texts.contains(&text), "{encoding} lost {text:?}: {value}");
                }
            }
        }
    }
}
