//! Events as the lines of a sink's `input.ndjson`.

use crate::sink::{Event, Principal};
use crate::{Activity, Item, Outcome, PrincipalKind, Product};
use serde_json::{Map, Value};

/// The item of a JSON object, or what is wrong with it. Without an id it has the number of its line, and tells of EPM Cloud unless it says
/// another vendor and product.
pub(super) fn item_of_json(json: &str, number: usize) -> Result<Item, String> {
    let mut members = EventMembers::of(serde_json::from_str(json).map_err(|error| error.to_string())?)?;
    macro_rules! read {
        ($($name:ident: $kind:ident $bits:tt,)*) => {
            Event { $($name: members.$kind(&stringify!($name).replace('_', "-"))?,)* }
        };
    }
    let mut event = event_codec::for_each_field!(read);
    let id = event.id.get_or_insert_with(|| number.to_string()).clone();
    let Product { vendor, name } = Product::oracle_epm_cloud();
    let vendor = members.text("vendor")?.unwrap_or(vendor);
    let product = members.text("product")?.unwrap_or(name);
    members.none_left()?;
    Ok(Item {
        id,
        event,
        vendor,
        product,
    })
}

/// By the names of `wit/events.wit`; the flat event spells them with an underscore.
struct EventMembers(Map<String, Value>);

impl EventMembers {
    fn of(value: Value) -> Result<Self, String> {
        match value {
            Value::Object(members) => {
                let members = members.into_iter();
                Ok(EventMembers(
                    members.map(|(name, value)| (name.replace('_', "-"), value)).collect(),
                ))
            }
            _ => Err("it is not an object".into()),
        }
    }

    fn value(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name).filter(|value| !value.is_null())
    }

    fn text(&mut self, name: &str) -> Result<Option<String>, String> {
        self.value(name).map(|value| text(name, value)).transpose()
    }

    fn time(&mut self, name: &str) -> Result<i64, String> {
        let time = self.value(name).and_then(|time| match time.as_str() {
            Some(text) => Some(text.parse::<jiff::Timestamp>().ok()?.as_millisecond()),
            None => time.as_i64(),
        });
        time.ok_or(format!("`{name}` is neither milliseconds nor RFC 3339"))
    }

    fn activity(&mut self, name: &str) -> Result<Activity, String> {
        let given = self.text(name)?;
        let mut known = Activity::ALL.into_iter();
        (known.find(|known| given.as_deref() == Some(known.name()))).ok_or(format!("no such `{name}`"))
    }

    fn outcome(&mut self, name: &str) -> Result<Outcome, String> {
        let given = self.text(name)?;
        let mut known = Outcome::ALL.into_iter();
        (known.find(|known| given.as_deref() == Some(known.name()))).ok_or(format!("no such `{name}`"))
    }

    fn principal(&mut self, name: &str) -> Result<Principal, String> {
        (self.optional_principal(name)?).ok_or(format!("there is no `{name}`"))
    }

    fn optional_principal(&mut self, name: &str) -> Result<Option<Principal>, String> {
        let Some(value) = self.value(name) else {
            return Ok(None);
        };
        let mut members = EventMembers::of(value).map_err(|error| format!("`{name}`: {error}"))?;
        let principal = Principal {
            name: members.text("name")?.ok_or(format!("`{name}` has no `name`"))?,
            id: members.text("id")?,
            display_name: members.text("display-name")?,
            kind: members.principal_kind("kind")?,
        };
        members.none_left()?;
        Ok(Some(principal))
    }

    fn principal_kind(&mut self, name: &str) -> Result<PrincipalKind, String> {
        let Some(given) = self.text(name)? else {
            return Ok(PrincipalKind::User);
        };
        let mut known = PrincipalKind::ALL.into_iter();
        (known.find(|known| known.name() == given)).ok_or(format!("no such `{name}`"))
    }

    fn texts(&mut self, name: &str) -> Result<Vec<String>, String> {
        match self.value(name) {
            Some(texts) => serde_json::from_value(texts).map_err(|_| format!("`{name}` is not a list of texts")),
            None => Ok(Vec::new()),
        }
    }

    fn pairs(&mut self, name: &str) -> Result<Vec<(String, String)>, String> {
        match self.value(name) {
            Some(Value::Object(pairs)) => (pairs.into_iter())
                .map(|(each, value)| Ok((each, text(name, value)?)))
                .collect(),
            Some(pairs) => serde_json::from_value(pairs).map_err(|_| format!("`{name}` is not a list of pairs")),
            None => Ok(Vec::new()),
        }
    }

    fn none_left(self) -> Result<(), String> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(name) => Err(format!("an event has no `{name}`")),
        }
    }
}

