//! Events in golden cases: how a report's are written down, and how a sink's are read.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use event::{Activity, Event, Outcome, Principal};

/// An event as a line of `expected.ndjson`: members that say nothing are left out.
pub(super) fn written(event: &Event) -> Value {
    let principal = |principal: &Principal| {
        let mut members = Map::new();
        members.insert("name".into(), principal.name.clone().into());
        members.extend(principal.id.clone().map(|id| ("id".into(), id.into())));
        let display_name = principal.display_name.clone();
        members.extend(display_name.map(|name| ("display_name".into(), name.into())));
        Value::from(members)
    };
    let time =
        Timestamp::from_millisecond(event.time).map_or(Value::from(event.time), |time| Value::from(time.to_string()));
    let attributes: Vec<Value> = event
        .attributes
        .iter()
        .map(|(name, value)| json!([name, value]))
        .collect();
    let members = [
        ("id", event.id.clone().map(Value::from)),
        ("time", Some(time)),
        ("activity", Some(event.activity.name().into())),
        ("outcome", Some(event.outcome.name().into())),
        ("subject", Some(principal(&event.subject))),
        ("actor", event.actor.as_ref().map(principal)),
        ("target", event.target.clone().map(Value::from)),
        ("source_ip", event.source_ip.clone().map(Value::from)),
        ("user_agent", event.user_agent.clone().map(Value::from)),
        ("session", event.session.clone().map(Value::from)),
        ("service", event.service.clone().map(Value::from)),
        ("action", event.action.clone().map(Value::from)),
        ("code", event.code.clone().map(Value::from)),
        ("message", event.message.clone().map(Value::from)),
        ("labels", Some(event.labels.clone().into())),
        ("attributes", Some(attributes.into())),
    ];
    let said = members
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(said.collect())
}

/// A line of a sink's `input.ndjson`: the fields of the WIT record by their names there, or as the flat event spells them.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Line {
    id: Option<String>,
    time: Time,
    activity: Activity,
    outcome: Outcome,
    subject: Account,
    actor: Option<Account>,
    target: Option<String>,
    #[serde(alias = "source_ip")]
    source_ip: Option<String>,
    #[serde(alias = "user_agent")]
    user_agent: Option<String>,
    session: Option<String>,
    service: Option<String>,
    action: Option<String>,
    code: Option<String>,
    message: Option<String>,
    labels: Option<Vec<String>>,
    attributes: Option<Attributes>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Time {
    Milliseconds(i64),
    Text(Timestamp),
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Account {
    name: String,
    pub id: Option<String>,
    #[serde(alias = "display_name")]
    display_name: Option<String>,
}

/// An object keeps its names in order only where they are sorted; a list of pairs keeps any.
#[derive(Deserialize)]
#[serde(untagged)]
enum Attributes {
    Pairs(Vec<(String, String)>),
    Object(std::collections::BTreeMap<String, String>),
}

impl From<Account> for Principal {
    fn from(account: Account) -> Self {
        Principal {
            name: account.name,
            id: account.id,
            display_name: account.display_name,
        }
    }
}

/// The event of such a line.
pub(super) fn read(line: &str) -> Result<Event, String> {
    let line: Line = serde_json::from_str(line).map_err(|error| error.to_string())?;
    Ok(Event {
        id: line.id,
        id_is_derived: false,
        time: match line.time {
            Time::Milliseconds(time) => time,
            Time::Text(time) => time.as_millisecond(),
        },
        activity: line.activity,
        outcome: line.outcome,
        subject: line.subject.into(),
        actor: line.actor.map(Principal::from),
        target: line.target,
        source_ip: line.source_ip,
        user_agent: line.user_agent,
        session: line.session,
        service: line.service,
        action: line.action,
        code: line.code,
        message: line.message,
        labels: line.labels.unwrap_or_default(),
        attributes: match line.attributes {
            Some(Attributes::Pairs(pairs)) => pairs,
            Some(Attributes::Object(members)) => members.into_iter().collect(),
            None => Vec::new(),
        },
        collected: None,
        correlation: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_read_by_the_names_of_the_wit_or_of_the_flat_event() {
        let wit = r#"{"id":"1","time":0,"activity":"account-create","outcome":"unknown","source-ip":"192.0.2.1",
            "subject":{"name":"a","display-name":"A"},"attributes":{"b":"2","a":"1"}}"#;
        let flat = r#"{"id":"1","time":"1970-01-01T00:00:00Z","activity":"account-create","outcome":"unknown","labels":[],
            "source_ip":"192.0.2.1","subject":{"name":"a","display_name":"A"},"attributes":[["a","1"],["b","2"]]}"#;
        assert_eq!(read(wit).unwrap(), read(flat).unwrap());
        assert_eq!(read(wit).unwrap().activity, Activity::AccountCreate);
        assert_eq!(
            read(&written(&read(wit).unwrap()).to_string()).unwrap(),
            read(wit).unwrap()
        );
    }

    #[test]
    fn a_line_with_an_unknown_field_or_without_a_needed_one_is_refused() {
        for bad in [
            "",
            "{}",
            "[]",
            r#"{"time":0,"activity":"logon","outcome":"success","subject":{"name":"a"},"ip":"x"}"#,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
