//! How the pages of a Parquet file are compressed: [`Pages`].

/// How the pages of a Parquet file are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pages {
    /// Not at all.
    Plain,
    /// Snappy: fast, and every reader knows it.
    #[default]
    Snappy,
    /// Zstandard: smaller.
    Zstd,
}
