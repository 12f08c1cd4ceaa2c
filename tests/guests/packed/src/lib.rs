//! A report plugin that answers in the packed form, with one event, `anna` who signed in; as its parameter `behaviour` says,
//! the answer does not add up.
#![cfg(target_family = "wasm")]

#[allow(clippy::all)]
mod bindings {
    wit_bindgen::generate!({ path: "../../../wit", world: "packed-report-plugin", generate_all });
}

use bindings::audit::plugin::events::{Batch, Fault, Reject};
use bindings::exports::audit::plugin::packed::{self, Batch as Packed};
use bindings::exports::audit::plugin::report::{
    self, ConnectionKind, Description, Document, Fetch, Granularity, Parameter, ParserBorrow, Product, Request,
};
use std::hint::black_box;

struct Plugin;

struct Parser(String);

impl report::Guest for Plugin {
    type Parser = Parser;

    fn describe() -> Description {
        Description {
            name: "packed".into(),
            version: "0.1.0".into(),
            summary: "Answers in the packed form".into(),
            connection: ConnectionKind::Epm,
            source: Product {
                vendor: "Oracle".into(),
                name: "Oracle EPM Cloud".into(),
            },
            requests: vec![],
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

    fn plan(_request: Request) -> Result<Vec<Fetch>, Fault> {
        Ok(vec![])
    }
}

/// The host has the packed functions, and so never calls these.
impl report::GuestParser for Parser {
    fn new(document: Document) -> Self {
        let mut parameters = document.request.parameters.into_iter();
        Parser(parameters.next().map(|(_, value)| value).unwrap_or_default())
    }
    fn push(&self, _chunk: Vec<u8>) -> Result<Batch, Fault> {
        panic!("not in the packed form")
    }
    fn finish(&self) -> Result<Batch, Fault> {
        panic!("not in the packed form")
    }
}

fn anna() -> Packed {
    Packed {
        text: "anna".into(),
        // The name, no labels, no attributes.
        numbers: vec![4, 0, 0],
        times: vec![7],
        heads: vec![0],
        rejects: vec![],
    }
}

const SUBJECT_ID: u32 = 1 << 17;
const ACTOR_ID: u32 = 1 << 20;

impl packed::Guest for Plugin {
    fn push(parser: ParserBorrow<'_>, _chunk: Vec<u8>) -> Result<Packed, Fault> {
        let anna = anna();
        let many = |count: usize| Packed {
            text: String::new(),
            numbers: [0, 0, 0].repeat(count),
            times: vec![0; count],
            heads: vec![0; count],
            rejects: vec![],
        };
        let numbers = |numbers: &[u32]| Packed {
            numbers: numbers.into(),
            ..self::anna()
        };
        let head = |head: u32| Packed {
            heads: vec![head],
            ..self::anna()
        };
        Ok(match parser.get::<Parser>().0.as_str() {
            "no-time" => Packed { times: vec![], ..anna },
            "no-head" => Packed { heads: vec![], ..anna },
            "text-over" => Packed {
                text: "anna!".into(),
                ..anna
            },
            "numbers-over" => numbers(&[4, 0, 0, 0]),
            "numbers-short" => numbers(&[4, 0]),
            "no-numbers" => numbers(&[]),
            "length-beyond" => numbers(&[5, 0, 0]),
            "length-huge" => numbers(&[u32::MAX, 0, 0]),
            "length-within-character" => Packed {
                text: "äöü".into(),
                numbers: vec![3, 1, 3, 0],
                ..anna
            },
            "labels-beyond" => numbers(&[4, 1, 0]),
            "labels-huge" => numbers(&[4, u32::MAX, 0]),
            "attributes-huge" => numbers(&[4, 0, u32::MAX]),
            "attribute-without-value" => numbers(&[4, 0, 1, 0]),
            "field-without-string" => head(SUBJECT_ID),
            "actor-without-name" => head(ACTOR_ID),
            "unknown-activity" => head(250),
            "unknown-outcome" => head(3 << 8),
            "unknown-bit" => head(1 << 30),
            "invalid-utf8" => Packed {
                // SAFETY: none; the point is to hand the host a string that is not UTF-8.
                text: unsafe { String::from_utf8_unchecked(black_box(vec![0xff; 4])) },
                ..anna
            },
            "many-events" => many(1001),
            "many-rejects" => Packed {
                rejects: vec![
                    Reject {
                        line: 1,
                        reason: String::new(),
                        raw: String::new(),
                    };
                    1001
                ],
                ..anna
            },
            // Little to hand over, and much to make of it.
            "huge-list" => many(200_000),
            "huge-labels" => {
                let mut numbers = vec![0; 3 + 3_000_000];
                numbers[1] = 3_000_000;
                Packed {
                    text: String::new(),
                    numbers,
                    ..anna
                }
            }
            "big-event" => Packed {
                text: "x".repeat((1 << 20) + 1),
                numbers: vec![(1 << 20) + 1, 0, 0],
                ..anna
            },
            "trap" => panic!("as asked"),
            "fault" => {
                return Err(Fault {
                    kind: bindings::audit::plugin::events::FaultKind::MalformedDocument,
                    message: "not a document".into(),
                    hint: None,
                    code: None,
                });
            }
            _ => anna,
        })
    }

    fn finish(_parser: ParserBorrow<'_>) -> Result<Packed, Fault> {
        let mut none = anna();
        none.text.clear();
        none.numbers.clear();
        none.times.clear();
        none.heads.clear();
        Ok(none)
    }
}

bindings::export!(Plugin with_types_in bindings);
