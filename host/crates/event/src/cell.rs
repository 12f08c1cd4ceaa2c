//! The value of one column of an event.

use std::fmt::Display;

use super::{Attributes, Rfc3339, ecs::Distinct};

/// The value of a column, by its kind.
pub enum Cell<'a> {
    /// A text.
    Text(Option<&'a str>),
    /// A whole number.
    Number(Option<i64>),
    /// An instant, written as RFC 3339 has it.
    Time(Option<Rfc3339>),
    /// A time that is a number of milliseconds wherever there are no types.
    Millis(Option<i64>),
    /// A text that is made when it is written.
    Shown(Option<&'a dyn Display>),
    /// Several texts of a fixed set.
    List(&'a [&'a str]),
    /// The labels of an event.
    Labels(&'a [String]),
    /// Several texts of an event, each once.
    Distinct(&'a Distinct<'a>),
    /// The attributes of an event.
    Attributes(&'a Attributes<'a>),
}
