//! The keys of `kind = "file"`.

use std::num::NonZeroU64;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::mode::FileMode;
use crate::{Compression, Format};
use base::duration::DurationText;
use event::Encoding;

/// A file that grows, or a series of files.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FileConfig {
    /// The path of the file; `{report}`, `{connection}` and `{date}` stand for one safe path segment each.
    pub path: String,
    /// The form of an event.
    #[serde(default)]
    pub encoding: Encoding,
    /// The layout of events.
    #[schemars(extend("x-default" = "what `path` ends in (`.csv`, `.parquet`), else `ndjson`"))]
    pub format: Option<Format>,
    /// The compression of the file. The pages of a Parquet file are compressed by Snappy unless this says `none` or `zstd`;
    /// `gzip` is refused for them.
    #[schemars(extend("x-default" = "what `path` ends in (`.gz`, `.zst`), else `none`"))]
    pub compression: Option<Compression>,
    /// The permissions of a file that is made, as octal digits. The umask may take from it, and a file that is there
    /// already keeps its own.
    #[serde(default)]
    #[schemars(extend("default" = "0640"))]
    pub mode: FileMode,
    /// The longest time that a run waits for another that is about to give the same file its name, before it ends with exit 7.
    #[serde(default = "lock_timeout", with = "base::duration")]
    #[schemars(with = "DurationText")]
    pub lock_timeout: Duration,
    /// Complete a file now and then, and begin another; its name gets a time and a number.
    #[schemars(extend("x-default" = "never"))]
    pub rotate: Option<Rotate>,
}

/// The rule by which a file is completed and the next one begins: whichever comes first.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Rotate {
    /// Once the file has reached so many bytes.
    #[schemars(extend("x-unit" = "bytes"))]
    pub bytes: Option<NonZeroU64>,
    /// Whenever a multiple of this period, counted from 1970 in UTC, begins.
    #[serde(default, deserialize_with = "base::duration::optional")]
    #[schemars(with = "Option<DurationText>")]
    pub every: Option<Duration>,
}

/// The longest time that a run waits for others that are about to give the same file its name, unless told otherwise.
pub(super) fn lock_timeout() -> Duration {
    Duration::from_secs(120)
}
