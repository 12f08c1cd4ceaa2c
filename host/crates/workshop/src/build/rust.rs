//! Rust: cargo, for `wasm32-unknown-unknown`. The core module that it leaves imports nothing.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::tool;
use crate::{Project, WorkshopError};

const TARGET: &str = "wasm32-unknown-unknown";
/// Flags and wrappers of an outer build are for another target.
const OF_AN_OUTER_BUILD: &[&str] = &[
    "CARGO_ENCODED_RUSTFLAGS",
    "RUSTFLAGS",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "CARGO_BUILD_TARGET",
];

pub(super) fn build(project: &Project, progress: &mut dyn FnMut(&str)) -> Result<(Vec<u8>, String), WorkshopError> {
    check_target(project)?;
    progress("running cargo");
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--release", "--lib", "--target", TARGET]);
    cargo.arg("--message-format=json-render-diagnostics");
    for variable in OF_AN_OUTER_BUILD {
        cargo.env_remove(variable);
    }
    let output = tool::run(project, "cargo", &mut cargo, no_cargo).map_err(without_json)?;
    let path = artifact(&output.stdout, &project.folder.join("Cargo.toml")).ok_or_else(|| {
        WorkshopError::project(
            "cargo built no WebAssembly module",
            "the manifest needs [lib] with crate-type = [\"cdylib\"]",
        )
    })?;
    let wasm = std::fs::read(&path).map_err(WorkshopError::file(&path))?;
    Ok((wasm, tool::said(&output, false)))
}

fn no_cargo() -> WorkshopError {
    WorkshopError::Toolchain {
        tool: "cargo",
        language: "Rust",
        install: format!("install Rust from https://rustup.rs, then: rustup target add {TARGET}"),
    }
}

/// Asks the compiler that the project's folder gets, which a toolchain file may decide.
fn check_target(project: &Project) -> Result<(), WorkshopError> {
    let mut rustc = Command::new("rustc");
    rustc.args(["--print", "target-libdir", "--target", TARGET]);
    let output = tool::run(project, "rustc", &mut rustc, no_cargo)?;
    if Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir() {
        return Ok(());
    }
    Err(WorkshopError::Toolchain {
        tool: TARGET,
        language: "Rust",
        install: format!("in {}: rustup target add {TARGET}", project.folder.display()),
    })
}

/// The `.wasm` file of the package itself, not of one that it depends on.
fn artifact(messages: &[u8], manifest: &Path) -> Option<PathBuf> {
    let manifest = manifest.canonicalize().ok()?;
    let text = String::from_utf8_lossy(messages);
    let messages = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let ours = |message: &Value| {
        let path = message.get("manifest_path").and_then(Value::as_str);
        path.and_then(|path| Path::new(path).canonicalize().ok()) == Some(manifest.clone())
    };
    let files = messages
        .filter(ours)
        .filter_map(|message| message.get("filenames").and_then(Value::as_array).cloned())
        .flatten();
    files
        .filter_map(|file| file.as_str().map(PathBuf::from))
        .find(|file| file.extension().is_some_and(|extension| extension == "wasm"))
}

/// The messages of cargo for people: those for machines are left out.
fn without_json(error: WorkshopError) -> WorkshopError {
    match error {
        WorkshopError::Build { tool, name, output } => WorkshopError::Build {
            tool,
            name,
            output: output
                .lines()
                .filter(|line| !line.starts_with("{\"reason\":"))
                .map(|line| format!("{line}\n"))
                .collect(),
        },
        other => other,
    }
}
