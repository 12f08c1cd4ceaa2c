//! The reports of roles and groups.

use super::*;

/// Submits, polls until done and downloads.
async fn role_audit(running: &RunningSimulator, from: &str, to: &str) -> Vec<csv::StringRecord> {
    let headers = [
        ("Authorization", basic("demo.user", "demo-password")),
        ("Content-Type", "application/x-www-form-urlencoded".to_owned()),
    ];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let body = format!("from_date={from}&to_date={to}&filename=roles.csv");
    let path = "/interop/rest/security/v1/roleassignmentauditreport";
    let submitted = raw(running, "POST", path, &headers, &body).await;
    assert!(submitted.links()[1].1.contains("/interop/rest/security/v1/jobs/"));
    download(running, &submitted, "roles.csv").await
}

async fn group_audit(running: &RunningSimulator, from: &str, to: &str) -> Vec<csv::StringRecord> {
    let headers = [
        ("Authorization", basic("demo.user", "demo-password")),
        ("Content-Type", "application/json".to_owned()),
    ];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let body = serde_json::json!({ "filename": "groups.csv", "from_date": from, "to_date": to }).to_string();
    let submitted = raw(running, "POST", "/interop/rest/v2/reports/groupaudit", &headers, &body).await;
    assert!(submitted.links()[1].1.contains("/interop/rest/v2/jobs/"));
    download(running, &submitted, "groups.csv").await
}

/// The records of a job's file, the header first.
async fn download(running: &RunningSimulator, submitted: &Answer, name: &str) -> Vec<csv::StringRecord> {
    let status = path_of(&submitted.links()[1].1);
    let done = loop {
        let answer = ask(running, "GET", &status).await.json();
        if answer["status"] != -1 {
            break answer;
        }
    };
    assert_eq!(done["status"], 0, "{done}");
    let path = format!("/interop/rest/11.1.2.3.600/applicationsnapshots/{name}/contents");
    let file = ask(running, "GET", &path).await;
    csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(file.body.as_slice())
        .into_records()
        .map(Result::unwrap)
        .collect()
}

/// The changes that the identity domain's events of those ids tell of: who did it, to whom, with what, and when.
async fn changes(running: &RunningSimulator, events: &[&str]) -> Vec<[String; 4]> {
    let ids: Vec<_> = events.iter().map(|event| format!("eventId eq \"{event}\"")).collect();
    let days = "timestamp ge \"2025-06-01T00:00:00.000Z\" and timestamp lt \"2025-07-01T00:00:00.000Z\"";
    let filter = format!("{days} and ({})", ids.join(" or "));
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("filter", filter.as_str()), ("count", "1000"), ("sortBy", "timestamp")])
        .finish();
    let path = format!("/admin/v1/AuditEvents?{query}");
    let page = raw(running, "GET", &path, &[("Authorization", "Bearer demo-token")], "")
        .await
        .json();
    let text = |event: &Value, name: &str| event[name].as_str().unwrap().to_owned();
    let rows = page["Resources"].as_array().unwrap().iter().map(|event| {
        let time: jiff::Timestamp = event["timestamp"].as_str().unwrap().parse().unwrap();
        [
            text(event, "adminRefResourceName"),
            text(event, "adminResourceName"),
            text(event, "actorName"),
            time.strftime("%B %-d, %Y %H:%M:%S UTC").to_string(),
        ]
    });
    rows.collect()
}

const ROLES: [&str; 4] = [
    "admin.approle.add.member.success",
    "admin.approle.remove.member.success",
    "admin.grant.create.success",
    "admin.grant.delete.success",
];

fn picked(row: &csv::StringRecord, columns: [usize; 4]) -> [String; 4] {
    columns.map(|column| row[column].to_owned())
}

