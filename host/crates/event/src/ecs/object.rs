//! The shape of an event in ECS.

use std::borrow::Cow;
use std::fmt;

use serde::{Serialize, Serializer};

use crate::{Attributes, Named, Rfc3339};

/// An event as [`Encoding::Ecs`](crate::Encoding::Ecs) writes it.
#[derive(Serialize)]
pub struct Ecs<'a> {
    #[serde(rename = "@timestamp")]
    pub timestamp: Rfc3339,
    pub ecs: Version,
    pub event: EventSet<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<&'a str>,
    pub user: UserSet<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<Named<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Source<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<UserAgent<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpSet<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<UrlSet<'a>>,
    pub service: Service<'a>,
    pub observer: Observer<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloud: Option<Cloud<'a>>,
    pub related: Related<'a>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub tags: &'a [String],
    /// The members that ECS has no place for, of Oracle's products.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oracle: Option<Own<'a>>,
    /// The members of our own, of all other events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audit: Option<Own<'a>>,
}

#[derive(Serialize)]
pub struct Version {
    pub version: &'static str,
}

#[derive(Serialize)]
pub struct EventSet<'a> {
    pub kind: &'static str,
    pub category: [&'static str; 1],
    pub r#type: &'static [&'static str],
    pub outcome: &'static str,
    pub action: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<&'a str>,
    pub module: Cow<'a, str>,
    pub dataset: Dataset<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<Rfc3339>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ingested: Option<Rfc3339>,
}

#[derive(Serialize)]
pub struct UserSet<'a> {
    pub name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub full_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Target<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes<'a>>,
}

#[derive(Serialize)]
pub struct Target<'a> {
    pub name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub full_name: Option<&'a str>,
}

#[derive(Serialize)]
pub struct Changes<'a> {
    pub roles: [&'a str; 1],
}

#[derive(Serialize)]
pub struct Source<'a> {
    pub address: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<&'a str>,
}

#[derive(Serialize)]
pub struct UserAgent<'a> {
    pub original: &'a str,
}

/// The request by which it was done, and its answer.
#[derive(Serialize)]
pub struct HttpSet<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<HttpRequestSet<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<HttpResponseSet>,
}

#[derive(Serialize)]
pub struct HttpRequestSet<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<&'a str>,
}

#[derive(Serialize)]
pub struct HttpResponseSet {
    pub status_code: u16,
}

#[derive(Serialize)]
pub struct UrlSet<'a> {
    /// The URL as the source writes it, which may be less than a URL.
    pub original: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<&'a str>,
}

#[derive(Serialize)]
pub struct Service<'a> {
    pub name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Named<'a>>,
}

#[derive(Serialize)]
pub struct Observer<'a> {
    pub vendor: &'a str,
    pub product: &'a str,
}

#[derive(Serialize)]
pub struct Cloud<'a> {
    pub account: CloudAccount<'a>,
}

#[derive(Serialize)]
pub struct CloudAccount<'a> {
    pub id: &'a str,
}

#[derive(Serialize)]
pub struct Related<'a> {
    pub user: Distinct<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<[&'a str; 1]>,
}

#[derive(Serialize)]
pub struct Own<'a> {
    pub connection: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_uid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<&'a str>,
    #[serde(skip_serializing_if = "Attributes::is_empty")]
    pub attributes: Attributes<'a>,
}

impl<'a> Ecs<'a> {
    /// The members that ECS has no place for.
    pub(crate) fn own_mut(&mut self) -> Option<&mut Own<'a>> {
        self.oracle.as_mut().or(self.audit.as_mut())
    }
}

/// `<module>.<report>` with underscores, the form that ECS wants of `event.dataset`.
pub struct Dataset<'a> {
    pub(crate) module: Cow<'a, str>,
    pub(crate) report: &'a str,
}

impl fmt::Display for Dataset<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.module)?;
        f.write_str(".")?;
        for (index, word) in self.report.split('-').enumerate() {
            if index > 0 {
                f.write_str("_")?;
            }
            f.write_str(word)?;
        }
        Ok(())
    }
}

impl Serialize for Dataset<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Up to two strings as an array, without the second where it equals the first.
pub struct Distinct<'a>(pub(crate) &'a str, pub(crate) Option<&'a str>);

impl<'a> Distinct<'a> {
    pub fn iter(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let first = self.0;
        std::iter::once(first).chain(self.1.filter(|second| *second != first))
    }
}

impl Serialize for Distinct<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}