fn text(name: &str, value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err(format!("`{name}` is not a text")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event_of_json(json: &str) -> Result<Event, String> {
        item_of_json(json, 3).map(|item| item.event)
    }

    #[test]
    fn an_item_is_known_by_its_id_or_its_line_and_tells_of_a_product() {
        let event = r#""time": 0, "activity": "logon", "outcome": "success", "subject": {"name": "a"}"#;
        let item = |more: &str| {
            let item = item_of_json(&format!("{{{more}{event}}}"), 3).unwrap();
            (item.id, item.vendor, item.product)
        };
        let owned = |id: &str, vendor: &str, product: &str| (id.to_string(), vendor.to_string(), product.to_string());
        assert_eq!(item(""), owned("3", "Oracle", "Oracle EPM Cloud"));
        let told = r#""id": "e", "vendor": "Acme", "product": "Door", "#;
        assert_eq!(item(told), owned("e", "Acme", "Door"));
    }

    #[test]
    fn an_event_is_read_field_by_field() {
        let json = r#"{"id": "e1", "time": -5, "activity": "role-assign", "outcome": "failure",
            "subject": {"name": "anna", "id": "7", "display-name": "Anna"}, "actor": {"name": "root", "kind": "service"}, "target": "admin",
            "source-ip": "192.0.2.1", "user-agent": "ua", "session": "s", "service": "sso", "action": "a", "code": "c",
            "message": null, "labels": ["x"], "attributes": [["n", "1"], ["n", "2"]]}"#;
        let event = event_of_json(json).unwrap();
        assert_eq!(
            (event.time, event.activity, event.outcome),
            (-5, Activity::RoleAssign, Outcome::Failure)
        );
        assert_eq!(event.subject.display_name.as_deref(), Some("Anna"));
        assert_eq!(event.actor.map(|actor| actor.name).as_deref(), Some("root"));
        assert_eq!((event.source_ip.as_deref(), event.message), (Some("192.0.2.1"), None));
        assert_eq!(event.attributes.len(), 2);
    }

    #[test]
    fn a_line_that_a_report_is_expected_to_give_is_an_event_too() {
        let wit = r#"{"time": 1000, "activity": "logon", "outcome": "success", "source-ip": "192.0.2.1",
            "subject": {"name": "a", "display-name": "A"}, "attributes": {"a": "1"}}"#;
        let flat = r#"{"time": "1970-01-01T00:00:01Z", "activity": "logon", "outcome": "success", "labels": [],
            "source_ip": "192.0.2.1", "subject": {"name": "a", "display_name": "A"}, "attributes": [["a", "1"]]}"#;
        assert_eq!(event_of_json(wit).unwrap(), event_of_json(flat).unwrap());
    }

    #[test]
    fn a_mistake_is_named() {
        for (json, problem) in [
            (r#"[]"#, "it is not an object"),
            (r#"{"time": "now"}"#, "`time` is neither milliseconds nor RFC 3339"),
            (r#"{"time": 1, "activity": "Logon"}"#, "no such `activity`"),
            (
                r#"{"time": 1, "activity": "logon", "outcome": "success"}"#,
                "there is no `subject`",
            ),
            (
                r#"{"time": 1, "activity": "logon", "outcome": "success", "subject": {"name": "a"}, "ip": "x"}"#,
                "an event has no `ip`",
            ),
        ] {
            assert_eq!(event_of_json(json), Err(problem.into()), "{json}");
        }
    }
}
