//! The audit event: what every report plugin produces and every sink takes.
//!
//! [`Event`] is one record, [`Batch`] what a parser found in one chunk, and [`Provenance`] what is true of all events of
//! a run. [`id::Ids`] gives every event its stable id, and [`Correlator`] every sign-in the name that it has in all reports
//! that tell of it. An event leaves the process in one of the renderings of
//! [`Encoding`], one JSON object a line: [`ocsf`], [`ecs`], or [`flat`], the event itself. A [`Rendering`] is an encoding
//! without what a sink leaves out, its [`Omissions`].
//!
//! ```
//! use event::{Activity, Encoding, Event, Outcome, Principal, Product, Provenance, id::Ids};
//!
//! let provenance = Provenance::new("user-login", "epm", "epm.example.com", Product::EpmCloud);
//! let mut event = Event::new(1_751_542_473_000, Activity::Logon, Outcome::Success, Principal::named("jdoe"));
//! Ids::new(&provenance.report, &provenance.connection).assign(&mut event)?;
//!
//! let mut line = Vec::new();
//! Encoding::Ocsf.write(&event, &provenance, &mut line);
//! assert!(line.starts_with(br#"{"time":1751542473000,"class_uid":3002,"#));
//! # Ok::<(), event::id::IdError>(())
//! ```

mod attributes;
pub mod cells;
mod collected;
mod correlation;
pub mod ecs;
mod encoding;
pub mod flat;
pub mod id;
mod identity;
mod json;
pub mod ocsf;
mod omissions;
mod provenance;
mod rendering;
#[cfg(any(test, feature = "samples"))]
pub mod samples;
mod texts;
mod time;

pub use attributes::Attributes;
pub use collected::Collected;
pub use correlation::{Correlation, Correlator};
pub use encoding::{Encoding, UnknownEncoding};
pub use omissions::{OmissionError, Omissions};
pub use provenance::{Product, Provenance};
pub use rendering::Rendering;
pub use time::Rfc3339;

use serde::{Deserialize, Serialize};

/// What was done. The cases are those of `activity` in `wit/events.wit`, which documents each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Activity {
    Logon,
    Logoff,
    AccountCreate,
    AccountUpdate,
    AccountEnable,
    AccountDisable,
    AccountDelete,
    AccountLock,
    AccountUnlock,
    PasswordChange,
    PasswordReset,
    RoleAssign,
    RoleRevoke,
    GroupCreate,
    GroupUpdate,
    GroupDelete,
    GroupAddMember,
    GroupRemoveMember,
    ApplicationAccess,
    AuthenticationOther,
    Other,
}

impl Activity {
    /// Every case, in the order of the WIT.
    pub const ALL: [Activity; 21] = [
        Activity::Logon,
        Activity::Logoff,
        Activity::AccountCreate,
        Activity::AccountUpdate,
        Activity::AccountEnable,
        Activity::AccountDisable,
        Activity::AccountDelete,
        Activity::AccountLock,
        Activity::AccountUnlock,
        Activity::PasswordChange,
        Activity::PasswordReset,
        Activity::RoleAssign,
        Activity::RoleRevoke,
        Activity::GroupCreate,
        Activity::GroupUpdate,
        Activity::GroupDelete,
        Activity::GroupAddMember,
        Activity::GroupRemoveMember,
        Activity::ApplicationAccess,
        Activity::AuthenticationOther,
        Activity::Other,
    ];

    /// The name in the WIT, the flat event and the derived id: lower case words joined by hyphens.
    pub fn name(self) -> &'static str {
        match self {
            Activity::Logon => "logon",
            Activity::Logoff => "logoff",
            Activity::AccountCreate => "account-create",
            Activity::AccountUpdate => "account-update",
            Activity::AccountEnable => "account-enable",
            Activity::AccountDisable => "account-disable",
            Activity::AccountDelete => "account-delete",
            Activity::AccountLock => "account-lock",
            Activity::AccountUnlock => "account-unlock",
            Activity::PasswordChange => "password-change",
            Activity::PasswordReset => "password-reset",
            Activity::RoleAssign => "role-assign",
            Activity::RoleRevoke => "role-revoke",
            Activity::GroupCreate => "group-create",
            Activity::GroupUpdate => "group-update",
            Activity::GroupDelete => "group-delete",
            Activity::GroupAddMember => "group-add-member",
            Activity::GroupRemoveMember => "group-remove-member",
            Activity::ApplicationAccess => "application-access",
            Activity::AuthenticationOther => "authentication-other",
            Activity::Other => "other",
        }
    }
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Outcome {
    Success,
    Failure,
    Unknown,
}

