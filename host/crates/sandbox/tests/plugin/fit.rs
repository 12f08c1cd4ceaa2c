//! Components for another host: the error says what differs and which side is older.

use sandbox::PluginError;

use crate::guests::{dummy, load, wit};

#[track_caller]
fn assert_misfit(wasm: &[u8], wanted: &[&str], hint: &str) {
    let error = load(wasm).expect_err("it loaded");
    let PluginError::Incompatible {
        reason, hint: found, ..
    } = &error
    else {
        panic!("{error:?}")
    };
    for wanted in wanted {
        assert!(reason.contains(wanted), "{wanted} is not in: {reason}");
    }
    let found = found.as_deref().unwrap_or_default();
    assert!(found.contains(hint), "{hint} is not in: {found}");
}

fn component(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

#[test]
fn another_version_of_the_package_says_which_side_is_older() {
    let version = |version: &str| dummy(wit(&[("plugin@0.2.0", &format!("plugin@{version}"))]));
    assert_misfit(
        &version("0.3.0"),
        &[
            "audit:plugin/report@0.3.0",
            "this host is older",
            "built for audit:plugin 0.3.0",
            "offers 0.2.0",
        ],
        "update the host",
    );
    assert_misfit(&version("1.0.0"), &["this host is older"], "update the host");
    assert_misfit(
        &version("0.0.9"),
        &[
            "audit:plugin/report@0.0.9",
            "the plugin is older",
            "built for audit:plugin 0.0.9",
        ],
        "rebuild the plugin",
    );
}

#[test]
fn a_type_that_differs_is_named_with_its_path() {
    for (from, to, wanted) in [
        (
            "unique-name: string",
            "unique-name: u32",
            "`plan`, parameter `request`, record `request`, field `unique-name`: string here, u32 in the plugin",
        ),
        (
            "    unique-name: string,\n",
            "",
            "`plan`, parameter `request`, record `request`: the plugin does not know the field `unique-name`",
        ),
        (
            "now: timestamp",
            "now: timestamp, zone: string",
            "the host does not know the field `zone`",
        ),
        (
            "    %from: timestamp,\n    to: timestamp,",
            "    to: timestamp,\n    %from: timestamp,",
            "the fields stand in another order",
        ),
        (
            "link-next,",
            "link-next(string),",
            "variant `paging`, case `link-next`: the plugin has a value there",
        ),
        ("    link-next,\n", "", "the plugin does not know the case `link-next`"),
        (
            "    password-reset,\n",
            "",
            "enum `activity`: the plugin does not know the case `password-reset`",
        ),
        (
            "describe: func() -> description;\n\n  /// Says what to fetch",
            "describe: func(locale: string) -> description;\n\n  /// Says what to fetch",
            "`describe`: the plugin wants a further parameter `locale`",
        ),
        (
            "plan: func(request: request) -> result<list<fetch>, fault>;",
            "plan: func() -> result<list<fetch>, fault>;",
            "`plan`, parameter `request`: the plugin does not accept it",
        ),
        (
            "plan: func(request: request) -> result<list<fetch>, fault>;",
            "plan: func(request: request);",
            "`plan`, result: the plugin gives none",
        ),
        (
            "plan: func(request: request) -> result<list<fetch>, fault>;",
            "",
            "it has no function `plan`",
        ),
        (
            "    finish: func() -> result<batch, fault>;\n",
            "",
            "it has no function `[method]parser.finish`",
        ),
        (
            "push: func(chunk: list<u8>)",
            "push: func(chunk: string)",
            "`[method]parser.push`, parameter `chunk`",
        ),
        (
            "retention-days: option<u32>",
            "retention-days: u32",
            "field `retention-days`: option here, u32 in the plugin",
        ),
    ] {
        let same_version = dummy(wit(&[(from, to)]));
        assert_misfit(
            &same_version,
            &["`audit:plugin/report`", wanted, "both sides say they are version 0.2.0"],
            "rebuild",
        );
    }
}

#[test]
fn a_difference_within_compatible_versions_says_which_side_is_older() {
    let newer = dummy(wit(&[
        ("plugin@0.2.0", "plugin@0.2.7"),
        ("now: timestamp", "now: timestamp, zone: string"),
    ]));
    assert_misfit(
        &newer,
        &["field `zone`", "this host is older", "0.2.7"],
        "update the host",
    );
}

#[test]
fn a_compatible_version_that_differs_in_nothing_that_matters_loads() {
    let added = ("/// Reads one document.", "extra: func();\n/// Reads one document.");
    let error = load(&dummy(wit(&[("plugin@0.2.0", "plugin@0.2.7"), added]))).unwrap_err();
    assert!(
        matches!(error, PluginError::Trap { call: "describe", .. }),
        "it fits, only a dummy: {error:?}"
    );
}

#[test]
fn what_is_no_plugin_says_what_it_exports() {
    assert_misfit(
        &component("(component)"),
        &["it is not a plugin", "exports nothing"],
        "report-plugin",
    );
    let run = component(
        r#"(component (core module $m (func (export "f"))) (core instance $i (instantiate $m))
            (func $f (canon lift (core func $i "f"))) (export "run" (func $f)))"#,
    );
    assert_misfit(&run, &["it is not a plugin", "exports `run`"], "report-plugin");
    let unversioned = component(r#"(component (instance $i) (export "audit:plugin/report" (instance $i)))"#);
    assert_misfit(
        &unversioned,
        &["it is not a plugin", "`audit:plugin/report`"],
        "report-plugin",
    );
}

#[test]
fn both_worlds_at_once_are_one_too_many() {
    let both = dummy(wit(&[("  export report;", "  export report;\n  export sink;")]));
    assert_misfit(&both, &["more than once"], "build two");
}

#[test]
fn an_import_that_the_host_does_not_offer_is_named() {
    let with_import = |import: &str| dummy(wit(&[("  export report;", &format!("{import}\n  export report;"))]));
    assert_misfit(
        &with_import("  import lookup: interface { user: func(name: string) -> string; }"),
        &["imports `lookup#user`", "does not offer"],
        "take the import out",
    );
    assert_misfit(
        &with_import("  import lookup: func();"),
        &["imports `lookup`"],
        "take the import out",
    );
    let newer_wasi = component(
        r#"(component (import "wasi:cli/environment@0.3.0" (instance))
        (instance $i) (export "audit:plugin/report@0.2.0" (instance $i)))"#,
    );
    assert_misfit(
        &newer_wasi,
        &["wasi:cli/environment@0.3.0", "WASI 0.2"],
        "wasm32-wasip2",
    );
}
