//! The place where objects are kept: a folder of this machine, or a bucket of S3 or what speaks its protocol.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use object_store::aws::{AmazonS3Builder, Checksum, S3ConditionalPut};
use object_store::{ClientOptions, ObjectStore, RetryConfig};
use url::Url;

use super::credentials::Credentials;
use crate::answer::in_one_line;
use crate::kinds::file::FileMode;
use remote::{CaFile, Redactor, RemoteError, Settings, StoreConnector};

/// The longest time that one request may take, its upload included.
const REQUEST: Duration = Duration::from_secs(120);

/// The place of objects: a bucket or a folder.
#[derive(Debug, Clone)]
pub enum UploadTarget {
    /// A folder, made when it is needed, and who may read the files in it.
    Folder(PathBuf, FileMode),
    /// A bucket.
    Bucket(Box<Bucket>),
}

/// A bucket, who writes to it, and the way there.
#[derive(Debug, Clone)]
pub struct Bucket {
    /// The bucket's name.
    pub name: String,
    /// The bucket's region, which is part of every signature.
    pub region: String,
    /// The server, where it is not AWS.
    pub endpoint: Option<Url>,
    /// The bucket's name stands in the path rather than in the host name; unless set, where there is an endpoint
    /// or the name has a dot, which no wildcard certificate covers.
    pub path_style: Option<bool>,
    /// The identity that writes.
    pub credentials: Credentials,
    /// Permit `http` to hosts other than this machine.
    pub allow_http: bool,
    /// Permit loopback, private and link-local addresses.
    pub allow_private_addresses: bool,
    /// The authorities to trust, where they are not the system's.
    pub ca_file: Option<CaFile>,
}

impl Bucket {
    /// The settings of the connection, for the sink of that name.
    ///
    /// # Errors
    ///
    /// What is wrong with the bucket's name, region or endpoint.
    pub fn settings(&self, sink: &str) -> Result<Settings, String> {
        let mut settings = Settings::new(sink, self.base()?);
        settings.allow_http = self.allow_http;
        settings.allow_private_addresses = self.allow_private_addresses;
        settings.ca_file = self.ca_file.clone();
        settings.timeouts.total = REQUEST;
        Ok(settings)
    }

    fn is_path_style(&self) -> bool {
        self.path_style
            .unwrap_or(self.endpoint.is_some() || self.name.contains('.'))
    }

    /// The URL that the bucket's own name is not yet, or already, a part of.
    fn base(&self) -> Result<Url, String> {
        let plain = |text: &str, more: &str| {
            !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
        };
        if !plain(&self.name, "-._") || !self.name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            return Err(format!("{:?} is not a bucket name", self.name));
        }
        if !plain(&self.region, "-") {
            return Err(format!("{:?} is not a region", self.region));
        }
        let server = match &self.endpoint {
            Some(endpoint) => endpoint.clone(),
            None => {
                let aws = format!("https://s3.{}.amazonaws.com", self.region);
                aws.parse().map_err(|_| format!("{:?} is not a region", self.region))?
            }
        };
        if self.is_path_style() {
            return Ok(server);
        }
        let mut url = server;
        let host = format!("{}.{}", self.name, url.host_str().unwrap_or_default());
        url.set_host(Some(&host))
            .map_err(|_| "the endpoint has no host name for a bucket to stand in front of; set `path-style = true`")?;
        Ok(url)
    }

    /// The store, and what nobody may see of the requests to it.
    fn open(&self, sink: &str) -> Result<Opened, RemoteError> {
        self.open_with(sink, HeaderMap::new())
    }

    /// The same store, whose every request has these headers too, which are signed.
    pub(super) fn open_with(&self, sink: &str, headers: HeaderMap) -> Result<Opened, RemoteError> {
        let usage = |problem: String| RemoteError::settings(format!("sink {sink}: {problem}"));
        let settings = self.settings(sink).map_err(usage)?;
        let mut connector = StoreConnector::new(&settings)?;
        if let Some(issuer) = self.credentials.issuer(&self.region, &settings).map_err(usage)? {
            connector = connector.with_issuer(&issuer)?;
        }
        let secrets = Arc::clone(connector.secrets());
        let builder = AmazonS3Builder::new()
            .with_client_options(ClientOptions::new().with_default_headers(headers))
            .with_bucket_name(&self.name)
            .with_region(&self.region)
            .with_endpoint(settings.base.as_str().trim_end_matches('/'))
            .with_virtual_hosted_style_request(!self.is_path_style())
            .with_conditional_put(S3ConditionalPut::ETagMatch)
            // A bucket with Object Lock takes nothing without a checksum.
            .with_checksum_algorithm(Checksum::SHA256)
            // Whether it may be http is the connector's to say.
            .with_allow_http(true)
            // Whoever delivers decides when to try again.
            .with_retry(RetryConfig {
                max_retries: 0,
                ..RetryConfig::default()
            })
            .with_http_connector(connector);
        let store = self.credentials.sign(builder, &secrets).build();
        let store = store.map_err(|error| usage(in_one_line(&error)))?;
        Ok((Arc::new(store), secrets))
    }
}

