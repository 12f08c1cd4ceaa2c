//! From a project to a component: [`build`] runs the language's own tool, has the sandbox load what came of it, and only
//! then puts it in its place.

mod javascript;
mod options;
mod python;
mod rust;
mod tool;
mod world;

pub use options::Options;

use std::fs;
use std::time::{Duration, Instant};

use super::{Language, Project, WorkshopError};
use sandbox::{Inspection, Plugin, Sandbox};

/// The result of a build.
#[derive(Debug)]
pub struct Built {
    /// The component, loaded.
    pub plugin: Plugin,
    /// The component's description.
    pub about: Inspection,
    /// The time that the language's tool took.
    pub tool: Duration,
    /// The time that the sandbox took to compile the component.
    pub compile: Duration,
    /// The tool's own output.
    pub output: String,
}

/// Builds a project's component and leaves it at [`Project::component`]. `progress` is told what takes long.
///
/// # Errors
///
/// [`WorkshopError::Toolchain`] where the tool is not there, [`WorkshopError::Build`] where it fails, and
/// [`WorkshopError::Plugin`] where the sandbox does not load what it made. The component of an earlier build stays then.
pub fn build(
    project: &Project,
    sandbox: &Sandbox,
    options: Options,
    progress: &mut dyn FnMut(&str),
) -> Result<Built, WorkshopError> {
    let began = Instant::now();
    let (wasm, output) = match project.language {
        Language::Rust => rust::build(project, progress)?,
        Language::Python => python::build(project, options, progress)?,
        Language::JavaScript => javascript::build(project, progress)?,
    };
    let tool = began.elapsed();
    let component = sandbox.componentize(&wasm, &project.name)?;
    progress(&format!("compiling {} of WebAssembly", size(component.len())));
    let began = Instant::now();
    let plugin = sandbox.load(&component, &project.name)?;
    let compile = began.elapsed();
    let path = project.component();
    let folder = path.parent().unwrap_or(&project.folder);
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(WorkshopError::file(folder))?;
    std::io::Write::write_all(&mut file, &component).map_err(WorkshopError::file(&path))?;
    // A temporary file is its owner's alone; a component is a file like any other.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o644)).map_err(WorkshopError::file(&path))?;
    }
    file.persist(&path)
        .map_err(|error| WorkshopError::file(&path)(error.error))?;
    Ok(Built {
        about: plugin.inspect(),
        plugin,
        tool,
        compile,
        output,
    })
}

/// Bytes for people.
pub(super) fn size(bytes: usize) -> String {
    match bytes {
        0..=9_999 => format!("{bytes} bytes"),
        10_000..=999_999 => format!("{} kB", bytes / 1000),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10),
    }
}
