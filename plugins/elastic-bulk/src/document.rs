//! A document, made fit for a data stream.

use crate::names::{AttributeNames, AttributeShape};
use crate::shortened::shortened;
use plugin_sdk::{Fault, time};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The longest `_id`, in bytes; a longer one makes Elasticsearch refuse the whole request.
const ID_BYTES: usize = 512;
/// The longest data set of a data stream's name, in bytes.
const DATASET_BYTES: usize = 100;
/// The data set of a document that names none, as the data stream conventions have it.
const NO_DATASET: &str = "generic";

/// A document, and where the encodings keep what is looked at: OCSF, ECS, the flat event.
pub struct BulkDocument<'a> {
    json: &'a str,
    members: DocumentMembers<'a>,
}

#[derive(Deserialize)]
struct DocumentMembers<'a> {
    #[serde(rename = "@timestamp", borrow)]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow)]
    time: Option<&'a RawValue>,
    #[serde(borrow)]
    unmapped: Option<&'a RawValue>,
    #[serde(borrow)]
    attributes: Option<&'a RawValue>,
    /// Another vendor's are `audit`.
    #[serde(borrow, alias = "audit")]
    oracle: Option<&'a RawValue>,
    #[serde(borrow)]
    event: Option<&'a RawValue>,
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    report: Option<&'a RawValue>,
    #[serde(borrow)]
    vendor: Option<&'a RawValue>,
}

/// The vendor's own fields of ECS.
#[derive(Deserialize)]
struct VendorFields<'a> {
    #[serde(borrow)]
    attributes: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct EcsEventFields {
    dataset: Option<Value>,
}

#[derive(Deserialize)]
struct OcsfMetadataFields {
    log_name: Option<Value>,
    #[serde(default)]
    product: OcsfProductFields,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct OcsfProductFields {
    vendor_name: Option<Value>,
}

/// A vendor's name as ECS has it in `event.module`: words in lower case, joined by underscores. Documents of before the vendor was
/// named are Oracle's.
fn module(vendor: Option<String>) -> String {
    let vendor = vendor.unwrap_or_else(|| "Oracle".into());
    let words = vendor
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join("_")
}

impl<'a> BulkDocument<'a> {
    /// Reads a JSON text without white space between its tokens.
    ///
    /// # Errors
    ///
    /// Where it is no JSON object.
    pub fn read(json: &'a str) -> Result<Self, Fault> {
        let no_object = || Fault::internal("a document is not a JSON object");
        if !json.starts_with('{') {
            return Err(no_object());
        }
        let members = serde_json::from_str(json).map_err(|_| no_object())?;
        Ok(BulkDocument { json, members })
    }

