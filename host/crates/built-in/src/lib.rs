//! The plugins that come with the binary; `build.rs` compiles and wraps them.
//!
//! The only room that is built anew when a plugin changes, and what stands on it.
#![warn(missing_docs)]

use sandbox::Grants;

/// Name and component of each, ordered by name.
pub static BUILT_IN: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/built_in.rs"));

/// The requests that each of the reports asks for: no more is granted to it.
const ASKS: &[(&str, &[&str])] = &[
    ("audit-events", &["GET /admin/v1/AuditEvents"]),
    ("group-assignment-audit", &["POST /interop/rest/v2/reports/groupaudit"]),
    ("invalid-login", &["POST /interop/rest/security/v1/invalidloginreport"]),
    ("oci-audit", &["GET /20190901/auditEvents", "POST /20190909/search"]),
    (
        "role-assignment-audit",
        &["POST /interop/rest/security/v1/roleassignmentauditreport"],
    ),
    (
        "user-audit",
        &[
            "POST /interop/rest/v1/reports",
            "POST /interop/rest/v2/reports/useraudit",
        ],
    ),
    ("user-login", &["GET /interop/rest/security/v1/report/userloginreport"]),
];

/// The requests that the built-in plugin of that name may ask for. A sink may ask for anything below its endpoint, which is there for it
/// alone.
pub fn built_in_grants(name: &str) -> Option<Grants> {
    let (name, _) = BUILT_IN.iter().find(|(known, _)| *known == name)?;
    let grants = match ASKS.iter().find(|(report, _)| report == name) {
        None => Grants::anything(),
        Some((_, asks)) => Grants::only(asks.iter().filter_map(|grant| grant.parse().ok())),
    };
    Some(grants)
}

/// The component of that name.
pub fn built_in(name: &str) -> Option<&'static [u8]> {
    BUILT_IN
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, component)| *component)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sandbox::{PluginKind, PluginLimits, Request, Sandbox, Window};

    #[test]
    fn a_built_in_report_is_granted_what_it_asks_for_and_no_more() {
        let sandbox = Sandbox::new(PluginLimits::default(), None).unwrap();
        let mut reports = Vec::new();
        for (name, component) in BUILT_IN {
            let plugin = sandbox.load(component, name).unwrap();
            let grants = built_in_grants(name).unwrap();
            if plugin.kind() == PluginKind::Sink {
                assert_eq!(grants, Grants::anything(), "{name}");
                continue;
            }
            let mut report = plugin.granted(Grants::only([])).report().unwrap();
            let mut asked = Vec::new();
            let choices = report.describe().unwrap().parameters;
            let choices = choices.iter().flat_map(|parameter| {
                let values = parameter.values.iter();
                values.map(|value| vec![(parameter.name.clone(), value.clone())])
            });
            // Parameters without which there is no plan, and choices that exclude each other.
            let always = match *name {
                "oci-audit" => vec![("compartment".to_owned(), "ocid1.tenancy.oc1..example".to_owned())],
                _ => vec![],
            };
            for chosen in choices.chain([vec![]]) {
                let parameters = [always.clone(), chosen].concat();
                let request = Request {
                    window: Window {
                        from: 0,
                        to: 86_400_000,
                    },
                    now: 86_400_000,
                    parameters,
                    unique_name: "host-1".into(),
                };
                match report.plan(&request) {
                    Err(sandbox::PluginError::NotGranted { allow, .. }) => asked.extend(allow),
                    other => panic!("{name}: {other:?}"),
                }
            }
            asked.sort();
            asked.dedup();
            let granted: Vec<String> = grants.list().unwrap().iter().map(ToString::to_string).collect();
            assert_eq!(granted, asked, "{name}");
            reports.push(*name);
        }
        assert_eq!(reports, ASKS.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    }
}
