//! `kind = "object-store"`.

use std::path::PathBuf;

use serde::Deserialize;

use crate::config::SecretSource;
use event::Encoding;
use sink::{Compression, FileMode, Format};

/// Where the credential for a bucket comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CredentialSource {
    /// The first of the others that there is, in their order here.
    #[default]
    Default,
    /// `$AWS_ACCESS_KEY_ID`, `$AWS_SECRET_ACCESS_KEY` and `$AWS_SESSION_TOKEN`.
    Environment,
    /// A role for the token of an identity provider: AssumeRoleWithWebIdentity of AWS STS.
    WebIdentity,
    /// A profile of `~/.aws/credentials` and `~/.aws/config`.
    Profile,
    /// The role of a task of ECS or a pod of EKS.
    Container,
    /// The role of a machine of EC2.
    Instance,
}

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
    /// The bucket's region; unless set, and without an `access-key-id`, that of the environment or the profile; and else
    /// `us-east-1`.
    pub region: Option<String>,
    /// Where the credential comes from; with an `access-key-id` it is that one, and `default` otherwise.
    pub credentials: Option<CredentialSource>,
    /// For `profile`: its name; `$AWS_PROFILE` unless set, and else `default`.
    pub profile: Option<String>,
    /// For `web-identity`: the ARN of the role; `$AWS_ROLE_ARN` unless set.
    pub role_arn: Option<String>,
    /// For `web-identity`: the file with the token; `$AWS_WEB_IDENTITY_TOKEN_FILE` unless set.
    pub web_identity_token_file: Option<PathBuf>,
    /// For `web-identity`: the URL of AWS STS; `$AWS_ENDPOINT_URL_STS` unless set, and else that of the region.
    #[serde(default, deserialize_with = "crate::config::optional_url")]
    #[schemars(with = "Option<String>")]
    pub sts_endpoint: Option<url::Url>,
    /// For `instance`: the URL of the metadata service; `$AWS_EC2_METADATA_SERVICE_ENDPOINT` unless set, and else
    /// `http://169.254.169.254`.
    #[serde(default, deserialize_with = "crate::config::optional_url")]
    #[schemars(with = "Option<String>")]
    pub metadata_endpoint: Option<url::Url>,
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
    /// PEM file of authorities to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Trust the system's authorities besides those of `ca-file`.
    #[serde(default)]
    pub system_authorities: bool,
    /// `ocsf`, `ecs` or `event`.
    pub encoding: Option<Encoding>,
    /// How events follow each other in an object; `ndjson` unless set.
    pub format: Option<Format>,
    /// For a folder: who may read and write the files, as octal digits; `0640` unless set.
    pub mode: Option<FileMode>,
    /// `none`, `gzip` or `zstd`; `gzip` for texts unless set.
    pub compression: Option<Compression>,
    /// The most events in one object; 10,000 unless set.
    pub batch_events: Option<std::num::NonZeroUsize>,
    /// The most bytes of events in one object, before compression; 16 MiB unless set.
    pub batch_bytes: Option<std::num::NonZeroUsize>,
}
