//! The files that there are on the server, and which of them is the one that a job wrote.
//!
//! The names that reports end up with are not documented: a folder may stand before them (`inbox/…`, `inbox\…`), and
//! what was asked for as CSV may be a ZIP file. A finished job may name its file itself; but what is found is deleted in
//! the end, so only the name that was asked for decides that: see [`is_own`].

use serde_json::Value;
use tracing::debug;

use super::envelope::Envelope;
use crate::error::FetchError;
use crate::limits::FetchLimits;
use base::ErrorKind;
use remote::{Remote, RemoteError, Request};

/// "List Files" of the EPM Cloud REST interface, newest version first.
const LISTS: [&[&str]; 2] = [
    &["interop", "rest", "v2", "files", "list"],
    &["interop", "rest", "11.1.2.3.600", "applicationsnapshots"],
];

/// A file on the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) name: String,
    /// Bytes, where the server says: as a number or a text.
    pub(crate) size: Option<u64>,
}

/// The names of all files.
pub(crate) async fn list(remote: &Remote, limits: &FetchLimits) -> Result<Vec<String>, FetchError> {
    let all = list_all(remote, limits).await?;
    Ok(all.into_iter().map(|file| file.name).collect())
}

/// All files.
pub(crate) async fn list_all(remote: &Remote, limits: &FetchLimits) -> Result<Vec<Listed>, FetchError> {
    let mut refused = None;
    for path in LISTS {
        match list_at(remote, path, limits).await {
            Ok(names) => return Ok(names),
            // Whoever is sent to sign in is so everywhere.
            Err(error @ FetchError::Remote(RemoteError::SignIn { .. })) => return Err(error),
            // An interface that is not there, or not for us: perhaps the older one is.
            Err(error) if matches!(error.kind(), ErrorKind::Failed | ErrorKind::Refused) => {
                debug!(connection = remote.name(), "{error}");
                refused = refused.or(Some(error));
            }
            Err(error) => return Err(error),
        }
    }
    Err(refused.unwrap_or_else(|| FetchError::Malformed {
        what: "the list of files",
        why: "there is none".into(),
    }))
}

async fn list_at(remote: &Remote, path: &[&str], limits: &FetchLimits) -> Result<Vec<Listed>, FetchError> {
    let url = remote.base().join(path)?;
    let request = Request::get(url)
        .header("accept", "application/json")?
        .limit(limits.control_bytes);
    let answer = remote.exchange(request).await?;
    let envelope = Envelope::read(remote, "the list of files", &answer.body)?.check()?;
    let listed = |item: &Value| {
        Some(Listed {
            name: file_name(item)?,
            size: item.get("size").and_then(|size| match size {
                Value::String(text) => text.trim().parse().ok(),
                size => size.as_u64(),
            }),
        })
    };
    Ok(envelope.items.iter().filter_map(listed).collect())
}

/// The names under which a job's file may be found, likeliest first: what the job told, what was asked for, variants.
pub(crate) fn candidates(told: &[String], asked: &str) -> Vec<String> {
    let stem = stem(asked);
    let variants = [
        asked.to_owned(),
        format!("{asked}.zip"),
        format!("{stem}.zip"),
        format!("{stem}.csv"),
    ];
    let mut names: Vec<String> = Vec::new();
    let told = told.iter().filter(|name| is_own(name, asked) || is_report(name));
    for name in told.cloned().chain(variants) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The listed file that fits the likeliest candidate: by its full name, else by its name without folders.
pub(crate) fn find(listed: &[String], candidates: &[String], asked: &str) -> Option<String> {
    let named = |name: &str| is_report(name) && candidates.iter().any(|candidate| base(candidate) == base(name));
    let own: Vec<&String> = listed
        .iter()
        .filter(|name| is_own(name, asked) || named(name))
        .collect();
    candidates.iter().find_map(|candidate| {
        let exact = own.iter().find(|name| **name == candidate);
        exact
            .or_else(|| own.iter().find(|name| base(name) == base(candidate)))
            .map(|name| (*name).clone())
    })
}

/// True if a name can be that of a report: a CSV file or an archive in the inbox, and no snapshot.
fn is_report(name: &str) -> bool {
    let (folder, base) = name.split_at(name.len() - base(name).len());
    let ending = base.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    matches!(folder, "" | "inbox/" | "inbox\\") && matches!(ending.as_deref(), Some("csv" | "zip"))
}

/// True if a name can be that of the file asked for: in the folder asked for or the inbox, beginning with the name
/// asked for but for its ending, with no further digit behind. Names asked for are unique, so no other file is called so.
pub(crate) fn is_own(name: &str, asked: &str) -> bool {
    let (folder, base) = name.split_at(name.len() - base(name).len());
    let (asked_folder, asked) = asked.split_at(asked.len() - self::base(asked).len());
    let stem = match stem(asked) {
        "" => asked,
        stem => stem,
    };
    let known = folder == asked_folder || matches!(folder, "" | "inbox/" | "inbox\\");
    // Names that differ in a number at their end only are those of other windows.
    let continues = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit());
    known && !stem.is_empty() && base.strip_prefix(stem).is_some_and(|rest| !continues(rest))
}

fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

/// Names of files that an answer mentions.
pub(crate) fn told(envelope: &Envelope) -> Vec<String> {
    let data = envelope.links.iter().filter_map(|link| link.data.as_ref());
    envelope.items.iter().chain(data).filter_map(file_name).collect()
}

fn file_name(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.as_str(),
        value => ["name", "fileName", "filename"]
            .iter()
            .find_map(|member| value.get(member)?.as_str())?,
    };
    let sound = (1..=255).contains(&text.len()) && !text.contains(char::is_control) && !text.trim().is_empty();
    sound.then(|| text.to_owned())
}

fn base(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likeliest_name_is_looked_for_first() {
        let told = ["run.csv.zip".to_owned()];
        assert_eq!(candidates(&told, "run.csv"), ["run.csv.zip", "run.csv", "run.zip"]);
        assert_eq!(candidates(&[], "run"), ["run", "run.zip", "run.csv"]);
    }

    #[test]
    fn a_file_is_found_in_its_folder() {
        let listed: Vec<String> = [
            "Artifact Snapshot",
            "inbox/run.zip",
            "inbox\\other.csv",
            "old/run.csv.bak",
        ]
        .map(String::from)
        .into();
        for (asked, found) in [
            ("run.csv", Some("inbox/run.zip")),
            ("inbox\\run.zip", Some("inbox/run.zip")),
            ("other.csv", Some("inbox\\other.csv")),
            ("Artifact Snapshot", Some("Artifact Snapshot")),
            ("RUN.csv", None),
            ("un.csv", None),
        ] {
            let names = candidates(&[], asked);
            assert_eq!(find(&listed, &names, asked).as_deref(), found, "{asked}");
        }
        for (names, found) in [
            (vec!["inbox/run.csv", "run.csv"], Some("run.csv")),
            (vec!["x/run.csv", "inbox/run.zip"], Some("inbox/run.zip")),
            (vec!["x/run.csv"], None),
        ] {
            let names: Vec<String> = names.into_iter().map(String::from).collect();
            let found_now = find(&names, &candidates(&[], "run.csv"), "run.csv");
            assert_eq!(found_now.as_deref(), found, "{names:?}");
        }
    }

    #[test]
    fn only_the_file_asked_for_is_one_s_own() {
        for (name, asked, own) in [
            ("run-7.csv", "run-7.csv", true),
            ("run-7.csv.zip", "run-7.csv", true),
            ("run-7_2025.csv", "run-7.csv", true),
            ("inbox/run-7.zip", "run-7.csv", true),
            ("inbox\\run-7.zip", "run-7.csv", true),
            ("run-7.zip", "inbox/run-7.csv", true),
            ("out/run-7.zip", "out/run-7.csv", true),
            ("run-6.csv", "run-7.csv", false),
            ("run-70.csv", "run-7.csv", false),
            ("inbox/run-71_2025.zip", "run-7.csv", false),
            ("xrun-7.csv", "run-7.csv", false),
            ("Artifact Snapshot", "run-7.csv", false),
            ("out/run-7.csv", "run-7.csv", false),
            ("inbox/../run-7.csv", "run-7.csv", false),
            ("inbox/inbox/run-7.csv", "run-7.csv", false),
            ("/run-7.csv", "run-7.csv", false),
            ("run-7.csv/other", "run-7.csv", false),
            ("inbox/", "inbox/", false),
            ("anything", ".csv", false),
            ("anything", "", false),
        ] {
            assert_eq!(is_own(name, asked), own, "{name} for {asked}");
        }
    }
}
