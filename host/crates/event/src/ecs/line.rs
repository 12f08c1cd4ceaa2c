//! An event of ECS as JSON, byte for byte what `serde_json` would write of it.

use super::object::{
    Dataset, Ecs, EventSet, HttpRequestSet, HttpSet, Own, Related, Service, Source, Target, UrlSet, UserSet,
};
use crate::json;

impl Ecs<'_> {
    /// Appends the event as one object.
    #[inline]
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        json::raw(out, r#"{"@timestamp":"#);
        self.timestamp.write(out);
        json::known(out, r#","ecs":{"version":"#, self.ecs.version);
        json::raw(out, r#"},"event":"#);
        self.event.write(out);
        json::member(out, r#","message":"#, self.message);
        json::raw(out, r#","user":"#);
        self.user.write(out);
        if let Some(group) = &self.group {
            json::object(out, r#","group":{"name":"#, group.name);
        }
        if let Some(source) = &self.source {
            json::raw(out, r#","source":"#);
            source.write(out);
        }
        if let Some(agent) = &self.user_agent {
            json::object(out, r#","user_agent":{"original":"#, agent.original);
        }
        if let Some(http) = &self.http {
            json::raw(out, r#","http":"#);
            http.write(out);
        }
        if let Some(url) = &self.url {
            json::raw(out, r#","url":"#);
            url.write(out);
        }
        json::raw(out, r#","service":"#);
        self.service.write(out);
        json::member(out, r#","observer":{"vendor":"#, Some(self.observer.vendor));
        json::member(out, r#","product":"#, Some(self.observer.product));
        out.push(b'}');
        if let Some(cloud) = &self.cloud {
            json::object(out, r#","cloud":{"account":{"id":"#, cloud.account.id);
            out.push(b'}');
        }
        json::raw(out, r#","related":"#);
        self.related.write(out);
        if !self.tags.is_empty() {
            json::raw(out, r#","tags":"#);
            json::texts(out, self.tags.iter().map(String::as_str));
        }
        if let Some(own) = &self.oracle {
            json::raw(out, r#","oracle":"#);
            own.write(out);
        }
        if let Some(own) = &self.audit {
            json::raw(out, r#","audit":"#);
            own.write(out);
        }
        out.push(b'}');
    }
}

impl EventSet<'_> {
    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        json::known(out, r#"{"kind":"#, self.kind);
        json::raw(out, r#","category":"#);
        json::texts(out, self.category);
        json::raw(out, r#","type":"#);
        json::texts(out, self.r#type.iter().copied());
        json::known(out, r#","outcome":"#, self.outcome);
        json::member(out, r#","action":"#, Some(self.action));
        json::member(out, r#","code":"#, self.code);
        json::member(out, r#","reason":"#, self.reason);
        json::member(out, r#","id":"#, self.id);
        json::member(out, r#","provider":"#, self.provider);
        json::member(out, r#","module":"#, Some(&self.module));
        json::raw(out, r#","dataset":"#);
        self.dataset.write(out);
        if let Some(time) = self.created {
            json::raw(out, r#","created":"#);
            time.write(out);
        }
        if let Some(time) = self.ingested {
            json::raw(out, r#","ingested":"#);
            time.write(out);
        }
        out.push(b'}');
    }
}

impl Dataset<'_> {
    /// Most reports have names of plain letters; whatever another holds is escaped as a whole.
    fn write(&self, out: &mut Vec<u8>) {
        json::text(out, &self.to_string());
    }
}

impl UserSet<'_> {
    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        json::member(out, r#"{"name":"#, Some(self.name));
        json::member(out, r#","id":"#, self.id);
        json::member(out, r#","full_name":"#, self.full_name);
        if let Some(target) = &self.target {
            json::raw(out, r#","target":"#);
            target.write(out);
        }
        if let Some(changes) = &self.changes {
            json::raw(out, r#","changes":{"roles":"#);
            json::texts(out, changes.roles);
            out.push(b'}');
        }
        out.push(b'}');
    }
}

impl Target<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        json::member(out, r#"{"name":"#, Some(self.name));
        json::member(out, r#","id":"#, self.id);
        json::member(out, r#","full_name":"#, self.full_name);
        out.push(b'}');
    }
}

impl Source<'_> {
    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        json::member(out, r#"{"address":"#, Some(self.address));
        json::member(out, r#","ip":"#, self.ip);
        out.push(b'}');
    }
}

impl HttpSet<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        if let Some(request) = &self.request {
            json::raw(out, r#""request":"#);
            request.write(out);
        }
        if let Some(response) = &self.response {
            if self.request.is_some() {
                out.push(b',');
            }
            json::raw(out, r#""response":{"status_code":"#);
            json::number(out, response.status_code.into());
            out.push(b'}');
        }
        out.push(b'}');
    }
}

impl HttpRequestSet<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        json::member(out, r#""id":"#, self.id);
        let before = if self.id.is_some() {
            r#","method":"#
        } else {
            r#""method":"#
        };
        json::member(out, before, self.method);
        out.push(b'}');
    }
}

impl UrlSet<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        json::member(out, r#"{"original":"#, Some(self.original));
        json::member(out, r#","path":"#, self.path);
        out.push(b'}');
    }
}

impl Service<'_> {
    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        json::member(out, r#"{"name":"#, Some(self.name));
        if let Some(target) = &self.target {
            json::object(out, r#","target":{"name":"#, target.name);
        }
        out.push(b'}');
    }
}

impl Related<'_> {
    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        json::raw(out, r#"{"user":"#);
        json::texts(out, self.user.iter());
        if let Some(ip) = self.ip {
            json::raw(out, r#","ip":"#);
            json::texts(out, ip);
        }
        out.push(b'}');
    }
}

impl Own<'_> {
    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        json::member(out, r#"{"connection":"#, Some(self.connection));
        if let Some(uid) = self.correlation_uid {
            json::known(out, r#","correlation_uid":"#, uid);
        }
        json::member(out, r#","session":"#, self.session);
        json::member(out, r#","target":"#, self.target);
        if !self.attributes.is_empty() {
            json::raw(out, r#","attributes":"#);
            self.attributes.write(out);
        }
        out.push(b'}');
    }
}
