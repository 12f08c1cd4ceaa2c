//! A report plugin that misbehaves as its parameter `behaviour` says, and is well-behaved without one: each line of the
//! document is a login name, an empty line is rejected.
#![cfg(target_family = "wasm")]

#[allow(clippy::all)]
mod bindings {
    wit_bindgen::generate!({ path: "../../../wit", world: "report-plugin", generate_all });
}

use std::cell::RefCell;
use std::hint::black_box;

use bindings::audit::plugin::events::{
    Activity, Batch, Event, Fault, FaultKind, Outcome, Principal, PrincipalKind, Reject,
};
use bindings::audit::plugin::http::{Body, HttpRequest, Method};
use bindings::exports::audit::plugin::report::{
    Call, ConnectionKind, Description, Document, Fetch, Granularity, Guest, GuestParser, Parameter, Product, Request,
};

struct Hostile;

/// A constructor cannot fail: one that should have answers with the fault later.
struct Parser(RefCell<Result<Lines, Fault>>);

struct Lines {
    behaviour: String,
    partial: Vec<u8>,
    line: u64,
}

fn get(path: &[&str]) -> HttpRequest {
    let path = path.iter().map(|segment| segment.to_string()).collect();
    HttpRequest {
        method: Method::Get,
        path,
        query: vec![],
        headers: vec![],
        body: None,
    }
}

fn fault(kind: FaultKind, message: &str, hint: Option<&str>) -> Fault {
    Fault {
        kind,
        message: message.into(),
        hint: hint.map(Into::into),
        code: None,
    }
}

fn behaviour(request: &Request) -> String {
    let given = request.parameters.iter().find(|(name, _)| name == "behaviour");
    given.map(|(_, value)| value.clone()).unwrap_or_default()
}

fn call(request: HttpRequest) -> Fetch {
    Fetch::Call(Call {
        request,
        service: None,
        records: None,
    })
}

impl Guest for Hostile {
    type Parser = Parser;

    fn describe() -> Description {
        Description {
            name: "hostile".into(),
            version: "0.1.0".into(),
            summary: "Misbehaves on demand".into(),
            connection: ConnectionKind::Epm,
            source: Product {
                vendor: "Oracle".into(),
                name: "Oracle EPM Cloud".into(),
            },
            requests: ["GET", "POST", "PUT", "PATCH", "DELETE"]
                .map(|method| format!("{method} /**"))
                .into(),
            granularity: Granularity::Day,
            retention_days: None,
            window_days: None,
            parameters: vec![Parameter {
                name: "behaviour".into(),
                summary: "What to do wrong".into(),
                values: vec![],
                default: None,
                repeatable: false,
                required: false,
            }],
            deprecation: None,
        }
    }

    fn plan(request: Request) -> Result<Vec<Fetch>, Fault> {
        let good = get(&["logons.txt"]);
        match behaviour(&request).as_str() {
            "plan-fault" => {
                return Err(fault(
                    FaultKind::InvalidRequest,
                    "no such thing",
                    Some("ask for another"),
                ));
            }
            "plan-many" => return Ok(vec![call(good); 10_001]),
            "plan-escape" => return Ok(vec![call(get(&["..", "admin"]))]),
            "plan-credential" => {
                let headers = vec![("Authorization".into(), "Basic eDp5".into())];
                return Ok(vec![call(HttpRequest { headers, ..good })]);
            }
            "plan-smuggle" => {
                let headers = vec![("x".into(), "a\r\nHost: evil.example".into())];
                return Ok(vec![call(HttpRequest { headers, ..good })]);
            }
            "plan-huge-body" => {
                let body = Body::Other(("application/octet-stream".into(), vec![0; 33 << 20]));
                return Ok(vec![call(HttpRequest {
                    body: Some(body),
                    ..good
                })]);
            }
            other => anywhere(other),
        }
        Ok(vec![call(good)])
    }
}

/// The ways to go wrong in any call.
fn anywhere(behaviour: &str) {
    match behaviour {
        "loop" => loop {
            black_box(());
        },
        "recurse" => {
            black_box(recurse(black_box(u64::MAX)));
        }
        "recurse-with-frames" => {
            black_box(recurse_with_frames(black_box(u64::MAX)));
        }
        "grow" => {
            let mut hoard: Vec<Vec<u8>> = Vec::new();
            loop {
                hoard.push(vec![1; 1 << 20]);
                black_box(&hoard);
            }
        }
        "trap" => panic!("as asked"),
        "divide" => {
            black_box(1 / black_box(0));
        }
        "wild-pointer" => {
            let pointer = black_box(usize::MAX - 64) as *const u64;
            // SAFETY: none; the point is to read outside the memory.
            black_box(unsafe { pointer.read_volatile() });
        }
        _ => {}
    }
}

/// Keeps nearly nothing in memory, so that the engine's stack ends before the guest's own.
fn recurse(depth: u64) -> u64 {
    if depth == 0 {
        0
    } else {
        recurse(depth - 1) ^ black_box(depth)
    }
}

