//! A page on the spool: read twice, and never held. The first reading tells whether it is a page, the second hands out its records.

use serde_json::{Map, Value};

use super::listing::{MOST_RECORDS, PageMembers, RecordsPlace, TOLD, malformed, of_another_form, too_many};
use crate::error::FetchError;
use crate::records::piece::Piece;
use crate::records::salvage::{self, SalvageError};
use crate::records::values::{ValueReader, ValuesError};
use crate::spool::{SpoolReader, Spooled};

/// So many times what a record may have is held to find the end of a value. A longer one counts as damaged.
const SPAN: usize = 4;

/// Takes a record.
type Taker<'t> = &'t mut dyn FnMut(&Piece<'_>) -> Result<(), FetchError>;

/// The records of a page that is known to be whole.
#[derive(Debug)]
pub(super) struct SpooledRecords {
    body: Spooled,
    path: Vec<String>,
    record_bytes: u64,
    count: u64,
    /// True where some of them break the grammar.
    damaged: bool,
}

impl SpooledRecords {
    /// Reads a page whose records are at the end of that path of members, as those of a page in memory are.
    pub(super) fn read(
        body: &Spooled,
        path: &[String],
        record_bytes: u64,
    ) -> Result<(PageMembers, SpooledRecords), FetchError> {
        let mut records = SpooledRecords {
            body: body.clone(),
            path: path.to_vec(),
            record_bytes,
            count: 0,
            damaged: false,
        };
        let mut count = 0;
        let read = records.strictly(&mut counting(&mut count));
        let listing = match read {
            Ok(listing) => listing,
            Err(ValuesError::Form(why)) => {
                (records.damaged, count) = (true, 0);
                let salvaged = records.salvaged(&mut counting(&mut count));
                match salvaged {
                    Ok(listing) => {
                        listing.total(Some(&path.join(".")))?;
                        // A damaged page says nothing by having no records.
                        if count == 0 {
                            return Err(of_another_form(why));
                        }
                        listing
                    }
                    Err(SalvageError::Form(_)) => return Err(of_another_form(why)),
                    Err(error) => return Err(of_salvage(error)),
                }
            }
            Err(error) => return Err(of_values(error)),
        };
        records.count = count;
        Ok((listing, records))
    }

    /// The number of records.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Hands out each of them.
    pub(super) fn each(&self, take: Taker<'_>) -> Result<(), FetchError> {
        match self.damaged {
            false => self.strictly(take).map(drop).map_err(of_values),
            true => self.salvaged(take).map(drop).map_err(of_salvage),
        }
    }

    /// Reads a page all of whose records are JSON.
    fn strictly(&self, take: Taker<'_>) -> Result<PageMembers, ValuesError> {
        let mut values = reader(&self.body, self.record_bytes)?;
        let listing = match self.path.split_first() {
            None => {
                list(&mut values, self.record_bytes, take)?;
                PageMembers {
                    told: Map::new(),
                    place: Some(RecordsPlace::List),
                }
            }
            Some((first, below)) => object(&mut values, first, below, self.record_bytes, take)?,
        };
        values.end()?;
        Ok(listing)
    }

    /// Reads a page some of whose records are not.
    fn salvaged(&self, take: Taker<'_>) -> Result<PageMembers, SalvageError> {
        let read = salvage::list(
            self.body.reader(),
            Some(self.path.as_slice()).filter(|path| !path.is_empty()),
            self.record_bytes,
            |_, name| TOLD.contains(&name),
            |piece| take(&piece),
        );
        read.map(PageMembers::from)
    }
}

/// Takes records and keeps none; fails where they are too many.
fn counting(count: &mut u64) -> impl FnMut(&Piece<'_>) -> Result<(), FetchError> {
    move |_: &Piece<'_>| {
        *count += 1;
        match *count > MOST_RECORDS as u64 {
            true => Err(malformed(too_many())),
            false => Ok(()),
        }
    }
}

/// A reader of a page on the spool.
pub(super) fn reader(body: &Spooled, record_bytes: u64) -> Result<ValueReader<SpoolReader>, ValuesError> {
    let most = usize::try_from(record_bytes).unwrap_or(usize::MAX);
    ValueReader::new(body.reader(), most.saturating_mul(SPAN))
}

/// An object in which the records are, or an object around them.
fn object(
    values: &mut ValueReader<SpoolReader>,
    first: &str,
    below: &[String],
    record_bytes: u64,
    take: Taker<'_>,
) -> Result<PageMembers, ValuesError> {
    let (mut listing, mut inner) = (PageMembers::default(), None);
    values.object(|name, values| {
        let lower = name.to_ascii_lowercase();
        if name.eq_ignore_ascii_case(first) {
            if listing.place.is_some() || inner.is_some() {
                return Err(ValuesError::form("the records come twice"));
            }
            match below.split_first() {
                None => listing.place = Some(place(values, record_bytes, &mut *take)?),
                Some((first, below)) if values.enters_object()? => {
                    inner = Some(object(values, first, below, record_bytes, &mut *take)?);
                }
                Some(_) => {}
            }
            Ok(())
        } else if TOLD.contains(&lower.as_str()) {
            let value = values.value()?;
            if value.len() > salvage::TOLD_BYTES {
                return Err(ValuesError::form("one of its members is too long"));
            }
            let value: Value = serde_json::from_str(value).map_err(|error| ValuesError::form(error.to_string()))?;
            listing.told.insert(lower, value);
            Ok(())
        } else {
            values.skip()
        }
    })?;
    // What the page says of its list, or of a failure, counts where the object in it is silent.
    if let Some(inner) = inner {
        listing.place = inner.place;
        listing.told.extend(inner.told);
    }
    Ok(listing)
}

/// The value in the place of the records.
fn place(
    values: &mut ValueReader<SpoolReader>,
    record_bytes: u64,
    take: Taker<'_>,
) -> Result<RecordsPlace, ValuesError> {
    match values.peek()? {
        Some(b'[') => list(values, record_bytes, take).map(|()| RecordsPlace::List),
        Some(b'{') => values.skip().map(|()| RecordsPlace::Other),
        _ => Ok(match values.value()? {
            "null" => RecordsPlace::Null,
            _ => RecordsPlace::Other,
        }),
    }
}

fn list(values: &mut ValueReader<SpoolReader>, record_bytes: u64, take: Taker<'_>) -> Result<(), ValuesError> {
    values.list(|record| take(&Piece::of(record, record_bytes)).map_err(ValuesError::Taker))
}

/// The error of a reading that must not fail for its form any more.
fn of_values(error: ValuesError) -> FetchError {
    match error {
        ValuesError::Form(why) => of_another_form(why),
        ValuesError::Io(error) => error.into(),
        ValuesError::Taker(error) => error,
    }
}

fn of_salvage(error: SalvageError) -> FetchError {
    match error {
        SalvageError::Form(why) => of_another_form(why),
        SalvageError::Io(error) => error.into(),
        SalvageError::Taker(error) => error,
    }
}
