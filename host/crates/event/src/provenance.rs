//! The origin that all events of a run share.

use std::borrow::Cow;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

/// The product that the events tell of, and who makes it: every encoding carries both names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredProduct", into = "StoredProduct")]
pub struct Product {
    /// The vendor, such as `Oracle`.
    pub vendor: String,
    /// The name, such as `Oracle EPM Cloud`.
    pub name: String,
}

impl Product {
    /// A vendor's product.
    pub fn new(vendor: impl Into<String>, name: impl Into<String>) -> Self {
        Product {
            vendor: vendor.into(),
            name: name.into(),
        }
    }

    /// Oracle EPM Cloud.
    pub fn epm_cloud() -> Self {
        Product::new(ORACLE, "Oracle EPM Cloud")
    }

    /// An OCI identity domain.
    pub fn identity_domain() -> Self {
        Product::new(ORACLE, "Oracle Identity Domain")
    }

    /// True if it is one of Oracle's.
    pub fn is_oracle_s(&self) -> bool {
        self.vendor == ORACLE
    }

    /// The vendor in lower case, words joined by underscores: `event.module` of ECS.
    pub fn module(&self) -> Cow<'_, str> {
        if self.is_oracle_s() {
            return Cow::Borrowed("oracle");
        }
        let is_word = |c: char| c.is_alphanumeric();
        let words = self.vendor.split(|c| !is_word(c)).filter(|word| !word.is_empty());
        Cow::Owned(words.map(str::to_lowercase).collect::<Vec<_>>().join("_"))
    }
}

const ORACLE: &str = "Oracle";

/// A product as it is kept with events that wait: two have names of their own, by which earlier versions know them.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum StoredProduct {
    Known(KnownProduct),
    Named { vendor: String, name: String },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum KnownProduct {
    EpmCloud,
    IdentityDomain,
}

impl From<StoredProduct> for Product {
    fn from(stored: StoredProduct) -> Self {
        match stored {
            StoredProduct::Known(KnownProduct::EpmCloud) => Product::epm_cloud(),
            StoredProduct::Known(KnownProduct::IdentityDomain) => Product::identity_domain(),
            StoredProduct::Named { vendor, name } => Product { vendor, name },
        }
    }
}

impl From<Product> for StoredProduct {
    fn from(product: Product) -> Self {
        if product == Product::epm_cloud() {
            StoredProduct::Known(KnownProduct::EpmCloud)
        } else if product == Product::identity_domain() {
            StoredProduct::Known(KnownProduct::IdentityDomain)
        } else {
            StoredProduct::Named {
                vendor: product.vendor,
                name: product.name,
            }
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
    /// The tenant whose service it is, where the connection's entry says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The name that the configuration gives the stream, where it gives one. Routes go by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// The connection's host name: the service of events that name none.
    pub service: String,
    /// The product that the report's plugin names.
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
            stream: None,
            service: service.into(),
            product,
            ready: Ready::default(),
        }
    }

    /// The provenance of a tenant's service, where that is known.
    #[must_use]
    pub fn of_tenant(self, tenant: Option<String>) -> Provenance {
        Provenance {
            tenant,
            ready: Ready::default(),
            ..self
        }
    }
}

impl Provenance {
    /// The same of the stream of that name.
    #[must_use]
    pub fn of_stream(self, stream: Option<String>) -> Provenance {
        Provenance { stream, ..self }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_is_kept_by_the_name_that_earlier_versions_know() {
        for (product, kept) in [
            (Product::epm_cloud(), r#""epm-cloud""#),
            (Product::identity_domain(), r#""identity-domain""#),
            (Product::new("Okta", "Okta"), r#"{"vendor":"Okta","name":"Okta"}"#),
        ] {
            assert_eq!(serde_json::to_string(&product).unwrap(), kept);
            assert_eq!(serde_json::from_str::<Product>(kept).unwrap(), product);
        }
    }

    #[test]
    fn a_vendor_s_module_is_words_in_lower_case() {
        for (vendor, module) in [
            ("Oracle", "oracle"),
            ("Okta", "okta"),
            (" Acme, Inc. ", "acme_inc"),
            ("", ""),
        ] {
            assert_eq!(Product::new(vendor, "x").module(), module);
        }
    }
}
