//! The check that a component fits this host: compares its imports and exports with `wit/` before anything is linked, so that
//! the answer names the function and the type, and which side is older.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use wasmtime::Engine;
use wasmtime::component::types::{self, ComponentItem};
use wasmtime::component::{ResourceType, Type};
use wit_parser::{self as wit, Handle, Resolve, TypeDefKind, TypeId};

use super::error::plain;
use super::kind::PluginKind;
use super::offer::{self, PACKAGE, PackageVersion, Release};

/// To be changed with what fits, or with what is found of a component that does: earlier findings are kept with compiled
/// code.
pub(super) const RULES: u32 = 3;

/// The reason why a component does not fit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Incompatibility {
    pub(super) reason: String,
    pub(super) hint: Option<String>,
}

impl Incompatibility {
    fn new(reason: impl Into<String>, hint: impl Into<String>) -> Self {
        Incompatibility {
            reason: reason.into(),
            hint: Some(hint.into()),
        }
    }
}

/// The findings about a component that fits.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Compatibility {
    pub(super) kind: PluginKind,
    /// True where it exports what its kind may export besides: a report the packed form, a sink settlements.
    pub(super) further: bool,
    /// The version of the package that it was built for; compatible with a release that the host runs.
    pub(super) version: PackageVersion,
    /// The functions it imports, all from WASI.
    pub(super) imports: Vec<String>,
}

/// Checks a component's type, or the world that a core module was built for, against this host's WIT package.
pub(super) fn fit(engine: &Engine, ty: &types::Component) -> Result<Compatibility, Incompatibility> {
    let unreadable = || Incompatibility {
        reason: "this host's own WIT package cannot be read".to_owned(),
        hint: None,
    };
    let newest = Release::Newest.world().ok_or_else(unreadable)?.version;
    let (kind, instance, version) = export(engine, ty)?;
    let Some(release) = Release::of(version) else {
        let what = format!("it exports `{PACKAGE}/{}@{version}`", kind.interface());
        return Err(match version.older_than(newest) {
            Some(true) => too_old(what, version, newest),
            _ => too_new(what, version, newest),
        });
    };
    let offer = release.world().ok_or_else(unreadable)?;
    let interface = offer.interface(kind).ok_or_else(unreadable)?;
    let theirs = Theirs::new(engine, &instance);
    let imports = imports(engine, ty)?;
    let differing = |interface: &str, difference: String| {
        let reason = format!("the export `{PACKAGE}/{interface}` differs: {difference}");
        match version.older_than(offer.version) {
            Some(true) => too_old(reason, version, offer.version),
            Some(false) => too_new(reason, version, offer.version),
            None => Incompatibility::new(
                format!("{reason}; both sides say they are version {version}"),
                format!(
                    "rebuild the plugin with the WIT package of this host, {PACKAGE}@{}",
                    offer.version
                ),
            ),
        }
    };
    compare(&offer.resolve, interface, &theirs).map_err(|difference| differing(kind.interface(), difference))?;
    let further = match further(engine, ty, kind, version) {
        Some(instance) => {
            let interface = offer.further(kind).ok_or_else(unreadable)?;
            let further = Theirs {
                // The parser or encoder that it speaks of must be that of the first.
                resources: theirs.resources,
                ..Theirs::new(engine, &instance)
            };
            compare(&offer.resolve, interface, &further)
                .map_err(|difference| differing(offer::further(kind), difference))?;
            true
        }
        None => false,
    };
    Ok(Compatibility {
        kind,
        further,
        version,
        imports,
    })
}

/// The interface that a plugin of that kind may export besides, of the same version.
fn further(
    engine: &Engine,
    ty: &types::Component,
    kind: PluginKind,
    version: PackageVersion,
) -> Option<types::ComponentInstance> {
    let name = offer::further(kind);
    match ty.get_export(engine, &format!("{PACKAGE}/{name}@{version}"))?.ty {
        ComponentItem::ComponentInstance(instance) => Some(instance),
        _ => None,
    }
}

fn too_old(what: String, plugin: PackageVersion, host: PackageVersion) -> Incompatibility {
    Incompatibility::new(
        format!("{what}; the plugin is older: it was built for {PACKAGE} {plugin}, and this host offers {host}"),
        format!("rebuild the plugin with {PACKAGE}@{host}, or get a newer release of it"),
    )
}