/// Keeps much in memory, so that the guest's own stack ends first.
fn recurse_with_frames(depth: u64) -> u64 {
    let frame = black_box([depth; 512]);
    if depth == 0 {
        0
    } else {
        recurse_with_frames(depth - 1) + frame[(depth % 512) as usize]
    }
}

fn event(name: impl Into<String>) -> Event {
    Event {
        id: None,
        time: 0,
        activity: Activity::Logon,
        outcome: Outcome::Success,
        subject: Principal {
            name: name.into(),
            id: None,
            display_name: None,
            kind: PrincipalKind::User,
        },
        actor: None,
        target: None,
        source_ip: None,
        user_agent: None,
        session: None,
        service: None,
        action: None,
        code: None,
        message: None,
        labels: vec![],
        attributes: vec![],
    }
}

impl GuestParser for Parser {
    fn new(document: Document) -> Self {
        let behaviour = behaviour(&document.request);
        Parser(RefCell::new(match behaviour.as_str() {
            "constructor-trap" => panic!("as asked"),
            "constructor-fault" => Err(fault(FaultKind::MalformedDocument, "not a document", None)),
            _ => Ok(Lines {
                behaviour,
                partial: vec![],
                line: 0,
            }),
        }))
    }

    fn push(&self, chunk: Vec<u8>) -> Result<Batch, Fault> {
        let mut batch = Batch {
            events: vec![],
            rejects: vec![],
        };
        self.0
            .borrow_mut()
            .as_mut()
            .map_err(|fault| fault.clone())?
            .push(&chunk, &mut batch)?;
        Ok(batch)
    }

    fn finish(&self) -> Result<Batch, Fault> {
        let mut batch = Batch {
            events: vec![],
            rejects: vec![],
        };
        self.0
            .borrow_mut()
            .as_mut()
            .map_err(|fault| fault.clone())?
            .finish(&mut batch)?;
        Ok(batch)
    }
}

impl Lines {
    fn push(&mut self, chunk: &[u8], batch: &mut Batch) -> Result<(), Fault> {
        match self.behaviour.as_str() {
            "push-fault" => return Err(fault(FaultKind::MalformedDocument, "not a document", None)),
            "huge-list" => batch.events = vec![event("x"); 200_000],
            "huge-string" => batch.events.push(event("x".repeat(100 << 20))),
            "big-event" => batch.events.push(event("x".repeat((1 << 20) + 1))),
            "long-name" => batch.events.push(Event {
                attributes: vec![("x".repeat(513), "1".into())],
                ..event("x")
            }),
            "long-label" => batch.events.push(Event {
                labels: vec!["x".repeat(513)],
                ..event("x")
            }),
            "many-attributes" => batch.events.push(Event {
                attributes: (0..2049).map(|n| (n.to_string(), String::new())).collect(),
                ..event("x")
            }),
            "many-labels" => batch.events.push(Event {
                labels: vec!["x".into(); 2049],
                ..event("x")
            }),
            "multiply" => batch.events = vec![event("x".repeat(2000)); 1000],
            "multiply-rejects" => {
                let reject = Reject {
                    line: 1,
                    reason: "x".repeat(2000),
                    raw: String::new(),
                };
                batch.rejects = vec![reject; 1000];
            }
            "many-events" => batch.events = vec![event(""); 1001],
            "many-rejects" => {
                let reject = Reject {
                    line: 1,
                    reason: String::new(),
                    raw: String::new(),
                };
                batch.rejects = vec![reject; 1001];
            }
            "long-reject" => {
                batch.rejects.push(Reject {
                    line: 1,
                    reason: "too long ".repeat(1000),
                    raw: "ä".repeat(5000),
                });
            }
            "invalid-utf8" => {
                // SAFETY: none; the point is to hand the host a string that is not UTF-8.
                batch.events.push(event(unsafe {
                    String::from_utf8_unchecked(black_box(vec![0xff, 0xfe]))
                }));
            }
            other => anywhere(other),
        }
        for &byte in chunk {
            match byte {
                b'\n' => self.end_line(batch),
                byte => self.partial.push(byte),
            }
        }
        Ok(())
    }

    fn finish(&mut self, batch: &mut Batch) -> Result<(), Fault> {
        if self.behaviour == "finish-trap" {
            panic!("as asked");
        }
        if !self.partial.is_empty() {
            self.end_line(batch);
        }
        Ok(())
    }

    fn end_line(&mut self, batch: &mut Batch) {
        self.line += 1;
        let name = String::from_utf8_lossy(&std::mem::take(&mut self.partial)).into_owned();
        if name.is_empty() {
            batch.rejects.push(Reject {
                line: self.line,
                reason: "no name".into(),
                raw: name,
            });
        } else {
            batch.events.push(event(name));
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        match self.behaviour.as_str() {
            "drop-trap" => panic!("as asked"),
            "drop-loop" => loop {
                black_box(());
            },
            _ => {}
        }
    }
}

bindings::export!(Hostile with_types_in bindings);
