//! A sink plugin that misbehaves as its configuration says. With `{}` it behaves well: one request for each payload whose
//! body is the items' ids, one a line.
#![cfg(target_family = "wasm")]

#[allow(clippy::all)]
mod bindings {
    wit_bindgen::generate!({ path: "../../../wit", world: "sink-plugin", generate_all });
}

use std::cell::Cell;
use std::hint::black_box;

use bindings::audit::plugin::events::{Fault, FaultKind};
use bindings::audit::plugin::http::{Body, HttpRequest, HttpResponse, Method};
use bindings::exports::audit::plugin::sink::{
    Delivery, Description, Encoder, Guest, GuestEncoder, Input, ItemRejection, Payload, Verdict,
};

struct Plugin;

struct Hostile {
    behaviour: String,
    payloads: Cell<u32>,
}

fn request(path: &[&str]) -> HttpRequest {
    let path = path.iter().map(|segment| segment.to_string()).collect();
    HttpRequest {
        method: Method::Post,
        path,
        query: vec![],
        headers: vec![],
        body: None,
    }
}

fn header(name: &str, value: &str) -> Delivery {
    let headers = vec![(name.to_owned(), value.to_owned())];
    Delivery::Http(HttpRequest {
        headers,
        ..request(&["ingest"])
    })
}

fn fault(message: &str) -> Fault {
    Fault {
        kind: FaultKind::Internal,
        message: message.into(),
        hint: None,
        code: None,
    }
}

fn spin() -> ! {
    loop {
        black_box(());
    }
}

impl Guest for Plugin {
    type Encoder = Hostile;

    fn describe() -> Description {
        Description {
            name: "hostile-sink".into(),
            version: "0.1.0".into(),
            summary: "Misbehaves on demand".into(),
            config_schema: r#"{"type": "object"}"#.into(),
            input: Input::Events,
            batch_events: Some(100),
            batch_bytes: None,
        }
    }
}

impl GuestEncoder for Hostile {
    fn open(config: String) -> Result<Encoder, Fault> {
        // Either a JSON string, or an object with one member.
        let behaviour = match config.split('"').nth(3) {
            Some(value) => value.to_owned(),
            None => config.trim_matches(['{', '}', '"']).to_owned(),
        };
        match behaviour.as_str() {
            "open-fault" => return Err(fault("bad configuration")),
            "open-trap" => panic!("as asked"),
            "open-loop" => spin(),
            _ => {}
        }
        Ok(Encoder::new(Hostile {
            behaviour,
            payloads: Cell::new(0),
        }))
    }

    fn encode(&self, payload: Payload) -> Result<Vec<Delivery>, Fault> {
        self.payloads.set(self.payloads.get() + 1);
        Ok(vec![match self.behaviour.as_str() {
            "encode-fault" => return Err(fault("cannot encode")),
            "encode-trap" => panic!("as asked"),
            "encode-loop" => spin(),
            "many" => return Ok(vec![Delivery::Bytes(vec![]); 10_001]),
            "huge" => Delivery::Bytes(vec![b'x'; 33 << 20]),
            "huge-request" => {
                let body = Some(Body::Other(("text/plain".into(), vec![b'x'; 33 << 20])));
                Delivery::Http(HttpRequest {
                    body,
                    ..request(&["ingest"])
                })
            }
            "escape" => Delivery::Http(request(&["..", "..", "admin"])),
            "absolute" => Delivery::Http(request(&["", "evil.example", "x"])),
            "url" => Delivery::Http(request(&["https://evil.example/"])),
            "credential" => header("Authorization", "Basic eDp5"),
            "smuggle" => header("X-A", "a\r\nX-B: b"),
            "smuggle-name" => header("X-A: a\r\nX-B", "b"),
            "bad-json" => {
                let body = Some(Body::Json("{\"unfinished\":".into()));
                Delivery::Http(HttpRequest {
                    body,
                    ..request(&["ingest"])
                })
            }
            "count" => Delivery::Bytes(self.payloads.get().to_string().into_bytes()),
            "hoard" => {
                let mut hoard: Vec<Vec<u8>> = Vec::new();
                loop {
                    hoard.push(vec![1; 1 << 20]);
                    black_box(&hoard);
                }
            }
            _ => {
                let ids: Vec<String> = match payload {
                    Payload::Events(items) => items.into_iter().map(|item| item.id).collect(),
                    Payload::Documents(items) => items.into_iter().map(|item| item.id).collect(),
                };
                let of = |ids: &[String]| {
                    let body = Some(Body::Other(("text/plain".into(), ids.join("\n").into_bytes())));
                    Delivery::Http(HttpRequest {
                        body,
                        ..request(&["ingest"])
                    })
                };
                if self.behaviour == "thirds" {
                    return Ok(ids.chunks(ids.len().div_ceil(3)).map(of).collect());
                }
                of(&ids)
            }
        }])
    }

    fn verdict(&self, delivery: u32, response: HttpResponse) -> Verdict {
        let rejected = |indices: &[u32]| {
            let item = |index: &u32| ItemRejection {
                index: *index,
                reason: "too old".into(),
            };
            Verdict::Rejected(indices.iter().map(item).collect())
        };
        match self.behaviour.as_str() {
            "verdict-trap" => panic!("as asked"),
            "verdict-loop" => spin(),
            "reject-nobody-there" => return rejected(&[1_000_000]),
            "reject-twice" => return rejected(&[0, 0]),
            "echo" => return Verdict::Refused(format!("{delivery} {:?} {}", response.headers, response.body.len())),
            _ => {}
        }
        match response.status {
            200 => Verdict::Accepted,
            207 => rejected(&[1]),
            429 => Verdict::Retry(Some(1500)),
            503 => Verdict::Retry(None),
            status => Verdict::Refused(format!("status {status}")),
        }
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        match self.behaviour.as_str() {
            "drop-trap" => panic!("as asked"),
            "drop-loop" => spin(),
            _ => {}
        }
    }
}

bindings::export!(Plugin with_types_in bindings);