fn too_new(what: String, plugin: PackageVersion, host: PackageVersion) -> Incompatibility {
    Incompatibility::new(
        format!("{what}; this host is older: the plugin was built for {PACKAGE} {plugin}, and this host offers {host}"),
        "update the host, or get an older release of the plugin",
    )
}

/// Finds the one export that makes a component a plugin.
fn export(
    engine: &Engine,
    ty: &types::Component,
) -> Result<(PluginKind, types::ComponentInstance, PackageVersion), Incompatibility> {
    let mut found = Vec::new();
    let mut others = Vec::new();
    for (name, item) in ty.exports(engine) {
        match (
            name.split_once('@')
                .and_then(|(path, version)| Some((known(path)?, PackageVersion::parse(version)?))),
            item.ty,
        ) {
            (Some((kind, version)), ComponentItem::ComponentInstance(instance)) => {
                found.push((kind, instance, version))
            }
            _ => others.push(format!("`{}`", plain(name))),
        }
    }
    let (kind, instance, version) = match (found.pop(), found.is_empty()) {
        (Some(only), true) => only,
        (Some(_), false) => {
            return Err(Incompatibility::new(
                format!("it exports `{PACKAGE}/report` or `{PACKAGE}/sink` more than once"),
                "a component is either a report plugin or a sink plugin: build two",
            ));
        }
        (None, _) => {
            others.truncate(8);
            let exports = if others.is_empty() {
                "nothing".to_owned()
            } else {
                others.join(", ")
            };
            return Err(Incompatibility::new(
                format!("it is not a plugin: it exports {exports}, neither `{PACKAGE}/report` nor `{PACKAGE}/sink`"),
                "implement one of the two worlds of the WIT package, `report-plugin` or `sink-plugin`",
            ));
        }
    };
    Ok((kind, instance, version))
}

fn known(path: &str) -> Option<PluginKind> {
    let interface = path.strip_prefix(PACKAGE)?.strip_prefix('/')?;
    [PluginKind::Report, PluginKind::Sink]
        .into_iter()
        .find(|kind| kind.interface() == interface)
}

/// The functions that the component imports, if the host has something to put there. Interfaces of types only are no
/// matter.
fn imports(engine: &Engine, ty: &types::Component) -> Result<Vec<String>, Incompatibility> {
    let mut functions = Vec::new();
    for (name, item) in ty.imports(engine) {
        let shown = plain(name);
        match item.ty {
            ComponentItem::ComponentInstance(instance) => {
                let mut callable = instance.exports(engine).filter_map(|(function, item)| match item.ty {
                    ComponentItem::ComponentFunc(_) => Some(format!("{shown}#{}", plain(function))),
                    _ => None,
                });
                if !name.starts_with("wasi:") {
                    if let Some(function) = callable.next() {
                        return Err(missing(&function));
                    }
                } else if !name
                    .rsplit_once('@')
                    .is_some_and(|(_, version)| version.starts_with("0.2."))
                {
                    return Err(Incompatibility::new(
                        format!("it imports `{shown}`, and this host offers WASI 0.2"),
                        "build the plugin for wasm32-unknown-unknown or for wasm32-wasip2",
                    ));
                }
                functions.extend(callable);
            }
            ComponentItem::Type(_) => {}
            _ => return Err(missing(&shown)),
        }
    }
    Ok(functions)
}

fn missing(import: &str) -> Incompatibility {
    Incompatibility::new(
        format!("it imports `{import}`, which this host does not offer"),
        "plugins work on the data they are given: take the import out",
    )
}

