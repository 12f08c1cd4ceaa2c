//! The WIT package of this host, as it is compiled in: what a plugin is compared with, and what a core module is wrapped by. Released
//! versions that the host still runs lie beside the newest, each frozen.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use wit_parser::{Interface, PackageId, Resolve, SourceMap, WorldId};

use super::kind::PluginKind;

/// The package that both sides must speak.
pub(super) const PACKAGE: &str = "audit:plugin";

/// The interface that a report plugin may export besides its own.
pub(super) const PACKED: &str = "packed";

/// The interface that a sink plugin may export besides its own.
pub(super) const SETTLEMENT: &str = "settlement";

/// The package's files, by name: what a plugin is built against.
pub const WIT: &[(&str, &str)] = &[
    ("events.wit", include_str!("../../../../wit/events.wit")),
    ("http.wit", include_str!("../../../../wit/http.wit")),
    ("report.wit", include_str!("../../../../wit/report.wit")),
    ("sink.wit", include_str!("../../../../wit/sink.wit")),
];

/// Version 0.1.0, as it was released.
const WIT_0_1: &[(&str, &str)] = &[
    ("events.wit", include_str!("../../../../wit/0.1.0/events.wit")),
    ("http.wit", include_str!("../../../../wit/0.1.0/http.wit")),
    ("report.wit", include_str!("../../../../wit/0.1.0/report.wit")),
    ("sink.wit", include_str!("../../../../wit/0.1.0/sink.wit")),
];

/// A version of the package that this host runs plugins of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Release {
    Newest,
    V0_1,
}

impl Release {
    pub(super) const ALL: [Release; 2] = [Release::Newest, Release::V0_1];

    /// The release that plugins of that version are run as.
    pub(super) fn of(version: PackageVersion) -> Option<Release> {
        let fits = |release: &Release| release.world().is_some_and(|world| version.compatible(world.version));
        Release::ALL.into_iter().find(fits)
    }

    /// The package of that release. `None` never happens in a build whose tests passed: they read it too.
    pub(super) fn world(self) -> Option<&'static HostWorld> {
        static NEWEST: OnceLock<Option<HostWorld>> = OnceLock::new();
        static V0_1: OnceLock<Option<HostWorld>> = OnceLock::new();
        let world = match self {
            Release::Newest => &NEWEST,
            Release::V0_1 => &V0_1,
        };
        world.get_or_init(|| HostWorld::read(self.files(), code)).as_ref()
    }

    /// The package under the name of a version that is compatible.
    pub(super) fn renamed(self, version: PackageVersion) -> Option<HostWorld> {
        let (from, to) = (
            format!("package {PACKAGE}@{};", self.world()?.version),
            format!("package {PACKAGE}@{version};"),
        );
        HostWorld::read(self.files(), |text| text.replace(&from, &to))
    }

    fn files(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Release::Newest => WIT,
            Release::V0_1 => WIT_0_1,
        }
    }
}

/// The package of a release, resolved.
pub(super) struct HostWorld {
    pub(super) resolve: Resolve,
    pub(super) version: PackageVersion,
    package: PackageId,
}

impl HostWorld {
    fn read(files: &[(&str, &str)], change: impl Fn(&str) -> String) -> Option<HostWorld> {
        let mut sources = SourceMap::new();
        for (path, text) in files {
            sources.push_str(path, change(text));
        }
        let mut resolve = Resolve::default();
        let package = resolve.push_group(sources.parse().ok()?).ok()?;
        let version = resolve.packages.get(package)?.name.version.as_ref()?;
        let version = PackageVersion(version.major, version.minor, version.patch);
        Some(HostWorld {
            resolve,
            version,
            package,
        })
    }

    /// The interface that a plugin of that kind exports.
    pub(super) fn interface(&self, kind: PluginKind) -> Option<&Interface> {
        self.named(kind.interface())
    }

    /// The interface that a plugin of that kind may export besides.
    pub(super) fn further(&self, kind: PluginKind) -> Option<&Interface> {
        self.named(further(kind))
    }

    fn named(&self, interface: &str) -> Option<&Interface> {
        let id = self.resolve.packages.get(self.package)?.interfaces.get(interface)?;
        self.resolve.interfaces.get(*id)
    }

