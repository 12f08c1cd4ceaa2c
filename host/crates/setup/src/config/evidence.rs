//! `[evidence]`: where documents are kept as they were received.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use base::duration::DurationText;
use sink::kinds::object_store::ObjectStoreConfig;

/// The section `[evidence]`: documents are kept as they were received.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Evidence")]
pub struct EvidenceSection {
    /// The folder, made for its owner only.
    pub path: Option<PathBuf>,
    /// The bucket, with the keys of a sink of kind `object-store` that say where it is and who writes to it.
    pub object_store: Option<Box<ObjectStoreConfig>>,
    /// The lock of objects in a bucket: nobody may remove one for so long.
    #[schemars(extend("x-default" = "as the bucket says"))]
    pub object_lock: Option<ObjectLock>,
    /// Names of the connections whose documents are kept.
    #[schemars(extend("x-default" = "all"))]
    pub connections: Option<Vec<String>>,
    /// True where secrets of others are masked in what is kept, as in recordings: it is then not what the server sent.
    #[serde(default)]
    pub mask: bool,
}

/// The lock of an object in a bucket: nobody may remove it for so long.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ObjectLock {
    /// The mode, which says who may end the lock early: with `governance` those with a permission of their own, with `compliance` nobody.
    pub mode: ObjectLockMode,
    /// The time from the run on.
    #[serde(with = "base::duration")]
    #[schemars(with = "DurationText")]
    pub retain: Duration,
}

/// The mode of a lock: who may end it early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectLockMode {
    /// Whoever has a permission of their own.
    Governance,
    /// Nobody.
    Compliance,
}

impl EvidenceSection {
    /// The key that cannot be meant, below the section, and why not.
    pub(super) fn problem(&self, is_connection: impl Fn(&str) -> bool) -> Option<(Option<&'static str>, String)> {
        match (&self.path, &self.object_store) {
            (None, None) => return Some((None, "it has no place: give `path` or `object-store`".into())),
            (Some(_), Some(_)) => {
                return Some((
                    Some("object-store"),
                    "it has two places: leave out this or `path`".into(),
                ));
            }
            _ => {}
        }
        if self.path.is_some() && self.object_lock.is_some() {
            return Some((
                Some("object-lock"),
                "only a bucket has one, and `path` is a folder".into(),
            ));
        }
        if self
            .object_lock
            .is_some_and(|lock| lock.retain < Duration::from_secs(86_400))
        {
            return Some((Some("object-lock"), "`retain` is at least 1d".into()));
        }
        let mut named = self.connections.iter().flatten();
        let unknown = named.find(|name| !is_connection(name))?;
        Some((Some("connections"), format!("there is no connection {unknown:?}")))
    }
}
