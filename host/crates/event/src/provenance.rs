//! The origin that all events of a run share.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

/// Which product the events tell of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Product {
    /// Oracle EPM Cloud.
    EpmCloud,
    /// An OCI identity domain.
    IdentityDomain,
}

impl Product {
    /// The product's name in `metadata.product.name`.
    pub fn name(self) -> &'static str {
        match self {
            Product::EpmCloud => "Oracle EPM Cloud",
            Product::IdentityDomain => "Oracle Identity Domain",
        }
    }
}

/// The origin that all events of a run share. It does not change once an event was written: part of a line is kept with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The report plugin's name.
    pub report: String,
    /// The connection's name.
    pub connection: String,
    /// Whose service it is, where the connection's entry says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The connection's host name: the service of events that name none.
    pub service: String,
    /// The product of the connection's kind.
    pub product: Product,
    /// The part of a line of OCSF that is the same for all events of the run.
    #[serde(skip)]
    pub(super) ready: Ready,
}

impl Provenance {
    /// Of a report that came by a connection to a host; nobody said whose that is.
    pub fn new(
        report: impl Into<String>,
        connection: impl Into<String>,
        service: impl Into<String>,
        product: Product,
    ) -> Provenance {
        Provenance {
            report: report.into(),
            connection: connection.into(),
            tenant: None,
            service: service.into(),
            product,
            ready: Ready::default(),
        }
    }

    /// The same of a tenant's service, where that is known.
    #[must_use]
    pub fn of_tenant(self, tenant: Option<String>) -> Provenance {
        Provenance {
            tenant,
            ready: Ready::default(),
            ..self
        }
    }
}

/// A text that is made of the other fields when it is first needed; a copy makes its own.
#[derive(Debug, Default)]
pub(super) struct Ready(OnceLock<Vec<u8>>);

impl Ready {
    /// The text.
    #[inline]
    pub(super) fn or(&self, make: impl FnOnce() -> Vec<u8>) -> &[u8] {
        self.0.get_or_init(make)
    }
}

impl Clone for Ready {
    fn clone(&self) -> Self {
        Ready::default()
    }
}

impl PartialEq for Ready {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Ready {}
