//! The documents that a record names: whoever copies a record has to copy these.

use jiff::civil::Date;

use super::{FetchState, IdSetRef, Kept, Record};

impl Record {
    /// The documents of ids that the record names, and those that windows in it name which wait for a sink, by their days.
    pub fn id_sets(&self) -> impl Iterator<Item = (Date, &IdSetRef)> + '_ {
        let of_windows = self.windows.iter().filter_map(|window| window.known.as_ref());
        let sets = std::iter::once(&self.recent).chain(of_windows);
        sets.flatten().map(|(day, noted)| (*day, noted))
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
