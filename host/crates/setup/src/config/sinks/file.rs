//! `kind = "file"`.

use serde::Deserialize;

use event::Encoding;
use sink::{Compression, FileMode, Format};

/// A file that grows, or a series of files.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FileSink {
    /// Its path; `{report}`, `{connection}` and `{date}` stand for one safe path segment each.
    pub path: String,
    /// `ocsf`, `ecs` or `event`.
    pub encoding: Option<Encoding>,
    /// `ndjson`, `csv`, `table` or `parquet`; by default what the path ends in.
    pub format: Option<Format>,
    /// `none`, `gzip` or `zstd`; by default what the path ends in. The pages of a Parquet file are compressed by Snappy
    /// unless this says `none` or `zstd`.
    pub compression: Option<Compression>,
    /// Who may read and write the files that are made, as octal digits; `0640` unless set. The umask may take from it.
    pub mode: Option<FileMode>,
    /// How long to wait for another run that gives the same file its name, as `2m`, which it is unless set.
    #[serde(default, deserialize_with = "crate::config::duration")]
    #[schemars(with = "Option<String>")]
    pub lock_timeout: Option<std::time::Duration>,
    /// Complete a file now and then, and begin another; its name gets a time and a number.
    pub rotate: Option<Rotate>,
}

/// When a file is completed and the next one begins: whichever comes first.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Rotate {
    /// Once it has reached so many bytes.
    pub bytes: Option<std::num::NonZeroU64>,
    /// Whenever a multiple of this period, counted from 1970 in UTC, begins, as `1h`.
    #[serde(default, deserialize_with = "crate::config::duration")]
    #[schemars(with = "Option<String>")]
    pub every: Option<std::time::Duration>,
}
