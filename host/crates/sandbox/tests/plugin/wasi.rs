//! Guests that need WASI get one that is good for nothing but starting.

use std::time::Duration;

use sandbox::{PluginError, PluginLimits};

use crate::guests::{load, report, request, wasi};

fn answer(behaviour: &str, limits: PluginLimits) -> PluginError {
    report(wasi(), limits).plan(&request(behaviour)).unwrap_err()
}

#[test]
fn there_is_nothing_to_see_and_every_run_sees_the_same() {
    let first = answer("look-around", PluginLimits::default()).to_string();
    assert!(
        first.starts_with(
            "environment [], arguments [], cwd None, directories 0, stdin Err(\"StreamError::Closed\"), later true, \
             time 0.0, credit 65536, random ("
        ),
        "{first}"
    );
    assert_eq!(first, answer("look-around", PluginLimits::default()).to_string());
}

#[test]
fn waiting_does_not_wait() {
    assert_eq!(answer("sleep", PluginLimits::default()).to_string(), "true [0, 1]");
}

#[test]
fn imported_functions_are_listed() {
    let imports = load(wasi()).unwrap().inspect().imports;
    assert!(
        imports.contains(&"wasi:cli/environment@0.2.3#get-environment".to_owned()),
        "{imports:?}"
    );
    assert!(
        imports.contains(&"wasi:io/streams@0.2.3#[method]output-stream.write".to_owned()),
        "{imports:?}"
    );
}

#[test]
fn a_flood_of_output_ends_at_the_limit_it_breaks() {
    for (behaviour, limit) in [
        ("lines", "log-lines"),
        ("bytes", "log"),
        ("both-streams", "log-lines"),
        ("huge-write", "returned"),
        ("streams", "handles"),
    ] {
        let limits = PluginLimits {
            time: Duration::from_secs(60),
            ..PluginLimits::default()
        };
        let error = answer(behaviour, limits);
        assert!(
            matches!(&error, PluginError::Limit { limit: found, .. } if *found == limit),
            "{behaviour}: {error:?}"
        );
    }
}

#[test]
fn reaching_outside_ends_the_guest_and_names_the_function() {
    for (behaviour, wanted) in [
        ("socket", "wasi:sockets/instance-network@0.2.3#instance-network"),
        ("huge-random", "wasi:random/random@0.2.3#get-random-bytes"),
    ] {
        let error = answer(behaviour, PluginLimits::default());
        assert!(
            matches!(&error, PluginError::Denied { function, .. } if function == wanted),
            "{behaviour}: {error:?}"
        );
    }
    let error = answer("exit", PluginLimits::default());
    assert!(
        matches!(&error, PluginError::Trap { reason, .. } if reason == "it exited"),
        "{error:?}"
    );
}
