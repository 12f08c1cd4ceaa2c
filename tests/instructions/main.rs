//! Fixed workloads, one a run: `parse` and `parse-json` by the components that are shipped, `encode` as OCSF, and `id`.
//! What an event of each costs is counted by `.ci/instructions`, which says how.

use std::fmt::Write as _;
use std::hint::black_box;

use built_in::built_in;
use event::id::Ids;
use event::{Activity, Collected, Correlator, Encoding, Event, Outcome, Principal, Product, Provenance};
use sandbox::{PluginLimits, Sandbox};

/// Events of every workload.
const EVENTS: usize = 10_000;

const CHUNK_BYTES: usize = 128 * 1024;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let workload = std::env::args().nth(1).unwrap_or_default();
    let done = match workload.as_str() {
        "parse" => parse("invalid-login", &csv())?,
        "parse-json" => parse("audit-events", &resources())?,
        "encode" => {
            let mut events = events();
            give_ids(&mut events)?;
            let mut correlator = Correlator::new(None);
            for event in &mut events {
                event.collected = Some(Collected::at(1_751_414_400_000));
                event.correlation = correlator.of(event);
            }
            let mut line = Vec::with_capacity(64 * 1024);
            // The first event pays for what is made once.
            encode(events.get(..1).unwrap_or_default(), &mut line);
            counted_encode(&events, &mut line)
        }
        "id" => counted_id(&mut events())?,
        other => return Err(format!("{other:?} is none of parse, parse-json, encode, id").into()),
    };
    if done != EVENTS {
        return Err(format!("{done} events instead of {EVENTS}").into());
    }
    println!("{EVENTS}");
    Ok(())
}

/// Nothing outside this function is counted.
#[inline(never)]
fn counted_encode(events: &[Event], line: &mut Vec<u8>) -> usize {
    encode(events, line)
}

/// Nothing outside this function is counted.
#[inline(never)]
fn counted_id(events: &mut [Event]) -> Result<usize, Failure> {
    give_ids(events)
}

fn encode(events: &[Event], line: &mut Vec<u8>) -> usize {
    let provenance = Provenance::new("invalid-login", "epm", "epm.example.com", Product::epm_cloud());
    for event in events {
        line.clear();
        Encoding::Ocsf.write(event, &provenance, line);
        black_box(&line);
    }
    events.len()
}

fn give_ids(events: &mut [Event]) -> Result<usize, Failure> {
    let mut ids = Ids::new("invalid-login", "epm");
    for event in &mut *events {
        ids.assign(event)?;
    }
    Ok(black_box(events).len())
}

/// Parses a text, and drops what the component makes of it: the library around it is compiled for debugging, so only the
/// component's own code counts.
fn parse(report: &str, text: &str) -> Result<usize, Failure> {
    let component = built_in(report).ok_or("no such plugin")?;
    let plugin = Sandbox::new(PluginLimits::default(), None)?.load(component, report)?;
    let document = sandbox::Document {
        fetch: 0,
        request: sandbox::Request {
            window: sandbox::Window { from: 0, to: 0 },
            now: 0,
            parameters: vec![],
            unique_name: "instructions".into(),
        },
        file_name: None,
        length: None,
    };
    let mut parser = plugin.report()?.parser(document)?;
    let mut events = 0;
    for chunk in text.as_bytes().chunks(CHUNK_BYTES) {
        events += parser.push(chunk)?.events.len();
    }
    Ok(events + parser.finish()?.events.len())
}

fn user(row: usize) -> String {
    format!("user{:04}@example.com", row % 1000)
}

fn address(row: usize) -> String {
    format!("198.51.100.{}", row % 250 + 1)
}

/// Failed sign-ins as the component gives them, three a second.
fn events() -> Vec<Event> {
    let event = |row: usize| {
        let second = i64::try_from(row / 3).unwrap_or_default();
        let subject = Principal::named(user(row));
        let mut event = Event::new(
            1_751_328_000_000 + second * 1000,
            Activity::Logon,
            Outcome::Failure,
            subject,
        );
        event.source_ip = Some(address(row));
        event.service = Some("identity-domain".into());
        event.labels = vec!["authentication".into(), "failure".into()];
        event
    };
    (0..EVENTS).map(event).collect()
}

/// The sign-ins as a report.
fn csv() -> String {
    let mut text = String::from("User Name,Remote IP Address,Timestamp\r\n");
    for row in 0..EVENTS {
        let second = row / 3;
        let _ = write!(
            text,
            "{},{},\"July 1, 2025 {:02}:{:02}:{:02} UTC\"\r\n",
            user(row),
            address(row),
            second / 3600,
            second / 60 % 60,
            second % 60
        );
    }
    text
}

/// Sign-ins that failed as resources of an identity domain, one a line: a dozen texts, and objects within them.
fn resources() -> String {
    let mut text = String::new();
    for row in 0..EVENTS {
        let (user, address, id) = (user(row), address(row), format!("{row:032x}"));
        let time = format!("2025-07-01T{:02}:{:02}:{:02}.000Z", row / 3600, row / 60 % 60, row % 60);
        let reference = format!(
            r#"{{"$ref":"https://idcs.example.com/admin/v1/Users/{id}","display":"{user}","type":"User","value":"{id}"}}"#
        );
        let _ = writeln!(
            text,
            r#"{{"actorDisplayName":"{user}","actorId":"{id}","actorName":"{user}","actorType":"User","clientIp":"{address}","ecId":"^bb487380a67ca05c","eventId":"sso.authentication.failure","id":"{id}","idcsCreatedBy":{reference},"idcsLastModifiedBy":{reference},"message":"Authentication failure You entered an incorrect user name or password.","meta":{{"created":"{time}","lastModified":"{time}","location":"https://idcs.example.com/admin/v1/AuditEvents/{id}","resourceType":"AuditEvent"}},"quotaCount":0,"rId":"0:1:1:1","reasonValue":"SSO-1001","schemas":["urn:ietf:params:scim:schemas:oracle:idcs:AuditEvent"],"serviceName":"SSO","ssoAuthnLevel":0,"ssoIdentityProvider":"localIDP","ssoUserAgent":"Mozilla/5.0 (X11; Linux x86_64; rv:139.0) Gecko/20100101 Firefox/139.0","tenantName":"simulator","timestamp":"{time}"}}"#
        );
    }
    text
}
