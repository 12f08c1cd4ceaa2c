//! From the types of 0.1.0 to the newest: every string is moved.

use super::bindings::{events, packed, report, settlement, sink};
use crate::bindings::{self as newest, events as newest_events};

/// Any request: the old interface has no words for what a plugin asks for, so it is the operator's grants alone that say.
const ANY_REQUEST: [&str; 5] = ["GET /**", "POST /**", "PUT /**", "PATCH /**", "DELETE /**"];

/// Lifts a result whose error is a fault.
pub(super) fn answer<T, U>(answer: Result<T, events::Fault>, lift: impl FnOnce(T) -> U) -> Result<U, newest::Fault> {
    answer.map(lift).map_err(fault)
}

pub(super) fn fault(fault: events::Fault) -> newest::Fault {
    let events::Fault {
        kind,
        message,
        hint,
        code,
    } = fault;
    newest::Fault {
        kind: match kind {
            events::FaultKind::InvalidRequest => newest::FaultKind::InvalidRequest,
            events::FaultKind::MalformedDocument => newest::FaultKind::MalformedDocument,
            events::FaultKind::RemoteFailed => newest::FaultKind::RemoteFailed,
            events::FaultKind::Internal => newest::FaultKind::Internal,
        },
        message,
        hint,
        code,
    }
}

pub(super) fn description(about: report::Description) -> newest::Description {
    let (connection, source) = match about.connection {
        report::ConnectionKind::Epm => (newest::ConnectionKind::Epm, event::Product::epm_cloud()),
        report::ConnectionKind::IdentityDomain => (
            newest::ConnectionKind::IdentityDomain,
            event::Product::identity_domain(),
        ),
    };
    newest::Description {
        name: about.name,
        version: about.version,
        summary: about.summary,
        connection,
        source: newest::Product {
            vendor: source.vendor,
            name: source.name,
        },
        requests: ANY_REQUEST.map(str::to_owned).into(),
        granularity: match about.granularity {
            report::Granularity::Instant => newest::Granularity::Instant,
            report::Granularity::Day => newest::Granularity::Day,
        },
        retention_days: about.retention_days,
        window_days: about.window_days,
        parameters: about.parameters.into_iter().map(parameter).collect(),
        deprecation: about.deprecation.map(|deprecation| newest::Deprecation {
            notice: deprecation.notice,
            successor: deprecation.successor,
        }),
    }
}

fn parameter(parameter: report::Parameter) -> newest::Parameter {
    let report::Parameter {
        name,
        summary,
        values,
        default,
        repeatable,
    } = parameter;
    newest::Parameter {
        name,
        summary,
        values,
        default,
        repeatable,
        // What a plugin of that version cannot do without, it says when it is asked for a plan.
        required: false,
    }
}

pub(super) fn plan(fetches: Vec<report::Fetch>) -> Vec<newest::Fetch> {
    fetches.into_iter().map(fetch).collect()
}

fn fetch(fetch: report::Fetch) -> newest::Fetch {
    // A path of members has one at least: a name that is empty stays one.
    let member = |name: Option<String>| name.map(|name| vec![name]);
    match fetch {
        report::Fetch::Call(call) => newest::Fetch::Call(newest::Call {
            request: call.request,
            service: None,
            records: member(call.records),
        }),
        report::Fetch::Job(job) => newest::Fetch::Job(newest::Job {
            submit: job.submit,
            file: job.file,
            keep: job.keep,
        }),
        report::Fetch::Pages(pages) => newest::Fetch::Pages(newest::Pages {
            request: pages.request,
            service: None,
            paging: match pages.paging {
                report::Paging::Scim(count) => newest::Paging::Scim(count),
                report::Paging::LinkNext => newest::Paging::LinkNext,
                report::Paging::NextToken(token) => newest::Paging::NextToken(token),
            },
            records: member(pages.records),
            key: member(pages.key),
        }),
    }
}

pub(super) fn typed(batch: events::Batch) -> newest_events::Batch {
    newest_events::Batch {
        events: batch.events.into_iter().map(event).collect(),
        rejects: batch.rejects.into_iter().map(reject).collect(),
    }
}

pub(super) fn packed(batch: packed::Batch) -> newest::packed::Batch {
    let packed::Batch {
        text,
        numbers,
        times,
        heads,
        rejects,
    } = batch;
    newest::packed::Batch {
        text,
        numbers,
        times,
        heads: heads.into_iter().map(head).collect(),
        rejects: rejects.into_iter().map(reject).collect(),
    }
}

/// The head of an event in today's form. Where kinds of principals are now, the place of an outcome went on: a value there was no
/// outcome, and stays none.
fn head(head: u32) -> u32 {
    match head & 0xf000 {
        0 => head,
        _ => head | 0x0f00,
    }
}

fn reject(reject: events::Reject) -> newest_events::Reject {
    let events::Reject { line, reason, raw } = reject;
    newest_events::Reject { line, reason, raw }
}

