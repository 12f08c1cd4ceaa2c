//! Reads the answer to a bulk request, item by item.
//!
//! | item | becomes |
//! |---|---|
//! | 2xx | taken |
//! | 409 `version_conflict_engine_exception` | taken: a `create` of an id that is there already |
//! | 408, 425, 429, 5xx, and errors of a [busy](ItemError::is_passing) cluster | delivered again, alone |
//! | errors of the [index or the credential](ItemError::is_of_the_sink) | delivered again, alone; where all items have one, the sink cannot be used |
//! | any other | rejected, with whatever the error says |
//!
//! `"errors": false` in a 2xx says that all are stored, whatever else is there. A 2xx that says nothing of the items is
//! refused once: to send the batch again would be answered alike. A request that failed as a whole is read by its error
//! and its status.

use plugin_sdk::answer::in_one_line;
use plugin_sdk::*;
use serde_json::Value;

/// The settlement that an answer means for the `sent` documents of a request.
pub fn settle(response: &HttpResponse, sent: usize) -> Settlement {
    let body: Option<Value> = serde_json::from_slice(&response.body).ok();
    if !(200..300).contains(&response.status) {
        return as_a_whole(response, body.as_ref());
    }
    let nothing = |what: &str| {
        let said = response.reason();
        Settlement::Refused(format!("{what}: is this Elasticsearch? {said}"))
    };
    let Some(body) = body else {
        return nothing("the answer is not JSON");
    };
    if body.get("errors").and_then(Value::as_bool) == Some(false) {
        return Settlement::accepted();
    }
    match body.get("items").and_then(Value::as_array) {
        None => nothing("the answer says nothing of the documents"),
        Some(items) if items.len() != sent => nothing(&format!(
            "the answer tells of {} documents where {sent} were sent",
            items.len()
        )),
        Some(items) => of_items(items.iter().map(ItemFate::of).collect(), response.retry_after()),
    }
}

/// A request that failed before its items were looked at.
fn as_a_whole(response: &HttpResponse, body: Option<&Value>) -> Settlement {
    let error = body.and_then(|body| ItemError::of(body.get("error")?));
    let Some(error) = error else {
        return Verdict::from_status(response).into();
    };
    if error.is_passing() || is_passing(response.status) {
        return Settlement::retry(response.retry_after(), error.text());
    }
    match error.is_of_the_sink() {
        true => Settlement::Unusable(error.text()),
        false => Settlement::Refused(error.text()),
    }
}

fn of_items(fates: Vec<ItemFate>, after: Option<u64>) -> Settlement {
    let all_lasting = !fates.is_empty() && fates.iter().all(|fate| matches!(fate, ItemFate::Sink(_)));
    let (mut rejected, mut retried, mut why) = (Vec::new(), Vec::new(), String::new());
    for (index, fate) in (0..).zip(fates) {
        match fate {
            ItemFate::Stored => {}
            ItemFate::Rejected(reason) => rejected.push(ItemRejection { index, reason }),
            ItemFate::Again(reason) | ItemFate::Sink(reason) => {
                if retried.is_empty() {
                    why = reason;
                }
                retried.push(index);
            }
        }
    }
    if all_lasting {
        return Settlement::Unusable(why);
    }
    Settlement::Settled(Partition {
        rejected,
        retried,
        after,
        reason: why,
    })
}

/// The fate of one document.
enum ItemFate {
    Stored,
    /// The document may be stored later.
    Again(String),
    /// Nothing is stored there until somebody changes something.
    Sink(String),
    Rejected(String),
}

