use sandbox::Document;

/// The name, documents and configuration that a plugin is tried with.
#[derive(Default)]
pub(crate) struct Material {
    /// The name that the project gives it.
    pub(crate) name: Option<String>,
    /// Documents that a report is known to read.
    pub(crate) documents: Vec<(Document, Vec<u8>)>,
    /// A configuration that a sink is known to take.
    pub(crate) config: Option<String>,
}
