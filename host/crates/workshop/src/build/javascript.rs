//! JavaScript: componentize-js, which puts SpiderMonkey and the plugin into one component. All that would need WASI is
//! switched off, so the component imports nothing.

use std::path::PathBuf;
use std::process::Command;

use super::tool;
use super::world::world;
use crate::{Project, WorkshopError};

const TOOL: &str = "componentize-js";

pub(super) fn build(project: &Project, progress: &mut dyn FnMut(&str)) -> Result<(Vec<u8>, String), WorkshopError> {
    let (world, module) = world(project)?;
    if tool::find("node", &[]).is_none() {
        return Err(missing("node"));
    }
    let program = match find(project) {
        Some(program) => program,
        None => {
            install(project, progress)?;
            find(project).ok_or_else(|| {
                WorkshopError::project(
                    format!("npm did not bring {TOOL}"),
                    "package.json needs it among its devDependencies; see a new project",
                )
            })?
        }
    };
    let folder = tempfile::tempdir().map_err(WorkshopError::file(&std::env::temp_dir()))?;
    let out = folder.path().join("component.wasm");
    progress("running componentize-js");
    let mut command = Command::new(program);
    command.arg(format!("src/{module}.js"));
    command.args(["--wit", "wit", "--world-name", &world, "--disable"]);
    command
        .args(["stdio", "random", "clocks", "http", "fetch-event", "--out"])
        .arg(&out);
    let output = tool::run(project, TOOL, &mut command, || missing("node"))?;
    // Some mistakes it prints without failing.
    if !out.is_file() {
        return Err(WorkshopError::Build {
            tool: TOOL,
            name: project.name.clone(),
            output: tool::said(&output, true),
        });
    }
    let wasm = std::fs::read(&out).map_err(WorkshopError::file(&out))?;
    Ok((wasm, tool::said(&output, true)))
}

/// The package where node itself would look: in the project and in every folder above it.
fn find(project: &Project) -> Option<PathBuf> {
    let folder = project.folder.canonicalize().ok()?;
    let bins: Vec<PathBuf> = folder
        .ancestors()
        .map(|folder| folder.join("node_modules/.bin"))
        .collect();
    tool::find(TOOL, &bins)
}

fn install(project: &Project, progress: &mut dyn FnMut(&str)) -> Result<(), WorkshopError> {
    progress("running npm install, once: componentize-js is not there yet");
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund"]);
    tool::run(project, "npm", &mut npm, || missing("npm")).map(|_| ())
}

fn missing(tool: &'static str) -> WorkshopError {
    WorkshopError::Toolchain {
        tool,
        language: "JavaScript",
        install: "install Node.js 20 or later, with npm; the rest is in package.json".to_owned(),
    }
}
