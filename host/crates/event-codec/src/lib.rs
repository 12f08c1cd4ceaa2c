//! The fields of an event, and how they cross from a plugin to the host.
//!
//! [`for_each_field!`] is the one list of an event's fields, and of the bits that they have in the packed layout: the interface
//! `packed` in `wit/report.wit`, which describes it. [`Packed`] holds events in that layout, [`EventWriter`] adds one field
//! by field, and [`Reader`] and [`EventReader`] read them back. A writer and a reader have a method for each kind of field, by
//! its name in the list, so that who packs or unpacks an event goes through the list and no field can be forgotten:
//!
//! ```
//! use event_codec::{Account, EventReader, EventWriter, Packed, ReadError};
//!
//! let mut events = Packed::default();
//! let mut event = events.event();
//! event.text(&Some("evt-1"), 16);
//! event.time(&1_751_542_473_000, ());
//! event.principal(Account { name: "jdoe", display_name: Some("Jane Doe"), ..Account::default() }, (17, 18, 12));
//! event.finish();
//!
//! let mut reader = events.reader();
//! let mut event = reader.next_event().ok_or("there is an event")??;
//! assert_eq!(event.text(16)?, Some("evt-1"));
//! assert_eq!(event.time(()), 1_751_542_473_000);
//! assert_eq!(event.principal((17, 18, 12))?.display_name, Some("Jane Doe"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The crate is linked into every plugin: it has no dependencies, allocates for the lists only, and copies each text once.

#![no_std]
#![deny(missing_docs)]

extern crate alloc;

mod account;
mod fields;
mod read;
mod text;
mod write;

pub use account::Account;
pub use read::{EventReader, ReadError, Reader};
pub use text::Text;
pub use write::{EventWriter, Packed, Room, Size};
