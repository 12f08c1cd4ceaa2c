//! The flat event as JSON, byte for byte what `serde_json` would write of it.

use super::Flat;
use crate::json;

impl Flat<'_> {
    /// Appends the event as one object.
    #[inline]
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        json::nullable(out, r#"{"id":"#, self.id);
        json::raw(out, r#","time":"#);
        self.time.write(out);
        json::known(out, r#","activity":"#, self.activity);
        json::known(out, r#","outcome":"#, self.outcome);
        json::member(out, r#","subject":"#, Some(self.subject));
        json::nullable(out, r#","subject_id":"#, self.subject_id);
        json::nullable(out, r#","subject_display_name":"#, self.subject_display_name);
        json::nullable(out, r#","actor":"#, self.actor);
        json::nullable(out, r#","actor_id":"#, self.actor_id);
        json::nullable(out, r#","actor_display_name":"#, self.actor_display_name);
        json::nullable(out, r#","target":"#, self.target);
        json::nullable(out, r#","source_ip":"#, self.source_ip);
        json::nullable(out, r#","user_agent":"#, self.user_agent);
        json::nullable(out, r#","session":"#, self.session);
        json::member(out, r#","service":"#, Some(self.service));
        json::nullable(out, r#","action":"#, self.action);
        json::nullable(out, r#","code":"#, self.code);
        json::nullable(out, r#","message":"#, self.message);
        json::raw(out, r#","labels":"#);
        json::texts(out, self.labels.iter().map(String::as_str));
        json::raw(out, r#","attributes":"#);
        self.attributes.write(out);
        json::member(out, r#","report":"#, Some(self.report));
        json::member(out, r#","connection":"#, Some(self.connection));
        json::nullable(out, r#","tenant":"#, self.tenant);
        json::raw(out, r#","collected":"#);
        match self.collected {
            Some(time) => time.write(out),
            None => json::raw(out, "null"),
        }
        json::nullable(out, r#","correlation_uid":"#, self.correlation_uid);
        out.push(b'}');
    }
}
