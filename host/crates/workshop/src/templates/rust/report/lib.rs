//! A report: `seconds since 1970,user,address`, one sign-in a line.

use std::cell::RefCell;

wit_bindgen::generate!({ path: "wit", world: "report-plugin" });

use audit::plugin::events::{Activity, Batch, Event, Fault, FaultKind, Outcome, Principal, PrincipalKind, Reject};
use audit::plugin::http::{HttpRequest, Method};
use exports::audit::plugin::report::{
    Call, ConnectionKind, Description, Document, Fetch, Granularity, Guest, GuestParser, Product, Request,
};

/// A longer line is not one of this report.
const LINE_BYTES: usize = 64 << 10;

struct Plugin;

/// Lines may straddle chunks: what has come of the current one, and how many came before.
#[derive(Default)]
struct Lines {
    state: RefCell<(Vec<u8>, u64)>,
}

impl Guest for Plugin {
    type Parser = Lines;

    fn describe() -> Description {
        Description {
            name: "@name@".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Sign-ins, one a line".into(),
            connection: ConnectionKind::Http,
            source: Product { vendor: "Acme".into(), name: "Acme Door".into() },
            requests: vec!["GET /sign-ins.csv".into()],
            granularity: Granularity::Day,
            retention_days: None,
            window_days: None,
            parameters: vec![],
            deprecation: None,
        }
    }

    fn plan(_request: Request) -> Result<Vec<Fetch>, Fault> {
        let request = HttpRequest {
            method: Method::Get,
            path: vec!["sign-ins.csv".into()],
            query: vec![],
            headers: vec![],
            body: None,
        };
        Ok(vec![Fetch::Call(Call { request, service: None, records: None })])
    }
}

impl GuestParser for Lines {
    fn new(_document: Document) -> Self {
        Lines::default()
    }

    fn push(&self, chunk: Vec<u8>) -> Result<Batch, Fault> {
        let (partial, count) = &mut *self.state.borrow_mut();
        let mut batch = Batch { events: vec![], rejects: vec![] };
        for byte in chunk {
            match byte {
                b'\n' => read(&std::mem::take(partial), count, &mut batch),
                byte => partial.push(byte),
            }
            if partial.len() > LINE_BYTES {
                return Err(Fault {
                    kind: FaultKind::MalformedDocument,
                    message: format!("line {} is too long", *count + 1),
                    hint: None,
                    code: None,
                });
            }
        }
        Ok(batch)
    }

    fn finish(&self) -> Result<Batch, Fault> {
        let (partial, count) = &mut *self.state.borrow_mut();
        let mut batch = Batch { events: vec![], rejects: vec![] };
        read(partial, count, &mut batch);
        Ok(batch)
    }
}

/// An event for a line that is one, a reject for any other.
fn read(line: &[u8], count: &mut u64, batch: &mut Batch) {
    *count += 1;
    let text = String::from_utf8_lossy(line);
    let text = text.trim_ascii_end();
    if text.is_empty() {
        return;
    }
    match event(text) {
        Ok(event) => batch.events.push(event),
        Err(reason) => batch.rejects.push(Reject { line: *count, reason: reason.into(), raw: text.into() }),
    }
}

fn event(line: &str) -> Result<Event, &'static str> {
    let fields: Vec<&str> = line.split(',').collect();
    let [time, user, address] = fields[..] else {
        return Err("the line does not have three fields");
    };
    let digits = !time.is_empty() && time.len() <= 12 && time.bytes().all(|byte| byte.is_ascii_digit());
    let seconds: i64 = time.parse().ok().filter(|_| digits).ok_or("the time is not a number of seconds")?;
    if user.is_empty() {
        return Err("the line names no user");
    }
    Ok(Event {
        id: None, // the host derives one from the whole record
        time: seconds * 1000,
        activity: Activity::Logon,
        outcome: Outcome::Success,
        subject: Principal { name: user.into(), id: None, display_name: None, kind: PrincipalKind::User },
        actor: None,
        target: None,
        source_ip: Some(address.to_owned()).filter(|address| !address.is_empty()),
        user_agent: None,
        session: None,
        service: None,
        action: None,
        code: None,
        message: None,
        labels: vec![],
        attributes: vec![],
    })
}

export!(Plugin);
