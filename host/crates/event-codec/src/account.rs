//! An account, as an event names it.

/// An account, by its texts: the record `principal` of the WIT.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Account<'a> {
    /// The login name.
    pub name: &'a str,
    /// The source's key for the account.
    pub id: Option<&'a str>,
    /// The name for people.
    pub display_name: Option<&'a str>,
}
