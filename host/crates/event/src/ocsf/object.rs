//! The shape of an event in OCSF.

use std::{fmt, net::IpAddr};

use serde::{Serialize, Serializer};

use super::metadata::Metadata;
use crate::{Attributes, Named, Principal, PrincipalKind};

/// The longest text that the schema's type `ip_t` admits.
const IP_LENGTH: usize = 40;

/// An event as [`Encoding::Ocsf`](crate::Encoding::Ocsf) writes it.
#[derive(Serialize)]
pub struct Ocsf<'a> {
    pub time: i64,
    pub class_uid: u32,
    pub class_name: &'static str,
    pub category_uid: u32,
    pub activity_id: u32,
    pub activity_name: &'a str,
    pub type_uid: u32,
    pub severity_id: u32,
    pub severity: &'static str,
    pub status_id: u32,
    pub status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<User<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<Actor<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api: Option<Api<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub src_endpoint: Option<Endpoint<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dst_endpoint: Option<Endpoint<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<Named<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<Session<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_request: Option<HttpRequest<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub privileges: Option<[&'a str; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<Named<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entity: Option<Entity<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<[Named<'a>; 1]>,
    pub metadata: Metadata<'a>,
    #[serde(skip_serializing_if = "Attributes::is_empty")]
    pub unmapped: Attributes<'a>,
}

#[derive(Serialize, Clone, Copy)]
pub struct User<'a> {
    pub name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<&'a str>,
    /// Of what is known to be no person's account.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub kind: Option<UserType>,
}

/// The kind of account, by its number and name.
#[derive(Serialize, Clone, Copy)]
pub struct UserType {
    pub type_id: u32,
    pub r#type: &'static str,
}

const SERVICE: UserType = UserType {
    type_id: 4,
    r#type: "Service",
};

impl User<'_> {
    /// A user of whom nothing is known.
    pub(super) fn unknown() -> Self {
        User {
            name: "Unknown",
            uid: None,
            display_name: None,
            kind: None,
        }
    }
}

impl<'a> From<&'a Principal> for User<'a> {
    fn from(principal: &'a Principal) -> Self {
        User {
            name: &principal.name,
            uid: principal.id.as_deref(),
            display_name: principal.display_name.as_deref(),
            kind: (principal.kind == PrincipalKind::Service).then_some(SERVICE),
        }
    }
}

#[derive(Serialize)]
pub struct Actor<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<User<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<Session<'a>>,
}

/// The call that was made.
#[derive(Serialize)]
pub struct Api<'a> {
    pub operation: &'a str,
    pub service: Named<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<ApiRequest<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<ApiResponse>,
}

#[derive(Serialize)]
pub struct ApiRequest<'a> {
    pub uid: &'a str,
}

#[derive(Serialize)]
pub struct ApiResponse {
    pub code: i32,
}

#[derive(Serialize)]
pub struct Endpoint<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<Ip<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub svc_name: Option<&'a str>,
}

/// An address as the source wrote it, or in canonical form where the source's is too long for the schema.
pub enum Ip<'a> {
    Verbatim(&'a str),
    Canonical(IpAddr),
}

impl<'a> Ip<'a> {
    /// The address of a text; none where the text is none.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let address: IpAddr = text.parse().ok()?;
        Some(if text.len() > IP_LENGTH {
            Ip::Canonical(address)
        } else {
            Ip::Verbatim(text)
        })
    }
}

impl fmt::Display for Ip<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ip::Verbatim(text) => f.write_str(text),
            Ip::Canonical(address) => address.fmt(f),
        }
    }
}

impl Serialize for Ip<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[derive(Serialize, Clone, Copy)]
pub struct Session<'a> {
    pub uid: &'a str,
}

#[derive(Serialize)]
pub struct HttpRequest<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_method: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<RequestUrl<'a>>,
    /// The request's id, where the class has no other place for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<&'a str>,
}

#[derive(Serialize)]
pub struct RequestUrl<'a> {
    pub path: &'a str,
}

#[derive(Serialize)]
pub struct Entity<'a> {
    pub name: &'a str,
    pub type_id: u32,
    pub r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<User<'a>>,
}
