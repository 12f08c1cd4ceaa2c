//! Records of JSON lists, as lines on the spool.
//!
//! [`split`] takes them out of an envelope, read by [`strict`], or by [`salvage`] where some of them break the grammar. Each becomes
//! a [`piece`], perhaps after [`mend`]ing, and one of the [`lines`], in its [`compact`] form. A page that is
//! not in memory is read as [`values`].

pub(crate) mod compact;
pub(crate) mod lines;
pub(crate) mod mend;
pub(crate) mod piece;
pub(crate) mod salvage;
pub(crate) mod split;
pub(crate) mod strict;
pub(crate) mod values;
