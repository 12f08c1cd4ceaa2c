//! An object of which only the name is known.

use serde::Serialize;

/// A service, group or application in a rendering: an object with the one member `name`.
#[derive(Serialize)]
pub struct Named<'a> {
    /// The name, as the source writes it.
    pub name: &'a str,
}