/// The first difference between the interface and what a component exports for it.
fn compare(resolve: &Resolve, interface: &wit::Interface, theirs: &Theirs) -> Result<(), String> {
    for (name, ours) in &interface.functions {
        let theirs_function = theirs
            .functions
            .get(name)
            .ok_or_else(|| format!("it has no function `{name}`"))?;
        if theirs_function.async_() {
            return Err(format!("`{name}` is async"));
        }
        let compare = Compare { resolve, theirs };
        let mut parameters = theirs_function.params();
        for parameter in &ours.params {
            let place = format!("`{name}`, parameter `{}`", parameter.name);
            let (_, ty) = parameters
                .next()
                .ok_or_else(|| format!("{place}: the plugin does not accept it"))?;
            compare.types(&place, &parameter.ty, &ty)?;
        }
        if let Some((further, _)) = parameters.next() {
            return Err(format!(
                "`{name}`: the plugin wants a further parameter `{}`",
                plain(further)
            ));
        }
        let place = format!("`{name}`, result");
        match (&ours.result, theirs_function.results().next()) {
            (Some(ours), Some(ty)) => compare.types(&place, ours, &ty)?,
            (None, None) => {}
            (Some(_), None) => return Err(format!("{place}: the plugin gives none")),
            (None, Some(_)) => return Err(format!("{place}: the host accepts none")),
        }
    }
    Ok(())
}

/// The functions and resources of a component's export.
struct Theirs {
    functions: HashMap<String, types::ComponentFunc>,
    resources: HashMap<String, ResourceType>,
}

impl Theirs {
    fn new(engine: &Engine, instance: &types::ComponentInstance) -> Self {
        let mut theirs = Theirs {
            functions: HashMap::new(),
            resources: HashMap::new(),
        };
        for (name, item) in instance.exports(engine) {
            match item.ty {
                ComponentItem::ComponentFunc(function) => {
                    theirs.functions.insert(name.to_owned(), function);
                }
                ComponentItem::Resource(resource) => {
                    theirs.resources.insert(name.to_owned(), resource);
                }
                _ => {}
            }
        }
        theirs
    }
}

/// Walks both sides' types at once. The depth is that of our types, however deep theirs are.
struct Compare<'a> {
    resolve: &'a Resolve,
    theirs: &'a Theirs,
}

impl Compare<'_> {
    fn types(&self, place: &str, ours: &wit::Type, theirs: &Type) -> Result<(), String> {
        let same = match (ours, theirs) {
            (wit::Type::Id(id), theirs) => return self.defined(place, *id, theirs),
            (wit::Type::Bool, Type::Bool)
            | (wit::Type::U8, Type::U8)
            | (wit::Type::U16, Type::U16)
            | (wit::Type::U32, Type::U32)
            | (wit::Type::U64, Type::U64)
            | (wit::Type::S8, Type::S8)
            | (wit::Type::S16, Type::S16)
            | (wit::Type::S32, Type::S32)
            | (wit::Type::S64, Type::S64)
            | (wit::Type::F32, Type::Float32)
            | (wit::Type::F64, Type::Float64)
            | (wit::Type::Char, Type::Char)
            | (wit::Type::String, Type::String) => true,
            _ => false,
        };
        if same {
            Ok(())
        } else {
            Err(differs(place, &format!("{ours:?}").to_lowercase(), theirs))
        }
    }

    fn defined(&self, place: &str, id: TypeId, theirs: &Type) -> Result<(), String> {
        let Some(ours) = self.resolve.types.get(id) else {
            return Err(format!("{place}: unknown to the host"));
        };
        let place = &match (&ours.name, &ours.kind) {
            (Some(_), TypeDefKind::Type(_)) | (None, _) => place.to_owned(),
            (Some(name), _) => format!("{place}, {} `{name}`", ours.kind.as_str()),
        };
        match (&ours.kind, theirs) {
            (TypeDefKind::Type(ours), theirs) => self.types(place, ours, theirs),
            (TypeDefKind::Record(ours), Type::Record(theirs)) => {
                let names: Vec<_> = theirs.fields().map(|field| field.name).collect();
                same_names(
                    place,
                    "field",
                    ours.fields.iter().map(|field| field.name.as_str()),
                    &names,
                )?;
                ours.fields.iter().zip(theirs.fields()).try_for_each(|(ours, theirs)| {
                    self.types(&format!("{place}, field `{}`", ours.name), &ours.ty, &theirs.ty)
                })
            }
            (TypeDefKind::Variant(ours), Type::Variant(theirs)) => {
                let names: Vec<_> = theirs.cases().map(|case| case.name).collect();
                same_names(place, "case", ours.cases.iter().map(|case| case.name.as_str()), &names)?;
                ours.cases.iter().zip(theirs.cases()).try_for_each(|(ours, theirs)| {
                    self.payload(
                        &format!("{place}, case `{}`", ours.name),
                        ours.ty.as_ref(),
                        theirs.ty.as_ref(),
                    )
                })
            }
            (TypeDefKind::Enum(ours), Type::Enum(theirs)) => {
                let names: Vec<_> = theirs.names().collect();
                same_names(place, "case", ours.cases.iter().map(|case| case.name.as_str()), &names)
            }
            (TypeDefKind::Flags(ours), Type::Flags(theirs)) => {
                let names: Vec<_> = theirs.names().collect();
                same_names(place, "flag", ours.flags.iter().map(|flag| flag.name.as_str()), &names)
            }
            (TypeDefKind::Tuple(ours), Type::Tuple(theirs)) if ours.types.len() == theirs.types().len() => ours
                .types
                .iter()
                .zip(theirs.types())
                .try_for_each(|(ours, theirs)| self.types(place, ours, &theirs)),
            (TypeDefKind::List(ours), Type::List(theirs)) => self.types(place, ours, &theirs.ty()),
            (TypeDefKind::Option(ours), Type::Option(theirs)) => self.types(place, ours, &theirs.ty()),
            (TypeDefKind::Result(ours), Type::Result(theirs)) => {
                self.payload(place, ours.ok.as_ref(), theirs.ok().as_ref())?;
                self.payload(&format!("{place}, error"), ours.err.as_ref(), theirs.err().as_ref())
            }
            (TypeDefKind::Handle(Handle::Own(id)), Type::Own(resource))
            | (TypeDefKind::Handle(Handle::Borrow(id)), Type::Borrow(resource)) => self.resource(place, *id, resource),
            (kind, theirs) => Err(differs(place, kind.as_str(), theirs)),
        }
    }

    fn payload(&self, place: &str, ours: Option<&wit::Type>, theirs: Option<&Type>) -> Result<(), String> {
        match (ours, theirs) {
            (Some(ours), Some(theirs)) => self.types(place, ours, theirs),
            (None, None) => Ok(()),
            (Some(_), None) => Err(format!("{place}: the plugin has no value there")),
            (None, Some(_)) => Err(format!("{place}: the plugin has a value there")),
        }
    }

    fn resource(&self, place: &str, id: TypeId, theirs: &ResourceType) -> Result<(), String> {
        let name = self
            .resolve
            .types
            .get(id)
            .and_then(|ty| ty.name.as_deref())
            .unwrap_or_default();
        if self.theirs.resources.get(name) == Some(theirs) {
            Ok(())
        } else {
            Err(format!("{place}: the plugin's is not the resource `{name}`"))
        }
    }
}