impl ItemFate {
    /// Of an item: an object whose one member is named for the action, whatever the name.
    fn of(item: &Value) -> ItemFate {
        let outcome = item.as_object().and_then(|item| item.values().next());
        let error = outcome.and_then(|outcome| ItemError::of(outcome.get("error")?));
        let status = outcome.and_then(|outcome| status(outcome.get("status")?));
        let reason = || match (&error, status) {
            (Some(error), _) => error.text(),
            (None, Some(status)) => format!("status {status}"),
            (None, None) => "the answer does not say what became of it".into(),
        };
        match (status, &error) {
            (Some(200..=299), _) | (Some(409), None) => ItemFate::Stored,
            (_, Some(error)) if error.says_it_is_there() => ItemFate::Stored,
            (_, Some(error)) if error.is_of_the_sink() => ItemFate::Sink(reason()),
            (_, Some(error)) if error.is_passing() => ItemFate::Again(reason()),
            (Some(status), _) if is_passing(status) => ItemFate::Again(reason()),
            _ => ItemFate::Rejected(reason()),
        }
    }
}

/// A number, or a number in a text.
fn status(value: &Value) -> Option<u16> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        value => value.as_u64()?.try_into().ok(),
    }
}

/// True where a status says that another try may help.
fn is_passing(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500 | 502..=599)
}

/// An error in the words of Elasticsearch, OpenSearch or something in front of them.
struct ItemError {
    kind: String,
    reason: String,
}

impl ItemError {
    /// Of an object with a `type` and a `reason`, or of a text.
    fn of(value: &Value) -> Option<ItemError> {
        let text = |value: Option<&Value>| match value {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        match value {
            Value::Null => None,
            Value::Object(error) => Some(ItemError {
                kind: text(error.get("type")),
                reason: text(error.get("reason")),
            }),
            // As Elasticsearch 1 wrote it: `EsRejectedExecutionException[rejected execution …]`.
            other => Some(ItemError {
                kind: String::new(),
                reason: text(Some(other)),
            }),
        }
    }

    /// True where a document of this id is stored already, in the words of any version.
    fn says_it_is_there(&self) -> bool {
        matches!(
            self.kind.as_str(),
            "version_conflict_engine_exception" | "document_already_exists_exception"
        ) || self.reason.starts_with("DocumentAlreadyExistsException")
            || self.reason.starts_with("VersionConflictEngineException")
    }

    /// True where the cluster is busy, full, or between two masters. A full disk comes as 403 or 429, by version.
    fn is_passing(&self) -> bool {
        matches!(
            self.kind.as_str(),
            "cluster_block_exception"
                | "es_rejected_execution_exception"
                | "rejected_execution_exception"
                | "circuit_breaking_exception"
                | "unavailable_shards_exception"
                | "no_shard_available_action_exception"
                | "process_cluster_event_timeout_exception"
                | "master_not_discovered_exception"
                | "cluster_manager_not_discovered_exception"
                | "not_master_exception"
                | "not_cluster_manager_exception"
                | "node_closed_exception"
                | "node_not_connected_exception"
                | "receive_timeout_transport_exception"
                | "timeout_exception"
                // Two first documents of an index at once.
                | "resource_already_exists_exception"
        )
    }

    /// True where it is about where documents go or who sends them, so that it holds for every document.
    fn is_of_the_sink(&self) -> bool {
        match self.kind.as_str() {
            "security_exception" | "index_not_found_exception" | "index_closed_exception" => true,
            "illegal_argument_exception" => {
                self.reason.starts_with("pipeline with id") && self.reason.contains("does not exist")
            }
            // No shard may be added for an index that is not there yet.
            "validation_exception" => self.reason.contains("shards open"),
            _ => false,
        }
    }

    /// Without the value that Elasticsearch quotes from the document.
    fn text(&self) -> String {
        let reason = self
            .reason
            .split(" Preview of field's value")
            .next()
            .unwrap_or_default();
        match (self.kind.as_str(), reason) {
            ("", "") => "an error without a type or a reason".into(),
            (kind, "") => in_one_line(kind),
            ("", reason) => in_one_line(reason),
            (kind, reason) => in_one_line(&format!("{kind}: {reason}")),
        }
    }
}

#[cfg(test)]
mod tests;
