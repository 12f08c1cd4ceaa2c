//! The events that `oci-audit` delivers, held against those that OCI's own command line and SDK give, from the same simulator: needs
//! `target/venv-oci`. Pages overlap, and before each comes an empty one.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tests::{Server, TestEnv, stderr};

use super::oci_command::{OciCommand, judge};
use super::{desk, oci_connection};

const NOW: &str = "2026-03-05T12:00:00Z";
const FROM: &str = "2026-03-02T00:00:00Z";
const TO: &str = "2026-03-04T00:00:00Z";
/// Several pages of either service, and as many empty ones.
const SCENARIO: &str = "rows=60,api-calls=2,events-page=100,events-repeat,empty-pages";

/// The words of a judge on events, in the order in which they came.
fn told(lines: &[String]) -> Vec<Value> {
    lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The words of a judge on answers of the command line.
fn printed(desk: &TestEnv, answers: &[Value]) -> Vec<Value> {
    let names: Vec<String> = (0..answers.len())
        .map(|number| format!("answer-{number}.json"))
        .collect();
    for (name, answer) in names.iter().zip(answers) {
        desk.write(name, answer.to_string());
    }
    let names = names.iter().map(String::as_str);
    let arguments: Vec<&str> = std::iter::once("printed").chain(names).collect();
    told(&judge("oci_events.py", &arguments, desk.path(), &[]))
}

/// The events by id, each once, however often it came.
fn by_id(told: &[Value]) -> BTreeMap<String, Value> {
    let mut events = BTreeMap::new();
    for event in told {
        let id = event["id"].as_str().unwrap().to_owned();
        let before = events.insert(id, event.clone());
        assert!(before.is_none_or(|before| before == *event), "{event}");
    }
    events
}

/// The events that `host run oci-audit` leaves in a file, by id.
fn delivered(desk: &TestEnv, tenancy: &str, parameters: &[&str]) -> BTreeMap<String, Value> {
    let name = format!("{}.ndjson", parameters.join("-").replace('=', "-"));
    let (compartment, sink) = (format!("compartment={tenancy}"), format!("file:{name}"));
    let mut arguments = vec!["run", "oci-audit", "--from", FROM, "--to", TO, "--now", NOW];
    arguments.extend(["--ledger", "none", "--sink", &sink, "--param", &compartment]);
    arguments.extend(parameters.iter().flat_map(|parameter| ["--param", parameter]));
    let output = desk.host(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let mut documents = BTreeMap::new();
    for line in std::fs::read_to_string(desk.path().join(name)).unwrap().lines() {
        let document: Value = serde_json::from_str(line).unwrap();
        let id = document["metadata"]["uid"].as_str().unwrap().to_owned();
        assert!(documents.insert(id, document).is_none(), "twice: {line}");
    }
    documents
}

/// The documents say what the judge says of these events, and there are no others.
fn assert_same<'e>(delivered: &BTreeMap<String, Value>, judged: impl Iterator<Item = &'e Value>) {
    let judged: Vec<&Value> = judged.collect();
    let ids: BTreeSet<&str> = judged.iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert_eq!(delivered.keys().map(String::as_str).collect::<BTreeSet<_>>(), ids);
    for event in judged {
        let document = &delivered[event["id"].as_str().unwrap()];
        let actor = &document["actor"]["user"]["name"];
        let said = json!({
            "id": document["metadata"]["uid"],
            "time": document["time"],
            "principal": if actor.is_null() { &document["user"]["name"] } else { actor },
            "address": document["src_endpoint"]["ip"],
            "selected": event["selected"],
        });
        assert_eq!(said, *event, "{document}");
    }
}

fn is_selected(event: &&Value) -> bool {
    event["selected"].as_bool().unwrap()
}

/// Both selections of one way: every event with `all`, and without it those that the documents name.
fn assert_both_selections(desk: &TestEnv, tenancy: &str, via: &str, judged: &BTreeMap<String, Value>) {
    let left_out = judged.values().filter(|event| !is_selected(event)).count();
    assert!(judged.len() > 900 && left_out > 50, "{} {left_out}", judged.len());
    assert_same(&delivered(desk, tenancy, &[via, "all=true"]), judged.values());
    assert_same(&delivered(desk, tenancy, &[via]), judged.values().filter(is_selected));
}

/// The number of times that a path was asked for since the last time.
fn asked(server: &Server, path: &str, before: usize) -> usize {
    let asked = server.seen().iter().filter(|request| request.ends_with(path)).count();
    asked - before
}

#[test]
#[ignore = "needs target/venv-oci; `.ci/install` makes it"]
fn what_list_events_gives_the_command_line_and_the_sdk_is_delivered() {
    const LIST: &str = "/20190901/auditEvents";
    let (desk, server) = (desk(), Server::start(&format!("{SCENARIO},now={NOW}")));
    let command = OciCommand::new(&desk, &server);
    let tenancy = server.running().oci_user().tenancy;
    desk.write("host.toml", oci_connection(&desk, &server));

    let period = ["--compartment-id", &tenancy, "--start-time", FROM, "--end-time", TO];
    let answer = command.ask(&[&["audit", "event", "list", "--all"], period.as_slice()].concat());
    let pages = asked(&server, LIST, 0);
    assert!(pages > 20, "{pages}");
    let listed = printed(&desk, &[answer]);
    let url = server.url();
    let arguments = ["sdk", "oci.config", url.trim_end_matches('/'), &tenancy, FROM, TO];
    assert_eq!(listed, told(&judge("oci_events.py", &arguments, desk.path(), &[])));

    let judged = by_id(&listed);
    assert!(
        listed.len() > judged.len() + 5,
        "pages do not overlap: {} {}",
        listed.len(),
        judged.len()
    );
    let before = asked(&server, LIST, 0);
    assert_both_selections(&desk, &tenancy, "via=list-events", &judged);
    assert!(asked(&server, LIST, before) > pages);
}

#[test]
#[ignore = "needs target/venv-oci; `.ci/install` makes it"]
fn what_a_search_gives_the_command_line_is_delivered() {
    let (desk, server) = (desk(), Server::start(&format!("{SCENARIO},now={NOW}")));
    let command = OciCommand::new(&desk, &server);
    let tenancy = server.running().oci_user().tenancy;
    desk.write("host.toml", oci_connection(&desk, &server));

    let query = format!("search \"{tenancy}/_Audit\"");
    let answers = command.search(&query, [FROM, TO], "250");
    let empty = answers
        .iter()
        .filter(|answer| answer["data"]["results"] == json!([]))
        .count();
    assert!(empty > 3 && answers.len() > 7, "{empty} of {}", answers.len());
    let searched = printed(&desk, &answers);
    let judged = by_id(&searched);
    assert!(searched.len() > judged.len() + 2, "pages do not overlap");
    assert_both_selections(&desk, &tenancy, "via=search", &judged);

    // The compartments below it as well.
    let query = format!("search \"{tenancy}/_Audit_Include_Subcompartment\"");
    let below = by_id(&printed(&desk, &command.search(&query, [FROM, TO], "1000")));
    assert!(below.len() > judged.len() + 50, "{} {}", below.len(), judged.len());
    let parameters = ["via=search", "all=true", "include-subcompartments=true"];
    assert_same(&delivered(&desk, &tenancy, &parameters), below.values());
}

#[test]
#[ignore = "runs with the judges"]
fn an_event_is_the_same_document_whichever_service_gave_it() {
    let (desk, server) = (desk(), Server::start(&format!("{SCENARIO},now={NOW}")));
    let tenancy = server.running().oci_user().tenancy;
    desk.write("host.toml", oci_connection(&desk, &server));
    for all in ["all=true", "all=false"] {
        let listed = delivered(&desk, &tenancy, &["via=list-events", all]);
        let searched = delivered(&desk, &tenancy, &["via=search", all]);
        let both: Vec<_> = listed.keys().filter(|id| searched.contains_key(*id)).collect();
        assert!(both.len() > 600, "{}", both.len());
        for id in both {
            assert_eq!(listed[id], searched[id]);
        }
        // One goes by the time of processing, the other by the event's: they differ in the seconds around the ends.
        let time = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_millisecond();
        let ends = [time(FROM), time(TO)];
        let of_one = (listed.iter().filter(|(id, _)| !searched.contains_key(*id)))
            .chain(searched.iter().filter(|(id, _)| !listed.contains_key(*id)));
        for (id, document) in of_one {
            let at = document["time"].as_i64().unwrap();
            assert!(ends.iter().any(|end| (end - at).abs() < 10_000), "{id}: {document}");
        }
    }
}