fn same_names<'a>(
    place: &str,
    what: &str,
    ours: impl Iterator<Item = &'a str> + Clone,
    theirs: &[&str],
) -> Result<(), String> {
    if let Some(missing) = ours.clone().find(|name| !theirs.contains(name)) {
        return Err(format!("{place}: the plugin does not know the {what} `{missing}`"));
    }
    if let Some(further) = theirs.iter().find(|name| !ours.clone().any(|known| known == **name)) {
        return Err(format!(
            "{place}: the host does not know the {what} `{}`",
            plain(further)
        ));
    }
    if ours.eq(theirs.iter().copied()) {
        Ok(())
    } else {
        Err(format!("{place}: the {what}s stand in another order"))
    }
}

fn differs(place: &str, ours: &str, theirs: &Type) -> String {
    let theirs = match theirs {
        Type::Bool => "bool",
        Type::S8 => "s8",
        Type::U8 => "u8",
        Type::S16 => "s16",
        Type::U16 => "u16",
        Type::S32 => "s32",
        Type::U32 => "u32",
        Type::S64 => "s64",
        Type::U64 => "u64",
        Type::Float32 => "f32",
        Type::Float64 => "f64",
        Type::Char => "char",
        Type::String => "string",
        Type::List(_) => "list",
        Type::Record(_) => "record",
        Type::Tuple(_) => "tuple",
        Type::Variant(_) => "variant",
        Type::Enum(_) => "enum",
        Type::Option(_) => "option",
        Type::Result(_) => "result",
        Type::Flags(_) => "flags",
        Type::Own(_) => "own",
        Type::Borrow(_) => "borrow",
        _ => "of another kind",
    };
    format!("{place}: {ours} here, {theirs} in the plugin")
}
