//! From `kind = "object-store"` to a sink.

use std::path::PathBuf;
use std::sync::Arc;

use secrecy::SecretString;
use url::Url;

use super::aws;
use super::open::SinkFactory;
use super::tls::TlsFiles;
use crate::SetupError;
use crate::config::{self, Config};
use event::Rendering;
use remote::{Remote, Settings};
use sink::{Bucket, Compression, Credentials, Format, ObjectStoreOptions, ObjectStoreSink, UploadTarget};

impl SinkFactory<'_> {
    /// A bucket, or a folder.
    pub(super) fn object_store(
        &self,
        name: &str,
        set: &config::ObjectStoreSink,
        encoding: Rendering,
    ) -> Result<ObjectStoreSink, SetupError> {
        let (mut place, prefix) = check(self.config, name, set)?;
        if let UploadTarget::Bucket(bucket) = &mut place {
            let secret = |what: &str, source: &config::SecretSource| {
                source.resolve(&format!("sink {name} needs its {what}"), &self.config.folder)
            };
            bucket.credentials = match (&set.access_key_id, &set.secret_access_key) {
                (Some(id), Some(source)) => Credentials::Key {
                    id: id.clone(),
                    secret: secret("secret access key", source)?,
                    token: match &set.session_token {
                        Some(source) => Some(secret("session token", source)?),
                        None => None,
                    },
                },
                _ => aws::credentials(name, set, self.config, &aws::environment)?,
            };
        }
        let default = ObjectStoreOptions::new(place);
        let format = set.format.unwrap_or_default();
        let options = ObjectStoreOptions {
            prefix,
            format,
            encoding,
            compression: set.compression.unwrap_or(match format {
                Format::Ndjson | Format::Csv => Compression::Gzip,
                #[allow(unreachable_patterns, reason = "a format may compress by itself")]
                _ => Compression::None,
            }),
            batch_events: set.batch_events.map_or(default.batch_events, usize::from),
            batch_bytes: set.batch_bytes.map_or(default.batch_bytes, usize::from),
            ..default
        };
        Ok(ObjectStoreSink::new(name, options, Arc::clone(self.provenance))?)
    }
}

/// What can be checked without a secret. The place has none yet.
pub(super) fn check(
    config: &Config,
    name: &str,
    set: &config::ObjectStoreSink,
) -> Result<(UploadTarget, String), SetupError> {
    let usage = |problem: &str| SetupError::usage(format!("sink {name}: {problem}"));
    if set.format == Some(Format::Table) {
        return Err(usage("a table is for people, not for an archive").hint("choose another `format`"));
    }
    let files = TlsFiles::of_store(config, name, set);
    files.check()?;
    let Some((bucket, prefix)) = bucket(&set.url).map_err(usage)? else {
        let path = folder(&set.url).map_err(usage)?;
        let mode = set.mode.unwrap_or_default();
        return Ok((UploadTarget::Folder(config.folder.join(path), mode), String::new()));
    };
    if set.mode.is_some() {
        return Err(usage("`mode` is for a folder, and this is a bucket").hint("leave it out"));
    }
    aws::check(name, set)?;
    let bucket = Bucket {
        name: bucket,
        region: aws::region(set, &aws::environment),
        endpoint: set.endpoint.clone(),
        path_style: set.path_style,
        credentials: Credentials::Key {
            id: String::new(),
            secret: SecretString::default(),
            token: None,
        },
        allow_http: set.allow_http,
        allow_private_addresses: set.allow_private_addresses,
        ca_file: files.authorities()?,
    };
    Remote::check(&bucket.settings(name).map_err(|problem| usage(&problem))?)
        .map_err(|error| SetupError::from(error).at(&config.place(&["sinks", name, "endpoint"])))?;
    Ok((UploadTarget::Bucket(Box::new(bucket)), prefix))
}

/// Where the requests of a bucket go, without secrets; none for a folder.
pub(super) fn settings(
    config: &Config,
    name: &str,
    set: &config::ObjectStoreSink,
) -> Result<Option<Settings>, SetupError> {
    match check(config, name, set)?.0 {
        UploadTarget::Folder(..) => Ok(None),
        UploadTarget::Bucket(bucket) => {
            let settings = bucket.settings(name);
            Ok(Some(settings.map_err(|problem| {
                SetupError::usage(format!("sink {name}: {problem}"))
            })?))
        }
    }
}