/// A store, and what nobody may see of the requests to it.
pub(super) type Opened = (Arc<dyn ObjectStore>, Arc<Redactor>);

impl UploadTarget {
    /// A store for a bucket, or none for a folder: that one is opened when the first object comes.
    pub(super) fn bucket(&self, sink: &str) -> Result<Option<Opened>, RemoteError> {
        match self {
            UploadTarget::Folder(..) => Ok(None),
            UploadTarget::Bucket(bucket) => bucket.open(sink).map(Some),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket() -> Bucket {
        Bucket {
            name: "audit-archive".into(),
            region: "eu-central-1".into(),
            endpoint: None,
            path_style: None,
            credentials: Credentials::Key {
                id: "id".into(),
                secret: "secret".to_owned().into(),
                token: None,
            },
            allow_http: false,
            allow_private_addresses: false,
            ca_file: None,
        }
    }

    #[test]
    fn a_bucket_stands_in_the_host_name_of_aws_and_in_the_path_of_others() {
        let endpoint = |url: &str| Some(url.parse().unwrap());
        for (bucket, url) in [
            (bucket(), "https://audit-archive.s3.eu-central-1.amazonaws.com/"),
            (
                Bucket {
                    name: "audit.archive".into(),
                    ..bucket()
                },
                "https://s3.eu-central-1.amazonaws.com/",
            ),
            (
                Bucket {
                    endpoint: endpoint("https://minio.example.com:9000"),
                    ..bucket()
                },
                "https://minio.example.com:9000/",
            ),
            (
                Bucket {
                    endpoint: endpoint("https://r2.example.com"),
                    path_style: Some(false),
                    ..bucket()
                },
                "https://audit-archive.r2.example.com/",
            ),
        ] {
            assert_eq!(bucket.base().unwrap().as_str(), url);
            assert!(bucket.open("store").is_ok());
        }
    }

    #[test]
    fn a_name_cannot_lead_to_another_host() {
        for (name, region) in [
            ("evil.com/x", "eu-central-1"),
            ("evil.com#", "eu-central-1"),
            ("@evil", "eu-central-1"),
            ("", "eu-central-1"),
            (".x", "eu-central-1"),
            ("audit", "eu/../x"),
            ("audit", "x.evil.com"),
            ("audit", ""),
        ] {
            let bucket = Bucket {
                name: name.into(),
                region: region.into(),
                ..bucket()
            };
            assert!(bucket.base().is_err(), "{name} {region}");
        }
    }

    #[test]
    fn a_server_at_an_address_has_no_bucket_in_its_name() {
        let bucket = Bucket {
            endpoint: Some("http://127.0.0.1:9000".parse().unwrap()),
            path_style: Some(false),
            ..bucket()
        };
        assert!(bucket.base().is_err());
    }
}