    /// Appends it in one line: with an `@timestamp` where it has none but a `time`, and with names of attributes that
    /// Elasticsearch takes.
    pub fn write(&self, shape: AttributeShape, out: &mut String) {
        let mut rest = self.json;
        if let Some(time) = self.timestamp() {
            rest = rest.strip_prefix('{').unwrap_or_default();
            let comma = if rest == "}" { "" } else { "," };
            out.push_str(&format!(r#"{{"@timestamp":"{time}"{comma}"#));
        }
        let own = self.members.oracle.and_then(|own| {
            let own: VendorFields<'a> = serde_json::from_str(own.get()).ok()?;
            own.attributes
        });
        let mut places: Vec<&str> = [self.members.unmapped, self.members.attributes, own]
            .into_iter()
            .flatten()
            .map(RawValue::get)
            .collect();
        places.sort_by_key(|text| text.as_ptr().addr());
        let mut written = String::new();
        for text in places {
            written.clear();
            let changed = AttributeNames::read(text).is_some_and(|attributes| attributes.write(shape, &mut written));
            if !changed {
                continue;
            }
            // The text is a part of what is left.
            let start = text.as_ptr().addr().wrapping_sub(rest.as_ptr().addr());
            let end = start.saturating_add(text.len());
            let (Some(before), Some(after)) = (rest.get(..start), rest.get(end..)) else {
                continue;
            };
            out.push_str(before);
            out.push_str(&written);
            rest = after;
        }
        out.push_str(rest);
    }

    /// The `event.dataset` of ECS, or what it would be; fit to stand in the name of a data stream.
    pub fn dataset(&self) -> Cow<'static, str> {
        let text = |value: Option<Value>| match value {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        let of_report =
            |vendor: Option<String>, report: Option<String>| Some(format!("{}.{}", module(vendor), report?));
        let members = &self.members;
        let ecs = members
            .event
            .and_then(|event| serde_json::from_str::<EcsEventFields>(event.get()).ok())
            .and_then(|event| text(event.dataset));
        let ocsf = || {
            let metadata = serde_json::from_str::<OcsfMetadataFields>(members.metadata?.get()).ok()?;
            of_report(text(metadata.product.vendor_name), text(metadata.log_name))
        };
        let flat = || {
            let vendor = members
                .vendor
                .and_then(|vendor| serde_json::from_str(vendor.get()).ok());
            of_report(vendor, serde_json::from_str(members.report?.get()).ok())
        };
        let Some(dataset) = ecs.or_else(ocsf).or_else(flat) else {
            return NO_DATASET.into();
        };
        let fit = |c: char| match c {
            'A'..='Z' => c.to_ascii_lowercase(),
            'a'..='z' | '0'..='9' | '.' | '_' => c,
            _ => '_',
        };
        let dataset: String = dataset.chars().map(fit).take(DATASET_BYTES).collect();
        dataset.into()
    }

    fn timestamp(&self) -> Option<String> {
        if self.members.timestamp.is_some() {
            return None;
        }
        let time = match serde_json::from_str(self.members.time?.get()).ok()? {
            Value::String(text) => time::parse(&text).ok(),
            number => number.as_i64(),
        };
        time.and_then(time::rfc3339)
    }
}

/// The `_id` of a document. One that is too long keeps its beginning, and the rest becomes a hash: still the same for the
/// same event. Without an id Elasticsearch makes one up.
pub fn id(id: &str) -> Option<String> {
    if id.is_empty() {
        return None;
    }
    if id.len() <= ID_BYTES {
        return Some(id.to_owned());
    }
    Some(shortened(id, ID_BYTES))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(document: &str) -> String {
        let mut out = String::new();
        BulkDocument::read(document)
            .unwrap()
            .write(AttributeShape::Object, &mut out);
        out
    }

    #[test]
    fn a_missing_timestamp_comes_from_the_time() {
        for (document, expected) in [
            (
                r#"{"time":1525902954890,"a b":"c\n d"}"#,
                r#"{"@timestamp":"2018-05-09T21:55:54.890Z","time":1525902954890,"a b":"c\n d"}"#,
            ),
            (
                r#"{"time":"2018-05-09T21:55:54.890Z"}"#,
                r#"{"@timestamp":"2018-05-09T21:55:54.890Z","time":"2018-05-09T21:55:54.890Z"}"#,
            ),
            (r#"{"@timestamp":"x","time":0}"#, r#"{"@timestamp":"x","time":0}"#),
            (r#"{"time":"soon"}"#, r#"{"time":"soon"}"#),
            ("{}", "{}"),
        ] {
            assert_eq!(written(document), expected, "{document}");
        }
        for document in ["", "[]", "[0,1]", "{", "null"] {
            assert!(BulkDocument::read(document).is_err(), "{document}");
        }
    }

    #[test]
    fn names_of_attributes_are_written_as_elasticsearch_takes_them_in_every_encoding() {
        for (document, expected) in [
            (
                r#"{"time":0,"unmapped":{"No.":"1","a":"2"},"x":"No."}"#,
                r#"{"@timestamp":"1970-01-01T00:00:00.000Z","time":0,"unmapped":{"No%2E":"1","a":"2"},"x":"No."}"#,
            ),
            (
                r#"{"@timestamp":"x","oracle":{"connection":"c","attributes":{".a":"1"}},"z":1}"#,
                r#"{"@timestamp":"x","oracle":{"connection":"c","attributes":{"%2Ea":"1"}},"z":1}"#,
            ),
            (
                r#"{"@timestamp":"x","unmapped":{"a.b":"2"},"attributes":{"a..b":"1"},"oracle":{"attributes":{"":"3"}}}"#,
                r#"{"@timestamp":"x","unmapped":{"a%2Eb":"2"},"attributes":{"a%2E%2Eb":"1"},"oracle":{"attributes":{"%":"3"}}}"#,
            ),
            (
                r#"{"unmapped":"a.b","attributes":[{"a.b":1}]}"#,
                r#"{"unmapped":"a.b","attributes":[{"a.b":1}]}"#,
            ),
        ] {
            assert_eq!(written(document), expected);
        }
    }

    #[test]
    fn the_data_set_of_every_encoding_is_found_and_fits_a_data_streams_name() {
        for (document, dataset) in [
            (r#"{"event":{"dataset":"oracle.user_login"}}"#, "oracle.user_login"),
            (r#"{"metadata":{"log_name":"user-login"}}"#, "oracle.user_login"),
            (r#"{"report":"audit-events"}"#, "oracle.audit_events"),
            (r#"{"report":"log","vendor":"Okta, Inc."}"#, "okta_inc.log"),
            (
                r#"{"metadata":{"log_name":"log","product":{"vendor_name":"Okta"}}}"#,
                "okta.log",
            ),
            (r#"{"event":{"dataset":"A*b-c"}}"#, "a_b_c"),
            (r#"{"event":"x","metadata":{"log_name":7},"report":null}"#, "generic"),
            ("{}", "generic"),
        ] {
            assert_eq!(BulkDocument::read(document).unwrap().dataset(), dataset, "{document}");
        }
    }

    #[test]
    fn a_long_id_is_shortened_and_stays_its_own() {
        assert_eq!(id(""), None);
        assert_eq!(id("e1").as_deref(), Some("e1"));
        let long = "é".repeat(400);
        let (one, other) = (id(&format!("{long}1")).unwrap(), id(&format!("{long}2")).unwrap());
        assert!(one.len() <= ID_BYTES && one != other);
        assert_eq!(id(&format!("{long}1")), Some(one));
    }
}
