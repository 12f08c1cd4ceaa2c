//! The compression of a Parquet file's pages: [`Pages`].

/// The compression of a Parquet file's pages.
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
