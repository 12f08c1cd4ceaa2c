//! Components that load, those that do not, and the cache.

use std::fs;
use std::path::Path;

use built_in::BUILT_IN;
use sandbox::{PluginError, PluginKind, PluginLimits, Sandbox};

use crate::guests::{
    componentize, dummy, dummy_module, hostile, load, raw_plan, request, sandbox, wasi_module, wit, wit_world,
};

fn load_error(wasm: &[u8]) -> PluginError {
    load(wasm).expect_err("it loaded")
}

/// The imports as [`sandbox::Inspection::imports`], read by other means.
fn imported_functions(component: &[u8]) -> Vec<String> {
    let decoded = wit_parser::decoding::decode(component).unwrap();
    let resolve = decoded.resolve();
    let world = resolve.worlds.iter().next().unwrap().1;
    let mut functions = Vec::new();
    for item in world.imports.values() {
        match item {
            wit_parser::WorldItem::Interface { id, .. } => {
                functions.extend(resolve.interfaces[*id].functions.keys().cloned());
            }
            wit_parser::WorldItem::Function(function) => functions.push(function.name.clone()),
            wit_parser::WorldItem::Type { .. } => {}
        }
    }
    functions
}

#[test]
fn no_built_in_plugin_imports_a_function() {
    assert!(!BUILT_IN.is_empty());
    for (name, component) in BUILT_IN {
        assert_eq!(imported_functions(component), [""; 0], "{name}");
        let plugin = sandbox(PluginLimits::default()).load(component, name).unwrap();
        assert_eq!(plugin.name(), *name);
        assert_eq!(plugin.inspect().imports, [""; 0], "{name}");
    }
    let reads_wasi = crate::guests::wasi();
    assert!(
        !imported_functions(reads_wasi).is_empty(),
        "the check itself would notice"
    );
}

#[test]
fn a_core_module_loads_like_the_component_made_of_it() {
    let plugin = load(hostile()).unwrap();
    let component = componentize(hostile());
    let same = load(&component).unwrap();
    assert_eq!(plugin.kind(), PluginKind::Report);
    assert_eq!((plugin.name(), plugin.version()), (same.name(), same.version()));
    assert_ne!(plugin.digest(), same.digest(), "the digest is that of the file");
    assert!(matches!(plugin.sink(), Err(PluginError::Kind { .. })));
}

#[test]
fn an_inspection_says_what_the_component_is() {
    let inspection = load(hostile()).unwrap().inspect();
    assert_eq!(inspection.world, "audit:plugin/report-plugin@0.2.0");
    assert_eq!(inspection.size, hostile().len());
    assert_eq!(inspection.sha256.len(), 64);
    assert_eq!(inspection.limits, PluginLimits::default());
    let json = serde_json::to_value(&inspection).unwrap();
    assert_eq!(json["kind"], "report");
    assert_eq!(json["limits"]["time"], 10_000);
    assert_eq!(json["report"]["parameters"][0]["name"], "behaviour");
    assert_eq!(json.get("sink"), None);
}

#[test]
fn what_is_no_webassembly_is_refused_with_what_it_is() {
    for (case, bytes, wanted) in [
        ("nothing", &b""[..], "not WebAssembly"),
        ("text", b"hello", "not WebAssembly"),
        ("text form", b"  (component)", "text form"),
        ("native code", b"\x7fELF\x02\x01\x01", "precompiled"),
        ("a header cut short", b"\0asm\x01", "header"),
        ("a version from the future", b"\0asm\x63\0\0\0", "header"),
        (
            "garbage after a module's header",
            b"\0asm\x01\0\0\0\xff\xff\xff\xff",
            "",
        ),
        (
            "garbage after a component's header",
            b"\0asm\x0d\0\x01\0\xff\xff\xff\xff",
            "",
        ),
    ] {
        let error = load_error(bytes);
        assert!(
            matches!(&error, PluginError::Load { reason, .. } if reason.contains(wanted)),
            "{case}: {error:?}"
        );
        assert!(error.hint().is_some(), "{case}");
    }
}

#[test]
fn a_component_cut_short_is_refused_wherever_it_is_cut() {
    let (_, component) = BUILT_IN[0];
    for length in [9, 100, component.len() / 3, component.len() / 2, component.len() - 1] {
        let error = load_error(&component[..length]);
        assert!(
            matches!(error, PluginError::Load { .. } | PluginError::Incompatible { .. }),
            "{length}: {error:?}"
        );
    }
}

