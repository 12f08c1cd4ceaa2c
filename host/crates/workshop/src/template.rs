//! The files that a new project starts with, and [`write_new`], which writes them.

use std::fs;
use std::path::Path;

use super::project::check_name;
use super::{Language, WorkshopError};
use sandbox::{PluginKind, WIT};

/// The toolchains that the templates were tried with.
pub(super) const COMPONENTIZE_PY: &str = "0.25.1";
const COMPONENTIZE_JS: &str = "0.23.0";

type Files = &'static [(&'static str, &'static str)];

fn cases(kind: PluginKind) -> Files {
    match kind {
        PluginKind::Sink => &[
            (
                "tests/two-events/input.ndjson",
                include_str!("templates/cases/sink-input.ndjson"),
            ),
            (
                "tests/two-events/config.json",
                include_str!("templates/cases/sink-config.json"),
            ),
            (
                "tests/two-events/expected.json",
                include_str!("templates/cases/sink-expected.json"),
            ),
            ("README.md", include_str!("templates/sink.md")),
        ],
        PluginKind::Report => &[
            (
                "tests/sign-ins/input.csv",
                include_str!("templates/cases/report-input.csv"),
            ),
            (
                "tests/sign-ins/expected.ndjson",
                include_str!("templates/cases/report-expected.ndjson"),
            ),
            ("README.md", include_str!("templates/report.md")),
        ],
    }
}

fn sources(language: Language, kind: PluginKind) -> Files {
    match (language, kind) {
        (Language::Rust, PluginKind::Sink) => &[
            ("Cargo.toml", include_str!("templates/rust/sink/manifest.toml")),
            ("src/lib.rs", include_str!("templates/rust/sink/lib.rs")),
            (".gitignore", include_str!("templates/rust/gitignore")),
        ],
        (Language::Rust, PluginKind::Report) => &[
            ("Cargo.toml", include_str!("templates/rust/report/manifest.toml")),
            ("src/lib.rs", include_str!("templates/rust/report/lib.rs")),
            (".gitignore", include_str!("templates/rust/gitignore")),
        ],
        (Language::Python, PluginKind::Sink) => &[
            ("requirements.txt", include_str!("templates/python/requirements.txt")),
            ("src/sink.py", include_str!("templates/python/sink/sink.py")),
            (".gitignore", include_str!("templates/python/gitignore")),
        ],
        (Language::Python, PluginKind::Report) => &[
            ("requirements.txt", include_str!("templates/python/requirements.txt")),
            ("src/report.py", include_str!("templates/python/report/report.py")),
            (".gitignore", include_str!("templates/python/gitignore")),
        ],
        (Language::JavaScript, PluginKind::Sink) => &[
            ("package.json", include_str!("templates/javascript/package.json")),
            ("src/sink.js", include_str!("templates/javascript/sink/sink.js")),
            (".gitignore", include_str!("templates/javascript/gitignore")),
        ],
        (Language::JavaScript, PluginKind::Report) => &[
            ("package.json", include_str!("templates/javascript/package.json")),
            ("src/report.js", include_str!("templates/javascript/report/report.js")),
            (".gitignore", include_str!("templates/javascript/gitignore")),
        ],
    }
}

/// The source file that holds the plugin.
fn source(language: Language, kind: PluginKind) -> String {
    match language {
        Language::Rust => "src/lib.rs".to_owned(),
        Language::Python => format!("src/{}.py", kind.interface()),
        Language::JavaScript => format!("src/{}.js", kind.interface()),
    }
}

fn needs(language: Language) -> &'static str {
    match language {
        Language::Rust => "cargo",
        Language::Python => "componentize-py",
        Language::JavaScript => "node and npm",
    }
}

