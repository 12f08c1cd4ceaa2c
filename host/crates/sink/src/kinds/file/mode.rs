//! The permissions of a file that is made: [`FileMode`].

use serde::{Deserialize, Deserializer};

/// The permissions of a new file, of which the umask takes away what it takes from every file. A file that is there already
/// keeps its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileMode(u32);

impl FileMode {
    /// For the owner and the group: events hold names and addresses.
    pub const PRIVATE: FileMode = FileMode(0o640);

    /// The bits, as chmod(2) has them.
    pub fn bits(self) -> u32 {
        self.0
    }

    /// The mode of the folders that are made for such files: whoever may read one may find it.
    pub(super) fn of_folders(self) -> u32 {
        self.0 | ((self.0 & 0o444) >> 2)
    }
}

impl Default for FileMode {
    /// However a file is named, with `path` or on the command line, it holds the same.
    fn default() -> Self {
        FileMode::PRIVATE
    }
}

impl std::str::FromStr for FileMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = (3..=4).contains(&text.len()) && text.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
        match u32::from_str_radix(text, 8) {
            Ok(bits) if digits && bits & !0o666 == 0 && bits & 0o600 == 0o600 => Ok(FileMode(bits)),
            _ => Err("this is not a file's mode: write octal digits such as \"0640\", with read and write for the owner and \
                      without execute"
                .into()),
        }
    }
}

impl<'de> Deserialize<'de> for FileMode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for FileMode {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "FileMode".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^0?6[0246][0246]$",
            "description": "Who may read and write, in octal digits."
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_let_in_whoever_may_read() {
        for (file, folder) in [(0o600, 0o700), (0o640, 0o750), (0o644, 0o755), (0o666, 0o777)] {
            assert_eq!(FileMode(file).of_folders(), folder);
        }
    }

    #[test]
    fn a_mode_lets_the_owner_read_and_write_and_nobody_execute() {
        for (text, bits) in [("0640", 0o640), ("600", 0o600), ("0666", 0o666), ("0644", 0o644)] {
            assert_eq!(text.parse::<FileMode>().map(FileMode::bits), Ok(bits));
        }
        for text in [
            "",
            "0",
            "64",
            "0440",
            "0755",
            "1640",
            "06400",
            "0o640",
            "+640",
            "rw-r-----",
        ] {
            assert!(text.parse::<FileMode>().is_err(), "{text:?}");
        }
    }
}