#[tokio::test]
async fn a_role_given_in_the_identity_domain_is_given_in_the_report() {
    let running = start("rows=60").await;
    let rows = role_audit(&running, "2025-06-01", "2025-06-30").await;
    assert_eq!(
        rows[0].iter().collect::<Vec<_>>(),
        ["Name", "Type", "Role", "Action", "Performed By", "Date and Time"]
    );
    let given = changes(&running, &ROLES).await;
    assert!(given.len() > 200, "{}", given.len());
    let predefined = [
        "Service Administrator",
        "Power User",
        "User",
        "Viewer",
        "Identity Domain Administrator",
    ];
    let own = rows[1..].iter().filter(|row| predefined.contains(&&row[2]));
    assert!(own.map(|row| picked(row, [0, 2, 4, 5])).eq(given));
    let values = |column: usize| {
        rows[1..]
            .iter()
            .map(|row| row[column].to_owned())
            .collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(
        values(1).into_iter().collect::<Vec<_>>(),
        ["EPM Group", "IDCS Group", "User"]
    );
    assert_eq!(values(3).into_iter().collect::<Vec<_>>(), ["Assigned", "Unassigned"]);
}

#[tokio::test]
async fn a_member_of_a_group_in_the_identity_domain_is_one_in_the_report() {
    let running = start("rows=60").await;
    let rows = group_audit(&running, "2025-06-01", "2025-06-30").await;
    assert_eq!(
        rows[0].iter().collect::<Vec<_>>(),
        ["Name", "Group", "Group Type", "Action", "Performed By", "Date and Time"]
    );
    let given = changes(
        &running,
        &["admin.group.add.member.success", "admin.group.remove.member.success"],
    )
    .await;
    assert!(given.len() > 100, "{}", given.len());
    let own = rows[1..].iter().filter(|row| &row[2] == "IDCS Group");
    assert!(own.map(|row| picked(row, [0, 1, 4, 5])).eq(given));
    assert!(rows[1..].iter().any(|row| &row[2] == "EPM Group"));
}

#[tokio::test]
async fn the_words_of_before_can_be_had() {
    let running = start("rows=60,role-words=old,deleted-users=2").await;
    let rows = role_audit(&running, "2025-06-01", "2025-06-30").await;
    assert_eq!(
        rows[0].iter().collect::<Vec<_>>(),
        ["User Name", "Role", "Action", "Administrator", "Date and Time"]
    );
    assert!(rows[1..].iter().any(|row| &row[1] == "Planner" && &row[2] == "Assign"));
    assert!(rows[1..].iter().all(|row| &row[1] != "User"));
    let displayed = rows[1..].iter().filter(|row| &row[0] == "John Doe");
    assert!(displayed.clone().all(|row| row[1] != *"Access Control - Manage") && displayed.count() > 0);
}

#[tokio::test]
async fn each_part_reaches_as_far_back_as_its_source_keeps_it() {
    let running = start("rows=60,retention=30").await;
    let days = |rows: &[csv::StringRecord], kind: &dyn Fn(&csv::StringRecord) -> bool| {
        let rows = rows[1..].iter().filter(|row| kind(row));
        rows.filter(|row| row[5].contains("May ") || row[5].contains("April "))
            .count()
    };
    let groups = group_audit(&running, "2025-03-10", "2025-07-03").await;
    assert_eq!(days(&groups, &|row| &row[2] == "IDCS Group"), 0);
    assert!(days(&groups, &|row| &row[2] == "EPM Group") > 0);
    let roles = role_audit(&running, "2025-03-10", "2025-07-03").await;
    assert_eq!(days(&roles, &|row| &row[2] == "Service Administrator"), 0);
    assert!(days(&roles, &|row| &row[2] == "Mass Allocate") > 0);
}

#[tokio::test]
async fn what_cannot_be_reported_is_refused() {
    let running = start("").await;
    let auth = basic("demo.user", "demo-password");
    let group = "/interop/rest/v2/reports/groupaudit";
    for body in [
        "nonsense",
        "{}",
        r#"{"filename":"g.csv","from_date":"2025-01-01","to_date":"2025-07-03"}"#,
        r#"{"filename":"../g.csv","from_date":"2025-07-01","to_date":"2025-07-03"}"#,
    ] {
        let answer = raw(&running, "POST", group, &[("Authorization", &auth)], body)
            .await
            .json();
        assert_eq!(answer["status"], 1, "{body}");
        assert!(
            answer["details"]
                .as_str()
                .unwrap()
                .contains("Group Assignment Audit Report"),
            "{body}"
        );
    }
    let role = "/interop/rest/security/v1/roleassignmentauditreport";
    let answer = raw(
        &running,
        "POST",
        role,
        &[("Authorization", &auth)],
        "from_date=2025-07-01",
    )
    .await;
    assert_eq!(answer.status, 415);
    let absent = start("without=role-audit,without=group-audit").await;
    for path in [role, group] {
        assert_eq!(
            raw(&absent, "POST", path, &[("Authorization", &auth)], "").await.status,
            404
        );
    }
}
