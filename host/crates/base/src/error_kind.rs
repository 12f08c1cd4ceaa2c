//! Kinds of errors, by whose move is next.

/// The kind of an error, whatever room it comes from: who has to do something about it. The binary makes exit codes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The user asked for something that cannot be done, or configured it wrongly. Nothing was sent.
    Usage,
    /// The server does not know who asks, or does not allow it.
    Refused,
    /// The server cannot be reached or cannot answer now; trying later may help.
    Unavailable,
    /// The server answered, and the answer is a failure or breaks the protocol.
    Failed,
    /// A plugin failed, refused its configuration, or planned something that no host would send.
    Plugin,
    /// Events were not delivered.
    Delivery,
    /// The reader of the output went away, as `head` does. No failure.
    Closed,
    /// Another process does what was asked for.
    Busy,
    /// A failure of this machine: disk, permissions.
    Internal,
}
