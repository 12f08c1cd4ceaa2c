//! A good guest: plan and parse.

use sandbox::{Document, Fetch, PluginError, PluginLimits, Request};

use crate::guests::{hostile, report, request};

fn document(request: Request) -> Document {
    Document {
        fetch: 0,
        request,
        file_name: None,
        length: None,
    }
}

#[test]
fn events_and_rejects_come_back_chunk_by_chunk() {
    let plugin = report(hostile(), PluginLimits::default());
    let mut parser = plugin.parser(document(request(""))).unwrap();
    let first = parser.push(b"anna\n\nbe").unwrap();
    let second = parser.push("rta\nzoë".as_bytes()).unwrap();
    let last = parser.finish().unwrap();
    let names = |batch: &event::Batch| {
        batch
            .events
            .iter()
            .map(|event| event.subject.name.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&first), ["anna"]);
    assert_eq!(first.rejects.len(), 1);
    assert_eq!(first.rejects[0].line, 2);
    assert_eq!(names(&second), ["berta"]);
    assert_eq!(names(&last), ["zoë"]);
    let usage = parser.usage();
    assert_eq!(usage.calls, 6, "start, open, two chunks, finish, close");
    assert!(usage.peak_bytes >= 65_536, "{usage:?}");
    assert!(!usage.guest.is_zero());
}

#[test]
fn a_finished_parser_takes_nothing_more() {
    let plugin = report(hostile(), PluginLimits::default());
    let mut parser = plugin.parser(document(request(""))).unwrap();
    parser.finish().unwrap();
    assert!(matches!(parser.push(b"x"), Err(PluginError::Closed { .. })));
    assert!(matches!(parser.finish(), Err(PluginError::Closed { .. })));
}

#[test]
fn parsers_of_one_plugin_share_nothing_and_run_in_parallel() {
    let plugin = report(hostile(), PluginLimits::default());
    std::thread::scope(|scope| {
        for number in 0..4 {
            let mut parser = plugin.parser(document(request(""))).unwrap();
            scope.spawn(move || {
                for line in 0..100 {
                    let batch = parser.push(format!("user-{number}-{line}\n").as_bytes()).unwrap();
                    assert_eq!(batch.events[0].subject.name, format!("user-{number}-{line}"));
                }
                assert!(parser.finish().unwrap().events.is_empty());
            });
        }
    });
}

#[test]
fn a_plan_comes_back_as_the_plugin_made_it() {
    let mut plugin = report(hostile(), PluginLimits::default());
    let fetches = plugin.plan(&request("")).unwrap();
    assert!(matches!(&fetches[..], [Fetch::Call(call)] if call.request.path == ["logons.txt"]));
    assert_eq!(plugin.usage().calls, 2);
}

#[test]
fn a_fault_says_what_the_plugin_said() {
    let mut plugin = report(hostile(), PluginLimits::default());
    let error = plugin.plan(&request("plan-fault")).unwrap_err();
    assert_eq!(error.to_string(), "no such thing");
    assert_eq!(error.hint().as_deref(), Some("ask for another"));
    for behaviour in ["constructor-fault", "push-fault"] {
        let mut parser = plugin.parser(document(request(behaviour))).unwrap();
        assert!(matches!(parser.push(b"x"), Err(PluginError::Fault(fault)) if fault.message == "not a document"));
    }
}

#[test]
fn a_rejected_record_is_cut_between_characters() {
    let plugin = report(hostile(), PluginLimits::default());
    let mut parser = plugin.parser(document(request("long-reject"))).unwrap();
    let batch = parser.push(b"").unwrap();
    assert_eq!(batch.rejects[0].raw, "ä".repeat(2048));
    assert!(batch.rejects[0].reason.starts_with("too long too long"));
    assert!(batch.rejects[0].reason.len() < 1100);
}
