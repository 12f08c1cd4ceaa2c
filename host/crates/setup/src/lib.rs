//! What the user wrote, validated, and the objects that are made of it.
#![warn(missing_docs)]

pub mod config;
