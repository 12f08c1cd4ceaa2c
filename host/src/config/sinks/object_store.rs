//! `kind = "object-store"`.

use std::path::PathBuf;

use serde::Deserialize;

use crate::config::SecretSource;
use crate::event::Encoding;
use crate::sink::{Compression, Format};

/// An archive of objects: a bucket, or a folder.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ObjectStoreSink {
    /// `s3://BUCKET/PREFIX`, `file:///FOLDER`, or the path of a folder.
    pub url: String,
    /// The server of the bucket, where it is not AWS.
    #[serde(default, deserialize_with = "crate::config::optional_url")]
    #[schemars(with = "Option<String>")]
    pub endpoint: Option<url::Url>,
    /// The bucket's region; `us-east-1` unless set.
    pub region: Option<String>,
    /// Who writes to the bucket.
    pub access_key_id: Option<String>,
    /// The secret of that key.
    pub secret_access_key: Option<SecretSource>,
    /// What proves a temporary key.
    pub session_token: Option<SecretSource>,
    /// Whether the bucket's name stands in the path of a URL rather than in its host name; by default with an `endpoint`.
    pub path_style: Option<bool>,
    /// Permit `http` to hosts other than loopback.
    #[serde(default)]
    pub allow_http: bool,
    /// Permit loopback, private and link-local addresses.
    #[serde(default)]
    pub allow_private_addresses: bool,
    /// PEM file of authorities to trust besides the system's.
    pub ca_file: Option<PathBuf>,
    /// `ocsf`, `ecs` or `event`.
    pub encoding: Option<Encoding>,
    /// How events follow each other in an object; `ndjson` unless set.
    pub format: Option<Format>,
    /// `none`, `gzip` or `zstd`; `gzip` for texts unless set.
    pub compression: Option<Compression>,
    /// The most events in one object; 10,000 unless set.
    pub batch_events: Option<std::num::NonZeroUsize>,
    /// The most bytes of events in one object, before compression; 16 MiB unless set.
    pub batch_bytes: Option<std::num::NonZeroUsize>,
}
