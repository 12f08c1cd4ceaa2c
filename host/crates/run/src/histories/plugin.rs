//! The plugin of a history: it plans so many fetches of each window, and reads a row a line.

use super::script::Broken;
use super::world::id;
use crate::report::{DocumentParser, Report};
use event::{Activity, Batch, Event, Outcome, Principal, Reject};
use sandbox::{Call, Fault, FaultKind, HttpRequest, Method, PluginError};

/// Events of a document that come out of the parser before its end is known.
const AT_ONCE: usize = 5;

/// A version of the plugin.
pub(super) struct ModelReport {
    /// Fetches of a window.
    pub(super) places: usize,
    pub(super) broken: Option<Broken>,
}

impl Report for ModelReport {
    fn plan(&self, request: &sandbox::Request) -> Result<Vec<sandbox::Fetch>, PluginError> {
        if self.broken == Some(Broken::Plans) {
            return Err(fault(FaultKind::InvalidRequest));
        }
        let fetch = |place: usize| {
            sandbox::Fetch::Call(Call {
                service: None,
                request: HttpRequest {
                    method: Method::Get,
                    path: vec![request.unique_name.clone(), place.to_string()],
                    query: Vec::new(),
                    headers: Vec::new(),
                    body: None,
                },
                records: None,
            })
        };
        Ok((0..self.places).map(fetch).collect())
    }

    fn parser(&self, _: sandbox::Document) -> Result<Box<dyn DocumentParser>, PluginError> {
        Ok(Box::new(LineParser {
            broken: self.broken,
            text: Vec::new(),
            line: 0,
        }))
    }
}

struct LineParser {
    broken: Option<Broken>,
    text: Vec<u8>,
    /// Lines read so far.
    line: u64,
}

impl DocumentParser for LineParser {
    fn push(&mut self, chunk: &[u8]) -> Result<Batch, PluginError> {
        self.text.extend_from_slice(chunk);
        self.read(AT_ONCE)
    }

    fn finish(&mut self) -> Result<Batch, PluginError> {
        self.read(usize::MAX)
    }
}

impl LineParser {
    /// Reads so many lines, at most.
    fn read(&mut self, most: usize) -> Result<Batch, PluginError> {
        if self.broken == Some(Broken::Documents) {
            return Err(fault(FaultKind::MalformedDocument));
        }
        let mut batch = Batch::default();
        for _ in 0..most {
            let Some(end) = self.text.iter().position(|byte| *byte == b'\n') else {
                break;
            };
            let line: Vec<u8> = self.text.drain(..=end).collect();
            let line = String::from_utf8(line).unwrap();
            self.line += 1;
            match event(line.trim_end()).filter(|_| self.broken.is_none()) {
                Some(event) => batch.events.push(event),
                None => batch.rejects.push(Reject {
                    line: self.line,
                    reason: "not a row".into(),
                    raw: line,
                }),
            }
        }
        Ok(batch)
    }
}

fn event(line: &str) -> Option<Event> {
    let (number, time) = line.split_once(' ')?;
    let mut event = Event::new(
        time.parse().ok()?,
        Activity::Logon,
        Outcome::Success,
        Principal::named(number),
    );
    event.id = Some(id(number.parse().ok()?));
    Some(event)
}

fn fault(kind: FaultKind) -> PluginError {
    PluginError::Fault(Fault {
        kind,
        message: "this version is broken".into(),
        hint: None,
        code: None,
    })
}
