//! An event as a report's parser gives it: texts are borrowed from the document wherever they stand there as they are, so
//! that an ordinary row allocates next to nothing.

use crate::address::{self, Client};
use crate::{Activity, Outcome, PrincipalKind, Timestamp, sink};
use std::borrow::Cow;

/// A user, a group or a service, as the source writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal<'a> {
    /// A user's login name, which is what a person types to sign in; the name of a group or service.
    pub name: Cow<'a, str>,
    /// The source's key for it.
    pub id: Option<Cow<'a, str>>,
    /// The name for people.
    pub display_name: Option<Cow<'a, str>>,
    /// The kind of thing that it is.
    pub kind: PrincipalKind,
}

/// One audit event. Its texts are `&str` or `String`, whichever is at hand: `.into()` makes a field of either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event<'a> {
    /// The source's own id, unique within the stream. Without one the host derives a stable id from the whole record.
    pub id: Option<Cow<'a, str>>,
    /// The time of the event.
    pub time: Timestamp,
    /// The activity.
    pub activity: Activity,
    /// The outcome of the event.
    pub outcome: Outcome,
    /// The principal that the event is about.
    pub subject: Principal<'a>,
    /// The one who acted, where that is somebody else than the subject.
    pub actor: Option<Principal<'a>>,
    /// The role, group or application concerned.
    pub target: Option<Cow<'a, str>>,
    /// The address of the client. What is no IP address (a masked one, say) the host keeps among the attributes.
    pub source_ip: Option<Cow<'a, str>>,
    /// The client's `User-Agent`.
    pub user_agent: Option<Cow<'a, str>>,
    /// The id of the session.
    pub session: Option<Cow<'a, str>>,
    /// The service that recorded the event; without one the host names the connection's host.
    pub service: Option<Cow<'a, str>>,
    /// The source's name for this kind of event, such as `sso.session.create.success`.
    pub action: Option<Cow<'a, str>>,
    /// The source's code for the outcome, such as `SSO-1001`.
    pub code: Option<Cow<'a, str>>,
    /// The source's text for the outcome.
    pub message: Option<Cow<'a, str>>,
    /// Words that routes can pick events by.
    pub labels: Vec<Cow<'a, str>>,
    /// Everything else that the source said, by its own names, verbatim.
    pub attributes: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Principal<'a> {
    /// A user of whom only the login name is known.
    pub fn named(name: impl Into<Cow<'a, str>>) -> Self {
        Principal::of_kind(PrincipalKind::User, name)
    }

    /// A group of which only the name is known.
    pub fn group(name: impl Into<Cow<'a, str>>) -> Self {
        Principal::of_kind(PrincipalKind::Group, name)
    }

    /// A service of which only the name is known.
    pub fn service(name: impl Into<Cow<'a, str>>) -> Self {
        Principal::of_kind(PrincipalKind::Service, name)
    }

    /// A principal of which no more is known.
    pub fn of_kind(kind: PrincipalKind, name: impl Into<Cow<'a, str>>) -> Self {
        Principal {
            name: name.into(),
            id: None,
            display_name: None,
            kind,
        }
    }
}

impl<'a> Event<'a> {
    /// An event of which nothing else is known yet.
    #[inline]
    pub fn new(time: Timestamp, activity: Activity, outcome: Outcome, subject: Principal<'a>) -> Self {
        Event {
            id: None,
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
        }
    }

    /// Sets the address of the client, and keeps its port as the attribute [`PORT`](address::PORT). What was written belongs
    /// to the attributes too where it [says more](Client::is_all).
    #[inline]
    pub fn came_from(&mut self, client: Client<'a>) {
        self.source_ip = Some(client.ip);
        if let Some(port) = client.port {
            self.attributes.push((address::PORT.into(), port));
        }
    }
}

/// The event with texts of its own, as the interface has it.
impl From<Event<'_>> for sink::Event {
    fn from(event: Event<'_>) -> Self {
        macro_rules! own {
            ($($name:ident: $kind:ident $bits:tt,)*) => { sink::Event { $($name: owned::$kind(event.$name),)* } };
        }
        event_codec::for_each_field!(own)
    }
}

impl From<Principal<'_>> for sink::Principal {
    fn from(principal: Principal<'_>) -> Self {
        owned::principal(principal)
    }
}

/// Each kind of field with texts of its own.
mod owned {
    use super::*;

    pub fn text(text: Option<Cow<'_, str>>) -> Option<String> {
        text.map(Cow::into_owned)
    }

    pub fn time(time: Timestamp) -> Timestamp {
        time
    }

    pub fn activity(activity: Activity) -> Activity {
        activity
    }

    pub fn outcome(outcome: Outcome) -> Outcome {
        outcome
    }

    pub fn principal(principal: Principal<'_>) -> sink::Principal {
        sink::Principal {
            name: principal.name.into_owned(),
            id: text(principal.id),
            display_name: text(principal.display_name),
            kind: principal.kind,
        }
    }

    pub fn optional_principal(principal: Option<Principal<'_>>) -> Option<sink::Principal> {
        principal.map(self::principal)
    }

    pub fn texts(texts: Vec<Cow<'_, str>>) -> Vec<String> {
        texts.into_iter().map(Cow::into_owned).collect()
    }

    pub fn pairs(pairs: Vec<(Cow<'_, str>, Cow<'_, str>)>) -> Vec<(String, String)> {
        let pairs = pairs.into_iter();
        pairs
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect()
    }
}
