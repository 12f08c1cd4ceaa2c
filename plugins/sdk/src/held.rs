//! Records that wait for the rest of their document, because only that says which order their dates have.

use crate::plain::CellSpan;

/// The most that is held of a document: as much as one answer to the host may hold, with room for what else is in it.
const MOST_RECORDS: usize = 100_000;
const MOST_BYTES: usize = 16 << 20;

/// A record as it was read.
pub(crate) struct HeldRecord {
    pub(crate) line: u64,
    /// The cells of a row, or the line of a JSON record.
    pub(crate) text: String,
    pub(crate) spans: Vec<CellSpan>,
    /// The bytes that a reject shows, where they are not the text.
    pub(crate) raw: Option<Vec<u8>>,
}

/// The records that wait, in their order.
#[derive(Default)]
pub(crate) struct HeldRecords {
    records: Vec<HeldRecord>,
    bytes: usize,
    is_full: bool,
}

impl HeldRecords {
    pub(crate) fn push(&mut self, record: HeldRecord) {
        let raw = record.raw.as_ref().map_or(0, Vec::len);
        self.bytes += size_of::<HeldRecord>() + record.text.len() + size_of_val(record.spans.as_slice()) + raw;
        self.records.push(record);
        self.is_full = self.records.len() >= MOST_RECORDS || self.bytes >= MOST_BYTES;
    }

    /// True where no more must come.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.is_full
    }

    pub(crate) fn take(&mut self) -> Vec<HeldRecord> {
        std::mem::take(self).records
    }
}

impl HeldRecord {
    /// The bytes that a reject shows of it.
    pub(crate) fn raw(&self) -> &[u8] {
        self.raw.as_deref().unwrap_or(self.text.as_bytes())
    }
}