impl Outcome {
    /// Every case, in the order of the WIT.
    pub const ALL: [Outcome; 3] = [Outcome::Success, Outcome::Failure, Outcome::Unknown];

    /// The name in the WIT, the flat event and the derived id.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Success => "success",
            Outcome::Failure => "failure",
            Outcome::Unknown => "unknown",
        }
    }
}

/// An account, as the source writes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Principal {
    /// The login name.
    pub name: String,
    /// The source's key for the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
}

impl Principal {
    /// An account of which only the login name is known.
    pub fn named(name: impl Into<String>) -> Self {
        Principal {
            name: name.into(),
            id: None,
            display_name: None,
        }
    }
}

/// One audit event. Every string is what the source said, and so may be what an attacker typed.
///
/// Its own serialised form is how it is kept between runs; what leaves the process is a rendering of [`Encoding`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Event {
    /// The source's id, or the derived one once `id::Ids` has seen the event.
    pub id: Option<String>,
    /// Whether the id was derived, and so holds the stream already: see [`identity`](Event::identity).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub id_is_derived: bool,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub time: i64,
    /// What was done.
    pub activity: Activity,
    /// How it ended.
    pub outcome: Outcome,
    /// Whom it is about.
    pub subject: Principal,
    /// Who did it, where that is somebody else.
    pub actor: Option<Principal>,
    /// The role, group or application concerned.
    pub target: Option<String>,
    /// The client's address; what is no address is kept among the attributes when rendered.
    pub source_ip: Option<String>,
    /// The client's `User-Agent`.
    pub user_agent: Option<String>,
    /// The session's id.
    pub session: Option<String>,
    /// The service that recorded the event; without one, [`Provenance::service`].
    pub service: Option<String>,
    /// The source's name for this kind of event.
    pub action: Option<String>,
    /// The source's code for the outcome.
    pub code: Option<String>,
    /// The source's text for the outcome.
    pub message: Option<String>,
    /// Words for routing.
    pub labels: Vec<String>,
    /// Everything else, by the source's names, verbatim and in the source's order.
    pub attributes: Vec<(String, String)>,
    /// When it was collected: the clock of the window it belongs to, which is
    /// fixed when the window is planned, so that a window delivered twice is the same bytes. The host's, not the source's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collected: Option<Collected>,
    /// The name that a sign-in has in every report that tells of it. The host's, not the source's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation: Option<Correlation>,
}

/// The label of a role's assignment whose subject is a group.
pub const GROUP: &str = "group";

impl Event {
    /// An event of which nothing more is known.
    pub fn new(time: i64, activity: Activity, outcome: Outcome, subject: Principal) -> Self {
        Event {
            id: None,
            id_is_derived: false,
            time,
            activity,
            outcome,
            subject,
            actor: None,
            target: None,
            source_ip: None,
            user_agent: None,
            session: None,
            service: None,
            action: None,
            code: None,
            message: None,
            labels: Vec::new(),
            attributes: Vec::new(),
            collected: None,
            correlation: None,
        }
    }

    /// Whether a role was given to a group, or taken from one: then the subject is that group and no account. The plugin says
    /// so by the label [`GROUP`].
    #[inline]
    pub fn is_about_group(&self) -> bool {
        matches!(self.activity, Activity::RoleAssign | Activity::RoleRevoke)
            && self.labels.iter().any(|label| label == GROUP)
    }

    /// The key of the group that it is about; the renderings have places for names of groups only.
    pub(crate) fn group_id(&self) -> Option<&str> {
        self.subject.id.as_deref().filter(|_| self.is_about_group())
    }

    /// That group's name for people.
    pub(crate) fn group_display_name(&self) -> Option<&str> {
        self.subject.display_name.as_deref().filter(|_| self.is_about_group())
    }

    /// The service that recorded the event, or the connection's.
    pub fn service<'a>(&'a self, provenance: &'a Provenance) -> &'a str {
        self.service.as_deref().unwrap_or(&provenance.service)
    }
}

/// A record of the document that is no event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// Where it starts: line or record number, from 1.
    pub line: u64,
    /// Why, without the record's content.
    pub reason: String,
    /// The record, cut to 4 KiB.
    pub raw: String,
}

/// What one call to a parser found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// In the document's order.
    pub events: Vec<Event>,
    /// In the document's order.
    pub rejects: Vec<Reject>,
}
