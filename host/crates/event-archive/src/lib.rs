//! Events read back from the files that sinks wrote, for a receiver that came later.
//!
//! An [`ArchiveReader`] reads one file, whatever its format and compression, as [`ArchivedRecord`]s: lines of JSON, records of
//! CSV, rows of Parquet. A [`EventDecoder`] makes an event of each, and then writes that event again and compares it with what stood
//! in the file: a record that this version would write differently is no event but an [`Unreadable`], so that nothing is
//! delivered that only resembles what was collected.
//!
//! ```
//! use event::{Activity, Encoding, Event, Outcome, Principal, Product, Provenance};
//! use event_archive::{ArchiveReader, EventDecoder};
//!
//! let provenance = Provenance::new("user-login", "epm", "epm.example.com", Product::epm_cloud());
//! let event = Event::new(1_751_542_473_000, Activity::Logon, Outcome::Success, Principal::named("jdoe"));
//! let mut line = Vec::new();
//! Encoding::Ocsf.write(&event, &provenance, &mut line);
//! line.push(b'\n');
//!
//! let decoder = EventDecoder::default().with_host("epm", "epm.example.com");
//! let mut file = tempfile::tempfile()?;
//! std::io::Write::write_all(&mut file, &line)?;
//! let mut reader = ArchiveReader::new("archive.ndjson", file)?;
//! let record = reader.next().transpose()?.unwrap();
//! assert_eq!(decoder.decode(&record)?.event, event);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![warn(missing_docs)]

mod decode;
mod error;
mod json;
mod ndjson;
#[cfg(feature = "parquet")]
mod parquet_rows;
mod reader;
mod record;
mod tabular;
#[cfg(test)]
mod tests;

pub use decode::{DecodedEvent, EventDecoder, IdOrigin};
pub use error::{ArchiveReadError, Unreadable};
pub use reader::ArchiveReader;
pub use record::ArchivedRecord;
