//! The members that events cannot be without.

use crate::Encoding;

/// The members that every event keeps, and why.
pub(super) const NEEDED: [(Encoding, &[(&str, &str)]); 3] = [
    (
        Encoding::Ocsf,
        &[
            ("metadata.uid", KNOWN),
            ("metadata.log_name", KNOWN),
            ("metadata.log_source", KNOWN),
            ("time", WHEN),
            ("class_uid", CLASS),
            ("category_uid", CLASS),
            ("activity_id", CLASS),
            ("type_uid", CLASS),
            ("severity_id", SCHEMA),
            ("status_id", ENDED),
            ("metadata.version", SCHEMA),
            ("metadata.product.name", SCHEMA),
            ("service.name", SCHEMA),
            ("user.name", WHOM),
            ("privileges", SCHEMA),
            ("group.name", WHOM),
            ("entity.name", WHOM),
            ("api.operation", CLASS),
        ],
    ),
    (
        Encoding::Ecs,
        &[
            ("event.id", KNOWN),
            ("event.dataset", KNOWN),
            ("oracle.connection", KNOWN),
            ("audit.connection", KNOWN),
            ("@timestamp", WHEN),
            ("event.kind", CLASS),
            ("event.category", CLASS),
            ("event.type", CLASS),
            ("event.outcome", ENDED),
            ("ecs.version", SCHEMA),
            ("user.name", WHOM),
        ],
    ),
    (
        Encoding::Event,
        &[
            ("id", KNOWN),
            ("report", KNOWN),
            ("connection", KNOWN),
            ("time", WHEN),
            ("activity", CLASS),
            ("outcome", ENDED),
            ("subject", WHOM),
            ("actor", ACTED),
        ],
    ),
];

const KNOWN: &str = "an event is known by it";
const WHEN: &str = "it says when the event was";
const CLASS: &str = "it says what the event is";
const ENDED: &str = "it says how the event ended";
const WHOM: &str = "it says whom the event is about";
const ACTED: &str = "without it the subject seems to have acted";
const SCHEMA: &str = "the schema demands it";

/// Members of OCSF without which the object around them says nothing that its schema takes.
pub(super) const KEYS: [&str; 2] = ["actor.user.name", "entity.user.name"];
