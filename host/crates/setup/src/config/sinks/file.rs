//! `kind = "file"`.

use serde::Deserialize;

use crate::config::schema::DurationText;
use event::Encoding;
use sink::{Compression, FileMode, Format};

/// A file that grows, or a series of files.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FileSink {
    /// Its path; `{report}`, `{connection}` and `{date}` stand for one safe path segment each.
    pub path: String,
    /// What an event looks like.
    #[schemars(extend("default" = Encoding::default()))]
    pub encoding: Option<Encoding>,
    /// How events follow each other.
    #[schemars(extend("x-default" = "what `path` ends in (`.csv`, `.parquet`), else `ndjson`"))]
    pub format: Option<Format>,
    /// How the file is compressed. The pages of a Parquet file are compressed by Snappy unless this says `none` or `zstd`;
    /// `gzip` is refused for them.
    #[schemars(extend("x-default" = "what `path` ends in (`.gz`, `.zst`), else `none`"))]
    pub compression: Option<Compression>,
    /// Who may read and write a file that is made, as octal digits. The umask may take from it, and a file that is there
    /// already keeps its own.
    #[schemars(extend("default" = "0640"))]
    pub mode: Option<FileMode>,
    /// How long a run waits for another that is about to give the same file its name, before it ends with exit 7.
    #[serde(default, deserialize_with = "crate::config::duration")]
    #[schemars(with = "Option<DurationText>", extend("default" = "2m"))]
    pub lock_timeout: Option<std::time::Duration>,
    /// Complete a file now and then, and begin another; its name gets a time and a number.
    #[schemars(extend("x-default" = "never"))]
    pub rotate: Option<Rotate>,
}

/// When a file is completed and the next one begins: whichever comes first.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Rotate {
    /// Once the file has reached so many bytes.
    #[schemars(extend("x-unit" = "bytes"))]
    pub bytes: Option<std::num::NonZeroU64>,
    /// Whenever a multiple of this period, counted from 1970 in UTC, begins.
    #[serde(default, deserialize_with = "crate::config::duration")]
    #[schemars(with = "Option<DurationText>")]
    pub every: Option<std::time::Duration>,
}
