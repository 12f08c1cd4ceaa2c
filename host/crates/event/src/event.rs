//! The audit event, and the principals that it names.

use serde::{Deserialize, Serialize};

use super::{Activity, Collected, Correlation, Outcome, Provenance};

/// The kind of thing that a principal is. The cases are those of `principal-kind` in `wit/events.wit`, which documents each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum PrincipalKind {
    #[default]
    User,
    Group,
    Service,
}

impl PrincipalKind {
    /// Every case, in the order of the WIT.
    pub const ALL: [PrincipalKind; 3] = [PrincipalKind::User, PrincipalKind::Group, PrincipalKind::Service];

    /// The name in the WIT and in the flat event.
    pub fn name(self) -> &'static str {
        match self {
            PrincipalKind::User => "user",
            PrincipalKind::Group => "group",
            PrincipalKind::Service => "service",
        }
    }

    fn is_user(&self) -> bool {
        *self == PrincipalKind::User
    }
}

/// A user, a group or a service, as the source writes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Principal {
    /// A user's login name; the name of a group or service.
    pub name: String,
    /// The source's key for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The kind of thing that it is. It plays no part in derived ids.
    #[serde(default, skip_serializing_if = "PrincipalKind::is_user")]
    pub kind: PrincipalKind,
}

impl Principal {
    /// A user of whom only the login name is known.
    pub fn named(name: impl Into<String>) -> Self {
        Principal {
            name: name.into(),
            id: None,
            display_name: None,
            kind: PrincipalKind::User,
        }
    }
}

/// One audit event. Every string is what the source said, and so may be what an attacker typed.
///
/// The serialised form is how an event is kept between runs; a rendering of [`Encoding`](super::Encoding) is what leaves the
/// process.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Event {
    /// The source's id, or the derived one once `id::Ids` has seen the event.
    pub id: Option<String>,
    /// True if the id was derived, and so holds the stream already: see [`identity`](Event::identity).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub id_is_derived: bool,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub time: i64,
    /// The activity.
    pub activity: Activity,
    /// The outcome of the activity.
    pub outcome: Outcome,
    /// The account, group or service that the event is about.
    pub subject: Principal,
    /// The account, group or service that acted, where that is another.
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
    /// The time when it was collected: the clock of the window it belongs to, which is
    /// fixed when the window is planned, so that a window delivered twice is the same bytes. The host's, not the source's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collected: Option<Collected>,
    /// The name that a sign-in has in every report that tells of it. The host's, not the source's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation: Option<Correlation>,
}

/// The label of a role's assignment whose subject is a group: plugins of before 0.2.0 have no other way to say so.
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

    /// True if the subject is a group and no account.
    #[inline]
    pub fn is_about_group(&self) -> bool {
        self.subject.kind == PrincipalKind::Group
            || self.is_about_role() && self.labels.iter().any(|label| label == GROUP)
    }

    /// True if a role was given or taken away.
    #[inline]
    pub fn is_about_role(&self) -> bool {
        matches!(self.activity, Activity::RoleAssign | Activity::RoleRevoke)
    }

    /// The subject by name, key and name for people, where the renderings have no place for it: the group that it is, beside the one
    /// that the target names, or whoever a call that somebody else made was about.
    pub(crate) fn misplaced_subject(&self, has_no_place: bool) -> [(&'static str, Option<&str>); 3] {
        let Principal {
            name, id, display_name, ..
        } = &self.subject;
        if self.is_about_group() {
            // A group that got a role has a place for its name.
            let name = (!self.is_about_role()).then_some(name.as_str());
            [
                ("subject_group", name),
                ("group_id", id.as_deref()),
                ("group_display_name", display_name.as_deref()),
            ]
        } else if has_no_place {
            [
                ("subject", Some(name)),
                ("subject_id", id.as_deref()),
                ("subject_display_name", display_name.as_deref()),
            ]
        } else {
            [("", None); 3]
        }
    }

    /// The members that are misplaced, of an actor that is a group.
    pub(crate) fn misplaced_actor(&self) -> [(&'static str, Option<&str>); 3] {
        match &self.actor {
            Some(actor) if actor.kind == PrincipalKind::Group => [
                ("actor_group", Some(&actor.name)),
                ("actor_group_id", actor.id.as_deref()),
                ("actor_group_display_name", actor.display_name.as_deref()),
            ],
            _ => [("", None); 3],
        }
    }

    /// The service that recorded the event, or the connection's.
    pub fn service<'a>(&'a self, provenance: &'a Provenance) -> &'a str {
        self.service.as_deref().unwrap_or(&provenance.service)
    }
}
