//! The documents that a record names: whoever copies a record has to copy these.

use jiff::civil::Date;

use super::{FetchState, IdSetRef, Kept, Record};

impl Record {
    /// The documents of ids that it names, by their days.
    pub fn id_sets(&self) -> impl Iterator<Item = (Date, &IdSetRef)> + '_ {
        self.recent.iter().map(|(day, noted)| (*day, noted))
    }

    /// The documents in the spool that it names.
    pub fn spooled(&self) -> impl Iterator<Item = &Kept> + '_ {
        let fetches = self.windows.iter().flat_map(|window| &window.fetches);
        fetches.filter_map(|fetch| match fetch {
            FetchState::Spooled(kept) => Some(kept),
            _ => None,
        })
    }
}