fn event(event: events::Event) -> newest_events::Event {
    macro_rules! lift {
        ($($name:ident: $kind:ident $bits:tt,)*) => { newest_events::Event { $($name: field::$kind(event.$name),)* } };
    }
    event_codec::for_each_field!(lift)
}

/// Each kind of field.
mod field {
    use super::{events, newest_events};

    pub(super) use crate::convert::same::{pairs, text, texts, time};

    pub fn outcome(outcome: events::Outcome) -> newest_events::Outcome {
        match outcome {
            events::Outcome::Success => newest_events::Outcome::Success,
            events::Outcome::Failure => newest_events::Outcome::Failure,
            events::Outcome::Unknown => newest_events::Outcome::Unknown,
        }
    }

    pub fn principal(principal: events::Principal) -> newest_events::Principal {
        newest_events::Principal {
            name: principal.name,
            id: principal.id,
            display_name: principal.display_name,
            kind: newest_events::PrincipalKind::User,
        }
    }

    pub fn optional_principal(principal: Option<events::Principal>) -> Option<newest_events::Principal> {
        principal.map(self::principal)
    }

    pub fn activity(activity: events::Activity) -> newest_events::Activity {
        use events::Activity as Old;
        use newest_events::Activity as New;
        match activity {
            Old::Logon => New::Logon,
            Old::Logoff => New::Logoff,
            Old::AccountCreate => New::AccountCreate,
            Old::AccountUpdate => New::AccountUpdate,
            Old::AccountEnable => New::AccountEnable,
            Old::AccountDisable => New::AccountDisable,
            Old::AccountDelete => New::AccountDelete,
            Old::AccountLock => New::AccountLock,
            Old::AccountUnlock => New::AccountUnlock,
            Old::PasswordChange => New::PasswordChange,
            Old::PasswordReset => New::PasswordReset,
            Old::RoleAssign => New::RoleAssign,
            Old::RoleRevoke => New::RoleRevoke,
            Old::GroupCreate => New::GroupCreate,
            Old::GroupUpdate => New::GroupUpdate,
            Old::GroupDelete => New::GroupDelete,
            Old::GroupAddMember => New::GroupAddMember,
            Old::GroupRemoveMember => New::GroupRemoveMember,
            Old::ApplicationAccess => New::ApplicationAccess,
            Old::AuthenticationOther => New::AuthenticationOther,
            Old::Other => New::Other,
        }
    }
}

pub(super) fn sink_description(about: sink::Description) -> newest::sink::Description {
    newest::sink::Description {
        name: about.name,
        version: about.version,
        summary: about.summary,
        config_schema: about.config_schema,
        input: match about.input {
            sink::Input::Events => newest::sink::Input::Events,
            sink::Input::Documents => newest::sink::Input::Documents,
        },
        batch_events: about.batch_events,
        batch_bytes: about.batch_bytes,
    }
}

pub(super) fn deliveries(deliveries: Vec<sink::Delivery>) -> Vec<newest::sink::Delivery> {
    let lift = |delivery| match delivery {
        sink::Delivery::Http(request) => newest::sink::Delivery::Http(request),
        sink::Delivery::Bytes(bytes) => newest::sink::Delivery::Bytes(bytes),
    };
    deliveries.into_iter().map(lift).collect()
}

fn rejections(rejected: Vec<sink::ItemRejection>) -> Vec<newest::sink::ItemRejection> {
    let lift = |sink::ItemRejection { index, reason }| newest::sink::ItemRejection { index, reason };
    rejected.into_iter().map(lift).collect()
}

pub(super) fn verdict(verdict: sink::Verdict) -> newest::sink::Verdict {
    match verdict {
        sink::Verdict::Accepted => newest::sink::Verdict::Accepted,
        sink::Verdict::Retry(after) => newest::sink::Verdict::Retry(after),
        sink::Verdict::Rejected(rejected) => newest::sink::Verdict::Rejected(rejections(rejected)),
        sink::Verdict::Refused(reason) => newest::sink::Verdict::Refused(reason),
    }
}

pub(super) fn settled(settlement: settlement::Settlement) -> newest::settlement::Settlement {
    use newest::settlement as to;
    use settlement::Settlement as From;
    match settlement {
        From::Settled(parts) => to::Settlement::Settled(to::Partition {
            rejected: rejections(parts.rejected),
            retried: parts.retried,
            after: parts.after,
            reason: parts.reason,
        }),
        From::Retry(again) => to::Settlement::Retry(to::Postponement {
            after: again.after,
            reason: again.reason,
        }),
        From::Refused(reason) => to::Settlement::Refused(reason),
        From::Unusable(reason) => to::Settlement::Unusable(reason),
        From::Ask(question) => to::Settlement::Ask(to::Question {
            request: question.request,
            after: question.after,
        }),
    }
}

pub(super) fn guarantee(guarantee: settlement::Guarantee) -> newest::settlement::Guarantee {
    match guarantee {
        settlement::Guarantee::IdempotentById => newest::settlement::Guarantee::IdempotentById,
        settlement::Guarantee::AtLeastOnce => newest::settlement::Guarantee::AtLeastOnce,
    }
}
