//! The places that `docs/architecture.md` names are there.

use std::path::Path;

#[test]
fn every_file_that_the_map_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let page = std::fs::read_to_string(root.join("docs/architecture.md")).unwrap();
    // Between two backticks that open and close on one line; NAME stands for what a reader adds.
    let quoted = page.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    let is_path = |text: &&str| {
        let folders = ["host/", "plugins/", "tests/", "wit/", "docs/", "deploy/", ".ci/"];
        folders.iter().any(|folder| text.starts_with(folder)) && !text.contains("NAME") && !text.contains(' ')
    };
    let paths: Vec<&str> = quoted.filter(is_path).collect();
    assert!(paths.len() >= 50, "{}", paths.len());
    let missing: Vec<&&str> = paths.iter().filter(|path| !root.join(path).exists()).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
