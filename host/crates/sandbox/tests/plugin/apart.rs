//! Files that are compiled in a process of their own: the same answers, and an end to those that would take for ever.

use std::path::PathBuf;

use built_in::BUILT_IN;
use sandbox::{PluginError, PluginLimits, Sandbox};

use crate::guests::{componentize, hostile, hostile_sink, request};

/// A sandbox whose files are compiled by the real program. Nothing is kept.
fn apart(limits: PluginLimits) -> Sandbox {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_compile-plugin"));
    Sandbox::new(limits, None).unwrap().compiling_apart(program, BUILT_IN)
}

fn here(limits: PluginLimits) -> Sandbox {
    Sandbox::new(limits, None).unwrap()
}

/// A component whose only function has so many locals, each set in each of so many loops: the compiler considers each local
/// at each loop.
fn locals_by_loops(locals: usize, loops: usize) -> Vec<u8> {
    let mut body = String::new();
    for number in 0..loops {
        let local = number * 7 % locals;
        body +=
            &format!("(loop (local.set {local} (i32.add (local.get {local}) (local.get 0))) (br_if 0 (local.get 1)))");
    }
    let text = format!(
        "(component (core module (func (export \"f\") (local{}) {body})))",
        " i32".repeat(locals)
    );
    wat::parse_str(text).unwrap()
}

#[test]
fn a_plugin_that_was_compiled_apart_is_the_same_plugin() {
    for guest in [hostile(), &componentize(hostile()), hostile_sink()] {
        let apart = apart(PluginLimits::default()).load(guest, "guest").unwrap();
        let here = here(PluginLimits::default()).load(guest, "guest").unwrap();
        assert_eq!(apart.inspect(), here.inspect());
    }
    let mut report = (apart(PluginLimits::default()).load(hostile(), "guest").unwrap())
        .report()
        .unwrap();
    assert_eq!(report.plan(&request("")).unwrap().len(), 1);
}

#[test]
fn a_refusal_says_the_same_wherever_it_was_found() {
    let few = PluginLimits {
        memories: 0,
        ..PluginLimits::default()
    };
    for (limits, bytes) in [
        (PluginLimits::default(), b"\0asm\x0d\0\x01\0\xff\xff\xff\xff".to_vec()),
        (PluginLimits::default(), b"\0asm\x01\0\0\0\xff\xff\xff\xff".to_vec()),
        (PluginLimits::default(), b"\x7fELF\x02\x01\x01".to_vec()),
        (PluginLimits::default(), wat::parse_str("(component)").unwrap()),
        (PluginLimits::default(), wat::parse_str("(module)").unwrap()),
        (few, hostile().to_vec()),
    ] {
        let apart = apart(limits.clone()).load(&bytes, "guest").unwrap_err();
        let here = here(limits).load(&bytes, "guest").unwrap_err();
        assert_eq!((apart.to_string(), apart.hint()), (here.to_string(), here.hint()));
    }
}

#[test]
fn a_file_that_takes_too_long_to_compile_is_ended_with_the_limit_that_it_went_over() {
    let limits = PluginLimits {
        compile_time: std::time::Duration::from_secs(1),
        ..PluginLimits::default()
    };
    let bytes = locals_by_loops(20_000, 5_000);
    assert!(bytes.len() < 250_000, "{}", bytes.len());
    let error = apart(limits).load(&bytes, "guest").unwrap_err();
    assert!(
        matches!(
            error,
            PluginError::Limit {
                limit: "compile-time",
                allowed: 1000,
                ..
            }
        ),
        "{error:?}"
    );
}

#[test]
fn a_file_that_takes_too_much_memory_to_compile_is_ended_with_the_limit_that_it_went_over() {
    let limits = PluginLimits {
        compile_memory: 24 << 20,
        ..PluginLimits::default()
    };
    let error = apart(limits).load(&locals_by_loops(5_000, 2_000), "guest").unwrap_err();
    assert!(
        matches!(
            error,
            PluginError::Limit {
                limit: "compile-memory",
                ..
            }
        ),
        "{error:?}"
    );
}

#[test]
fn what_came_with_the_host_is_compiled_without_another_process() {
    let nowhere = Sandbox::new(PluginLimits::default(), None)
        .unwrap()
        .compiling_apart("/nowhere/host".into(), BUILT_IN);
    let (name, component) = BUILT_IN[0];
    assert_eq!(nowhere.load(component, name).unwrap().name(), name);
    let error = nowhere.load(hostile(), "guest").unwrap_err();
    assert!(matches!(error, PluginError::Engine { .. }), "{error:?}");
}

#[cfg(unix)]
#[test]
fn the_other_process_gets_no_environment_and_need_not_answer() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let (program, found) = (folder.path().join("program"), folder.path().join("found"));
    let script = format!(
        "#!/bin/sh\n/usr/bin/env > '{}'\necho 'last words' >&2\nexit 3\n",
        found.display()
    );
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    let sandbox = Sandbox::new(PluginLimits::default(), None)
        .unwrap()
        .compiling_apart(program, BUILT_IN);
    let error = sandbox.load(hostile(), "guest").unwrap_err().to_string();
    assert!(
        error.contains("ended without an answer") && error.contains("last words"),
        "{error}"
    );
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    let environment = std::fs::read_to_string(found).unwrap();
    assert!(!environment.contains("CARGO_MANIFEST_DIR"), "{environment}");
}
