//! A sink plugin that settles its deliveries: with a partition of the items, or as its configuration says, which is a JSON
//! string, in a way that the host must not take.
#![cfg(target_family = "wasm")]

#[allow(clippy::all)]
mod bindings {
    wit_bindgen::generate!({ path: "../../../wit", world: "settling-sink-plugin", generate_all });
}

use bindings::audit::plugin::events::Fault;
use bindings::audit::plugin::http::{Body, HttpRequest, HttpResponse, Method};
use bindings::exports::audit::plugin::settlement::{self, Guarantee, Partition, Postponement, Question, Settlement};
use bindings::exports::audit::plugin::sink::{
    Delivery, Description, Encoder, EncoderBorrow, Guest, GuestEncoder, Input, ItemRejection, Payload, Verdict,
};

struct Plugin;

struct Settling(String);

fn request(path: &[&str]) -> HttpRequest {
    HttpRequest {
        method: Method::Post,
        path: path.iter().map(|segment| segment.to_string()).collect(),
        query: vec![],
        headers: vec![],
        body: Some(Body::Json("{}".into())),
    }
}

fn ask(path: &[&str]) -> Settlement {
    Settlement::Ask(Question {
        request: request(path),
        after: Some(5),
    })
}

fn settled(rejected: &[u32], retried: &[u32]) -> Settlement {
    let item = |index: &u32| ItemRejection {
        index: *index,
        reason: "too\nold".into(),
    };
    Settlement::Settled(Partition {
        rejected: rejected.iter().map(item).collect(),
        retried: retried.to_vec(),
        after: Some(7),
        reason: "queue\nfull".into(),
    })
}

impl Guest for Plugin {
    type Encoder = Settling;

    fn describe() -> Description {
        Description {
            name: "settling-sink".into(),
            version: "0.1.0".into(),
            summary: "Settles its deliveries".into(),
            config_schema: "true".into(),
            input: Input::Events,
            batch_events: Some(100),
            batch_bytes: None,
        }
    }
}

impl GuestEncoder for Settling {
    fn open(config: String) -> Result<Encoder, Fault> {
        Ok(Encoder::new(Settling(config.trim_matches('"').to_owned())))
    }

    fn encode(&self, _: Payload) -> Result<Vec<Delivery>, Fault> {
        Ok(vec![Delivery::Http(request(&["ingest"]))])
    }

    /// The host has `settle`, and so never calls this.
    fn verdict(&self, _: u32, _: HttpResponse) -> Verdict {
        panic!("not settled")
    }
}

impl settlement::Guest for Plugin {
    fn settle(encoder: EncoderBorrow<'_>, _: u32, response: HttpResponse) -> Settlement {
        match encoder.get::<Settling>().0.as_str() {
            "trap" => panic!("as asked"),
            "retry-nobody-there" => settled(&[], &[2]),
            "retry-twice" => settled(&[], &[1, 1]),
            "reject-and-retry" => settled(&[1], &[1]),
            "ask-outside" => ask(&["..", "admin"]),
            "ask" => ask(&["ack"]),
            _ => match response.status {
                200 => settled(&[], &[]),
                207 => settled(&[0], &[1]),
                503 => Settlement::Retry(Postponement {
                    after: None,
                    reason: "be\u{1b}right back".into(),
                }),
                401 => Settlement::Unusable("who\nare you".into()),
                status => Settlement::Refused(format!("status {status}")),
            },
        }
    }

    fn answered(encoder: EncoderBorrow<'_>, delivery: u32, response: HttpResponse) -> Settlement {
        match (encoder.get::<Settling>().0.as_str(), response.status) {
            ("ask", 200) => settled(&[], &[]),
            ("ask", 202) => ask(&["ack"]),
            (_, status) => Settlement::Refused(format!("{delivery}: {status}")),
        }
    }

    fn guarantees(encoder: EncoderBorrow<'_>) -> Guarantee {
        match encoder.get::<Settling>().0.as_str() {
            "twice" => Guarantee::AtLeastOnce,
            _ => Guarantee::IdempotentById,
        }
    }
}

bindings::export!(Plugin with_types_in bindings);