/// Bucket and prefix of an `s3` URL; nothing for what is none.
fn bucket(url: &str) -> Result<Option<(String, String)>, &'static str> {
    let Some(rest) = url.strip_prefix("s3://") else {
        return Ok(None);
    };
    if rest.contains(['@', '?', '#', '%', '\\']) {
        return Err("the url is more than s3://BUCKET/PREFIX");
    }
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    Ok(Some((bucket.to_owned(), prefix.trim_matches('/').to_owned())))
}

/// The folder that is meant: a `file` URL, or a path.
fn folder(url: &str) -> Result<PathBuf, &'static str> {
    if url.starts_with("file:") {
        let url: Url = url.parse().map_err(|_| "the url is no URL")?;
        return url
            .to_file_path()
            .map_err(|()| "a file: URL has three slashes: file:///FOLDER");
    }
    match url.is_empty() || url.contains("://") || url.contains('\0') {
        true => Err("the url is none of s3://BUCKET/PREFIX, file:///FOLDER and a path"),
        false => Ok(url.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SinkKind;

    fn problem(settings: &str) -> Option<String> {
        let config: Config = toml::from_str(&format!("[sinks.x]\nkind = \"object-store\"\n{settings}")).unwrap();
        let SinkKind::ObjectStore(set) = &config.sinks["x"].kind else {
            panic!("another kind");
        };
        check(&config, "x", set).err().map(|failure| format!("{failure:?}"))
    }

    #[test]
    fn what_cannot_work_is_found_without_a_secret() {
        assert_eq!(problem("url = \"archive\""), None);
        assert_eq!(problem("url = \"s3://audit\""), None);
        for (settings, words) in [
            ("url = \"s3://id:hunter2@audit/x\"", "more than s3://BUCKET/PREFIX"),
            ("url = \"s3://audit\"\naccess-key-id = \"i\"", "only one of"),
            (
                "url = \"s3://audit\"\naccess-key-id = \"i\"\nsecret-access-key = { env = \"X\" }\ncredentials = \"instance\"",
                "two credentials",
            ),
            (
                "url = \"s3://audit\"\nmetadata-endpoint = \"http://10.0.0.1\"",
                "without TLS",
            ),
            (
                "url = \"s3://audit\"\nprofile = \"x\"\ncredentials = \"instance\"",
                "`profile`",
            ),
            ("url = \"s3://audit\"\nmode = \"0600\"", "is for a folder"),
            ("url = \"gs://audit\"", "none of s3://"),
            ("url = \"archive\"\nformat = \"table\"", "for people"),
            (
                "url = \"s3://au_dit/x\"\naccess-key-id = \"i\"\nsecret-access-key = { env = \"X\" }\nregion = \"x.y\"",
                "no region",
            ),
            (
                "url = \"s3://audit/x\"\naccess-key-id = \"i\"\nsecret-access-key = { env = \"X\" }\nendpoint = \"http://s3.example.com\"",
                "uses http",
            ),
            (
                "url = \"s3://audit/x\"\naccess-key-id = \"i\"\nsecret-access-key = { env = \"X\" }\nendpoint = \"https://127.0.0.1\"",
                "127.0.0.1",
            ),
        ] {
            let problem = problem(settings).unwrap();
            assert!(problem.contains(words), "{settings}: {problem}");
            assert!(!problem.contains("hunter2"), "{problem}");
        }
    }

    #[test]
    fn buckets_folders_and_paths_are_told_apart() {
        let pair = |bucket: &str, prefix: &str| Ok(Some((bucket.to_owned(), prefix.to_owned())));
        assert_eq!(bucket("s3://audit"), pair("audit", ""));
        assert_eq!(bucket("s3://audit/a/b/"), pair("audit", "a/b"));
        assert_eq!(bucket("archive"), Ok(None));
        for url in ["s3://key:secret@audit/x", "s3://audit/x?y", "s3://audit/%2e%2e"] {
            assert!(!bucket(url).unwrap_err().contains("secret"), "{url}");
        }
        assert_eq!(folder("file:///var/audit"), Ok("/var/audit".into()));
        assert_eq!(folder("archive/audit"), Ok("archive/audit".into()));
        for url in ["", "gs://x", "https://x", "file://host/x", "a\0b"] {
            assert!(folder(url).is_err(), "{url}");
        }
    }
}
