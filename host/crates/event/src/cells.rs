//! The columns of each encoding: one list of names, and for every event the cells in that order.
//!
//! The list is what the encoding can write, dots for nesting, and does not depend on the events. Attributes, which differ
//! from row to row, are one column of JSON. Columns of one object stand together: a Parquet file nests them. What a sink
//! leaves out has no column, and no place among the attributes.

use std::fmt::Display;

use crate::{
    Activity, Attributes, Correlation, Encoding, Event, Omissions, Outcome, Principal, Product, Provenance, Rendering,
    ecs::Ecs, ecs::Own, flat::Flat, ocsf::Ocsf, ocsf::User,
};

pub use crate::cell::Cell;

/// The columns of an encoding: any event will do, since neither names nor kinds depend on it.
pub fn columns(rendering: &Rendering, provenance: &Provenance, cell: &mut dyn FnMut(&'static str, Cell<'_>)) {
    let event = Event::new(0, Activity::Other, Outcome::Unknown, Principal::named(""));
    for_each(rendering, &event, provenance, cell);
}

/// Calls `cell` for every column of the event, in order, with the column's name.
pub fn for_each(
    rendering: &Rendering,
    event: &Event,
    provenance: &Provenance,
    cell: &mut dyn FnMut(&'static str, Cell<'_>),
) {
    let Some(omissions) = rendering.omissions() else {
        return all(rendering.encoding(), event, provenance, None, cell);
    };
    let mut left = |name: &'static str, value: Cell<'_>| {
        if !omissions.omits(name) {
            cell(name, value);
        }
    };
    all(rendering.encoding(), event, provenance, Some(omissions), &mut left);
}

fn all(
    encoding: Encoding,
    event: &Event,
    provenance: &Provenance,
    omissions: Option<&Omissions>,
    cell: &mut dyn FnMut(&'static str, Cell<'_>),
) {
    match encoding {
        Encoding::Ocsf => {
            let mut event = Ocsf::of(event, provenance);
            let listed = leave_out(&mut event.unmapped, omissions);
            event.unmapped.listed = listed.as_deref().unwrap_or(event.unmapped.listed);
            ocsf(&event, cell);
        }
        Encoding::Ecs => {
            let mut event = Ecs::of(event, provenance);
            let listed = (event.own_mut()).and_then(|own| leave_out(&mut own.attributes, omissions));
            if let (Some(own), Some(listed)) = (event.own_mut(), &listed) {
                own.attributes.listed = listed;
            }
            ecs(&event, cell);
        }
        Encoding::Event => {
            let mut event = Flat::of(event, provenance);
            let listed = leave_out(&mut event.attributes, omissions);
            event.attributes.listed = listed.as_deref().unwrap_or(event.attributes.listed);
            event.each(cell);
        }
    }
}

/// True if events of this encoding can have a member of this path, or members below it; attributes can have any name.
pub fn can_have(encoding: Encoding, path: &str) -> bool {
    let below = |above: &str, path: &str| path.strip_prefix(above).is_some_and(|rest| rest.starts_with('.'));
    let mut known = false;
    columns(&encoding.into(), &nobody(), &mut |name, cell| {
        known |= name == path || below(path, name) || matches!(cell, Cell::Attributes(_)) && below(name, path);
    });
    known
}

/// The paths of all members that events of this encoding can have.
pub fn names(encoding: Encoding) -> Vec<&'static str> {
    let mut names = Vec::new();
    columns(&encoding.into(), &nobody(), &mut |name, _| names.push(name));
    names
}

/// Takes from the attributes those that are omitted, and answers with the list that remains; none where nothing is omitted.
fn leave_out(attributes: &mut Attributes<'_>, omissions: Option<&Omissions>) -> Option<Vec<(String, String)>> {
    let omissions = omissions?;
    for (name, value) in &mut attributes.misplaced {
        if omissions.omits_attribute(name) {
            *value = None;
        }
    }
    let left = (attributes.listed.iter()).filter(|(name, _)| !omissions.omits_attribute(name));
    Some(left.cloned().collect())
}

fn nobody() -> Provenance {
    Provenance::new("", "", "", Product::epm_cloud())
}

