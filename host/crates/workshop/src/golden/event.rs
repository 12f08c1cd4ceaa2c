//! Events in golden cases: how a report's are written down, and how a sink's are read.

use serde_json::{Map, Value};

use event::{Event, Product};

/// An event as a line of `expected.ndjson`: members that say nothing are left out.
pub(super) fn written(event: &Event) -> Value {
    let mut members = Map::new();
    macro_rules! write {
        ($($name:ident: $kind:ident $bits:tt,)*) => {
            $(members.extend(write::$kind(&event.$name).map(|value| (stringify!($name).to_owned(), value)));)*
        };
    }
    event_codec::for_each_field!(write);
    members.into()
}

/// The event of a line of a sink's `input.ndjson`: the fields of the WIT record by their names there, or as the flat event
/// spells them. Beside them `vendor` and `product`, those of EPM Cloud unless said.
pub(super) fn read(line: &str) -> Result<(Event, Product), String> {
    let mut members = read::Members::of(serde_json::from_str(line).map_err(|error| error.to_string())?)?;
    macro_rules! read {
        ($($name:ident: $kind:ident $bits:tt,)*) => {
            Event {
                $($name: members.$kind(&stringify!($name).replace('_', "-"))?,)*
                id_is_derived: false,
                collected: None,
                correlation: None,
            }
        };
    }
    let event = event_codec::for_each_field!(read);
    let mut product = Product::epm_cloud();
    product.vendor = members.text("vendor")?.unwrap_or(product.vendor);
    product.name = members.text("product")?.unwrap_or(product.name);
    members.none_left("an event")?;
    Ok((event, product))
}

/// A value for each kind of field, if it says something.
mod write {
    use jiff::Timestamp;
    use serde_json::{Map, Value, json};

    use event::{Activity, Outcome, Principal, PrincipalKind};

    pub(super) fn text(text: &Option<String>) -> Option<Value> {
        text.as_deref().map(Value::from)
    }

    pub(super) fn time(time: &i64) -> Option<Value> {
        Some(Timestamp::from_millisecond(*time).map_or(Value::from(*time), |time| Value::from(time.to_string())))
    }

    pub(super) fn activity(activity: &Activity) -> Option<Value> {
        Some(activity.name().into())
    }

    pub(super) fn outcome(outcome: &Outcome) -> Option<Value> {
        Some(outcome.name().into())
    }

    pub(super) fn principal(principal: &Principal) -> Option<Value> {
        let members = [
            ("name", Some(Value::from(principal.name.as_str()))),
            ("id", text(&principal.id)),
            ("display_name", text(&principal.display_name)),
            // A user is not said to be one: most are.
            (
                "kind",
                (principal.kind != PrincipalKind::User).then(|| principal.kind.name().into()),
            ),
        ];
        let said = members
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Some(said.collect::<Map<_, _>>().into())
    }

    pub(super) fn optional_principal(principal: &Option<Principal>) -> Option<Value> {
        self::principal(principal.as_ref()?)
    }

    pub(super) fn texts(texts: &[String]) -> Option<Value> {
        Some(texts.into())
    }

    pub(super) fn pairs(pairs: &[(String, String)]) -> Option<Value> {
        Some(pairs.iter().map(|(name, value)| json!([name, value])).collect())
    }
}

/// A field of each kind, from the members of an object.
mod read {
    use std::collections::BTreeMap;

    use jiff::Timestamp;
    use serde::de::DeserializeOwned;
    use serde_json::{Map, Value};

    use event::{Activity, Outcome, Principal, PrincipalKind};

    /// The members that have not been read, by the names of the WIT.
    pub(super) struct Members(Map<String, Value>);

    impl Members {
        pub(super) fn of(value: Value) -> Result<Members, String> {
            let Value::Object(members) = value else {
                return Err("it is not an object".to_owned());
            };
            let members = members.into_iter();
            Ok(Members(
                members.map(|(name, value)| (name.replace('_', "-"), value)).collect(),
            ))
        }

        /// Refuses what no field has read; `of` says what of.
        pub(super) fn none_left(self, of: &str) -> Result<(), String> {
            match self.0.keys().next() {
                None => Ok(()),
                Some(name) => Err(format!("{of} has no field `{name}`")),
            }
        }

        fn optional<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, String> {
            let value = self.0.remove(name).filter(|value| !value.is_null());
            let read = value.map(serde_json::from_value).transpose();
            read.map_err(|error| format!("`{name}`: {error}"))
        }

