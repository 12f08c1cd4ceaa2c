//! An archive as it is configured.

use std::path::PathBuf;

use secrecy::SecretString;
use url::Url;

use super::config::ObjectStoreConfig;
use super::credentials::Credentials;
use super::place::{Bucket, UploadTarget};
use super::sink::{ObjectStoreOptions, ObjectStoreSink};
use super::{aws, profile};
use crate::kinds::destination::{bare, whole};
use crate::kinds::{BuildContext, SinkConfig, SinkContext};
use crate::{Compression, Format, Sink};
use base::SetupError;
use event::Encoding;
use remote::{Remote, Settings};

impl SinkConfig for ObjectStoreConfig {
    fn encoding(&self) -> Encoding {
        self.encoding
    }

    fn servers(&self, context: &SinkContext<'_>) -> Result<Vec<Settings>, SetupError> {
        match self.place(context)?.0 {
            UploadTarget::Folder(..) => Ok(Vec::new()),
            UploadTarget::Bucket(bucket) => {
                let settings = bucket.settings(context.name);
                Ok(vec![settings.map_err(|problem| context.usage(problem))?])
            }
        }
    }

    fn check(&self, context: &SinkContext<'_>) -> Result<(), SetupError> {
        self.place(context).map(drop)
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<Box<dyn Sink>, SetupError> {
        let (place, prefix) = self.credentialed(&context.sink)?;
        let options = ObjectStoreOptions {
            place,
            prefix,
            format: self.format,
            encoding: context.rendering.clone(),
            compression: self.compression.unwrap_or(match self.format {
                Format::Ndjson | Format::Csv => Compression::Gzip,
                // Either is refused, or compresses by itself.
                Format::Table | Format::Parquet => Compression::None,
            }),
            batch_events: self.batch_events.get(),
            batch_bytes: self.batch_bytes.get(),
        };
        Ok(Box::new(ObjectStoreSink::new(
            context.name(),
            options,
            context.provenance(),
        )?))
    }

    fn about(&self, context: &SinkContext<'_>) -> String {
        match self.place(context) {
            Ok(_) => format!("objects below {}", self.url),
            // A URL that does not pass may hold a password.
            Err(_) => "objects".into(),
        }
    }

    fn destination(&self, context: &SinkContext<'_>) -> String {
        match (&self.endpoint, self.url.contains("://")) {
            (Some(endpoint), _) => format!("objects {} at {}", self.url, bare(endpoint)),
            (None, true) => format!("objects {}", self.url),
            (None, false) => format!("objects {}", whole(context, &self.url)),
        }
    }
}

impl ObjectStoreConfig {
    /// The place to which objects go, and the prefix of their names, with the credential of a bucket. Blocks where a secret has to be read.
    pub(super) fn credentialed(&self, sink: &SinkContext<'_>) -> Result<(UploadTarget, String), SetupError> {
        let (mut place, prefix) = self.place(sink)?;
        if let UploadTarget::Bucket(bucket) = &mut place {
            bucket.credentials = match (&self.access_key_id, &self.secret_access_key) {
                (Some(id), Some(source)) => Credentials::Key {
                    id: id.clone(),
                    secret: sink.secret(source, "secret access key")?,
                    token: match &self.session_token {
                        Some(source) => Some(sink.secret(source, "session token")?),
                        None => None,
                    },
                },
                _ => aws::credentials(sink, self, &profile::environment)?,
            };
        }
        Ok((place, prefix))
    }

    /// The place to which objects go, and the prefix of their names, checked without a secret. A bucket has no credential yet.
    fn place(&self, context: &SinkContext<'_>) -> Result<(UploadTarget, String), SetupError> {
        if self.format == Format::Table {
            return Err(context
                .usage("a table is for people, not for an archive")
                .hint("choose another `format`"));
        }
        self.format
            .need_built()
            .map_err(|failure| failure.at(&format!("sink {}", context.name)))?;
        let files = context.tls_files(&self.ca_file, self.system_authorities, &None, &None);
        files.check()?;
        let Some((name, prefix)) = bucket(&self.url).map_err(|problem| context.usage(problem))? else {
            let path = folder(&self.url).map_err(|problem| context.usage(problem))?;
            let mode = self.mode.unwrap_or_default();
            return Ok((UploadTarget::Folder(context.path(path), mode), String::new()));
        };
        if self.mode.is_some() {
            return Err(context
                .usage("`mode` is for a folder, and this is a bucket")
                .hint("leave it out"));
        }
        aws::check(context, self)?;
        let bucket = Bucket {
            name,
            region: aws::region(self, &profile::environment),
            endpoint: self.endpoint.clone(),
            path_style: self.path_style,
            credentials: Credentials::Key {
                id: String::new(),
                secret: SecretString::default(),
                token: None,
            },
            allow_http: self.allow_http,
            allow_private_addresses: self.allow_private_addresses,
            ca_file: files.authorities()?,
        };
        let settings = bucket
            .settings(context.name)
            .map_err(|problem| context.usage(problem))?;
        Remote::check(&settings).map_err(|error| SetupError::from(error).at(&context.place(&["endpoint"])))?;
        Ok((UploadTarget::Bucket(Box::new(bucket)), prefix))
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
        let url: Url = url.parse().map_err(|_| "the url is not a URL")?;
        return url
            .to_file_path()
            .map_err(|()| "a file: URL has three slashes: file:///FOLDER");
    }
    match url.is_empty() || url.contains("://") || url.contains('\0') {
        true => Err("the url must be s3://BUCKET/PREFIX, file:///FOLDER or a path"),
        false => Ok(url.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::context::with_test_context;

    fn problem(settings: &str) -> Option<String> {
        let config: ObjectStoreConfig = toml::from_str(settings).unwrap();
        with_test_context(|context| config.check(context).err().map(|failure| format!("{failure:?}")))
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
            ("url = \"gs://audit\"", "must be s3://"),
            ("url = \"archive\"\nformat = \"table\"", "for people"),
            (
                "url = \"s3://au_dit/x\"\naccess-key-id = \"i\"\nsecret-access-key = { env = \"X\" }\nregion = \"x.y\"",
                "is not a region",
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
