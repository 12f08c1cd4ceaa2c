//! Profiles of the configuration file of OCI's SDKs:
//! <https://docs.oracle.com/en-us/iaas/Content/API/Concepts/sdkconfig.htm>.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

use configparser::ini::{Ini, IniDefault};

use super::super::auth_method::DEFAULT_PROFILE;
use base::{SetupError, secret_file};

/// The keys of a profile with their values.
type Keys = BTreeMap<String, String>;

/// The profiles of a file.
#[derive(Debug)]
pub(super) struct Profiles {
    path: PathBuf,
    sections: BTreeMap<String, Keys>,
}

/// A profile of OCI's configuration file: one section, with `DEFAULT` for the keys that it lacks.
#[derive(Debug)]
pub(super) struct OciProfile<'a> {
    path: &'a Path,
    name: &'a str,
    own: &'a Keys,
    default: Option<&'a Keys>,
}

impl Profiles {
    /// # Errors
    ///
    /// Where the file cannot be read or meant.
    pub(super) fn read(path: &Path) -> Result<Profiles, SetupError> {
        let shown = path.display();
        let failed = |reason: &dyn fmt::Display| {
            SetupError::usage(format!("the configuration file of OCI's SDKs cannot be read: {shown}: {reason}"))
                .hint("`oci setup config` and `oci session authenticate` write it; `file` beside the kind of `auth` names another one")
        };
        let file = File::open(path).map_err(|error| failed(&error))?;
        if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
            return Err(failed(&"it is not a regular file"));
        }
        let text = secret_file::limited_text(file).map_err(|reason| failed(&reason))?;
        let mut syntax = IniDefault::default();
        syntax.case_sensitive = true;
        syntax.delimiters = vec!['='];
        let mut ini = Ini::new_from_defaults(syntax);
        // A `#` may be part of a path.
        ini.set_inline_comment_symbols(Some(&[]));
        // The words of the library name the line, and repeat nothing of it.
        let read = ini.read(text).map_err(|reason| failed(&reason))?;
        let sections = read.into_iter().map(|(name, keys)| {
            let keys = keys
                .into_iter()
                .filter_map(|(key, value)| Some((key.to_ascii_lowercase(), value?)));
            (name, keys.filter(|(_, value)| !value.is_empty()).collect())
        });
        Ok(Profiles {
            path: path.to_owned(),
            sections: sections.collect(),
        })
    }

    /// The folder of the file.
    pub(super) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }

    /// # Errors
    ///
    /// The profile of a name. An error, with the names that exist, where the file has none of it.
    pub(super) fn profile<'a>(&'a self, name: &'a str) -> Result<OciProfile<'a>, SetupError> {
        let Some(own) = self.sections.get(name) else {
            let names: Vec<&str> = self.sections.keys().map(String::as_str).collect();
            let hint = match names.is_empty() {
                true => "the file has no profile; `oci setup config` writes one".to_owned(),
                false => format!("the file has the profiles {}", names.join(", ")),
            };
            return Err(SetupError::usage(format!("{} has no profile {name:?}", self.path.display())).hint(hint));
        };
        Ok(OciProfile {
            path: &self.path,
            name,
            own,
            default: self.sections.get(DEFAULT_PROFILE),
        })
    }
}

impl<'a> OciProfile<'a> {
    pub(super) fn name(&self) -> &'a str {
        self.name
    }

    /// The value of a key in the profile's own section.
    pub(super) fn own(&self, key: &str) -> Option<&'a str> {
        self.own.get(key).map(String::as_str)
    }

    /// The value of a key in the profile, or else in `DEFAULT`.
    pub(super) fn get(&self, key: &str) -> Option<&'a str> {
        let default = || self.default?.get(key).map(String::as_str);
        self.own(key).or_else(default)
    }

    /// # Errors
    ///
    /// The value of a key that has to be there. An error where neither the profile nor `DEFAULT` has it.
    pub(super) fn needed(&self, key: &str) -> Result<&'a str, SetupError> {
        self.get(key).ok_or_else(|| {
            SetupError::usage(format!("{self} has no `{key}`"))
                .hint("a profile has `user`, `tenancy`, `fingerprint` and `key_file`, or `security_token_file` and `key_file`")
        })
    }
}

impl fmt::Display for OciProfile<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "profile {} of {}", self.name, self.path.display())
    }
}
