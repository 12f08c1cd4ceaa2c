//! Configuration is code: it names programs that are run and receivers that get the evidence. So a file that nobody named is
//! taken only where nobody but the user and root can have written it.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::error::ConfigError;
use base::absent::is_absent;

/// The places where a configuration is looked for if none is named, in this order: the working folder, the user's configuration.
pub(super) fn places() -> Vec<PathBuf> {
    let mut paths = vec![PathBuf::from("host.toml")];
    // A relative one is ignored (XDG Base Directory Specification): it would be one more place that depends on the working folder.
    let folder = |variable: &str| {
        std::env::var_os(variable)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let home = || folder("HOME").map(|home| home.join(".config"));
    paths.extend(
        folder("XDG_CONFIG_HOME")
            .or_else(home)
            .map(|folder| folder.join("host").join("host.toml")),
    );
    paths
}

/// The first of the places where there is a file.
///
/// # Errors
///
/// Where others can write it: it is neither used nor passed over in silence.
pub(super) fn first(places: Vec<PathBuf>) -> Result<Option<PathBuf>, ConfigError> {
    // One that nobody may look at is an error when it is read.
    let there = |path: &PathBuf| std::fs::metadata(path).err().is_none_or(|error| !is_absent(&error));
    let Some(path) = places.into_iter().find(there) else {
        return Ok(None);
    };
    match doubt(&path, rustix::process::geteuid().as_raw()) {
        Ok(None) => Ok(Some(path)),
        Ok(Some(doubt)) => Err(ConfigError::OpenToOthers { path, doubt }),
        Err(source) => Err(ConfigError::Unreadable { path, source }),
    }
}

/// The doubt about a file, if there is one: its folder first, for whoever can write there can put another in its place at any moment.
/// Where it is a link, the same holds for what the link leads to.
fn doubt(path: &Path, user: u32) -> io::Result<Option<String>> {
    let real = path.canonicalize()?;
    let folders = [folder(path), folder(&real)];
    for (what, place) in folders
        .iter()
        .map(|folder| ("the folder", *folder))
        .chain([("the file", real.as_path())])
    {
        let metadata = std::fs::metadata(place)?;
        if let Some(doubt) = of_others(&metadata, user) {
            return Ok(Some(format!("{what} {} {doubt}", place.display())));
        }
        if what == "the file" && !metadata.is_file() {
            return Ok(Some(format!("{} is not a regular file", place.display())));
        }
    }
    Ok(None)
}

/// The others who may write; a sticky folder lets anybody add files, and an access list shows in the group's bits (acl(5)).
fn of_others(metadata: &Metadata, user: u32) -> Option<String> {
    let (owner, mode) = (metadata.uid(), metadata.mode() & 0o7777);
    if owner != user && owner != 0 {
        return Some(format!("belongs to another user ({owner})"));
    }
    (mode & 0o022 != 0).then(|| format!("can be written by others (mode {mode:04o})"))
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    fn own() -> u32 {
        rustix::process::geteuid().as_raw()
    }

    #[test]
    fn a_file_that_nobody_named_is_used_only_where_nobody_else_can_write_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("host.toml");
        fs::write(&path, "").unwrap();
        for (of_folder, of_file, expected) in [
            (0o755, 0o644, None),
            (0o700, 0o600, None),
            (0o755, 0o664, Some("can be written by others (mode 0664)")),
            (0o755, 0o646, Some("can be written by others (mode 0646)")),
            (0o775, 0o644, Some("can be written by others (mode 0775)")),
            (0o777, 0o600, Some("can be written by others (mode 0777)")),
            (0o1777, 0o600, Some("can be written by others (mode 1777)")),
        ] {
            mode(folder.path(), of_folder);
            mode(&path, of_file);
            let found = first(vec![path.clone()]);
            match expected {
                None => assert_eq!(found.unwrap(), Some(path.clone())),
                Some(expected) => {
                    let error = found.unwrap_err();
                    let said = error.to_string();
                    assert!(
                        said.contains(expected) && said.contains(path.to_str().unwrap()),
                        "{said}"
                    );
                    assert!(error.hint().unwrap().contains("--config"), "{said}");
                }
            }
        }
    }

    #[test]
    fn what_belongs_to_another_user_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("host.toml");
        fs::write(&path, "").unwrap();
        assert_eq!(doubt(&path, own()).unwrap(), None);
        let metadata = fs::metadata(&path).unwrap();
        // Root's are everybody's to use.
        let stranger = own() + 1;
        let said = of_others(&metadata, stranger);
        assert_eq!(said.is_some(), own() != 0, "{said:?}");
        if own() == 0 {
            std::os::unix::fs::chown(&path, Some(12_345), None).unwrap();
            let said = doubt(&path, 0).unwrap().unwrap();
            assert!(
                said.contains("the file") && said.contains("another user (12345)"),
                "{said}"
            );
            assert_eq!(doubt(&path, 12_345).unwrap(), None);
            std::os::unix::fs::chown(folder.path(), Some(12_346), None).unwrap();
            let said = doubt(&path, 12_345).unwrap().unwrap();
            assert!(said.contains("the folder"), "{said}");
        }
    }

    #[test]
    fn a_link_is_used_only_where_nobody_else_can_write_what_it_leads_to() {
        let (own, open) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (path, link) = (open.path().join("theirs.toml"), own.path().join("host.toml"));
        fs::write(&path, "").unwrap();
        symlink(&path, &link).unwrap();
        assert!(first(vec![link.clone()]).is_ok());
        mode(open.path(), 0o777);
        assert!(first(vec![link.clone()]).is_err());
        mode(open.path(), 0o755);
        mode(&path, 0o666);
        assert!(first(vec![link.clone()]).is_err());
        fs::remove_file(&link).unwrap();
        symlink("/dev/null", &link).unwrap();
        assert!(first(vec![link]).is_err());
    }

    #[test]
    fn a_file_that_is_not_used_is_not_passed_over_either() {
        let (open, own) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let paths = [open.path().join("host.toml"), own.path().join("host.toml")];
        fs::write(&paths[1], "").unwrap();
        assert_eq!(first(paths.to_vec()).unwrap().as_ref(), Some(&paths[1]));
        fs::write(&paths[0], "").unwrap();
        mode(&paths[0], 0o666);
        assert!(first(paths.to_vec()).is_err());
    }
}
