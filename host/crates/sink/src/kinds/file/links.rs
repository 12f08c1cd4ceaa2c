//! Symbolic links on the way to a file: followed only where nobody else could have laid them.
//!
//! In a folder that others may write to, anybody could lead the output to a place of their own choosing.

use std::{
    collections::VecDeque,
    ffi::OsString,
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Component, Path, PathBuf},
};

/// The number of links that are followed, as the system has it.
const MOST: usize = 40;

/// The reason why a path is not taken.
#[derive(Debug)]
pub(super) enum Refused {
    /// The link belongs neither to whoever runs this nor to root.
    Foreign(PathBuf),
    /// The last link leads to nothing.
    Nowhere,
    /// Links lead to one another.
    Circle,
    /// The system does not let us look.
    Unreadable(io::Error),
}

impl From<Refused> for io::Error {
    fn from(refused: Refused) -> io::Error {
        match refused {
            Refused::Unreadable(error) => error,
            Refused::Nowhere => io::ErrorKind::NotFound.into(),
            Refused::Circle => io::Error::other("its symbolic links form a loop"),
            Refused::Foreign(link) => io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!("{} is a symbolic link that belongs to somebody else", link.display()),
            ),
        }
    }
}

/// The path with every link in it followed; what is not there yet stays as it is.
pub(super) fn follow(path: &Path) -> Result<PathBuf, Refused> {
    let mut rest: VecDeque<OsString> = parts(path).collect();
    let mut found = PathBuf::new();
    let mut links = 0;
    let mut through_link = false;
    while let Some(part) = rest.pop_front() {
        if part == ".." && found.file_name().is_some_and(|name| name != "..") {
            found.pop();
            continue;
        }
        let next = found.join(&part);
        let about = match fs::symlink_metadata(&next) {
            Ok(about) => about,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if through_link && rest.is_empty() {
                    return Err(Refused::Nowhere);
                }
                through_link = false;
                found = next;
                continue;
            }
            // What stands in a file's place says so to whoever makes the folder.
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                found = next;
                continue;
            }
            Err(error) => return Err(Refused::Unreadable(error)),
        };
        if !about.is_symlink() {
            found = next;
            continue;
        }
        if about.uid() != 0 && about.uid() != rustix::process::geteuid().as_raw() {
            return Err(Refused::Foreign(next));
        }
        links += 1;
        if links > MOST {
            return Err(Refused::Circle);
        }
        // The last part of the path is the file: a link in its place has to lead somewhere.
        through_link |= rest.is_empty();
        let target = fs::read_link(&next).map_err(Refused::Unreadable)?;
        if target.is_absolute() {
            found = PathBuf::new();
        }
        for part in parts(&target).collect::<Vec<_>>().into_iter().rev() {
            rest.push_front(part);
        }
    }
    Ok(found)
}

fn parts(path: &Path) -> impl Iterator<Item = OsString> + '_ {
    path.components()
        .filter(|part| *part != Component::CurDir)
        .map(|part| part.as_os_str().to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{lchown, symlink};

    use super::*;

    /// A user who is neither root nor whoever runs the tests.
    const SOMEBODY: u32 = 65_533;

    fn is_root() -> bool {
        rustix::process::geteuid().is_root()
    }

    #[test]
    fn own_links_are_followed_wherever_they_stand() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        fs::create_dir_all(folder.join("real/inner")).unwrap();
        fs::write(folder.join("real/file"), "x").unwrap();
        symlink("real", folder.join("link")).unwrap();
        symlink("../real/file", folder.join("real/again")).unwrap();
        symlink(folder.join("real/inner"), folder.join("absolute")).unwrap();
        for (path, expected) in [
            ("link/file", "real/file"),
            ("link/new/file", "real/new/file"),
            ("link/again", "real/file"),
            ("absolute/../file", "real/file"),
            ("real/./inner/../file", "real/file"),
            ("new/file", "new/file"),
        ] {
            assert_eq!(follow(&folder.join(path)).unwrap(), folder.join(expected), "{path}");
        }
        assert_eq!(follow(Path::new("a/b")).unwrap(), Path::new("a/b"));
        assert_eq!(follow(Path::new("../a")).unwrap(), Path::new("../a"));
    }

    #[test]
    fn a_link_that_leads_nowhere_or_in_a_circle_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        symlink("absent", folder.path().join("dangling")).unwrap();
        symlink("round", folder.path().join("round")).unwrap();
        let of = |name: &str| follow(&folder.path().join(name));
        assert!(matches!(of("dangling"), Err(Refused::Nowhere)));
        assert!(matches!(of("round"), Err(Refused::Circle)));
    }

    #[test]
    fn a_link_of_somebody_else_is_not_followed() {
        if !is_root() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        fs::create_dir(folder.join("real")).unwrap();
        fs::write(folder.join("real/file"), "x").unwrap();
        symlink("real", folder.join("way")).unwrap();
        symlink("real/file", folder.join("end")).unwrap();
        symlink("end", folder.join("own")).unwrap();
        for link in ["way", "end"] {
            lchown(folder.join(link), Some(SOMEBODY), None).unwrap();
        }
        for (path, link) in [("way/file", "way"), ("end", "end"), ("own", "end"), ("way/new", "way")] {
            match follow(&folder.join(path)) {
                Err(Refused::Foreign(found)) => assert!(found.ends_with(link), "{path}: {found:?}"),
                other => panic!("{path}: {other:?}"),
            }
        }
    }
}