#[test]
fn a_component_over_the_size_limit_is_not_even_read() {
    let sandbox = sandbox(PluginLimits {
        component: hostile().len() - 1,
        ..PluginLimits::default()
    });
    let error = sandbox.load(hostile(), "guest").unwrap_err();
    assert!(
        matches!(error, PluginError::Limit { limit: "component", .. }),
        "{error:?}"
    );
}

#[test]
fn memories_and_tables_are_counted_before_the_start() {
    let limits = PluginLimits {
        memories: 2,
        tables: 2,
        ..PluginLimits::default()
    };
    for (items, limit) in [
        ("(memory 0) (memory 0) (memory 0)", "memories"),
        ("(table 0 funcref) (table 0 funcref) (table 0 funcref)", "tables"),
    ] {
        let error = sandbox(limits.clone())
            .load(&raw_plan(items, "", "unreachable"), "guest")
            .unwrap_err();
        assert!(
            matches!(&error, PluginError::Limit { limit: found, .. } if *found == limit),
            "{error:?}"
        );
    }
}

#[test]
fn a_plugin_that_cannot_describe_itself_does_not_load() {
    for world in ["report-plugin", "sink-plugin"] {
        let error = load_error(&dummy(wit_world(world, &[])));
        assert!(
            matches!(error, PluginError::Trap { call: "describe", .. }),
            "{world}: {error:?}"
        );
    }
}

#[test]
fn a_start_function_runs_under_the_limits() {
    let limits = PluginLimits {
        time: std::time::Duration::from_millis(100),
        ..PluginLimits::default()
    };
    let guest = raw_plan("(func $spin (loop $again br $again)) (start $spin)", "", "unreachable");
    let error = sandbox(limits).load(&guest, "guest").unwrap_err();
    assert!(
        matches!(
            error,
            PluginError::Limit {
                limit: "time",
                call: "start",
                ..
            }
        ),
        "{error:?}"
    );
}

#[test]
fn a_warm_cache_is_used_and_a_damaged_one_is_mended() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("deep/code");
    let start = || Sandbox::new(PluginLimits::default(), Some(cache.clone())).unwrap();
    let entry = || entries(&cache).pop().unwrap();

    start().load(hostile(), "guest").unwrap();
    assert_eq!(entries(&cache).len(), 1);
    let written = fs::metadata(entry()).unwrap().modified().unwrap();
    start().load(hostile(), "guest").unwrap();
    assert_eq!(
        fs::metadata(entry()).unwrap().modified().unwrap(),
        written,
        "nothing was compiled again"
    );

    let good = fs::read(entry()).unwrap();
    fs::write(entry(), &good[..good.len() / 2]).unwrap();
    let mut plugin = start().load(hostile(), "guest").unwrap().report().unwrap();
    assert_eq!(plugin.plan(&request("")).unwrap().len(), 1);
    assert_eq!(
        fs::metadata(entry()).unwrap().len(),
        good.len() as u64,
        "the entry was written again"
    );

    let other = PluginLimits {
        stack: 256 << 10,
        ..PluginLimits::default()
    };
    Sandbox::new(other, Some(cache.clone()))
        .unwrap()
        .load(hostile(), "guest")
        .unwrap();
    assert!(!entries(&cache).is_empty(), "another engine does not clash");
}

fn entries(folder: &Path) -> Vec<std::path::PathBuf> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect()
}

#[test]
fn a_cache_that_cannot_be_used_does_not_stop_a_plugin() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let sandbox = Sandbox::new(PluginLimits::default(), Some(file.path().join("code"))).unwrap();
    sandbox.load(hostile(), "guest").unwrap();
}

#[test]
fn a_dummy_of_the_right_world_fits() {
    // Keeps the tests of misfits honest: without a change, only `describe` stands in the way.
    assert!(matches!(
        load_error(&dummy(wit(&[]))),
        PluginError::Trap { call: "describe", .. }
    ));
}