        fn required<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, String> {
            self.optional(name)?.ok_or_else(|| format!("`{name}` is missing"))
        }

        pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, String> {
            self.optional(name)
        }

        pub(super) fn time(&mut self, name: &str) -> Result<i64, String> {
            let time = match self.required::<Value>(name)? {
                Value::String(text) => text.parse().ok().map(Timestamp::as_millisecond),
                number => number.as_i64(),
            };
            time.ok_or_else(|| format!("`{name}` is neither milliseconds nor a time in RFC 3339"))
        }

        pub(super) fn activity(&mut self, name: &str) -> Result<Activity, String> {
            self.required(name)
        }

        pub(super) fn outcome(&mut self, name: &str) -> Result<Outcome, String> {
            self.required(name)
        }

        pub(super) fn principal(&mut self, name: &str) -> Result<Principal, String> {
            (self.optional_principal(name)?).ok_or_else(|| format!("`{name}` is missing"))
        }

        pub(super) fn optional_principal(&mut self, name: &str) -> Result<Option<Principal>, String> {
            let Some(value) = self.optional(name)? else {
                return Ok(None);
            };
            let within = |error: String| format!("`{name}`: {error}");
            let mut members = Members::of(value).map_err(within)?;
            let principal = Principal {
                name: members.required("name").map_err(within)?,
                id: members.text("id").map_err(within)?,
                display_name: members.text("display-name").map_err(within)?,
                kind: members.principal_kind("kind").map_err(within)?,
            };
            members.none_left(&format!("`{name}`"))?;
            Ok(Some(principal))
        }

        pub(super) fn principal_kind(&mut self, name: &str) -> Result<PrincipalKind, String> {
            let Some(given) = self.text(name)? else {
                return Ok(PrincipalKind::User);
            };
            let mut known = PrincipalKind::ALL.into_iter();
            (known.find(|known| known.name() == given)).ok_or_else(|| format!("there is no `{name}` {given:?}"))
        }

        pub(super) fn texts(&mut self, name: &str) -> Result<Vec<String>, String> {
            Ok(self.optional(name)?.unwrap_or_default())
        }

        /// Pairs keep their order; an object's are sorted by name.
        pub(super) fn pairs(&mut self, name: &str) -> Result<Vec<(String, String)>, String> {
            match self.0.get(name) {
                Some(Value::Object(_)) => {
                    let sorted: BTreeMap<String, String> = self.required(name)?;
                    Ok(sorted.into_iter().collect())
                }
                _ => Ok(self.optional(name)?.unwrap_or_default()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use event::Activity;

    use super::*;

    #[test]
    fn an_event_is_read_by_the_names_of_the_wit_or_of_the_flat_event() {
        let wit = r#"{"id":"1","time":0,"activity":"account-create","outcome":"unknown","source-ip":"192.0.2.1",
            "subject":{"name":"a","display-name":"A"},"attributes":{"b":"2","a":"1"}}"#;
        let flat = r#"{"id":"1","time":"1970-01-01T00:00:00Z","activity":"account-create","outcome":"unknown","labels":[],
            "source_ip":"192.0.2.1","subject":{"name":"a","display_name":"A"},"attributes":[["a","1"],["b","2"]]}"#;
        assert_eq!(read(wit).unwrap(), read(flat).unwrap());
        let (event, product) = read(wit).unwrap();
        assert_eq!(
            (event.activity, &product),
            (Activity::AccountCreate, &Product::epm_cloud())
        );
        assert_eq!(read(&written(&event).to_string()).unwrap(), (event, product));
        let told = wit.replacen('{', r#"{"vendor":"Acme","product":"Door","#, 1);
        assert_eq!(read(&told).unwrap().1, Product::new("Acme", "Door"));
    }

    #[test]
    fn a_line_with_an_unknown_field_or_without_a_needed_one_is_refused() {
        for bad in [
            "",
            "{}",
            "[]",
            r#"{"time":0,"activity":"logon","outcome":"success","subject":{"name":"a"},"ip":"x"}"#,
            r#"{"time":0,"activity":"logon","outcome":"success","subject":{"name":"a","mail":"x"}}"#,
            r#"{"time":0,"activity":"logon","outcome":"success","subject":{"id":"a"}}"#,
            r#"{"time":"noon","activity":"logon","outcome":"success","subject":{"name":"a"}}"#,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
