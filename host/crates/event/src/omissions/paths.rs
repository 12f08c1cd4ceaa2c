//! Dotted paths of members.

use crate::Encoding;

/// The paths of the members that are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Paths(Vec<String>);

impl Paths {
    pub(super) fn new(paths: &[String]) -> Self {
        Paths(paths.to_vec())
    }

    /// True if the member of this path is left out.
    pub(super) fn omit(&self, path: &str) -> bool {
        self.0.iter().any(|omitted| covers(omitted, path))
    }

    /// True if something below this path is left out.
    pub(super) fn reach_into(&self, path: &str) -> bool {
        self.0.iter().any(|omitted| below(path, omitted))
    }
}

/// The members whose own members are the attributes, by the source's names: an event has one of them.
pub(super) fn attributes_of(encoding: Encoding) -> &'static [&'static str] {
    match encoding {
        Encoding::Ocsf => &["unmapped"],
        Encoding::Ecs => &["oracle.attributes", "audit.attributes"],
        Encoding::Event => &["attributes"],
    }
}

/// The members in which a rendering may place an attribute of this name, instead of among the attributes.
pub(super) fn places_of(encoding: Encoding, attribute: &str) -> &'static [&'static str] {
    match (encoding, attribute) {
        (Encoding::Ocsf, "request_id") => &["api.request.uid", "http_request.uid"],
        (Encoding::Ocsf, "request_method") => &["http_request.http_method"],
        (Encoding::Ocsf, "request_path") => &["http_request.url.path"],
        (Encoding::Ecs, "request_id") => &["http.request.id"],
        (Encoding::Ecs, "request_method") => &["http.request.method"],
        (Encoding::Ecs, "request_path") => &["url.original", "url.path"],
        _ => &[],
    }
}

/// True if the path can be that of a member: attributes can have any name, all else has plain ones.
pub(super) fn names_something(encoding: Encoding, path: &str) -> bool {
    let attribute = |of: &&str| path.strip_prefix(*of)?.strip_prefix('.');
    match attributes_of(encoding).iter().find_map(attribute) {
        Some(name) => !name.is_empty(),
        None => !path.split('.').any(str::is_empty) && !path.contains(char::is_control),
    }
}

/// True if a sink that leaves out `omitted` leaves out `path`.
pub(super) fn covers(omitted: &str, path: &str) -> bool {
    path == omitted || below(omitted, path)
}

/// True if `path` is below `above`.
fn below(above: &str, path: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.starts_with('.'))
}
