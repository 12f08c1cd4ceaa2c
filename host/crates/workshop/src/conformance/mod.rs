//! The duties of any plugin, whatever it is for: the checks that need no golden case, though reports are tried with the
//! documents of theirs.

mod hostile;
mod material;
mod report;
mod sink;

pub(super) use material::Material;

use super::findings::{CheckOutcome, Failed, Finding, crashed, failed, fine};
use sandbox::{Plugin, PluginError, PluginKind};

/// Runs every check for the plugin's kind.
pub(super) fn run(plugin: &Plugin, material: &Material, tell: &mut dyn FnMut(Finding)) -> Result<(), PluginError> {
    tell(Finding::new("describe: the same twice", same_description(plugin)));
    if let Some(name) = &material.name {
        tell(Finding::new("describe: the project's name", same_name(plugin, name)));
    }
    match plugin.kind() {
        PluginKind::Report => report::run(plugin.report()?, material, tell),
        PluginKind::Sink => sink::run(&plugin.sink()?, material, tell),
    }
    Ok(())
}

fn same_description(plugin: &Plugin) -> Result<CheckOutcome, Failed> {
    if plugin.describes_itself_alike().map_err(crashed("describe"))? {
        return fine();
    }
    failed(
        "two calls gave two descriptions",
        "`describe` must be constant: take out whatever changes",
    )
}

fn same_name(plugin: &Plugin, name: &str) -> Result<CheckOutcome, Failed> {
    if plugin.name() == name {
        return fine();
    }
    failed(
        format!("it calls itself {:?}, and the project {name:?}", plugin.name()),
        "let `describe` and plugin.toml say the same: the name is what people type",
    )
}