/// Writes a new project; answers with the paths of its files, relative to the folder.
///
/// # Errors
///
/// [`WorkshopError::Project`] where the name cannot be meant or the folder holds anything.
pub fn write_new(
    folder: &Path,
    name: &str,
    kind: PluginKind,
    language: Language,
) -> Result<Vec<String>, WorkshopError> {
    check_name(name)?;
    let in_the_way = match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) => error.kind() != std::io::ErrorKind::NotFound,
    };
    if in_the_way {
        return Err(WorkshopError::project(
            format!("{} is already there", folder.display()),
            "take another name, or go where there is no such folder",
        ));
    }
    let filled = |text: &str| {
        text.replace("@name@", name)
            .replace("@kind@", kind.interface())
            .replace("@language@", language.name())
            .replace("@title@", language.title())
            .replace("@source@", &source(language, kind))
            .replace("@needs@", needs(language))
            .replace("@componentize-py@", COMPONENTIZE_PY)
            .replace("@componentize-js@", COMPONENTIZE_JS)
    };
    let other = match kind {
        PluginKind::Report => "sink.wit",
        PluginKind::Sink => "report.wit",
    };
    let manifest = [("plugin.toml", include_str!("templates/plugin.toml"))];
    let files = manifest.iter().chain(sources(language, kind)).chain(cases(kind));
    let mut files: Vec<(String, String)> = files.map(|(path, text)| ((*path).to_owned(), filled(text))).collect();
    let wit = WIT.iter().filter(|(path, _)| *path != other);
    files.extend(wit.map(|(path, text)| (format!("wit/{path}"), (*text).to_owned())));
    for (path, text) in &files {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(WorkshopError::file(parent))?;
        }
        fs::write(&path, text).map_err(WorkshopError::file(&path))?;
    }
    Ok(files.into_iter().map(|(path, _)| path).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Project;

    const KINDS: [PluginKind; 2] = [PluginKind::Report, PluginKind::Sink];

    #[test]
    fn every_template_makes_a_whole_project_without_a_placeholder_left() {
        let folder = tempfile::tempdir().unwrap();
        for (language, kind) in Language::ALL
            .into_iter()
            .flat_map(|language| KINDS.map(|kind| (language, kind)))
        {
            let name = format!("my-{}-{}", language.name(), kind.interface());
            let project = folder.path().join(&name);
            let files = write_new(&project, &name, kind, language).unwrap();
            for path in &files {
                let text = fs::read_to_string(project.join(path)).unwrap();
                assert!(!text.contains("@name@") && !text.contains("@source@"), "{name}: {path}");
                assert!(
                    !text.contains("@componentize") && !text.contains("@needs@"),
                    "{name}: {path}"
                );
            }
            let read = Project::open(&project).unwrap();
            assert_eq!(
                (read.name.as_str(), read.kind, read.language),
                (name.as_str(), Some(kind), language)
            );
            assert!(project.join(source(language, kind)).is_file());
        }
    }

    #[test]
    fn a_readme_fits_on_one_screen() {
        let folder = tempfile::tempdir().unwrap();
        for (language, kind) in Language::ALL
            .into_iter()
            .flat_map(|language| KINDS.map(|kind| (language, kind)))
        {
            let project = folder.path().join(format!("{}-{}", language.name(), kind.interface()));
            write_new(&project, "a-long-name-here", kind, language).unwrap();
            let text = fs::read_to_string(project.join("README.md")).unwrap();
            assert!(text.lines().count() <= 24, "{} lines", text.lines().count());
            assert_eq!(text.lines().find(|line| line.chars().count() > 80), None);
        }
    }

    #[test]
    fn a_folder_that_holds_anything_is_left_alone_and_an_empty_one_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let (full, empty) = (folder.path().join("full"), folder.path().join("empty"));
        fs::create_dir(&full).unwrap();
        fs::create_dir(&empty).unwrap();
        fs::write(full.join("x"), "mine").unwrap();
        let error = write_new(&full, "full", PluginKind::Sink, Language::Rust).unwrap_err();
        assert!(error.to_string().contains("already there"), "{error}");
        assert_eq!(fs::read_dir(&full).unwrap().count(), 1);
        assert!(write_new(&empty, "empty", PluginKind::Sink, Language::Rust).is_ok());
    }
}
