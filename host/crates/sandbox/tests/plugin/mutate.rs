//! Whatever the bytes, loading answers: with a plugin or with an error, never with a panic.

use std::sync::OnceLock;

use proptest::prelude::*;
use sandbox::{PluginLimits, Sandbox};

use crate::guests::{componentize, raw_plan, request};

/// A change to a valid file.
#[derive(Debug, Clone)]
enum Mutation {
    Set(prop::sample::Index, u8),
    Flip(prop::sample::Index, u8),
    Cut(prop::sample::Index),
    Repeat(prop::sample::Index, prop::sample::Index),
    Insert(prop::sample::Index, Vec<u8>),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let place = any::<prop::sample::Index>;
    prop_oneof![
        8 => (place(), any::<u8>()).prop_map(|(place, byte)| Mutation::Set(place, byte)),
        8 => (place(), 0..8u8).prop_map(|(place, bit)| Mutation::Flip(place, bit)),
        1 => place().prop_map(Mutation::Cut),
        2 => (place(), place()).prop_map(|(from, to)| Mutation::Repeat(from, to)),
        2 => (place(), prop::collection::vec(any::<u8>(), 1..16)).prop_map(|(place, bytes)| Mutation::Insert(place, bytes)),
    ]
}

fn mutated(valid: &[u8], mutations: &[Mutation]) -> Vec<u8> {
    let mut bytes = valid.to_vec();
    for mutation in mutations {
        let length = bytes.len().max(1);
        bytes.resize(length, 0);
        match mutation {
            Mutation::Set(place, byte) => bytes[place.index(length)] = *byte,
            Mutation::Flip(place, bit) => bytes[place.index(length)] ^= 1 << bit,
            Mutation::Cut(place) => bytes.truncate(place.index(length)),
            Mutation::Repeat(from, to) => {
                let (from, to) = (from.index(length), to.index(length));
                let part = bytes[from.min(to)..from.max(to)].to_vec();
                bytes.splice(from..from, part);
            }
            Mutation::Insert(place, inserted) => {
                let place = place.index(length);
                bytes.splice(place..place, inserted.iter().copied());
            }
        }
    }
    bytes
}

/// Small, so that most changes strike the structure and not the code.
fn small_component() -> &'static [u8] {
    static COMPONENT: OnceLock<Vec<u8>> = OnceLock::new();
    COMPONENT.get_or_init(|| componentize(&raw_plan("", "", "unreachable")))
}

/// Loads the bytes and, where that succeeds, asks for a plan.
fn load_and_plan(bytes: &[u8]) {
    let limits = PluginLimits {
        time: std::time::Duration::from_millis(50),
        memory: 16 << 20,
        ..PluginLimits::default()
    };
    let sandbox = Sandbox::new(limits, None).unwrap();
    if let Ok(mut plugin) = sandbox.load(bytes, "changed").and_then(|plugin| plugin.report()) {
        let _ = plugin.plan(&request(""));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn loading_a_changed_component_never_panics(mutations in prop::collection::vec(mutation(), 1..6)) {
        load_and_plan(&mutated(small_component(), &mutations));
    }

    #[test]
    fn loading_a_changed_core_module_never_panics(mutations in prop::collection::vec(mutation(), 1..6)) {
        let module = raw_plan("", "", "unreachable");
        load_and_plan(&mutated(&module, &mutations));
    }

    #[test]
    fn loading_anything_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..512), component: bool) {
        let header: &[u8] = if component { b"\0asm\x0d\0\x01\0" } else { b"\0asm\x01\0\0\0" };
        load_and_plan(&[header, &bytes].concat());
    }
}
