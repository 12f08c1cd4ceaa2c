//! `kind = "object-store"`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use crate::kinds::file::FileMode;
use crate::{Compression, Format};
use connection::{SecretSource, web_address};
use event::Encoding;

/// The source of the credential for a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ObjectStoreConfig {
    /// `s3://BUCKET/PREFIX`, `file:///FOLDER`, or the path of a folder from the configuration's; missing folders are made.
    pub url: String,
    /// The URL of what speaks the protocol of S3, where it is not AWS.
    #[serde(default, deserialize_with = "web_address::optional")]
    #[schemars(with = "Option<String>", extend("x-default" = "AWS"))]
    pub endpoint: Option<Url>,
    /// The bucket's region, part of every signature.
    #[schemars(extend("x-default" = "without an `access-key-id` that of the environment or the profile; else `us-east-1`"))]
    pub region: Option<String>,
    /// The source of the credential, without an `access-key-id`.
    #[schemars(extend("default" = "default"))]
    pub credentials: Option<CredentialSource>,
    /// For `profile`: its name.
    #[schemars(extend("x-default" = "`$AWS_PROFILE`, else `default`"))]
    pub profile: Option<String>,
    /// For `web-identity`: the ARN of the role.
    #[schemars(extend("x-default" = "`$AWS_ROLE_ARN`"))]
    pub role_arn: Option<String>,
    /// For `web-identity`: the file with the token, read again each time.
    #[schemars(extend("x-default" = "`$AWS_WEB_IDENTITY_TOKEN_FILE`"))]
    pub web_identity_token_file: Option<PathBuf>,
    /// For `web-identity`: the URL of AWS STS.
    #[serde(default, deserialize_with = "web_address::optional")]
    #[schemars(with = "Option<String>", extend("x-default" = "`$AWS_ENDPOINT_URL_STS`, else that of the region"))]
    pub sts_endpoint: Option<Url>,
    /// For `instance`: the URL of the metadata service, over https or of this machine.
    #[serde(default, deserialize_with = "web_address::optional")]
    #[schemars(with = "Option<String>", extend("x-default" = "`$AWS_EC2_METADATA_SERVICE_ENDPOINT`, else `http://169.254.169.254`"))]
    pub metadata_endpoint: Option<Url>,
    /// The id of the key that writes to the bucket.
    pub access_key_id: Option<String>,
    /// The secret of that key.
    pub secret_access_key: Option<SecretSource>,
    /// The token that proves a temporary key.
    pub session_token: Option<SecretSource>,
    /// `true` where the bucket's name stands in the path of a URL rather than in its host name.
    #[schemars(extend("x-default" = "`true` with an `endpoint`, or where the bucket's name has a dot"))]
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
    /// The form of an event.
    #[serde(default)]
    pub encoding: Encoding,
    /// The layout of events in an object.
    #[serde(default)]
    #[schemars(extend("x-range" = "`ndjson`, `csv`"))]
    pub format: Format,
    /// For a folder: who may read and write the files, as octal digits.
    #[schemars(extend("default" = "0640"))]
    pub mode: Option<FileMode>,
    /// The compression of objects.
    #[schemars(extend("default" = "gzip"))]
    pub compression: Option<Compression>,
    /// The most events in one object.
    #[serde(default = "batch_events")]
    #[schemars(extend("x-unit" = "events"))]
    pub batch_events: NonZeroUsize,
    /// The most bytes of events in one object, before compression.
    #[serde(default = "batch_bytes")]
    #[schemars(extend("x-unit" = "bytes"))]
    pub batch_bytes: NonZeroUsize,
}

pub(super) const fn batch_events() -> NonZeroUsize {
    NonZeroUsize::MIN.saturating_add(9_999)
}

pub(super) const fn batch_bytes() -> NonZeroUsize {
    NonZeroUsize::MIN.saturating_add((16 << 20) - 1)
}
