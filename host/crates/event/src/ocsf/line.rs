//! An event of OCSF as JSON, byte for byte what `serde_json` would write of it.

use std::sync::LazyLock;

use super::{
    class::UNLISTED,
    object::{Actor, Api, Endpoint, Entity, HttpRequest, Ip, Ocsf, Session, User},
};
use crate::{Activity, Event, Outcome, Principal, Product, Provenance, json};

/// The text that [`Ocsf::write_head`] writes where the source has no name for the activity: for each activity, each outcome.
static HEADS: LazyLock<Vec<[Vec<u8>; 3]>> = LazyLock::new(|| {
    let provenance = Provenance::new("", "", "", Product::epm_cloud());
    let head = |activity, outcome| {
        let mut head = Vec::new();
        Ocsf::of(&Event::new(0, activity, outcome, Principal::named("")), &provenance).write_head(&mut head);
        head
    };
    (Activity::ALL.iter())
        .map(|activity| Outcome::ALL.map(|outcome| head(*activity, outcome)))
        .collect()
});

impl Ocsf<'_> {
    /// Appends an event as one object.
    pub(crate) fn line(event: &Event, provenance: &Provenance, out: &mut Vec<u8>) {
        let ocsf = Ocsf::of(event, provenance);
        json::raw(out, r#"{"time":"#);
        json::number(out, ocsf.time);
        let head = HEADS.get(event.activity as usize);
        match head.and_then(|heads| heads.get(event.outcome as usize)) {
            Some(head) if (ocsf.activity_id != UNLISTED || event.action.is_none()) && !event.is_about_group() => {
                out.extend_from_slice(head);
            }
            _ => ocsf.write_head(out),
        }
        ocsf.write_rest(out);
    }

    /// From the class to the status: what the activity and the outcome say.
    fn write_head(&self, out: &mut Vec<u8>) {
        json::raw(out, r#","class_uid":"#);
        json::number(out, self.class_uid.into());
        json::known(out, r#","class_name":"#, self.class_name);
        json::raw(out, r#","category_uid":"#);
        json::number(out, self.category_uid.into());
        json::raw(out, r#","activity_id":"#);
        json::number(out, self.activity_id.into());
        json::member(out, r#","activity_name":"#, Some(self.activity_name));
        json::raw(out, r#","type_uid":"#);
        json::number(out, self.type_uid.into());
        json::raw(out, r#","severity_id":"#);
        json::number(out, self.severity_id.into());
        json::known(out, r#","severity":"#, self.severity);
        json::raw(out, r#","status_id":"#);
        json::number(out, self.status_id.into());
        json::known(out, r#","status":"#, self.status);
    }

    #[inline(always)]
    fn write_rest(&self, out: &mut Vec<u8>) {
        json::member(out, r#","status_code":"#, self.status_code);
        json::member(out, r#","status_detail":"#, self.status_detail);
        json::member(out, r#","message":"#, self.message);
        if let Some(user) = &self.user {
            json::raw(out, r#","user":"#);
            user.write(out);
        }
        if let Some(actor) = &self.actor {
            json::raw(out, r#","actor":"#);
            actor.write(out);
        }
        if let Some(api) = &self.api {
            json::raw(out, r#","api":"#);
            api.write(out);
        }
        if let Some(endpoint) = &self.src_endpoint {
            json::raw(out, r#","src_endpoint":"#);
            endpoint.write(out);
        }
        if let Some(endpoint) = &self.dst_endpoint {
            json::raw(out, r#","dst_endpoint":"#);
            endpoint.write(out);
        }
        if let Some(service) = &self.service {
            json::object(out, r#","service":{"name":"#, service.name);
        }
        if let Some(session) = &self.session {
            json::raw(out, r#","session":"#);
            session.write(out);
        }
        if let Some(request) = &self.http_request {
            json::raw(out, r#","http_request":"#);
            request.write(out);
        }
        if let Some(privileges) = self.privileges {
            json::raw(out, r#","privileges":"#);
            json::texts(out, privileges);
        }
        if let Some(group) = &self.group {
            json::object(out, r#","group":{"name":"#, group.name);
        }
        if let Some(entity) = &self.entity {
            json::raw(out, r#","entity":"#);
            entity.write(out);
        }
        if let Some([resource]) = &self.resources {
            json::object(out, r#","resources":[{"name":"#, resource.name);
            out.push(b']');
        }
        json::raw(out, r#","metadata":"#);
        self.metadata.write(out);
        if !self.unmapped.is_empty() {
            json::raw(out, r#","unmapped":"#);
            self.unmapped.write(out);
        }
        out.push(b'}');
    }
}

impl User<'_> {
    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        json::member(out, r#"{"name":"#, Some(self.name));
        json::member(out, r#","uid":"#, self.uid);
        json::member(out, r#","display_name":"#, self.display_name);
        if let Some(kind) = self.kind {
            json::raw(out, r#","type_id":"#);
            json::number(out, kind.type_id.into());
            json::known(out, r#","type":"#, kind.r#type);
        }
        out.push(b'}');
    }
}

impl Api<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        json::member(out, r#"{"operation":"#, Some(self.operation));
        json::object(out, r#","service":{"name":"#, self.service.name);
        if let Some(request) = &self.request {
            json::object(out, r#","request":{"uid":"#, request.uid);
        }
        if let Some(response) = &self.response {
            json::raw(out, r#","response":{"code":"#);
            json::number(out, response.code.into());
            out.push(b'}');
        }
        out.push(b'}');
    }
}

impl HttpRequest<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        json::member(out, r#","user_agent":"#, self.user_agent);
        json::member(out, r#","http_method":"#, self.http_method);
        if let Some(url) = &self.url {
            json::object(out, r#","url":{"path":"#, url.path);
        }
        json::member(out, r#","uid":"#, self.uid);
        // Whichever member is the first, an object begins with it.
        match out.get_mut(start) {
            Some(comma) => *comma = b'{',
            None => out.push(b'{'),
        }
        out.push(b'}');
    }
}

impl Actor<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        if let Some(user) = &self.user {
            json::raw(out, r#""user":"#);
            user.write(out);
        }
        if let Some(session) = &self.session {
            json::raw(
                out,
                if self.user.is_some() {
                    r#","session":"#
                } else {
                    r#""session":"#
                },
            );
            session.write(out);
        }
        out.push(b'}');
    }
}

impl Endpoint<'_> {
    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        match &self.ip {
            // What parses as an address needs no escaping.
            Some(Ip::Verbatim(text)) => json::known(out, r#""ip":"#, text),
            Some(Ip::Canonical(address)) => json::known(out, r#""ip":"#, &address.to_string()),
            None => {}
        }
        let name = if self.ip.is_some() {
            r#","svc_name":"#
        } else {
            r#""svc_name":"#
        };
        json::member(out, name, self.svc_name);
        out.push(b'}');
    }
}

impl Session<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        json::object(out, r#"{"uid":"#, self.uid);
    }
}

impl Entity<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        json::member(out, r#"{"name":"#, Some(self.name));
        json::raw(out, r#","type_id":"#);
        json::number(out, self.type_id.into());
        json::known(out, r#","type":"#, self.r#type);
        if let Some(user) = &self.user {
            json::raw(out, r#","user":"#);
            user.write(out);
        }
        out.push(b'}');
    }
}