fn ocsf(event: &Ocsf<'_>, cell: &mut dyn FnMut(&'static str, Cell<'_>)) {
    let user = event.user.as_ref();
    let actor = event.actor.as_ref();
    let actor_user = actor.and_then(|actor| actor.user.as_ref());
    let actor_session = actor.and_then(|actor| actor.session.as_ref());
    let entity = event.entity.as_ref();
    let entity_user = entity.and_then(|entity| entity.user.as_ref());
    let ip = event.src_endpoint.as_ref().and_then(|endpoint| endpoint.ip.as_ref());
    let src_name = event.src_endpoint.as_ref().and_then(|endpoint| endpoint.svc_name);
    let api = event.api.as_ref();
    let svc_name = event.dst_endpoint.as_ref().and_then(|endpoint| endpoint.svc_name);
    cell("time", Cell::Millis(Some(event.time)));
    cell("class_uid", Cell::Number(Some(event.class_uid.into())));
    cell("class_name", Cell::Text(Some(event.class_name)));
    cell("category_uid", Cell::Number(Some(event.category_uid.into())));
    cell("activity_id", Cell::Number(Some(event.activity_id.into())));
    cell("activity_name", Cell::Text(Some(event.activity_name)));
    cell("type_uid", Cell::Number(Some(event.type_uid.into())));
    cell("severity_id", Cell::Number(Some(event.severity_id.into())));
    cell("severity", Cell::Text(Some(event.severity)));
    cell("status_id", Cell::Number(Some(event.status_id.into())));
    cell("status", Cell::Text(Some(event.status)));
    cell("status_code", Cell::Text(event.status_code));
    cell("status_detail", Cell::Text(event.status_detail));
    cell("message", Cell::Text(event.message));
    cell("user.name", Cell::Text(user.map(|user| user.name)));
    cell("user.uid", Cell::Text(user.and_then(|user| user.uid)));
    cell("user.display_name", Cell::Text(user.and_then(|user| user.display_name)));
    user_type(["user.type_id", "user.type"], user, cell);
    cell("actor.user.name", Cell::Text(actor_user.map(|user| user.name)));
    cell("actor.user.uid", Cell::Text(actor_user.and_then(|user| user.uid)));
    cell(
        "actor.user.display_name",
        Cell::Text(actor_user.and_then(|user| user.display_name)),
    );
    user_type(["actor.user.type_id", "actor.user.type"], actor_user, cell);
    cell(
        "actor.session.uid",
        Cell::Text(actor_session.map(|session| session.uid)),
    );
    cell("api.operation", Cell::Text(api.map(|api| api.operation)));
    cell("api.service.name", Cell::Text(api.map(|api| api.service.name)));
    let request = api.and_then(|api| api.request.as_ref());
    cell("api.request.uid", Cell::Text(request.map(|request| request.uid)));
    let response = api.and_then(|api| api.response.as_ref());
    cell(
        "api.response.code",
        Cell::Number(response.map(|response| response.code.into())),
    );
    cell("src_endpoint.ip", Cell::Shown(ip.map(|ip| ip as &dyn Display)));
    cell("src_endpoint.svc_name", Cell::Text(src_name));
    cell("dst_endpoint.svc_name", Cell::Text(svc_name));
    cell(
        "service.name",
        Cell::Text(event.service.as_ref().map(|service| service.name)),
    );
    cell(
        "session.uid",
        Cell::Text(event.session.as_ref().map(|session| session.uid)),
    );
    let request = event.http_request.as_ref();
    cell(
        "http_request.user_agent",
        Cell::Text(request.and_then(|request| request.user_agent)),
    );
    cell(
        "http_request.http_method",
        Cell::Text(request.and_then(|request| request.http_method)),
    );
    let url = request.and_then(|request| request.url.as_ref());
    cell("http_request.url.path", Cell::Text(url.map(|url| url.path)));
    cell("http_request.uid", Cell::Text(request.and_then(|request| request.uid)));
    cell(
        "privileges",
        Cell::List(event.privileges.as_ref().map_or(&[], |list| list)),
    );
    cell("group.name", Cell::Text(event.group.as_ref().map(|group| group.name)));
    cell("entity.name", Cell::Text(entity.map(|entity| entity.name)));
    cell(
        "entity.type_id",
        Cell::Number(entity.map(|entity| entity.type_id.into())),
    );
    cell("entity.type", Cell::Text(entity.map(|entity| entity.r#type)));
    cell("entity.user.name", Cell::Text(entity_user.map(|user| user.name)));
    cell("entity.user.uid", Cell::Text(entity_user.and_then(|user| user.uid)));
    cell(
        "entity.user.display_name",
        Cell::Text(entity_user.and_then(|user| user.display_name)),
    );
    user_type(["entity.user.type_id", "entity.user.type"], entity_user, cell);
    let resources = event.resources.as_ref().map(|[resource]| [resource.name]);
    cell("resources", Cell::List(resources.as_ref().map_or(&[], |list| list)));
    cell("metadata.version", Cell::Text(Some(event.metadata.version)));
    cell("metadata.product.name", Cell::Text(Some(event.metadata.product.name)));
    cell(
        "metadata.product.vendor_name",
        Cell::Text(Some(event.metadata.product.vendor_name)),
    );
    cell("metadata.log_name", Cell::Text(Some(event.metadata.log_name)));
    cell("metadata.log_provider", Cell::Text(event.metadata.log_provider));
    cell("metadata.uid", Cell::Text(event.metadata.uid));
    cell("metadata.event_code", Cell::Text(event.metadata.event_code));
    cell("metadata.labels", Cell::Labels(event.metadata.labels));
    cell("metadata.log_source", Cell::Text(Some(event.metadata.log_source)));
    cell("metadata.tenant_uid", Cell::Text(event.metadata.tenant_uid));
    cell(
        "metadata.logged_time",
        Cell::Millis(event.metadata.logged_time.map(|time| time.ms())),
    );
    cell(
        "metadata.correlation_uid",
        Cell::Text(event.metadata.correlation_uid.map(Correlation::as_str)),
    );
    cell("unmapped", Cell::Attributes(&event.unmapped));
}

/// The kind of an account: its number and its name.
fn user_type(
    [type_id, name]: [&'static str; 2],
    user: Option<&User<'_>>,
    cell: &mut dyn FnMut(&'static str, Cell<'_>),
) {
    let kind = user.and_then(|user| user.kind);
    cell(type_id, Cell::Number(kind.map(|kind| kind.type_id.into())));
    cell(name, Cell::Text(kind.map(|kind| kind.r#type)));
}

fn ecs(event: &Ecs<'_>, cell: &mut dyn FnMut(&'static str, Cell<'_>)) {
    let target = event.user.target.as_ref();
    let source = event.source.as_ref();
    cell("@timestamp", Cell::Time(Some(event.timestamp)));
    cell("ecs.version", Cell::Text(Some(event.ecs.version)));
    cell("event.kind", Cell::Text(Some(event.event.kind)));
    cell("event.category", Cell::List(&event.event.category));
    cell("event.type", Cell::List(event.event.r#type));
    cell("event.outcome", Cell::Text(Some(event.event.outcome)));
    cell("event.action", Cell::Text(Some(event.event.action)));
    cell("event.code", Cell::Text(event.event.code));
    cell("event.reason", Cell::Text(event.event.reason));
    cell("event.id", Cell::Text(event.event.id));
    cell("event.provider", Cell::Text(event.event.provider));
    cell("event.module", Cell::Text(Some(&event.event.module)));
    cell("event.dataset", Cell::Shown(Some(&event.event.dataset)));
    cell("event.created", Cell::Time(event.event.created));
    cell("event.ingested", Cell::Time(event.event.ingested));
    cell("message", Cell::Text(event.message));
    cell("user.name", Cell::Text(Some(event.user.name)));
    cell("user.id", Cell::Text(event.user.id));
    cell("user.full_name", Cell::Text(event.user.full_name));
    cell("user.target.name", Cell::Text(target.map(|target| target.name)));
    cell("user.target.id", Cell::Text(target.and_then(|target| target.id)));
    cell(
        "user.target.full_name",
        Cell::Text(target.and_then(|target| target.full_name)),
    );
    cell(
        "user.changes.roles",
        Cell::List(event.user.changes.as_ref().map_or(&[], |changes| &changes.roles)),
    );
    cell("group.name", Cell::Text(event.group.as_ref().map(|group| group.name)));
    cell("source.address", Cell::Text(source.map(|source| source.address)));
    cell("source.ip", Cell::Text(source.and_then(|source| source.ip)));
    cell(
        "user_agent.original",
        Cell::Text(event.user_agent.as_ref().map(|agent| agent.original)),
    );
    let request = event.http.as_ref().and_then(|http| http.request.as_ref());
    let response = event.http.as_ref().and_then(|http| http.response.as_ref());
    cell("http.request.id", Cell::Text(request.and_then(|request| request.id)));
    cell(
        "http.request.method",
        Cell::Text(request.and_then(|request| request.method)),
    );
    cell(
        "http.response.status_code",
        Cell::Number(response.map(|response| response.status_code.into())),
    );
    let url = event.url.as_ref();
    cell("url.original", Cell::Text(url.map(|url| url.original)));
    cell("url.path", Cell::Text(url.and_then(|url| url.path)));
    cell("service.name", Cell::Text(Some(event.service.name)));
    cell(
        "service.target.name",
        Cell::Text(event.service.target.as_ref().map(|target| target.name)),
    );
    cell("observer.vendor", Cell::Text(Some(event.observer.vendor)));
    cell("observer.product", Cell::Text(Some(event.observer.product)));
    cell(
        "cloud.account.id",
        Cell::Text(event.cloud.as_ref().map(|cloud| cloud.account.id)),
    );
    cell("related.user", Cell::Distinct(&event.related.user));
    cell(
        "related.ip",
        Cell::List(event.related.ip.as_ref().map_or(&[], |list| list)),
    );
    cell("tags", Cell::Labels(event.tags));
    own(OF_ORACLE_S, event.oracle.as_ref(), cell);
    own(OF_OTHERS, event.audit.as_ref(), cell);
}

/// Columns of what ECS has no place for: connection, correlation, session, target, attributes.
type OwnColumns = [&'static str; 5];

const OF_ORACLE_S: OwnColumns = [
    "oracle.connection",
    "oracle.correlation_uid",
    "oracle.session",
    "oracle.target",
    "oracle.attributes",
];

const OF_OTHERS: OwnColumns = [
    "audit.connection",
    "audit.correlation_uid",
    "audit.session",
    "audit.target",
    "audit.attributes",
];

fn own(names: OwnColumns, own: Option<&Own<'_>>, cell: &mut dyn FnMut(&'static str, Cell<'_>)) {
    let [connection, correlation, session, target, attributes] = names;
    cell(connection, Cell::Text(own.map(|own| own.connection)));
    cell(correlation, Cell::Text(own.and_then(|own| own.correlation_uid)));
    cell(session, Cell::Text(own.and_then(|own| own.session)));
    cell(target, Cell::Text(own.and_then(|own| own.target)));
    let none = Attributes::of(&[]);
    cell(attributes, Cell::Attributes(own.map_or(&none, |own| &own.attributes)));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::{PrincipalKind, samples};

    /// The dotted names of all members that are not objects; what lies under one of `stop` is one member.
    fn members(prefix: &str, value: &Value, stop: &[&str], names: &mut BTreeSet<String>) {
        match value {
            Value::Object(object) if !stop.contains(&prefix) => {
                for (name, value) in object {
                    let dotted = if prefix.is_empty() {
                        name.clone()
                    } else {
                        format!("{prefix}.{name}")
                    };
                    members(&dotted, value, stop, names);
                }
            }
            _ => {
                names.insert(prefix.to_owned());
            }
        }
    }

    #[test]
    fn every_member_that_an_encoding_writes_has_a_column() {
        for (encoding, stop) in [
            (Encoding::Ocsf, ["unmapped"].as_slice()),
            (Encoding::Ecs, &["oracle.attributes", "audit.attributes"]),
            (Encoding::Event, &["attributes"]),
        ] {
            let mut written = BTreeSet::new();
            let mut columns = Vec::new();
            for activity in Activity::ALL {
                let mut others = samples::full(activity, Outcome::Success);
                others.target = None;
                others.subject.kind = PrincipalKind::Service;
                others.actor = Some(others.subject.clone());
                let mut alone = others.clone();
                alone.actor = None;
                alone.source_ip = None;
                alone.code = Some("404".into());
                alone.attributes.extend(samples::request());
                let whole = samples::full(activity, Outcome::Success);
                for (event, provenance) in [
                    (&whole, samples::domain()),
                    (&others, samples::domain()),
                    (&alone, samples::domain()),
                    (
                        &whole,
                        Provenance {
                            product: Product::new("Acme", "Door"),
                            ..samples::domain()
                        },
                    ),
                    (
                        &others,
                        Provenance {
                            product: Product::new("Acme", "Door"),
                            ..samples::domain()
                        },
                    ),
                ] {
                    let mut line = Vec::new();
                    encoding.write(event, &provenance, &mut line);
                    members("", &serde_json::from_slice(&line).unwrap(), stop, &mut written);
                    columns.clear();
                    for_each(&encoding.into(), event, &provenance, &mut |name, _| {
                        columns.push(name.to_owned())
                    });
                }
            }
            assert_eq!(columns.iter().cloned().collect::<BTreeSet<_>>(), written);
            assert_eq!(columns.len(), written.len(), "no name twice");
        }
    }
}
