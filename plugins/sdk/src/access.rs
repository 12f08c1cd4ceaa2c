//! Rows that say who came from where, and when: the EPM Cloud reports of sign-ins and failed sign-ins.
//!
//! Their headers are documented as pictures only, so [`COLUMNS`] lists the spellings of the report pages, of the REST
//! answers and of neighbouring reports. The columns of a header are chosen together: `User` is who signed in where nothing
//! else names the login, and the name for people beside a column `Login`; `Time` is the time where there is no `Date`, and
//! the time of day beside one.

use crate::address::{self, Client};
use crate::json_lines::Record;
use crate::table::{Column, Reason, Row};
use crate::{Activity, Event, Outcome, Principal, Timestamp};
use std::borrow::Cow;

pub use crate::address::is_address;

/// User, address, time, the user's name for people and the time of day; the first and the third must be there.
pub static COLUMNS: [Column; 5] = [
    Column {
        meaning: "user",
        aliases: &[
            "userlogin",
            "userloginname",
            "loginname",
            "loginid",
            "login",
            "username",
            "user",
            "userid",
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
            "accessdate",
            "logindate",
            "date",
            "accesstime",
            "logintime",
            "eventtime",
            "time",
        ],
        required: true,
    },
    Column {
        meaning: "display name",
        aliases: &[
            "displayname",
            "userdisplayname",
            "fullname",
            "userfullname",
            "username",
            "user",
            "name",
        ],
        required: false,
    },
    Column {
        meaning: "time of day",
        aliases: &["accesstime", "logintime", "eventtime", "timeofday", "time"],
        required: false,
    },
];

const USER: usize = 0;
const ADDRESS: usize = 1;
const TIME: usize = 2;
const DISPLAY_NAME: usize = 3;
const TIME_OF_DAY: usize = 4;

/// The sign-in that a row tells of. An address that is none, a masked one say, stays an attribute under its heading.
#[inline]
pub fn event(row: Row<'_>, outcome: Outcome) -> Result<Event<'_>, Reason> {
    let user = row.cell(USER).ok_or("the row names no user")?;
    let text = row.cell(TIME).ok_or("the row has no time")?;
    let (time, rest) = match row.cell(TIME_OF_DAY) {
        None => (row.time(text)?, None),
        Some(time_of_day) => two_cells(row, text, time_of_day)?,
    };
    let mut event = sign_in(user.into(), time, outcome);
    event.subject.display_name = row.cell(DISPLAY_NAME).map(Cow::Borrowed);
    let address = row.cell(ADDRESS);
    event.source_ip = address.filter(|text| address::is_ipv4(text)).map(Into::into);
    let other = address.filter(|_| event.source_ip.is_none());
    event.attributes = (row.unplaced())
        .map(|(heading, cell)| (heading.into(), cell.into()))
        .collect();
    // Not by a call that is lent the event: then it would have to stand in memory as a whole.
    if other.is_some() || rest.is_some() {
        (event.source_ip, event.attributes) = amended(row, other, rest, event.source_ip, event.attributes);
    }
    Ok(event)
}

type TextPairs<'r> = Vec<(Cow<'r, str>, Cow<'r, str>)>;

/// Adds what few rows have: an address that is more or less than one of version 4, which comes first among the attributes,
/// and a cell beside the time.
#[cold]
fn amended<'r>(
    row: Row<'r>,
    address: Option<&'r str>,
    rest: Option<Headed<'r>>,
    mut ip: Option<Cow<'r, str>>,
    others: TextPairs<'r>,
) -> (Option<Cow<'r, str>>, TextPairs<'r>) {
    let mut attributes = Vec::new();
    if let Some(address) = address {
        let client = Client::of(address);
        if !client.as_ref().is_some_and(|client| client.is_all) {
            let heading = row.heading(ADDRESS).unwrap_or("address");
            attributes.push((heading.into(), address.into()));
        }
        if let Some(client) = client {
            ip = Some(client.ip);
            attributes.extend(client.port.map(|port| (address::PORT.into(), port)));
        }
    }
    attributes.extend(rest.map(|(heading, cell)| (heading.into(), cell.into())));
    attributes.extend(others);
    (ip, attributes)
}

/// A cell with its heading.
type Headed<'r> = (&'r str, &'r str);

/// The time that a date and a time of day make, or one of them alone; and what is not part of it, by its heading.
#[cold]
fn two_cells<'r>(row: Row<'r>, date: &'r str, time_of_day: &'r str) -> Result<(Timestamp, Option<Headed<'r>>), Reason> {
    let rest = |column, cell| Some((row.heading(column).unwrap_or_default(), cell));
    if let Ok(time) = row.time(date) {
        return Ok((time, rest(TIME_OF_DAY, time_of_day)));
    }
    match (row.time(&format!("{date} {time_of_day}")), row.time(time_of_day)) {
        (Ok(time), _) => Ok((time, None)),
        (_, Ok(time)) => Ok((time, rest(TIME, date))),
        (Err(reason), _) => Err(reason.into()),
    }
}

/// The sign-in that a JSON record tells of; its members go by the spellings of [`COLUMNS`].
pub fn event_of_record<'r>(record: &mut Record<'r>, outcome: Outcome) -> Result<Event<'r>, Reason> {
    let [user, address, time, display_name, time_of_day] = &COLUMNS;
    let user = record.take_any(user.aliases).ok_or("the row names no user")?;
    let text = record.take_any(time.aliases).ok_or("the row has no time")?;
    let time = match record.time(&text) {
        Ok(time) => time,
        Err(reason) => {
            let time_of_day = record.take_any(time_of_day.aliases).ok_or(reason)?;
            record.time(&format!("{text} {time_of_day}"))?
        }
    };
    let mut event = sign_in(user, time, outcome);
    event.subject.display_name = record.take_any(display_name.aliases);
    let client = record.take_client(address.aliases);
    event.attributes = record.rest();
    if let Some(client) = client {
        event.came_from(client);
    }
    Ok(event)
}

#[inline]
fn sign_in(user: Cow<'_, str>, time: Timestamp, outcome: Outcome) -> Event<'_> {
    let mut event = Event::new(time, Activity::Logon, outcome, Principal::named(user));
    event.labels = vec!["authentication".into(), outcome.name().into()];
    event
}