    /// The world that a plugin of that kind implements, with what it may export besides or without.
    pub(super) fn world(&self, kind: PluginKind, further: bool) -> Option<WorldId> {
        let prefix = match (kind, further) {
            (_, false) => "",
            (PluginKind::Report, true) => "packed-",
            (PluginKind::Sink, true) => "settling-",
        };
        let name = format!("{prefix}{}-plugin", kind.interface());
        self.resolve.packages.get(self.package)?.worlds.get(&name).copied()
    }
}

/// The name of the interface that a plugin of that kind may export besides.
pub(super) fn further(kind: PluginKind) -> &'static str {
    match kind {
        PluginKind::Report => PACKED,
        PluginKind::Sink => SETTLEMENT,
    }
}

/// The text without the lines that are comments. They are two thirds of it, and comparing needs none.
fn code(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
        code.push_str(line);
        code.push('\n');
    }
    code
}

/// A version's numbers; what follows them does not decide who is older.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PackageVersion(u64, u64, u64);

impl PackageVersion {
    pub(super) fn parse(text: &str) -> Option<PackageVersion> {
        let numbers = text.split(['-', '+']).next()?;
        let mut numbers = numbers.splitn(3, '.').map(|number| number.parse().ok());
        Some(PackageVersion(numbers.next()??, numbers.next()??, numbers.next()??))
    }

    /// Semantic versioning: the leftmost number that is not zero must be the same.
    pub(super) fn compatible(self, other: PackageVersion) -> bool {
        match (self, other) {
            (PackageVersion(0, 0, a), PackageVersion(0, 0, b)) => a == b,
            (PackageVersion(0, a, _), PackageVersion(0, b, _)) => a == b && a != 0,
            (PackageVersion(a, ..), PackageVersion(b, ..)) => a == b,
        }
    }

    pub(super) fn older_than(self, other: PackageVersion) -> Option<bool> {
        (self != other).then_some(self < other)
    }
}

impl std::fmt::Display for PackageVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_package_is_compared_with() {
        for (release, folder, version) in [
            (Release::Newest, "wit", PackageVersion(0, 2, 0)),
            (Release::V0_1, "wit/0.1.0", PackageVersion(0, 1, 0)),
        ] {
            let folder = format!("{}/../../../{folder}", env!("CARGO_MANIFEST_DIR"));
            let mut files: Vec<_> = std::fs::read_dir(folder)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .filter(|name| name.ends_with(".wit"))
                .collect();
            files.sort();
            assert_eq!(files, release.files().iter().map(|(name, _)| *name).collect::<Vec<_>>());
            let offer = release.world().unwrap();
            assert_eq!(offer.version, version);
            for kind in [PluginKind::Report, PluginKind::Sink] {
                assert!(
                    offer.interface(kind).is_some() && offer.world(kind, false).is_some(),
                    "{kind:?}"
                );
                assert!(
                    offer.further(kind).is_some() && offer.world(kind, true).is_some(),
                    "{kind:?}"
                );
            }
            let renamed = release.renamed(PackageVersion(7, 8, 9)).unwrap();
            assert_eq!(renamed.version, PackageVersion(7, 8, 9));
        }
    }

    /// A released version never changes: whoever has a plugin of it has its bindings.
    #[test]
    fn the_frozen_package_is_the_one_that_was_released() {
        let whole: String = (WIT_0_1.iter())
            .map(|(name, text)| format!("{name}\n{}", code(text)))
            .collect();
        assert_eq!(
            crate::digest(whole.as_bytes()),
            "d3597676a7a76c4f06e708b24e5f737caa618b1fd8b9d5403bfd1c6b8362eed4"
        );
    }

    #[test]
    fn versions_are_compatible_as_semantic_versioning_says() {
        let version = |text| PackageVersion::parse(text).unwrap();
        for (a, b, compatible) in [
            ("0.1.0", "0.1.7", true),
            ("0.1.0", "0.2.0", false),
            ("1.2.3", "1.9.0", true),
            ("1.0.0", "2.0.0", false),
            ("0.0.1", "0.0.2", false),
            ("0.0.1", "0.0.1", true),
            ("0.1.0-rc.1", "0.1.0", true),
            ("0.1.0", "1.1.0", false),
        ] {
            assert_eq!(version(a).compatible(version(b)), compatible, "{a} {b}");
        }
        for bad in ["", "1", "1.2", "a.b.c", "1.2.3.4", "99999999999999999999.0.0"] {
            assert_eq!(PackageVersion::parse(bad), None, "{bad}");
        }
    }
}
