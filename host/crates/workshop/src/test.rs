//! [`test`]: a project's golden cases, then what any plugin of its kind must do.

use std::path::Path;

use super::conformance::{self, Material};
use super::findings::{CheckOutcome, Failed, Finding};
use super::golden::{self, ReportCase, SinkCase};
use super::{Project, WorkshopError};
use sandbox::{Grants, Plugin, PluginKind, ReportPlugin, SinkPlugin};

/// The checks that are wanted, and what to do with differences.
#[derive(Debug, Clone, Default)]
pub struct CaseSelection {
    /// Only the case of that name, and no others.
    pub case: Option<String>,
    /// Write what is found as what is expected.
    pub bless: bool,
}

/// Runs the cases of `tests/` below the project's folder, then the conformance checks, and tells of each as it ends.
///
/// # Errors
///
/// [`WorkshopError::Project`] where there is no case of the selected name, or the plugin is not of the project's kind. A
/// check that fails is no error.
pub fn test(
    project: &Project,
    plugin: &Plugin,
    selection: &CaseSelection,
    tell: &mut dyn FnMut(Finding),
) -> Result<(), WorkshopError> {
    if let Some(kind) = project.kind.filter(|kind| *kind != plugin.kind()) {
        return Err(WorkshopError::project(
            format!(
                "plugin.toml says {}, and the component is a {}",
                kind.interface(),
                plugin.kind().interface()
            ),
            "fix `kind` in plugin.toml, or the world that the plugin is built for",
        ));
    }
    // Nothing is sent.
    let plugin = &plugin.granted(Grants::anything());
    let mut folders = golden::folders(&project.folder)?;
    if let Some(wanted) = &selection.case {
        let known: Vec<String> = folders.iter().map(|folder| golden::name(folder)).collect();
        folders.retain(|folder| golden::name(folder) == *wanted);
        if folders.is_empty() {
            let hint = match known.is_empty() {
                true => "a case is a folder below tests/ that holds an input.*".to_owned(),
                false => format!("the cases are: {}", known.join(", ")),
            };
            return Err(WorkshopError::project(format!("there is no case {wanted:?}"), hint));
        }
    }
    let mut material = Material {
        name: project.kind.map(|_| project.name.clone()),
        ..Material::default()
    };
    match plugin.kind() {
        PluginKind::Report => {
            let mut report = plugin.report()?;
            for folder in &folders {
                let result = report_case(&mut report, folder, selection.bless, &mut material);
                tell(Finding::new(case_name(folder), result));
            }
        }
        PluginKind::Sink => {
            let sink = plugin.sink()?;
            for folder in &folders {
                let result = sink_case(&sink, folder, selection.bless, &mut material);
                tell(Finding::new(case_name(folder), result));
            }
        }
    }
    if selection.case.is_none() {
        conformance::run(plugin, &material, tell)?;
    }
    Ok(())
}

fn case_name(folder: &Path) -> String {
    format!("case {}", golden::name(folder))
}

fn report_case(
    report: &mut ReportPlugin,
    folder: &Path,
    bless: bool,
    material: &mut Material,
) -> Result<CheckOutcome, Failed> {
    let case = ReportCase::read(report, folder)?;
    let found = case.run(report, folder, bless);
    material.documents.push((case.document, case.bytes));
    found
}

fn sink_case(sink: &SinkPlugin, folder: &Path, bless: bool, material: &mut Material) -> Result<CheckOutcome, Failed> {
    let case = SinkCase::read(sink, folder)?;
    let found = case.run(sink, folder, bless);
    material.config.get_or_insert(case.config);
    found
}
