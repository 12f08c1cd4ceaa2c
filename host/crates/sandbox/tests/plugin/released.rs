//! Plugins that were built for released versions of the WIT package, by the toolchains of their day: the components under
//! `tests/fixtures`. They load and run unchanged.

use std::path::Path;

use sandbox::{
    ConnectionKind, Delivery, Document, Fetch, Granularity, Input, Item, Payload, Plugin, PluginLimits, Request, Window,
};

use event::{Activity, Event, Outcome, Principal, PrincipalKind, Product};

use crate::guests::sandbox;

fn load(name: &str) -> Plugin {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/fixtures/components-0.1.0");
    let packed = std::fs::read(folder.join(format!("{name}.wasm.zst"))).unwrap();
    let wasm = zstd::decode_all(&packed[..]).unwrap();
    sandbox(PluginLimits::default()).load(&wasm, name).unwrap()
}

#[test]
fn a_report_of_0_1_0_in_each_language_is_described_asked_and_read_as_it_was() {
    for (language, name) in [
        ("rust", "m-report-rust"),
        ("python", "m-report-python"),
        ("javascript", "m-report-javascript"),
    ] {
        let plugin = load(&format!("report-{language}"));
        assert_eq!(plugin.name(), name);
        let found = plugin.inspect();
        assert_eq!(found.world, "audit:plugin/report-plugin@0.1.0", "{name}");
        assert_eq!(found.imports, [""; 0], "{name}");
        let mut report = plugin.report().unwrap();
        let about = report.describe().unwrap();
        assert_eq!(
            (about.connection, about.granularity),
            (ConnectionKind::Epm, Granularity::Day),
            "{name}"
        );
        let source = (about.source.vendor.as_str(), about.source.name.as_str());
        assert_eq!(source, ("Oracle", "Oracle EPM Cloud"), "{name}");
        let request = Request {
            window: Window {
                from: 0,
                to: 86_400_000,
            },
            now: 86_400_000,
            parameters: vec![],
            unique_name: "host-1".into(),
        };
        let plan = report.plan(&request).unwrap();
        let [Fetch::Call(call)] = plan.as_slice() else {
            panic!("{name}: {plan:?}");
        };
        assert_eq!(call.request.path, ["sign-ins.csv"], "{name}");
        assert_eq!((&call.records, &call.service), (&None, &None), "{name}");
        let mut parser = report
            .parser(Document {
                fetch: 0,
                request,
                file_name: None,
                length: None,
            })
            .unwrap();
        let mut events = Vec::new();
        let mut rejects = Vec::new();
        for chunk in [&b"1741611600,jdoe,192.0.2.1\nnonsen"[..], b"se\n1741611601,"] {
            let batch = parser.push(chunk).unwrap();
            events.extend(batch.events);
            rejects.extend(batch.rejects);
        }
        let batch = parser.push(b"anna,").unwrap();
        events.extend(batch.events);
        let batch = parser.finish().unwrap();
        events.extend(batch.events);
        let told: Vec<_> = (events.iter())
            .map(|event| {
                let subject = (event.subject.name.as_str(), event.subject.kind);
                (event.time, event.activity, subject, event.source_ip.as_deref())
            })
            .collect();
        let (logon, user) = (Activity::Logon, PrincipalKind::User);
        assert_eq!(
            told,
            [
                (1_741_611_600_000, logon, ("jdoe", user), Some("192.0.2.1")),
                (1_741_611_601_000, logon, ("anna", user), None)
            ],
            "{name}"
        );
        assert_eq!(
            (rejects.len(), rejects[0].line, rejects[0].raw.as_str()),
            (1, 2, "nonsense"),
            "{name}"
        );
    }
}

#[test]
fn a_sink_of_0_1_0_gets_events_in_the_words_that_it_knows() {
    let plugin = load("sink-rust");
    assert_eq!(plugin.inspect().world, "audit:plugin/sink-plugin@0.1.0");
    let sink = plugin.sink().unwrap();
    assert_eq!(sink.describe().input, Input::Events);
    let mut encoder = sink.open(r#"{"source":"epm"}"#).unwrap();
    let mut call = Event::new(1000, Activity::ApiDelete, Outcome::Failure, Principal::named("jdoe"));
    call.subject.kind = PrincipalKind::Service;
    call.id = Some("e1".into());
    let deliveries = encoder
        .encode(&Payload::Events(vec![Item::of(&call, &Product::epm_cloud())]))
        .unwrap();
    let [Delivery::Bytes(bytes)] = deliveries.as_slice() else {
        panic!("{deliveries:?}");
    };
    let line: serde_json::Value = serde_json::from_slice(bytes).unwrap();
    assert_eq!((&line["id"], &line["user"]), (&"e1".into(), &"jdoe".into()), "{line}");
    assert_eq!(line["outcome"], "failure", "{line}");
    assert_eq!(encoder.guarantee().unwrap(), None);
    encoder.close().unwrap();
}
