//! Python: componentize-py, which puts CPython and the plugin into one component. Its WASI imports are replaced by stubs,
//! so the component imports nothing.

use std::path::PathBuf;
use std::process::Command;

use super::options::Options;
use super::tool;
use super::world::world;
use crate::template::COMPONENTIZE_PY;
use crate::{Project, WorkshopError};

const TOOL: &str = "componentize-py";

pub(super) fn build(
    project: &Project,
    options: Options,
    progress: &mut dyn FnMut(&str),
) -> Result<(Vec<u8>, String), WorkshopError> {
    let (world, module) = world(project)?;
    let program = find(project).ok_or_else(missing)?;
    let folder = tempfile::tempdir().map_err(WorkshopError::file(&std::env::temp_dir()))?;
    let out = folder.path().join("component.wasm");
    progress("running componentize-py");
    let mut command = Command::new(program);
    command.args(["--wit-path", "wit", "--world", &world, "componentize"]);
    if !options.debug {
        command.arg("--stub-wasi");
    }
    command.args(["--python-path", "src", module, "--output"]).arg(&out);
    // Nothing but the component: no byte code beside the sources.
    command.env("PYTHONDONTWRITEBYTECODE", "1").env_remove("RUST_BACKTRACE");
    let output = tool::run(project, TOOL, &mut command, missing)?;
    let wasm = std::fs::read(&out).map_err(WorkshopError::file(&out))?;
    Ok((wasm, tool::said(&output, true)))
}

/// In the project's own environment, in the active one, in PATH.
fn find(project: &Project) -> Option<PathBuf> {
    let own = project.folder.canonicalize().ok()?.join(".venv");
    let active = std::env::var_os("VIRTUAL_ENV").map(PathBuf::from);
    let folders: Vec<PathBuf> = [Some(own), active]
        .into_iter()
        .flatten()
        .map(|environment| environment.join("bin"))
        .collect();
    tool::find(TOOL, &folders)
}

fn missing() -> WorkshopError {
    WorkshopError::Toolchain {
        tool: TOOL,
        language: "Python",
        install: format!(
            "python3 -m venv .venv && .venv/bin/pip install {TOOL}=={COMPONENTIZE_PY}  (any environment in PATH will do)"
        ),
    }
}
