//! A user, a group or a service, as an event names it.

/// A user, a group or a service, by its texts: the record `principal` of the WIT.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Account<'a> {
    /// The login name; the name of a group or service.
    pub name: &'a str,
    /// The source's key for it.
    pub id: Option<&'a str>,
    /// The name for people.
    pub display_name: Option<&'a str>,
    /// The kind of thing that it is: its place among the cases, of which there are at most four.
    pub kind: u8,
}
