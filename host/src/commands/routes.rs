//! The values that routes name and no run can give them: found by asking the plugins.

use setup::config::Config;
use setup::{connections, plugins};

/// One sentence for each report that no route will ever see as the configuration is.
pub fn remarks(config: &Config) -> Vec<String> {
    let routes = config.routes.iter().enumerate();
    let named = routes.flat_map(|(number, route)| (route.reports.iter().flatten()).map(move |name| (number, name)));
    named
        .filter_map(|(number, name)| {
            let problem = problem(config, name)?;
            let place = config.place(&["routes", &number.to_string(), "reports"]);
            Some(format!("{place}: {problem}"))
        })
        .collect()
}

fn problem(config: &Config, name: &str) -> Option<String> {
    if !config.plugins.contains_key(name) && built_in::built_in(name).is_none() {
        return Some(format!(
            "{name:?} is neither a built-in report nor a name under [plugins]; only a plugin that is named by its \
             path can be called so"
        ));
    }
    // What cannot be loaded is told elsewhere.
    let plugin = plugins::load(config, name).ok()?;
    let Ok(mut report) = plugin.report() else {
        return Some(format!("{name} is a sink plugin, which has no events"));
    };
    let described = report.describe().ok()?;
    if described.name != name {
        return Some(format!(
            "the plugin {name} calls its report {:?}, and routes go by that name",
            described.name
        ));
    }
    let kind = connections::kind_of(described.connection);
    let served = (config.connections.values()).any(|connection| connection.kind == Some(kind));
    (!served).then(|| {
        format!("no connection of kind {kind} is configured, so only a run with --url gets {name} from anywhere")
    })
}
