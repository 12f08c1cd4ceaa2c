//! An `AuditEvent` as the identity domain answers it.

use serde_json::Value;

use crate::history::PastEvent;
use crate::oci::domain_ocid;
use crate::site::AppState;

/// The resource of an occurrence, with where in OCI the domain is; `base` is what its links begin with.
pub(crate) fn event(site: &AppState, occurrence: &PastEvent, base: &str) -> Value {
    let oci = &site.scenario.oci;
    let mut resource = site.resources().resource(occurrence, base);
    if let Some(members) = resource.as_object_mut() {
        for (name, ocid) in [
            ("domainOcid", domain_ocid()),
            ("compartmentOcid", oci.domain_compartment().to_owned()),
            ("tenancyOcid", oci.tenancy.clone()),
        ] {
            members.insert(name.to_owned(), ocid.into());
        }
    }
    resource
}
