//! The bounds of the store, and how full it is.

/// The most that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RejectedBounds {
    /// Rows, at most. Default 1,000,000.
    pub rows: u64,
    /// Bytes of rows, their reasons and preambles, at most. Default 1 GiB.
    pub bytes: u64,
}

impl Default for RejectedBounds {
    fn default() -> Self {
        RejectedBounds {
            rows: 1_000_000,
            bytes: 1 << 30,
        }
    }
}

/// The fill of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RejectedFill {
    /// Rows there.
    pub rows: u64,
    /// Rows allowed.
    pub most_rows: u64,
    /// Bytes there.
    pub bytes: u64,
    /// Bytes allowed.
    pub most_bytes: u64,
}
