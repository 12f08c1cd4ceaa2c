//! The audit event: what every report plugin produces and every sink takes.
//!
//! [`Event`] is one record, [`Batch`] what a parser found in one chunk, and [`Provenance`] what is true of all events of
//! a run. An event leaves the process in one of the renderings of `Encoding`, one JSON object a line.

use serde::Serialize;

/// What was done. The cases are those of `activity` in `wit/events.wit`, which documents each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
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

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Outcome {
    Success,
    Failure,
    Unknown,
}

/// An account, as the source writes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Principal {
    /// The login name.
    pub name: String,
    /// The source's key for the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
}

/// One audit event. Every string is what the source said, and so may be what an attacker typed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Event {
    /// The source's id, or the derived one once `id::Ids` has seen the event.
    pub id: Option<String>,
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

/// Which product the events tell of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    /// Oracle EPM Cloud.
    EpmCloud,
    /// An OCI identity domain.
    IdentityDomain,
}

impl Product {
    /// The product's name in `metadata.product.name`.
    pub fn name(self) -> &'static str {
        match self {
            Product::EpmCloud => "Oracle EPM Cloud",
            Product::IdentityDomain => "Oracle Identity Domain",
        }
    }
}

/// What is true of every event of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// The report plugin's name.
    pub report: String,
    /// The connection's name.
    pub connection: String,
    /// The connection's host name: the service of events that name none.
    pub service: String,
    /// The product of the connection's kind.
    pub product: Product,
}
