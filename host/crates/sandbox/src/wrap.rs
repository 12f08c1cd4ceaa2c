//! Makes a component of a core module, as `cargo build --target wasm32-unknown-unknown` leaves it.
//!
//! The bindings leave the world that the module was built for in a custom section. The encoder is a build tool and
//! trusts that section: one that is put together with malice can make it overflow the stack. So the section is only
//! compared with this host's WIT package, by the engine, which is built to face hostile input; the encoder is then given
//! the host's own copy of the world instead.

use wasmparser::{Payload, ValidPayload, Validator};
use wasmtime::Engine;
use wasmtime::component::Component;
use wasmtime::component::types::{self, ComponentItem};
use wit_component::StringEncoding;
use wit_parser::{Resolve, WorldId};

use super::fit::{self, Compatibility, Incompatibility};
use super::offer::Release;

/// The section in which the bindings leave the world; a suffix tells the toolchain.
const WORLD_SECTION: &str = "component-type";
/// The name under which the section says how strings are encoded, and the value that stands for UTF-8.
const ENCODING_SECTION: &str = "wit-component-encoding";
const UTF8: u8 = 0;

/// The number of worlds that are looked at: two for each of the SDK's bindings, and a few more.
const MAX_WORLDS: usize = 8;

const HINT: &str = "a core module must be built for wasm32-unknown-unknown with the bindings of the WIT package; \
                    of any other, give the component";

/// The reason why a core module cannot be wrapped.
pub(super) enum Unwrappable {
    /// The file is no core module of a plugin.
    Module { reason: String, hint: &'static str },
    /// The file is the module of a plugin for another host.
    World(Incompatibility),
}

impl From<Incompatibility> for Unwrappable {
    fn from(misfit: Incompatibility) -> Self {
        Unwrappable::World(misfit)
    }
}

fn module(reason: impl Into<String>) -> Unwrappable {
    Unwrappable::Module {
        reason: reason.into(),
        hint: HINT,
    }
}

/// Wraps a core module.
pub(super) fn wrap(engine: &Engine, wasm: &[u8]) -> Result<Vec<u8>, Unwrappable> {
    let Parts { code, worlds } = take_apart(wasm)?;
    let Compatibility {
        kind,
        further,
        version,
        imports,
    } = fit::fit(engine, &world_of(engine, &worlds)?)?;
    if let Some(function) = imports.first() {
        return Err(module(format!(
            "a core module may import nothing, and it imports `{function}`"
        )));
    }
    let unreadable = || module("this host's own WIT package cannot be read");
    let offer = Release::of(version)
        .and_then(|release| release.renamed(version))
        .ok_or_else(unreadable)?;
    let world = offer.world(kind, further).ok_or_else(unreadable)?;
    encode(code, &offer.resolve, world).map_err(|error| module(format!("it cannot be wrapped as a component: {error}")))
}

fn encode(mut code: Vec<u8>, resolve: &Resolve, world: WorldId) -> Result<Vec<u8>, String> {
    let mut encoder = wit_component::ComponentEncoder::default();
    encoder.validate(true);
    wit_component::embed_component_metadata(&mut code, resolve, world, StringEncoding::UTF8)
        .and_then(|()| encoder.module(&code))
        .and_then(|encoder| encoder.encode())
        .map_err(|error| format!("{error:#}"))
}

struct Parts<'a> {
    /// The module without any custom section but the one that names functions.
    code: Vec<u8>,
    /// The worlds it says it was built for.
    worlds: Vec<&'a [u8]>,
}

/// Validates the module, and splits it.
fn take_apart(wasm: &[u8]) -> Result<Parts<'_>, Unwrappable> {
    let invalid = |error: wasmparser::BinaryReaderError| Unwrappable::Module {
        reason: error.to_string(),
        hint: "the file is damaged, or uses features that this host does not run",
    };
    let mut validator = Validator::new();
    let mut allocations = wasmparser::FuncValidatorAllocations::default();
    let mut code = Vec::with_capacity(wasm.len());
    let mut worlds = Vec::new();
    let mut copied = 0_usize;
    for payload in wasmparser::Parser::new(0).parse_all(wasm) {
        let payload = payload.map_err(invalid)?;
        if let ValidPayload::Func(function, body) = validator.payload(&payload).map_err(invalid)? {
            let mut function = function.into_validator(allocations);
            function.validate(&body).map_err(invalid)?;
            allocations = function.into_allocations();
        }
        let end = match (&payload, payload.as_section()) {
            (Payload::Version { range, .. }, _) => range.end,
            (_, Some((_, range))) => range.end,
            _ => continue,
        };
        let end = usize::try_from(end).unwrap_or(wasm.len());
        let keep = match &payload {
            Payload::CustomSection(section) => {
                if section.name().starts_with(WORLD_SECTION) {
                    worlds.push(section.data());
                }
                section.name() == "name"
            }
            _ => true,
        };
        if keep {
            code.extend_from_slice(wasm.get(copied..end).unwrap_or_default());
        }
        copied = end;
    }
    Ok(Parts { code, worlds })
}

/// The one world that the module implements. Each set of bindings that was linked in leaves its world; those that were
/// not exported leave it without exports.
fn world_of(engine: &Engine, sections: &[&[u8]]) -> Result<types::Component, Unwrappable> {
    let several = || module("it is a core module that was built for several worlds at once");
    if sections.len() > MAX_WORLDS {
        return Err(several());
    }
    let (mut exported, mut others) = (Vec::new(), Vec::new());
    for section in sections {
        let world = declared_world(engine, section)?;
        let exports = world.exports(engine).next().is_some();
        if exports { &mut exported } else { &mut others }.push(world);
    }
    if exported.len() > 1 {
        return Err(several());
    }
    exported
        .pop()
        .or(others.pop())
        .ok_or_else(|| module("it is a core module that does not say which world it was built for"))
}

/// The world is written down as a component that exports a type, in which the world stands as the only export.
fn declared_world(engine: &Engine, section: &[u8]) -> Result<types::Component, Unwrappable> {
    for payload in wasmparser::Parser::new(0).parse_all(section) {
        if let Ok(Payload::CustomSection(custom)) = payload
            && custom.name() == ENCODING_SECTION
            && custom.data().last() != Some(&UTF8)
        {
            return Err(module("its strings are not UTF-8"));
        }
    }
    let unknown = || module("the world it was built for is written in a form unknown to this host");
    let declaration = Component::from_binary(engine, section)
        .map_err(|error| module(format!("the world it was built for cannot be read: {error:#}")))?;
    let package = only_component(declaration.component_type().exports(engine)).ok_or_else(unknown)?;
    let world = only_component(package.exports(engine)).ok_or_else(unknown)?;
    Ok(world)
}

fn only_component<'a>(
    mut exports: impl Iterator<Item = (&'a str, types::ComponentExtern<'a>)>,
) -> Option<types::Component> {
    match (exports.next().map(|(_, item)| item.ty), exports.next()) {
        (Some(ComponentItem::Component(component)), None) => Some(component),
        _ => None,
    }
}