#[test]
fn a_core_module_is_held_to_the_same_rules_as_a_component() {
    let error = |wasm: &[u8]| load_error(wasm).to_string();
    let newer = error(&dummy_module(wit(&[("plugin@0.2.0", "plugin@0.3.0")])));
    assert!(newer.contains("this host is older"), "{newer}");
    let differs = error(&dummy_module(wit(&[("now: timestamp", "now: u32")])));
    assert!(differs.contains("field `now`"), "{differs}");
    let reads_wasi = error(wasi_module());
    assert!(
        reads_wasi.contains("may import nothing") && reads_wasi.contains("wasi:"),
        "{reads_wasi}"
    );
    let compatible = load_error(&dummy_module(wit(&[("plugin@0.2.0", "plugin@0.2.7")])));
    assert!(
        matches!(compatible, PluginError::Trap { call: "describe", .. }),
        "{compatible:?}"
    );
    let bare = error(&wat::parse_str("(module)").unwrap());
    assert!(bare.contains("does not say which world"), "{bare}");
}

#[test]
fn a_core_module_whose_world_is_written_with_malice_is_refused() {
    let (resolve, id) = wit(&[]);
    let world = wit_component::metadata::encode(&resolve, id, wit_component::StringEncoding::UTF8, None).unwrap();
    let with_world = |world: Vec<u8>, encoding: &[u8]| {
        let mut module = wat::parse_str("(module)").unwrap();
        let mut contents = world;
        if !encoding.is_empty() {
            section(&mut contents, "wit-component-encoding", encoding);
        }
        section(&mut module, "component-type", &contents);
        module
    };
    // Two packages that need each other, which the encoder would follow for ever.
    let mut cyclic = world.clone();
    replace(&mut cyclic, b"audit:plugin/report@", b"audit:plugim/report@");
    for (case, module) in [
        ("cyclic packages", with_world(cyclic, b"")),
        ("strings in UTF-16", with_world(world, &[4, 1])),
        ("garbage", with_world(b"garbage".to_vec(), b"")),
        (
            "a component without a world",
            with_world(wat::parse_str("(component)").unwrap(), b""),
        ),
    ] {
        let error = load_error(&module);
        assert!(
            matches!(error, PluginError::Load { .. } | PluginError::Incompatible { .. }),
            "{case}: {error:?}"
        );
    }
}

fn section(wasm: &mut Vec<u8>, name: &str, data: &[u8]) {
    let leb = |mut number: usize| {
        let mut bytes = vec![];
        while number >= 0x80 {
            bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        bytes.push(number as u8);
        bytes
    };
    let contents = [&leb(name.len())[..], name.as_bytes(), data].concat();
    wasm.push(0);
    wasm.extend(leb(contents.len()));
    wasm.extend(contents);
}

fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    while let Some(place) = bytes.windows(from.len()).position(|window| window == from) {
        bytes[place..place + to.len()].copy_from_slice(to);
    }
}

#[test]
fn every_built_in_sink_explains_its_settings_and_takes_its_own_examples() {
    let sandbox = sandbox(PluginLimits::default());
    let plugins = BUILT_IN
        .iter()
        .map(|(name, component)| sandbox.load(component, name).unwrap());
    let sinks: Vec<_> = plugins.filter(|plugin| plugin.kind() == PluginKind::Sink).collect();
    assert_eq!(sinks.len(), 4);
    for plugin in sinks {
        let name = plugin.name().to_owned();
        let schema = plugin.inspect().sink.unwrap().config_schema;
        assert_eq!(
            schema["$schema"], "https://json-schema.org/draft/2020-12/schema",
            "{name}"
        );
        assert_eq!(schema["additionalProperties"], false, "{name}");
        for (setting, about) in schema["properties"].as_object().unwrap() {
            assert!(
                about["title"].is_string() && about["description"].is_string(),
                "{name}: {setting}"
            );
        }
        let sink = plugin.sink().unwrap();
        let mistakes = |config: &str| sink.config_mistakes(&serde_json::from_str(config).unwrap()).unwrap();
        assert_eq!(mistakes("{}"), [], "{name}");
        assert_eq!(mistakes(r#"{"no-such-setting": 1}"#).len(), 1, "{name}");
        sink.open("{}").unwrap();
        let cases = format!("{}/../../../plugins/{name}/tests", env!("CARGO_MANIFEST_DIR"));
        let configs = std::fs::read_dir(cases)
            .unwrap()
            .map(|case| case.unwrap().path().join("config.json"));
        for config in configs.filter(|config| config.is_file()) {
            let config = std::fs::read_to_string(config).unwrap();
            assert_eq!(mistakes(&config), [], "{name}: {config}");
            sink.open(&config).unwrap();
        }
    }
}
