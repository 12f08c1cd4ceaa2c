//! The published schemas of OCSF and ECS, and what is wrong with an event by them: an event that fits has no problem.

pub mod ecs;
pub mod ocsf;

use std::path::Path;

use serde_json::Value;

/// A file of this folder.
fn data(file: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).expect("the schema is JSON")
}
