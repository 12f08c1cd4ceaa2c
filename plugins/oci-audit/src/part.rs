//! The parts of an event: which members are opened, and what the names of what is left in them become.

use std::borrow::Cow;

/// The attribute with the id of the request that the event tells of.
pub const REQUEST_ID: &str = "request_id";
/// The attribute with the method of that request.
pub const REQUEST_METHOD: &str = "request_method";
/// The attribute with the path of that request.
pub const REQUEST_PATH: &str = "request_path";
/// The attribute with the OCID of the resource that the request was about.
pub const RESOURCE_ID: &str = "resource_id";

/// A part of an event whose members are looked at one by one. All else is passed on as the JSON that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordPart {
    /// The envelope: CloudEvents 0.1 from ListEvents, 1.0 from Logging, with what Logging Search wraps it in.
    Envelope,
    /// `data`.
    Data,
    /// `data.identity`.
    Identity,
    /// `data.request`.
    Request,
    /// `data.response`.
    Response,
    /// `data.stateChange`.
    StateChange,
    /// `data.additionalDetails`: the event of an identity domain itself.
    Details,
}

impl RecordPart {
    /// The part that a member of this one is.
    pub fn member(self, name: &str) -> Option<RecordPart> {
        use RecordPart::{Data, Details, Envelope, Identity, Request, Response, StateChange};
        let known: &[(&str, RecordPart)] = match self {
            Envelope => &[("data", Data), ("logContent", Envelope)],
            Data => &[
                ("identity", Identity),
                ("request", Request),
                ("response", Response),
                ("additionalDetails", Details),
                ("stateChange", StateChange),
                ("logContent", Envelope),
            ],
            _ => return None,
        };
        known
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, part)| *part)
    }

    /// The name of an attribute for a member that has no place of its own: its path below `data`, but for members of a domain's own
    /// event, which are called as `AuditEvents` calls them. None of a member that says nothing of the event.
    pub fn attribute<'a>(self, name: Cow<'a, str>, is_of_domain: bool) -> Option<Cow<'a, str>> {
        let prefix = match self {
            RecordPart::Envelope if is_about_envelope(&name) => return None,
            RecordPart::Data if name == "datetime" => return None,
            RecordPart::Envelope | RecordPart::Data => "",
            RecordPart::Details if is_of_domain => "",
            RecordPart::Identity => "identity.",
            RecordPart::Request => "request.",
            RecordPart::Response => "response.",
            RecordPart::StateChange => "stateChange.",
            RecordPart::Details => "additionalDetails.",
        };
        Some(match (prefix, self.known(&name)) {
            (_, Some(known)) => known.into(),
            ("", None) => name,
            (prefix, None) => [prefix, &name].concat().into(),
        })
    }

    /// The attribute's name where it is one that nearly every event has.
    fn known(self, name: &str) -> Option<&'static str> {
        Some(match (self, name) {
            (RecordPart::Data, "resourceId") => RESOURCE_ID,
            (RecordPart::Identity, "authType") => "identity.authType",
            (RecordPart::Identity, "tenantId") => "identity.tenantId",
            (RecordPart::Identity, "ipAddress") => "identity.ipAddress",
            (RecordPart::Identity, "credentials") => "identity.credentials",
            (RecordPart::Identity, "callerId") => "identity.callerId",
            (RecordPart::Identity, "callerName") => "identity.callerName",
            (RecordPart::Request, "id") => REQUEST_ID,
            (RecordPart::Request, "action") => REQUEST_METHOD,
            (RecordPart::Request, "path") => REQUEST_PATH,
            (RecordPart::Request, "headers") => "request.headers",
            (RecordPart::Request, "parameters") => "request.parameters",
            (RecordPart::Response, "headers") => "response.headers",
            (RecordPart::Response, "payload") => "response.payload",
            (RecordPart::Response, "responseTime") => "response.responseTime",
            (RecordPart::Response, "status") => "response.status",
            _ => return None,
        })
    }
}

/// Members of an envelope that tell of it and not of the event, and so differ between the ways to the same event.
fn is_about_envelope(name: &str) -> bool {
    [
        "cloudEventsVersion",
        "specversion",
        "contentType",
        "datacontenttype",
        "datetime",
        // Where Logging keeps the event.
        "oracle",
    ]
    .iter()
    .any(|known| known.eq_ignore_ascii_case(name))
}
