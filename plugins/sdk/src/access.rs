//! Rows that say who came from where, and when: the EPM Cloud reports of sign-ins and failed sign-ins.
//!
//! Their headers are documented as pictures only, so [`COLUMNS`] lists the spellings of the report pages, of the REST
//! answers and of neighbouring reports.

use crate::json_lines::Record;
use crate::table::{Column, Reason, Row};
use crate::{Activity, Event, Outcome, Principal, time};
use std::net::IpAddr;

/// User, address and time; the first and the last must be there.
pub static COLUMNS: [Column; 3] = [
    Column {
        meaning: "user",
        aliases: &[
            "userlogin",
            "username",
            "user",
            "loginname",
            "login",
            "userid",
            "loginid",
        ],
        required: true,
    },
    Column {
        meaning: "address",
        aliases: &[
            "ipaddress",
            "remoteipaddress",
            "clientipaddress",
            "sourceipaddress",
            "hostipaddress",
            "remoteip",
            "clientip",
            "sourceip",
            "ip",
            "address",
        ],
        required: false,
    },
    Column {
        meaning: "time",
        aliases: &[
            "accessdateandtime",
            "accessdatetime",
            "logindateandtime",
            "logindatetime",
            "dateandtime",
            "datetime",
            "timestamp",
            "accesstime",
            "logintime",
            "eventtime",
            "accessdate",
            "logindate",
            "date",
            "time",
        ],
        required: true,
    },
];

const USER: usize = 0;
const ADDRESS: usize = 1;
const TIME: usize = 2;

/// The sign-in that a row tells of. An address that is none, a masked one say, stays an attribute under its heading.
pub fn event(row: &Row<'_>, outcome: Outcome) -> Result<Event, Reason> {
    let mut event = sign_in(row.cell(USER), row.cell(TIME), outcome)?;
    if let Some(address) = row.cell(ADDRESS) {
        if is_address(address) {
            event.source_ip = Some(address.into());
        } else {
            event
                .attributes
                .push((row.heading(ADDRESS).unwrap_or("address").into(), address.into()));
        }
    }
    event
        .attributes
        .extend(row.unplaced().map(|(heading, cell)| (heading.into(), cell.into())));
    Ok(event)
}

/// The sign-in that a JSON record tells of; its members go by the spellings of [`COLUMNS`].
pub fn event_of_record(record: &mut Record<'_>, outcome: Outcome) -> Result<Event, Reason> {
    let [user, address, time] = &COLUMNS;
    let user = user.aliases.iter().find_map(|name| record.take(name));
    let address = address.aliases.iter().find_map(|name| record.take_if(name, is_address));
    let time = time.aliases.iter().find_map(|name| record.take(name));
    let mut event = sign_in(user.as_deref(), time.as_deref(), outcome)?;
    event.source_ip = address;
    event.attributes = record.rest();
    Ok(event)
}

/// Whether a text is an IPv4 or IPv6 address and nothing else.
pub fn is_address(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok()
}

fn sign_in(user: Option<&str>, time: Option<&str>, outcome: Outcome) -> Result<Event, Reason> {
    let user = user.ok_or("the row names no user")?;
    let time = time::parse(time.ok_or("the row has no time")?)?;
    let mut event = Event::new(time, Activity::Logon, outcome, Principal::named(user));
    event.labels = vec!["authentication".into(), outcome.name().into()];
    Ok(event)
}
