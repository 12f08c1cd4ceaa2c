//! The proofs that the README names are there.

use std::path::Path;

#[test]
fn every_promise_names_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let (_, section) = readme.split_once("\n## Nothing lost, nothing doubled\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| ")).skip(1);
    let mut promises = 0;
    for row in rows {
        let mut tests = 0;
        for link in row.split("[`").skip(1) {
            let (name, rest) = link.split_once("`](").unwrap_or_else(|| panic!("no link: {row}"));
            let (path, _) = rest.split_once(')').unwrap();
            let source = std::fs::read_to_string(root.join(path)).unwrap_or_else(|_| panic!("no file {path}"));
            assert!(source.contains(&format!("fn {name}(")), "{path} has no {name}");
            tests += 1;
        }
        assert!(tests > 0, "no test: {row}");
        promises += 1;
    }
    assert!(promises >= 10, "{promises}");
}
