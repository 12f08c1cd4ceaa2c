//! Rows that say who came from where, and when: the EPM Cloud reports of sign-ins and failed sign-ins.
//!
//! Their headers are documented as pictures only, so [`COLUMNS`] lists the spellings of the report pages, of the REST
//! answers and of neighbouring reports.

use crate::json_lines::Record;
use crate::table::{Column, Reason, Row};
use crate::{Activity, Event, Outcome, Principal, time};
use std::borrow::Cow;
use std::net::Ipv6Addr;

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
#[inline]
pub fn event(row: Row<'_>, outcome: Outcome) -> Result<Event<'_>, Reason> {
    let user = row.cell(USER).map(Cow::Borrowed);
    let mut event = sign_in(user, row.cell(TIME), outcome)?;
    let address = row.cell(ADDRESS);
    event.source_ip = address.filter(|text| is_address(text)).map(Into::into);
    let other = address.filter(|_| event.source_ip.is_none());
    let other = other.map(|address| (row.heading(ADDRESS).unwrap_or("address"), address));
    event.attributes = (other.into_iter().chain(row.unplaced()))
        .map(|(heading, cell)| (heading.into(), cell.into()))
        .collect();
    Ok(event)
}

/// The sign-in that a JSON record tells of; its members go by the spellings of [`COLUMNS`].
pub fn event_of_record<'r>(record: &mut Record<'r>, outcome: Outcome) -> Result<Event<'r>, Reason> {
    let [user, address, time] = &COLUMNS;
    let user = user.aliases.iter().find_map(|name| record.take(name));
    let address = address.aliases.iter().find_map(|name| record.take_if(name, is_address));
    let time = time.aliases.iter().find_map(|name| record.take(name));
    let mut event = sign_in(user, time.as_deref(), outcome)?;
    event.source_ip = address;
    event.attributes = record.rest();
    Ok(event)
}

/// Whether a text is an IPv4 or IPv6 address and nothing else.
pub fn is_address(text: &str) -> bool {
    is_ipv4(text.as_bytes()) || text.contains(':') && text.parse::<Ipv6Addr>().is_ok()
}

fn is_ipv4(text: &[u8]) -> bool {
    let after = after_number(text)
        .and_then(after_dot)
        .and_then(after_dot)
        .and_then(after_dot);
    after.is_some_and(<[u8]>::is_empty)
}

#[inline(always)]
fn after_dot(text: &[u8]) -> Option<&[u8]> {
    match text {
        [b'.', number @ ..] => after_number(number),
        _ => None,
    }
}

/// What follows the number up to 255, without leading zeros, that a text begins with.
#[inline(always)]
fn after_number(text: &[u8]) -> Option<&[u8]> {
    let digit = |at: usize| Some(u32::from(text.get(at)?.wrapping_sub(b'0'))).filter(|digit| *digit < 10);
    let length = match (digit(0)?, digit(1), digit(2)) {
        (0, _, _) | (_, None, _) => 1,
        (_, _, None) => 2,
        (hundreds, Some(tens), Some(ones)) if hundreds * 100 + tens * 10 + ones < 256 => 3,
        _ => return None,
    };
    text.get(length..)
}

#[inline]
fn sign_in<'a>(user: Option<Cow<'a, str>>, time: Option<&str>, outcome: Outcome) -> Result<Event<'a>, Reason> {
    let user = user.ok_or("the row names no user")?;
    let time = time::parse(time.ok_or("the row has no time")?)?;
    let mut event = Event::new(time, Activity::Logon, outcome, Principal::named(user));
    event.labels = vec!["authentication".into(), outcome.name().into()];
    Ok(event)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::IpAddr;

    proptest! {
        #[test]
        fn an_address_is_what_the_standard_library_takes_for_one(
            text in "[0-9]{1,3}(\\.[0-9]{1,4}){2,4}|(25[0-9]|[01]{0,3})(\\.[0-9]{0,3}){3}|[0-9a-f:.]{0,24}|\\PC{0,12}",
        ) {
            prop_assert_eq!(is_address(&text), text.parse::<IpAddr>().is_ok(), "{}", text);
        }

        #[test]
        fn every_address_is_one(address: IpAddr) {
            prop_assert!(is_address(&address.to_string()));
        }
    }
}
