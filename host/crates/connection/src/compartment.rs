//! The compartment of OCI whose audit log a connection is for.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// The longest OCID that Oracle documents.
const LONGEST: usize = 255;

/// The OCID of a compartment, or of a tenancy for its root compartment. It holds nothing that could end a query early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompartmentId(String);

impl CompartmentId {
    /// The compartment of an OCID, as far as its form tells: `ocid1.TYPE.REALM.[REGION].UNIQUE`. None of anything else.
    pub fn parse(text: &str) -> Option<CompartmentId> {
        let labels: Vec<&str> = text.split('.').collect();
        let is_label = |label: &&str| {
            label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        let formed = match labels.as_slice() {
            ["ocid1", "compartment" | "tenancy", realm, _, .., unique] => !realm.is_empty() && !unique.is_empty(),
            _ => false,
        };
        (formed && text.len() <= LONGEST && labels.iter().all(is_label)).then(|| CompartmentId(text.to_owned()))
    }

    /// The OCID.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for CompartmentId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<CompartmentId, D::Error> {
        let text = String::deserialize(deserializer)?;
        // No message repeats a value of the file.
        CompartmentId::parse(&text).ok_or_else(|| {
            D::Error::custom(
                "not the OCID of a compartment or a tenancy: it is written as ocid1.compartment.oc1..UNIQUE, and OCI's \
                 console shows it on the page of the compartment",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ocids_of_compartments_and_tenancies_are_taken_and_nothing_else() {
        for ocid in [
            "ocid1.tenancy.oc1..aaaaexampletenancy",
            "ocid1.compartment.oc1..aaaa-example_1",
            "ocid1.compartment.oc19.eu-frankfurt-2.aaaa",
        ] {
            assert_eq!(CompartmentId::parse(ocid).unwrap().as_str(), ocid);
        }
        let long = format!("ocid1.compartment.oc1..{}", "a".repeat(240));
        for text in [
            "",
            "root",
            "ocid1.compartment.oc1",
            "ocid1.compartment.oc1..",
            "ocid1.compartment...aaaa",
            "ocid1.compartment.oc1..a\"b",
            "ocid1.compartment.oc1..a/_Audit",
            "ocid1.user.oc1..aaaa",
            &long,
        ] {
            assert_eq!(CompartmentId::parse(text), None, "{text}");
        }
    }
}
