//! OCI's own command line, against the simulator: needs `target/venv-oci`.

use jiff::Timestamp;
use serde_json::Value;
use tests::Server;

use super::desk;
use super::oci_command::{OciCommand, judge};

/// The time of everything. The clock that signatures are held against is this machine's all the same.
const NOW: &str = "2026-03-05T12:00:00Z";
const FROM: &str = "2026-03-02T00:00:00Z";
const TO: &str = "2026-03-04T00:00:00Z";

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The texts of a member of each event, sorted.
fn sorted(events: &[Value], id: impl Fn(&Value) -> &Value) -> Vec<String> {
    let mut ids: Vec<_> = events
        .iter()
        .map(|event| id(event).as_str().unwrap().to_owned())
        .collect();
    ids.sort();
    ids
}

#[test]
#[ignore = "needs target/venv-oci; `.ci/install` makes it"]
fn the_command_line_of_oci_lists_every_event_of_a_period() {
    let server = Server::start(&format!("rows=200,now={NOW},events-page=300"));
    let desk = desk();
    let command = OciCommand::new(&desk, &server);
    let tenancy = server.running().oci_user().tenancy;
    let period = ["--compartment-id", &tenancy, "--start-time", FROM, "--end-time", TO];
    let answer = command.ask(&[&["audit", "event", "list", "--all"], period.as_slice()].concat());
    let mut expected = server.running().oci_event_ids(&tenancy, time(FROM), time(TO));
    expected.sort();
    assert!(expected.len() > 2000, "{}", expected.len());
    assert_eq!(
        sorted(answer["data"].as_array().unwrap(), |event| &event["event-id"]),
        expected
    );
}

#[test]
#[ignore = "needs target/venv-oci; `.ci/install` makes it"]
fn the_command_line_of_oci_signs_with_a_session_token() {
    let server = Server::start(&format!("rows=20,now={NOW}"));
    let desk = desk();
    let command = OciCommand::new(&desk, &server);
    let user = server.running().oci_user();
    let token = server.running().oci_session_token(user.public_key_pem()).unwrap();
    let file = desk.write_secret("token", token);
    let profile = format!(
        "[DEFAULT]\ntenancy={}\nfingerprint={}\nregion=eu-frankfurt-1\nkey_file={}\nsecurity_token_file={}\n",
        user.tenancy,
        user.fingerprint,
        desk.path().join("oci.pem").display(),
        file.display()
    );
    desk.write_secret("oci.config", profile);
    let period = [
        "--compartment-id",
        &user.tenancy,
        "--start-time",
        FROM,
        "--end-time",
        TO,
    ];
    let list = ["--auth", "security_token", "audit", "event", "list", "--all"];
    let answer = command.ask(&[&list, period.as_slice()].concat());
    let mut expected = server.running().oci_event_ids(&user.tenancy, time(FROM), time(TO));
    expected.sort();
    assert!(!expected.is_empty());
    assert_eq!(
        sorted(answer["data"].as_array().unwrap(), |event| &event["event-id"]),
        expected
    );
    let asked = server.running().requests();
    assert!(asked.iter().all(|request| {
        request
            .user
            .as_deref()
            .is_some_and(|user| user.starts_with("ocid1.resource."))
    }));
}

#[test]
#[ignore = "needs target/venv-oci; `.ci/install` makes it"]
fn the_command_line_of_oci_finds_every_login_of_a_period() {
    let server = Server::start(&format!("rows=200,now={NOW}"));
    let desk = desk();
    let command = OciCommand::new(&desk, &server);
    let query = format!(
        "search \"{}/_Audit_Include_Subcompartment\" | where data.additionalDetails.eventId = 'sso.session.create.success' or \
         data.additionalDetails.eventId = 'sso.authentication.failure' | sort by datetime asc",
        server.running().oci_user().tenancy
    );
    let answers = command.search(&query, [FROM, TO], "300");
    let results = answers
        .iter()
        .map(|answer| answer["data"]["results"].as_array().unwrap().clone());
    let logins: Vec<Value> = results.flatten().collect();
    assert_eq!(logins.len(), 2 * 200 * 2);
    let content = |login: &Value| login["data"]["logContent"].clone();
    assert!(logins.iter().all(|login| {
        let event = content(login);
        let time = time(event["time"].as_str().unwrap());
        time >= self::time(FROM) && time < self::time(TO)
    }));
    let ids = sorted(&logins.iter().map(content).collect::<Vec<_>>(), |event| &event["id"]);
    let all = server
        .running()
        .oci_event_ids(&server.running().oci_user().tenancy, time(FROM), time(NOW));
    assert!(ids.iter().all(|id| all.contains(id)));
    assert!(ids.windows(2).all(|two| two[0] != two[1]), "an event comes twice");
}

#[test]
#[ignore = "needs target/venv-oci; `.ci/install` makes it"]
fn the_sdk_of_oci_signs_as_an_instance_and_lists_every_event() {
    let server = Server::start(&format!("rows=20,now={NOW},events-page=30"));
    let url = server.url();
    let url = url.trim_end_matches('/');
    let tenancy = server.running().oci_user().tenancy;
    let service = format!("{url}/opc/v2");
    let desk = desk();
    let variables = [("OCI_METADATA_BASE_URL", service.as_str())];
    let mut ids = judge("oci_instance.py", &[url, &tenancy, FROM, TO], desk.path(), &variables);
    let mut expected = server.running().oci_event_ids(&tenancy, time(FROM), time(TO));
    ids.sort();
    expected.sort();
    assert!(expected.len() > 100, "{}", expected.len());
    assert_eq!(ids, expected);
}
