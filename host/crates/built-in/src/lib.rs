//! The plugins that come with the binary; `build.rs` compiles and wraps them.
//!
//! The only room that is built anew when a plugin changes, and what stands on it.
#![warn(missing_docs)]

/// Name and component of each, ordered by name.
pub static BUILT_IN: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/built_in.rs"));

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
    use sandbox::{Grants, PluginKind, PluginLimits, Request, Sandbox, Window};

    /// Values of the parameters that a report cannot do without.
    const NEEDED: [(&str, &str); 1] = [("compartment", "ocid1.tenancy.oc1..aaaa")];

    #[test]
    fn a_built_in_report_asks_for_what_it_lists_and_no_more() {
        let sandbox = Sandbox::new(PluginLimits::default(), None).unwrap();
        for (name, component) in BUILT_IN {
            let plugin = sandbox.load(component, name).unwrap();
            if plugin.kind() == PluginKind::Sink {
                continue;
            }
            let mut report = plugin.granted(Grants::only([])).report().unwrap();
            let mut asked = Vec::new();
            let about = report.describe().unwrap();
            let choices = about.parameters.iter().flat_map(|parameter| {
                let values = parameter.values.iter();
                values.map(|value| vec![(parameter.name.clone(), value.clone())])
            });
            let needed = NEEDED
                .iter()
                .filter(|(name, _)| about.parameters.iter().any(|known| known.name == *name));
            let needed: Vec<_> = needed
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            for parameters in choices.chain([vec![]]) {
                let request = Request {
                    window: Window {
                        from: 0,
                        to: 86_400_000,
                    },
                    now: 86_400_000,
                    parameters: [needed.clone(), parameters].concat(),
                    unique_name: "host-1".into(),
                };
                match report.plan(&request) {
                    Err(sandbox::PluginError::NotGranted { allow, .. }) => asked.extend(allow),
                    other => panic!("{name}: {other:?}"),
                }
            }
            asked.sort();
            asked.dedup();
            let mut listed = about.requests.clone();
            listed.sort();
            assert_eq!(listed, asked, "{name}");
        }
    }
}
