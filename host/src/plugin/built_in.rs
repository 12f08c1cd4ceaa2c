//! The plugins that come with the binary; `build.rs` compiles and wraps them.

/// Name and component of each, ordered by name.
pub static BUILT_IN: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/built_in.rs"));

/// The component of that name.
pub fn built_in(name: &str) -> Option<&'static [u8]> {
    BUILT_IN
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, component)| *component)
}
