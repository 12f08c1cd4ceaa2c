//! The compartment whose events are asked for.

use plugin_sdk::{Fault, Request};

/// The longest OCID that Oracle documents.
const LONGEST: usize = 255;

/// The OCID of a compartment, or of a tenancy for its root compartment. It holds nothing that could end a query early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compartment(String);

impl Compartment {
    /// The compartment that a request names.
    pub fn of(request: &Request) -> Result<Compartment, Fault> {
        const HINT: &str = "give the OCID of the compartment that holds the identity domain, or of the tenancy for its root \
            compartment: --param compartment=ocid1.compartment.oc1..…";
        let Some(text) = request.parameter("compartment") else {
            return Err(Fault::invalid_request("oci-audit needs the parameter compartment").hint(HINT));
        };
        // `ocid1.TYPE.REALM.[REGION][.FUTURE].UNIQUE`
        let labels: Vec<&str> = text.split('.').collect();
        let is_label = |label: &&str| {
            label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        let is_ocid = text.len() <= LONGEST && labels.iter().all(is_label);
        match labels.as_slice() {
            ["ocid1", kind, realm, _, .., unique] if is_ocid && !realm.is_empty() && !unique.is_empty() => {
                match *kind {
                    "compartment" | "tenancy" => Ok(Compartment(text.into())),
                    kind => {
                        let message =
                            format!("the parameter compartment is the OCID of something else: its type is {kind:?}");
                        Err(Fault::invalid_request(message).hint(HINT))
                    }
                }
            }
            _ => Err(Fault::invalid_request(format!("the parameter compartment cannot be {text:?}")).hint(HINT)),
        }
    }

    /// The OCID.
    pub fn ocid(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plugin_sdk::{FaultKind, Window, golden};

    fn compartment(text: Option<&str>) -> Result<String, Fault> {
        let parameters: Vec<_> = text.map(|text| ("compartment", text)).into_iter().collect();
        Compartment::of(&golden::request(Window { from: 0, to: 1 }, 1, &parameters))
            .map(|compartment| compartment.ocid().to_string())
    }

    #[test]
    fn ocids_of_compartments_and_tenancies_are_taken() {
        for ocid in [
            "ocid1.tenancy.oc1..aaaaexampletenancy",
            "ocid1.compartment.oc1..aaaa-example_1",
            "ocid1.compartment.oc19.eu-frankfurt-2.aaaa",
            "ocid1.compartment.oc1.eu-frankfurt-1.future.aaaa",
        ] {
            assert_eq!(compartment(Some(ocid)).as_deref(), Ok(ocid));
        }
    }

    #[test]
    fn anything_else_is_refused_before_anything_is_sent() {
        let long = format!("ocid1.compartment.oc1..{}", "a".repeat(240));
        for text in [
            None,
            Some(""),
            Some("root"),
            Some("ocid1.compartment"),
            Some("ocid1.compartment.oc1"),
            Some("ocid1.compartment.oc1.."),
            Some("ocid1.compartment...aaaa"),
            Some("ocid1.compartment.oc1..a\"b"),
            Some("ocid1.compartment.oc1..a/_Audit"),
            Some("ocid1.compartment.oc1..a b"),
            Some("ocid2.compartment.oc1..aaaa"),
            Some("ocid1.user.oc1..aaaa"),
            Some(&long),
        ] {
            let fault = compartment(text).unwrap_err();
            assert_eq!(fault.kind, FaultKind::InvalidRequest, "{text:?}");
            assert!(fault.hint.is_some(), "{text:?}");
        }
        let fault = compartment(Some("ocid1.user.oc1..aaaa")).unwrap_err();
        assert!(fault.message.contains("\"user\""), "{}", fault.message);
    }
}
