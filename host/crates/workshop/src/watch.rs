//! Waiting for a project to change.

use std::sync::mpsc;
use std::time::Duration;

use notify::{EventKind, RecursiveMode, Watcher};

use super::{Project, WorkshopError};

/// An editor writes a file in several steps: this long without another change, and it is done.
const QUIET: Duration = Duration::from_millis(150);
/// The folders that hold sources and cases; what tools leave beside them may be huge.
const DEEP: &[&str] = &["src", "wit", "tests"];

/// Calls `changed` at once, and again whenever a source or case has changed, until it answers false.
///
/// # Errors
///
/// [`WorkshopError::Watch`] where the system does not tell of changes.
pub fn watch(project: &Project, mut changed: impl FnMut() -> bool) -> Result<(), WorkshopError> {
    let failed = |error: notify::Error| WorkshopError::Watch {
        reason: error.to_string(),
    };
    let folder = project
        .folder
        .canonicalize()
        .map_err(WorkshopError::file(&project.folder))?;
    let project = Project {
        folder,
        ..project.clone()
    };
    let (tell, told) = mpsc::channel();
    let ours = project.clone();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let counts = match event {
            Ok(event) if matches!(event.kind, EventKind::Access(_)) => false,
            Ok(event) => event.paths.iter().any(|path| ours.is_ours(path)),
            // Some changes were lost: look again.
            Err(_) => true,
        };
        if counts {
            // Nobody listens any more only once `watch` has returned.
            let _ = tell.send(());
        }
    })
    .map_err(failed)?;
    watcher
        .watch(&project.folder, RecursiveMode::NonRecursive)
        .map_err(failed)?;
    for folder in DEEP
        .iter()
        .map(|name| project.folder.join(name))
        .filter(|folder| folder.is_dir())
    {
        watcher.watch(&folder, RecursiveMode::Recursive).map_err(failed)?;
    }
    while changed() {
        // The watcher holds the other end, so this ends only with a change.
        if told.recv().is_err() {
            break;
        }
        while told.recv_timeout(QUIET).is_ok() {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Language, write_new};
    use sandbox::PluginKind;

    #[test]
    fn a_changed_source_is_noticed_and_a_tools_file_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("a");
        write_new(&folder, "a", PluginKind::Sink, Language::Python).unwrap();
        let project = Project::open(&folder).unwrap();
        let mut rounds = 0;
        watch(&project, || {
            rounds += 1;
            // A round's own traces must not start another: only the source does.
            std::fs::write(project.component(), "x").unwrap();
            std::fs::write(folder.join("src/sink.py"), format!("# {rounds}")).unwrap();
            rounds < 3
        })
        .unwrap();
        assert_eq!(rounds, 3);
        assert!(!project.is_ours(&folder.join("a.wasm")));
        assert!(!project.is_ours(&folder.join("node_modules/x/y.js")));
        assert!(project.is_ours(&folder.join("tests/case/expected.json")));
    }
}
