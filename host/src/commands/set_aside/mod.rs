//! The common part of `host dead-letter` and `host rejected`: selecting, listing, showing and dropping what was set aside.
//!
//! A [`store::SetAsideStore`] is a store as these commands see it. [`Elsewhere`] is what was set aside for another receiver, or was
//! collected from another server, than the configuration names today.

mod dropping;
mod elsewhere;
mod listing;
mod store;

pub use dropping::drop_selected;
pub use elsewhere::Elsewhere;
pub use listing::{Listing, list, show};
pub use store::{check_numbers, unknown};
