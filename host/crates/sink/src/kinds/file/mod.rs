//! `kind = "file"`: files that appear complete or not at all.

mod build;
mod config;
mod extension;
mod layout;
mod links;
mod lock;
mod mode;
mod naming;
mod options;
mod partial;
#[cfg(feature = "object-store")]
mod put_new;
mod rotation;
mod sink;
mod target;

pub use build::{AdHocFile, growing_file};
pub use config::{FileConfig, Rotate};
pub use mode::FileMode;
pub use options::{Completed, Existing, FileOptions};
#[cfg(feature = "object-store")]
pub(crate) use put_new::put_new;
pub use rotation::{Rotation, UselessRotation};
pub use sink::FileSink;
