//! A page's members besides its records, and the value in their place.

use serde_json::{Map, Value};

use crate::epm::envelope;
use crate::error::FetchError;
use crate::records::salvage::{Salvaged, SalvagedRecords};

/// The request for a page, in messages.
pub(super) const WHAT: &str = "a page's query";

/// Members of an object that count besides its records, in lower case.
pub(super) const TOLD: [&str; 6] = ["totalresults", "status", "error", "details", "detail", "message"];

/// No list is longer; who claims so errs.
const LONGEST: u64 = 1_000_000_000_000;

/// Records in one page: ten times what may be asked for, since some servers give more.
pub(super) const MOST_RECORDS: usize = 1_000_000;

/// The reason to refuse a page with more.
pub(super) fn too_many() -> String {
    format!("it holds more than {MOST_RECORDS} records")
}

/// The error of a page that is none.
pub(super) fn malformed(why: String) -> FetchError {
    FetchError::Malformed { what: WHAT, why }
}

/// The error of a page that is not JSON, or has another form.
pub(super) fn of_another_form(why: impl std::fmt::Display) -> FetchError {
    malformed(format!("it is not JSON of the expected form: {why}"))
}

/// A page without its records.
#[derive(Debug, Default)]
pub(super) struct PageMembers {
    /// The members of [`TOLD`] that are there.
    pub(super) told: Map<String, Value>,
    /// The value in the place of the records; none where nothing is there.
    pub(super) place: Option<RecordsPlace>,
}

/// The value in the place of a page's records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RecordsPlace {
    List,
    Null,
    Other,
}

impl From<Salvaged> for PageMembers {
    fn from(mut salvaged: Salvaged) -> PageMembers {
        let place = salvaged.records.take().map(|records| match records {
            SalvagedRecords::List => RecordsPlace::List,
            SalvagedRecords::Other(Value::Null) => RecordsPlace::Null,
            SalvagedRecords::Other(_) => RecordsPlace::Other,
        });
        PageMembers {
            told: salvaged.told(),
            place,
        }
    }
}

impl PageMembers {
    /// The length of the whole list, where the page says it. `member` is the name of the records.
    ///
    /// # Errors
    ///
    /// Fails where there is no list, with what the page says instead.
    pub(super) fn total(&self, member: Option<&str>) -> Result<Option<u64>, FetchError> {
        let member = member.unwrap_or_default();
        let total = match self.told.get("totalresults") {
            None | Some(Value::Null) => None,
            Some(value) => {
                let number = match value {
                    Value::String(text) => text.trim().parse().ok(),
                    value => value.as_u64(),
                };
                let number = number.filter(|number| *number <= LONGEST);
                Some(number.ok_or_else(|| malformed("its totalResults is not a sensible number".into()))?)
            }
        };
        match self.place {
            Some(RecordsPlace::List) => Ok(total),
            // RFC 7644: the member may be missing where the list is empty.
            None | Some(RecordsPlace::Null) if total == Some(0) => Ok(total),
            Some(RecordsPlace::Null | RecordsPlace::Other) => Err(malformed(format!("`{member}` is not a list"))),
            None => {
                let (text, code) = envelope::message(&self.told);
                let text = text.or_else(|| self.told.get("detail").and_then(Value::as_str).map(str::to_owned));
                let status = match self.told.get("status") {
                    Some(Value::String(text)) => text.trim().parse().ok(),
                    Some(value) => value.as_i64(),
                    None => None,
                };
                match (status, text) {
                    (Some(status), text) if status > 0 => Err(FetchError::told(
                        status,
                        code,
                        text.unwrap_or_else(|| "the server gives no reason".into()),
                    )),
                    (_, Some(text)) => Err(malformed(format!("it has no member `{member}`: {text}"))),
                    (_, None) => Err(malformed(format!("it has no member `{member}`"))),
                }
            }
        }
    }
}
