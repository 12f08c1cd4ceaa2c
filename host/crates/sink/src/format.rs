//! The choice between the formats.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use base::SetupError;

/// The layout of events in bytes.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, clap::ValueEnum, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// One JSON object a line.
    #[default]
    Ndjson,
    /// A header, then one record an event; cells that a spreadsheet would run are neutralised.
    Csv,
    /// Aligned columns for people.
    Table,
    /// Apache Parquet: columns with types, compressed by Snappy. Readable only once complete.
    Parquet,
}

impl Format {
    /// Every format.
    pub const ALL: [Format; 4] = [Format::Ndjson, Format::Csv, Format::Table, Format::Parquet];

    /// The name on the command line and in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Format::Ndjson => "ndjson",
            Format::Csv => "csv",
            Format::Table => "table",
            Format::Parquet => "parquet",
        }
    }

    /// Refuses a format that this build of the program cannot write.
    ///
    /// # Errors
    ///
    /// Says with which Cargo feature it could.
    pub fn need_built(self) -> Result<(), SetupError> {
        match self {
            Format::Parquet if cfg!(not(feature = "parquet")) => Err(SetupError::usage(self.lacking())),
            _ => Ok(()),
        }
    }

    /// The message about a format that is not built in.
    pub(crate) fn lacking(self) -> String {
        format!("this build of host lacks the format {self}: build it with the feature `{self}`")
    }

    /// The format that the end of a file's name says, where it says one.
    pub fn of_name(name: &str) -> Option<Self> {
        [Format::Ndjson, Format::Csv, Format::Parquet]
            .into_iter()
            .find(|format| name.strip_suffix(format.name()).is_some_and(|stem| stem.ends_with('.')))
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown format {0:?}: it is one of ndjson, csv, table, parquet")]
pub struct UnknownFormat(String);

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        Format::ALL
            .into_iter()
            .find(|format| format.name() == name)
            .ok_or_else(|| UnknownFormat(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn a_format_has_one_name_everywhere() {
        for format in Format::ALL {
            assert_eq!(format.name().parse(), Ok(format));
            assert_eq!(format.to_possible_value().unwrap().get_name(), format.name());
            assert_eq!(serde_json::to_value(format).unwrap(), format.name());
        }
        let error = "NDJSON".parse::<Format>().unwrap_err();
        assert_eq!(
            error.to_string(),
            r#"unknown format "NDJSON": it is one of ndjson, csv, table, parquet"#
        );
    }
}
