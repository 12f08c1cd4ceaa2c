//! The description of a plugin, for people and programs.

use serde::Serialize;
use serde_json::Value;

use super::bindings::{ConnectionKind, Granularity, Parameter, sink};
use super::grants::{Grant, Grants};
use super::kind::PluginKind;
use super::limits::PluginLimits;
use super::loaded::{LoadedPlugin, PluginRole};

/// A plugin's identity and rights: its own description, and what the host found in the component itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Inspection {
    /// The plugin's name.
    pub name: String,
    /// The plugin's version.
    pub version: String,
    /// One line.
    pub summary: String,
    /// Report or sink.
    pub kind: PluginKind,
    /// The world it implements, with the version of the package that it was built for.
    pub world: String,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// Bytes of the file.
    pub size: usize,
    /// The functions that the component imports, as `interface#function`; empty for a pure component. Read from the
    /// component, not from what it says. Interfaces that hold only types do not count.
    pub imports: Vec<String>,
    /// The requests that it may ask for: methods and paths below its connection or endpoint; none where it may ask for any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow: Option<Vec<Grant>>,
    /// The part that only reports have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<ReportInspection>,
    /// The part that only sinks have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sink: Option<SinkInspection>,
    /// The limits it runs under.
    pub limits: PluginLimits,
}

/// The part of an inspection that only reports have.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ReportInspection {
    /// The kind of connection it reads from: `epm`, `identity-domain`, `http` or `oci`.
    pub connection: &'static str,
    /// The vendor whose product the events tell of.
    pub vendor: String,
    /// The product.
    pub product: String,
    /// The methods and paths that it may ask for, by its own word; none: `GET` alone.
    pub requests: Vec<String>,
    /// The granularity at which the server can be asked: `day`, `instant`, or a number of minutes.
    pub granularity: String,
    /// The days back that the server can be asked.
    pub retention_days: Option<u32>,
    /// The longest window of one request, in days.
    pub window_days: Option<u32>,
    /// Parameters, to be set with `--param`.
    pub parameters: Vec<Parameter>,
    /// The reason why the plugin's interface will go away.
    pub deprecated: Option<String>,
    /// The plugin to use instead.
    pub successor: Option<String>,
}

/// The part of an inspection that only sinks have.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SinkInspection {
    /// The form of its input: `events` or `documents`.
    pub input: &'static str,
    /// JSON Schema of its configuration.
    pub config_schema: Value,
    /// The most events it takes at once.
    pub batch_events: Option<u32>,
    /// The most bytes it takes at once, as JSON texts.
    pub batch_bytes: Option<u64>,
}

impl Inspection {
    pub(super) fn new(loaded: &LoadedPlugin, grants: &Grants) -> Inspection {
        let (kind, name, version, summary) = match &loaded.role {
            PluginRole::Report { about, .. } => (PluginKind::Report, &about.name, &about.version, &about.summary),
            PluginRole::Sink { about, .. } => (PluginKind::Sink, &about.name, &about.version, &about.summary),
        };
        Inspection {
            name: name.clone(),
            version: version.clone(),
            summary: summary.clone(),
            kind,
            world: format!("audit:plugin/{}-plugin@{}", kind.interface(), loaded.version),
            sha256: loaded.core.digest.clone(),
            size: loaded.size,
            imports: loaded.imports.clone(),
            allow: grants.list().map(<[Grant]>::to_vec),
            report: report(&loaded.role),
            sink: sink(&loaded.role),
            limits: (*loaded.core.limits).clone(),
        }
    }
}

fn report(role: &PluginRole) -> Option<ReportInspection> {
    let PluginRole::Report { about, .. } = role else {
        return None;
    };
    Some(ReportInspection {
        connection: match about.connection {
            ConnectionKind::Epm => "epm",
            ConnectionKind::IdentityDomain => "identity-domain",
            ConnectionKind::Http => "http",
            ConnectionKind::Oci => "oci",
        },
        vendor: about.source.vendor.clone(),
        product: about.source.name.clone(),
        requests: about.requests.clone(),
        granularity: match about.granularity {
            Granularity::Instant => "instant".to_owned(),
            Granularity::Day => "day".to_owned(),
            Granularity::Minutes(1) => "1 minute".to_owned(),
            Granularity::Minutes(minutes) => format!("{minutes} minutes"),
        },
        retention_days: about.retention_days,
        window_days: about.window_days,
        parameters: about.parameters.clone(),
        deprecated: about.deprecation.as_ref().map(|deprecation| deprecation.notice.clone()),
        successor: about
            .deprecation
            .as_ref()
            .and_then(|deprecation| deprecation.successor.clone()),
    })
}

fn sink(role: &PluginRole) -> Option<SinkInspection> {
    let PluginRole::Sink { about, .. } = role else {
        return None;
    };
    Some(SinkInspection {
        input: match about.input {
            sink::Input::Events => "events",
            sink::Input::Documents => "documents",
        },
        config_schema: serde_json::from_str(&about.config_schema).unwrap_or_default(),
        batch_events: about.batch_events,
        batch_bytes: about.batch_bytes,
    })
}
